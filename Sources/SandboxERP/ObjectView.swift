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
        modified: record.modified, sequence: record.sequence)
    }.sorted { $0.sequence < $1.sequence }
  }
}
