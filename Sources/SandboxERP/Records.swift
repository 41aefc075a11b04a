import FlyingFox
import Foundation
import SandboxStore

/// The query of a request.
struct Query: Sendable {
  var filter: String?
  var select: Set<String>?
  var expand: Set<String> = []
  var custom: [String] = []
  var top = Int.max
  var skip = 0

  /// - Parameter text: the query as it was sent; form encoding writes blanks as plus signs, so it is decoded here.
  init(_ text: String) {
    for (name, value) in FormText.pairs(text) {
      switch name {
      case "$filter": filter = value
      case "$select": select = Set(FormText.list(value))
      case "$expand": expand = Set(FormText.list(value))
      case "$custom": custom = FormText.list(value)
      case "$top": top = Int(value) ?? .max
      case "$skip": skip = Int(value) ?? 0
      default: break
      }
    }
  }

  /// Only ids and versions are asked for.
  var isHeaderOnly: Bool { select.map { $0.isSubset(of: ["NoteID", "ContactID", "LastModifiedDateTime", "EmployeeID"]) } ?? false }
}

extension ERPServer {
  private static let keyNames = ["Contact": "ContactID", "Employee": "EmployeeID"]

  /// The fields of an entity in the contract of the request.
  func fields(_ entity: String) -> [ContractField] {
    let isNew = endpoint.isJoined
    return (FieldTable.entities[entity] ?? []).filter { isNew ? $0.isInNew : $0.isInOld }
  }

  // MARK: Reading

  func list(_ entity: String, _ query: Query) throws -> [JSONValue] {
    guard let table = tables[entity] else { return [] }
    guard let text = query.filter else {
      return everything(entity, table).dropFirst(query.skip).prefix(query.top).compactMap { table.records[$0] }.map {
        render($0, entity, query)
      }
    }
    var candidates: [ServerRecord]
    let filter = try Filter(parsing: text)
    if let ids = filter.ids {
      candidates = ids.compactMap { table.records[$0] }
    } else if let after = filter.modifiedAfter {
      // The order of changes is the order of times: only what came later is looked at.
      var low = 0
      var high = table.changes.count
      while low < high {
        let middle = (low + high) / 2
        if table.changes[middle].modified > after { high = middle } else { low = middle + 1 }
      }
      candidates = table.changes[low...].compactMap { change in
        table.records[change.id].flatMap { $0.sequence == change.sequence ? $0 : nil }
      }
    } else {
      candidates = Array(table.records.values)
    }
    let columns = Dictionary(fields(entity).map { ($0.name, $0.column) }, uniquingKeysWith: { first, _ in first })
    candidates = try candidates.filter { record in
      try filter.matches { path in
        if let column = columns[path] { return record.fields[column] }
        if path == "id" { return .text(record.id) }
        let parts = path.split(separator: "/").map(String.init)
        guard parts.count == 2, columns[parts[0]] != nil else { throw ERPRefusal(400, "The field '\(path)' is not known.") }
        return record.linked[parts[0]]?[parts[1]]
      }
    }
    // The contract promises no order: a fixed shuffle shows whoever relies on one.
    let places = candidates.indices.map { (place: $0, order: Self.shuffle(candidates[$0].id)) }.sorted { $0.order < $1.order }
    return places.dropFirst(query.skip).prefix(query.top).map { render(candidates[$0.place], entity, query) }
  }

  /// The ids of all records, in the same order as `shuffle` gives to those of a filter.
  private func everything(_ entity: String, _ table: Table) -> [String] {
    if table.listed.changes == table.changes.count, table.listed.records == table.records.count { return table.listed.ids }
    let ids = table.records.values.map { (place: Self.shuffle($0.id), id: $0.id) }.sorted { $0.place < $1.place }.map(\.id)
    tables[entity]?.listed = (table.changes.count, table.records.count, ids)
    return ids
  }

  private static func shuffle(_ id: String) -> UInt64 {
    id.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  func find(_ entity: String, _ key: String) throws -> ServerRecord {
    guard let table = tables[entity], let record = table.records[key.lowercased()] ?? table.idsByKey[key].flatMap({ table.records[$0] })
    else {
      throw ERPRefusal.noEntity
    }
    return record
  }

  func render(_ record: ServerRecord, _ entity: String, _ query: Query) -> JSONValue {
    var object: [String: JSONValue] = [
      "id": .text(record.id), "rowNumber": .number(1), "note": .object(["value": .text(record.note)]),
      "custom": Self.customValues(record.custom, entity, query.custom.filter { !$0.contains("/") }),
      "_links": .object([
        "self": .text("/entity/\(endpoint.name)/\(endpoint.version)/\(entity)/\(record.id)"),
        "files:put": .text(Self.fileAddress(entity, record.id)),
      ]),
    ]
    if query.expand.contains("files") { object["files"] = .list(record.files.map { Self.render($0, entity, record.id) }) }
    for field in fields(entity) {
      if field.kind == .linked {
        guard query.expand.contains(field.name), let linked = record.linked[field.name] else { continue }
        object[field.name] = renderLinked(linked, field, record, query)
      } else if field.kind == .details {
        if query.expand.contains(field.name) { object[field.name] = renderDetails(field, record, query) }
      } else if query.select?.contains(field.name) ?? true {
        object[field.name] = record.fields[field.column].map(Self.wrap) ?? .object([:])
      }
    }
    return .object(object)
  }

  private func renderLinked(_ linked: [String: JSONValue], _ field: ContractField, _ record: ServerRecord, _ query: Query) -> JSONValue {
    let wanted = query.select.map { $0.filter { $0.hasPrefix(field.name + "/") } } ?? []
    var inner: [String: JSONValue] = ["id": .text(record.id), "rowNumber": .number(1)]
    let known = fields(field.part ?? field.name)
    let names = known.isEmpty ? linked.keys.map { ($0, $0) } : known.map { ($0.name, $0.column) }
    for (name, column) in names where wanted.isEmpty || wanted.contains("\(field.name)/\(name)") {
      inner[name] = linked[column].map(Self.wrap) ?? .object([:])
    }
    return .object(inner)
  }

  static func wrap(_ value: JSONValue) -> JSONValue { value == .null ? .object([:]) : .object(["value": value]) }

  func schema(_ entity: String) -> JSONValue {
    .object(Dictionary(uniqueKeysWithValues: fields(entity).filter { $0.part == nil }.map { ($0.name, JSONValue.object([:])) }))
  }

  // MARK: Writing

  func put(_ entity: String, _ body: Data, _ request: HTTPRequest, _ query: Query, onlyKnown: Bool = false) throws -> JSONValue {
    guard let sent = try? JSONDecoder().decode(JSONValue.self, from: body), case .object(let object) = sent else {
      throw ERPRefusal(400, "The request is invalid.")
    }
    let known = onlyKnown ? try? existing(entity, object) : try existing(entity, object)
    if onlyKnown, known == nil { throw ERPRefusal(404, "The record does not exist.") }
    if request.headers[HTTPHeader("If-None-Match")] == "*", known != nil { throw ERPRefusal(412, "The record exists already.") }
    if request.headers[HTTPHeader("If-Match")] == "*", known == nil { throw ERPRefusal(412, "The record does not exist.") }
    if entity == "Employee" && known == nil { throw ERPRefusal(422, "Employees are not created here.") }
    var record = known ?? newRecord(entity)
    var refused: [String: String] = [:]
    for field in fields(entity) {
      guard let value = object[field.name] else { continue }
      if field.kind == .linked {
        try setLinked(field, value, &record, &refused)
      } else if field.kind == .details {
        setDetails(field, value, &record, &refused)
      } else if !field.isReadOnly, case .object(let wrapper) = value, let content = wrapper["value"] {
        if let fault = set(field, content, &record.fields, partner: object["EndDate"]?.wrapped) { refused[field.name] = fault }
      }
    }
    if let note = object["note"]?.wrapped?.text { record.note = note }
    setCustom(object["custom"], entity, &record.custom, &refused)
    if entity == "Event" { checkEvent(&record, &refused) }
    if entity == "Contact", record.fields["LastName"]?.text?.isEmpty ?? true { refused["LastName"] = "'Last Name' cannot be empty." }
    if entity == "Task", record.fields["Summary"]?.text?.isEmpty ?? true { refused["Summary"] = "'Summary' cannot be empty." }
    guard refused.isEmpty else { throw ERPRefusal(422, "Validation failed.", record: refusal(object, refused)) }
    complete(&record, entity, isNew: known == nil)
    if entity == "Task" { settleTask(&record, before: known) }
    store(&record, entity)
    // As on real sites: details that were just written are not in the answer yet.
    var answer = record
    for field in fields(entity) where field.kind == .details && object[field.name] != nil { answer.details[field.name] = [] }
    return render(answer, entity, query)
  }

  func existing(_ entity: String, _ object: [String: JSONValue]) throws -> ServerRecord? {
    if let id = object["id"]?.text { return try find(entity, id) }
    let keyName = Self.keyNames[entity] ?? "NoteID"
    if let key = object[keyName]?.wrapped?.text { return try find(entity, key) }
    return nil
  }

  /// Sets a field; returns why it is refused.
  func set(_ field: ContractField, _ value: JSONValue, _ fields: inout [String: JSONValue], partner: JSONValue? = nil) -> String? {
    if value == .null || value == .text("") {
      fields[field.column] = nil
      return nil
    }
    switch field.kind {
    case .text:
      guard let text = value.text else { return "The value is not a text." }
      if let limit = field.limit, text.utf16.count > limit { return "The value is longer than \(limit) characters." }
      if !field.choices.isEmpty && !field.choices.contains(text) { return "'\(text)' is not in the list of values." }
      fields[field.column] = .text(Self.trimmed(text))
    case .flag:
      guard case .flag = value else { return "The value is not a Boolean." }
      fields[field.column] = value
    case .number:
      guard let number = value.text.flatMap(Double.init) else { return "The value is not a number." }
      fields[field.column] = .number(number)
    case .time:
      guard let date = value.text.flatMap(Clock.date) else { return "The value is not a date." }
      fields[field.column] = .text(Clock.text(field.column == field.name ? date : Self.timeOfDay(date, on: partner, fields[field.column])))
    case .guid:
      guard let id = value.text.flatMap(UUID.init(uuidString:)) else { return "The value is not a GUID." }
      fields[field.column] = .text(id.uuidString.lowercased())
    case .linked, .details: break
    }
    return nil
  }

  /// Without blanks at both ends; most texts have none.
  private static func trimmed(_ text: String) -> String {
    let blanks = CharacterSet.whitespaces
    let hasBlanks = [text.unicodeScalars.first, text.unicodeScalars.last].contains { $0.map(blanks.contains) ?? false }
    return hasBlanks ? text.trimmingCharacters(in: blanks) : text
  }

  private func setLinked(
    _ part: ContractField, _ value: JSONValue, _ record: inout ServerRecord, _ refused: inout [String: String]
  ) throws {
    let name = part.name
    guard name != "ContactInfo", name != "EmployeeSettings", case .object(let object) = value else { return }
    var linked = record.linked[name] ?? [:]
    for field in fields(part.part ?? name) where field.part == nil {
      guard case .object(let wrapper)? = object[field.name], let content = wrapper["value"] else { continue }
      if field.name == "Country", let code = content.text, !code.isEmpty, code.count != 2 {
        refused["Address/Country"] = "'\(code)' cannot be found in the system."
        continue
      }
      if let fault = set(field, content, &linked, partner: object["RemindAtDate"]?.wrapped) { refused["\(name)/\(field.name)"] = fault }
    }
    record.linked[name] = linked
  }

  private func refusal(_ object: [String: JSONValue], _ refused: [String: String]) -> JSONValue {
    /// A field as it was sent, with why it is refused.
    func marked(_ value: JSONValue?, _ fault: String) -> JSONValue {
      var content: [String: JSONValue] = ["error": .text(fault)]
      content["value"] = value?.wrapped
      return .object(content)
    }
    var answer = object
    answer["error"] = .text("One or more fields could not be saved.")
    for (name, fault) in refused {
      // Rows have no place for a fault of the list: it stands at the record.
      if case .list? = object[name] {
        answer["error"] = .text(fault)
        continue
      }
      let parts = name.split(separator: "/").map(String.init)
      if parts.count == 2, case .object(var inner)? = answer[parts[0]] {
        inner[parts[1]] = marked(inner[parts[1]], fault)
        answer[parts[0]] = .object(inner)
      } else {
        answer[name] = marked(object[name], fault)
      }
    }
    return .object(answer)
  }

  func newRecord(_ entity: String) -> ServerRecord {
    ServerRecord(
      id: configuration.identifier(), key: "", fields: [:], linked: [:], modified: Date(timeIntervalSince1970: 0), sequence: 0)
  }

  /// What the ERP fills in by itself.
  func complete(_ record: inout ServerRecord, _ entity: String, isNew: Bool) {
    let table = tables[entity]
    if isNew, entity == "Contact" {
      record.key = String(table?.nextKey ?? 0)
      tables[entity]?.nextKey += 1
      record.fields["ContactID"] = .number(Double(record.key) ?? 0)
      record.fields["Active"] = record.fields["Active"] ?? .flag(true)
      record.fields["Status"] = record.fields["Status"] ?? .text("Active")
      record.fields["Synchronize"] = record.fields["Synchronize"] ?? .flag(true)
      record.fields["OverrideAccountAddress"] = .flag(true)
      var address = record.linked["Address"] ?? [:]
      if address["Country"] == nil { address["Country"] = .text(configuration.defaultCountry) }
      record.linked["Address"] = address
    } else if isNew {
      record.key = record.id
    }
    if isNew, entity == "Email" { completeEmail(&record) }
    if entity == "Email" { record.fields["RelatedEntityDescription"] = relatedName(record) }
    if isNew, entity == "Event" { completeEvent(&record) }
    if entity != "Employee" { record.fields["NoteID"] = .text(record.id) }
    if entity == "Contact" {
      let names = ["FirstName", "MiddleName", "LastName"].compactMap { record.fields[$0]?.text }
      record.fields["DisplayName"] = .text(names.joined(separator: " "))
    }
  }

  /// Stores a record with a time later than any before, so that no two changes share one.
  func store(_ record: inout ServerRecord, _ entity: String) {
    sequence += 1
    let now = max(configuration.now(), lastTime.addingTimeInterval(0.001))
    let milliseconds = (now.timeIntervalSince1970 * 1000).rounded(.down)
    lastTime = Date(timeIntervalSince1970: milliseconds / 1000)
    record.modified = lastTime
    record.sequence = sequence
    renumberDetails(&record)
    record.fields["LastModifiedDateTime"] = .text(Clock.text(lastTime))
    tables[entity]?.records[record.id] = record
    tables[entity]?.idsByKey[record.key] = record.id
    tables[entity]?.changes.append((sequence, lastTime, record.id))
  }

  func delete(_ entity: String, _ key: String) throws {
    let record = try find(entity, key)
    tables[entity]?.records[record.id] = nil
    tables[entity]?.idsByKey[record.key] = nil
  }

  // MARK: Seeding

  /// Adds a contact as if it had been entered by hand.
  /// - Parameters:
  ///   - fields: contract names with values.
  ///   - address: names of the Address contract with values.
  /// - Returns: its NoteID.
  @discardableResult
  public func addContact(_ fields: [String: String], address: [String: String]) -> String {
    var record = newRecord("Contact")
    for (name, value) in fields { record.fields[name] = .text(value) }
    record.linked["Address"] = address.mapValues { .text($0) }
    complete(&record, "Contact", isNew: true)
    store(&record, "Contact")
    return record.id
  }

  /// Adds an employee.
  public func addEmployee(id: String, name: String, email: String, workgroup: String?) {
    var record = ServerRecord(
      id: configuration.identifier(), key: id,
      fields: ["EmployeeID": .text(id), "EmployeeName": .text(name), "Status": .text("Active")],
      linked: ["ContactInfo": ["Email": .text(email)]], modified: configuration.now(), sequence: 0)
    store(&record, "Employee")
  }
}
