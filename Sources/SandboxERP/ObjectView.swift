public import Foundation
import SandboxStore

/// A record as somebody sees it who looks into the server itself, for simulations that compare both sides.
public struct RecordView: Sendable {
  /// Its id.
  public var id: String
  /// Texts by contract name.
  public var texts: [String: String]
  /// Its flag `Active`; true where it has none.
  public var isActive: Bool
  /// Elements of the form outside the contract, `View.Field` by name.
  public var custom: [String: String]
  /// Addresses of an event's attendees, in lower case, sorted.
  public var attendees: [String]
  /// When it was changed.
  public var modified: Date
  /// Place in the order of changes.
  public var sequence: Int
}

extension ERPServer {
  /// All records of an entity in the order in which they were changed.
  public func records(of entity: String) -> [RecordView] {
    guard let table = tables[entity] else { return [] }
    return table.records.values.map { record in
      RecordView(
        id: record.id, texts: record.fields.compactMapValues(\.text), isActive: record.fields["Active"] != .flag(false),
        custom: record.custom.compactMapValues(\.text),
        attendees: (record.details["Attendees"] ?? []).compactMap { $0.fields["Email"]?.text?.lowercased() }.sorted(),
        modified: record.modified, sequence: record.sequence)
    }.sorted { $0.sequence < $1.sequence }
  }
}
