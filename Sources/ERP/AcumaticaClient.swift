import Foundation
public import Model
public import OAuth
public import Transport

/// The ERP over Acumatica's contract-based REST API (endpoint Default 24.200.001, 25.200.001, or one that extends them).
public struct AcumaticaClient: ERPPort {
  let session: ERPSession
  let isReadOnly: Bool

  /// Records of a page with contents.
  static let pageSize = 500
  /// Records of a page that lists ids and versions only.
  static let versionPageSize = 5000

  /// A client; nothing is sent before the first call.
  /// - Parameters:
  ///   - password: the secret of `settings.authentication`, resolved.
  ///   - tokens: gives the bearer tokens to sign in with instead of a password (OAuth 2.0).
  ///   - isReadOnly: refuse every write, as the last line of defence of a plan.
  public init(
    settings: ERPSettings, password: String, transport: any HTTPTransport, surroundings: Surroundings, memory: SessionMemory = .none,
    tokens: TokenSource? = nil, isReadOnly: Bool = false
  ) {
    session = ERPSession(
      settings: settings, password: password, transport: transport, surroundings: surroundings, memory: memory, tokens: tokens)
    self.isReadOnly = isReadOnly
  }

  /// See `ERPPort`.
  public func changes(of kind: RecordKind, since cursor: String?, page: String?) async throws(SyncError) -> EntityChangePage {
    let mapping = try await mapping(of: kind)
    let skip = page.flatMap(Int.init) ?? 0
    var query = mapping.shape
    if let cursor, !cursor.isEmpty { query.append(("$filter", "LastModifiedDateTime gt datetimeoffset'\(cursor)'")) }
    query += [("$top", String(Self.pageSize)), ("$skip", String(skip))]
    let records = try await list(mapping.name, query)
    let entities = records.compactMap(mapping.entity)
    // The server's own times are the cursor, never this machine's clock. Pages of one reading share the filter, so the latest is kept aside.
    let latest = entities.compactMap(\.modified).max().map(\.iso8601Milliseconds) ?? ""
    let isLast = records.count < Self.pageSize
    return EntityChangePage(
      entities: entities, nextPage: isLast ? nil : String(skip + records.count), cursor: max(latest, cursor ?? ""))
  }

  /// See `ERPPort`.
  public func versions(of kind: RecordKind) async throws(SyncError) -> [EntityID: String] {
    let mapping = try await mapping(of: kind)
    var result: [EntityID: String] = [:]
    var skip = 0
    while true {
      let records = try await list(
        mapping.name, [("$select", "NoteID,LastModifiedDateTime"), ("$top", String(Self.versionPageSize)), ("$skip", String(skip))])
      for record in records {
        guard let id = record.text("NoteID") ?? record.id, let version = record.text("LastModifiedDateTime") else {
          throw SyncError(.malformedAnswer, "the ERP's listing of \(kind.rawValue) has a record without id or LastModifiedDateTime")
        }
        result[EntityID(rawValue: id)] = Timestamp(iso8601: version)?.iso8601Milliseconds ?? version
      }
      if records.count < Self.versionPageSize { return result }
      skip += records.count
    }
  }

  /// See `ERPPort`.
  public func entities(_ ids: [EntityID], kind: RecordKind) async throws(SyncError) -> [Result<Entity, SyncError>] {
    let mapping = try await mapping(of: kind)
    var results: [Result<Entity, SyncError>] = []
    for id in ids {
      do throws(SyncError) {
        results.append(.success(try mapped(try await record(id, mapping), mapping)))
      } catch {
        if error.stopsAccount { throw error }
        results.append(.failure(error))
      }
    }
    return results
  }

  /// See `ERPPort`.
  public func create(_ entity: NewEntity, kind: RecordKind) async throws(SyncError) -> Entity {
    let mapping = try await writable(kind)
    return try await write(mapping.creation(entity), mapping, condition: (name: "If-None-Match", value: "*"), sent: entity.fields)
  }

  /// See `ERPPort`.
  public func update(_ update: EntityUpdate, kind: RecordKind) async throws(SyncError) -> Entity {
    let mapping = try await writable(kind)
    let current = try await record(update.id, mapping)
    let before = try mapped(current, mapping)
    guard before.version == update.version else {
      throw SyncError(
        .staleVersion, "\(mapping.name) \(before.key) was changed in the ERP since it was read; it is read and compared again")
    }
    return try await write(mapping.change(update, current), mapping, condition: (name: "If-Match", value: "*"), sent: update.result)
  }

  /// See `ERPPort`.
  public func delete(_ id: EntityID, version: String, kind: RecordKind) async throws(SyncError) {
    let mapping = try await writable(kind)
    let before = try mapped(try await record(id, mapping), mapping)
    guard before.version == version else {
      throw SyncError(
        .staleVersion, "\(mapping.name) \(before.key) was changed in the ERP since it was read; it is not deleted but compared again")
    }
    _ = try await session.send("DELETE", "/\(mapping.name)/\(id.rawValue)")
  }

  /// See `ERPPort`.
  public func created(by operation: OperationID, like fields: Fields, kind: RecordKind) async throws(SyncError) -> [Entity] {
    let mapping = try await mapping(of: kind)
    let query =
      mapping.shape + [("$filter", mapping.createdFilter(operation, fields)), ("$top", kind == .emails ? String(Self.pageSize) : "10")]
    let found = try await list(mapping.name, query).compactMap(mapping.entity)
    // An activity's mark stands in its note, which no filter reaches.
    return kind == .emails ? found.filter { $0.operationID == operation } : found
  }

  /// See `ERPPort`. The visible value of an owner differs between sites: id, name and address of the employee are all accepted.
  public func employees() async throws(SyncError) -> [ERPEmployee] {
    var people: [ERPEmployee] = []
    while true {
      let records = try await list(
        "Employee",
        [
          ("$select", "EmployeeID,EmployeeName,Status,ContactInfo/Email"), ("$expand", "ContactInfo"), ("$top", String(Self.pageSize)),
          ("$skip", String(people.count)),
        ])
      people += records.compactMap { record in
        guard let id = record.text("EmployeeID") else { return nil }
        let name = record.text("EmployeeName") ?? id
        return ERPEmployee(
          id: id, name: name, email: record.linked["ContactInfo"]?.text("Email"), ownerCodes: [id, name],
          workgroups: [])
      }
      if records.count < Self.pageSize { return people }
    }
  }

  /// Signs out.
  public func close() async { await session.close() }

  /// See `ERPPort`.
  public var requestSeconds: Int { ERPSession.timeoutSeconds }

  /// See `ERPPort`.
  public func support(for kind: RecordKind) -> FieldSupport { EntityMapping.support(for: kind) }

  /// See `ERPPort`.
  public func site() async throws(SyncError) -> String { "endpoint \(try await session.endpoint().path)" }

  private func mapping(of kind: RecordKind) async throws(SyncError) -> EntityMapping {
    try EntityMapping.of(kind, try await session.endpoint().contract)
  }

  private func writable(_ kind: RecordKind) async throws(SyncError) -> EntityMapping {
    if isReadOnly { throw SyncError(.held, "a plan writes nothing to the ERP") }
    return try await mapping(of: kind)
  }

  private func record(_ id: EntityID, _ mapping: EntityMapping) async throws(SyncError) -> ERPRecord {
    try Self.record(try await session.send("GET", "/\(mapping.name)/\(id.rawValue)?\(Self.encoded(mapping.shape))"))
  }

  func list(_ entity: String, _ query: [(String, String)], maximumResponseBytes: Int? = nil) async throws(SyncError) -> [ERPRecord] {
    let path = "/\(entity)?\(Self.encoded(query))"
    return try Self.records(try await session.send("GET", path, maximumResponseBytes: maximumResponseBytes))
  }

  func put(
    _ body: ERPBody, _ mapping: EntityMapping, condition: (name: String, value: String)
  ) async throws(SyncError) -> ERPRecord {
    let bytes: [UInt8]
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    do { bytes = [UInt8](try encoder.encode(body)) } catch {
      throw SyncError(.malformedRequest, "a record of \(mapping.name) could not be encoded as JSON")
    }
    let path = "/\(mapping.name)?\(Self.encoded(mapping.shape))"
    return try Self.record(try await session.send("PUT", path, body: bytes, headers: [condition]))
  }

  /// Writes a record and gives it as that write left it: what somebody else changes right after it is for the next reading.
  /// - Parameter sent: the record's values as they were meant.
  private func write(
    _ body: ERPBody, _ mapping: EntityMapping, condition: (name: String, value: String), sent: Fields
  ) async throws(SyncError) -> Entity {
    var answered = try mapped(try await put(body, mapping, condition: condition), mapping)
    guard !mapping.unanswered.isEmpty else { return answered }
    let now: Entity
    do throws(SyncError) {
      now = try mapped(try await record(answered.id, mapping), mapping)
    } catch {
      // It is written, whatever the reading says: who asks has to look it up.
      throw SyncError(.transient, "a record of \(mapping.name) was written, but could not be read back", cause: error.description)
    }
    if now.version == answered.version { return now }
    let meant = mapping.support.projected(sent)
    for field in mapping.unanswered { answered.fields[field] = meant[field] }
    return answered
  }

  /// The one record that an answer holds.
  static func record(_ answer: HTTPResponse) throws(SyncError) -> ERPRecord {
    guard let record = ERPRecord(try json(answer)) else { throw unexpected("no object") }
    return record
  }

  /// The records that an answer lists: all of them, or an error.
  private static func records(_ answer: HTTPResponse) throws(SyncError) -> [ERPRecord] {
    guard case .array(let elements) = try json(answer) else { throw unexpected("no array") }
    let records = elements.compactMap { ERPRecord($0) }
    guard records.count == elements.count else { throw unexpected("an element that is no object") }
    return records
  }

  private static func json(_ answer: HTTPResponse) throws(SyncError) -> JSONNode {
    do throws(JSONNode.Malformed) { return try JSONNode(answer.body.withoutByteOrderMark) } catch { throw unexpected(error.description) }
  }

  private static func unexpected(_ cause: String) -> SyncError {
    SyncError(.malformedAnswer, "the ERP answered something that is not the JSON expected", cause: cause)
  }

  private func mapped(_ record: ERPRecord, _ mapping: EntityMapping) throws(SyncError) -> Entity {
    guard let entity = mapping.entity(record) else {
      throw SyncError(.malformedAnswer, "the ERP answered a record of \(mapping.name) without id or LastModifiedDateTime")
    }
    return entity
  }

  static func encoded(_ query: [(String, String)]) -> String {
    query.map { name, value in "\(name)=\(PercentEncoding.encoded(value, keeping: "$/,"))" }.joined(separator: "&")
  }
}
