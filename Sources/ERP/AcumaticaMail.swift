import Foundation
public import Model
import Transport

extension AcumaticaClient {
  /// Addresses asked for in one request.
  private static let addressesPerRequest = 20
  /// Activities asked for in one request: IIS takes 2,048 characters of a query, an id takes 68.
  private static let messagesPerRequest = 25
  /// Bytes that one answer with texts of several activities may have.
  private static let listLimit = 4 << 20
  private static let contents = [("$select", "NoteID,Body"), ("$expand", "files")]

  /// See `ERPMailPort`. A site may refuse to list a field that its code computes, and texts may be long: then nothing comes of it here.
  public func messages(_ ids: [EntityID]) async throws(SyncError) -> [EntityID: EntityMessage] {
    var found: [EntityID: EntityMessage] = [:]
    for start in stride(from: 0, to: ids.count, by: Self.messagesPerRequest) {
      let some = ids[start..<min(start + Self.messagesPerRequest, ids.count)]
      let filter = some.map { "NoteID eq guid'\($0.rawValue)'" }.joined(separator: " or ")
      let query = Self.contents + [("$filter", filter), ("$top", String(some.count))]
      do throws(SyncError) {
        for record in try await list("Email", query, maximumResponseBytes: Self.listLimit) {
          guard let id = (record.text("NoteID") ?? record.id).map(EntityID.init) else { continue }
          found[id] = Self.message(record)
        }
      } catch  where !error.stopsAccount {}
    }
    return found
  }

  /// See `ERPMailPort`.
  public func message(_ id: EntityID) async throws(SyncError) -> EntityMessage {
    Self.message(try Self.record(try await session.send("GET", "/Email/\(id.rawValue)?\(Self.encoded(Self.contents))")))
  }

  private static func message(_ record: ERPRecord) -> EntityMessage {
    EntityMessage(body: record.text("Body") ?? "", files: record.files)
  }

  /// See `ERPMailPort`.
  public func content(of file: EntityFile, limit: Int) async throws(SyncError) -> [UInt8] {
    let answer = try await session.send("GET", "/files/\(PercentEncoding.encoded(file.id))", maximumResponseBytes: limit)
    return answer.body
  }

  /// See `ERPMailPort`.
  public func attach(_ name: String, _ bytes: [UInt8], to id: EntityID) async throws(SyncError) {
    if isReadOnly { throw SyncError(.held, "a plan writes nothing to the ERP") }
    let path = "/Email/\(id.rawValue)/files/\(PercentEncoding.encoded(name))"
    _ = try await session.send("PUT", path, body: bytes, contentType: "application/octet-stream")
  }

  /// See `ERPMailPort`.
  public func replaceBody(of id: EntityID, with html: String) async throws(SyncError) {
    if isReadOnly { throw SyncError(.held, "a plan writes nothing to the ERP") }
    var body = ERPBody(id: id)
    body.cells["Body"] = .text(html)
    _ = try await put(body, EmailMapping.mapping, condition: (name: "If-Match", value: "*"))
  }

  /// See `ERPMailPort`.
  public func contacts(withAddresses addresses: [String]) async throws(SyncError) -> [String: [EntityID]] {
    var found: [String: [EntityID]] = [:]
    let distinct = Set(addresses.map { $0.lowercased() }).sorted()
    for start in stride(from: 0, to: distinct.count, by: Self.addressesPerRequest) {
      let some = distinct[start..<min(start + Self.addressesPerRequest, distinct.count)]
      let filter = some.map { "Email eq '\(EmailMapping.quoted($0))'" }.joined(separator: " or ")
      let records = try await list("Contact", [("$select", "NoteID,Email"), ("$filter", filter), ("$top", String(Self.pageSize))])
      for record in records {
        guard let id = record.text("NoteID") ?? record.id, let address = record.text("Email")?.lowercased() else { continue }
        found[address, default: []].append(EntityID(rawValue: id))
      }
    }
    return found
  }
}
