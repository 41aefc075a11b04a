import Foundation
import Model

/// A record as the contract-based REST API gives it: every field wrapped as `{"value": …}`, an empty one as `{}`.
struct ERPRecord: Sendable {
  /// NoteID of a top-level record.
  let id: String?
  /// Wrapped fields by contract name.
  let cells: [String: Cell]
  /// Linked records by contract name, where they were expanded.
  let linked: [String: ERPRecord]
  /// Rows of detail arrays by contract name, where they were expanded.
  let rows: [String: [ERPRecord]]
  /// Elements of the form outside the contract by `View.Field`, where `$custom` asked for them.
  let custom: [String: Cell]
  /// The whole record's refusal in a 422 answer.
  let error: String?
  /// Attached files, where they were expanded.
  let files: [EntityFile]

  /// One wrapped field.
  struct Cell: Encodable, Sendable, Hashable {
    /// What the field holds.
    enum Content: Sendable, Hashable {
      case text(String)
      case number(Decimal)
      case flag(Bool)
      case null
    }

    var content: Content
    /// Why the server refused the field, in a 422 answer.
    var error: String?

    init(_ content: Content) { self.content = content }
    static func text(_ text: String?) -> Cell { Cell(.text(text ?? "")) }

    private enum Key: String, CodingKey { case value, error }

    /// The cell that a member of a record is; nil where it is no wrapped field. Labelled, for a node's cases are called as the content's.
    init?(json node: JSONNode) {
      guard case .object = node else { return nil }
      error = node["error"]?.text
      switch node["value"] {
      case .text(let text): content = .text(text)
      case .flag(let flag): content = .flag(flag)
      case .number(let digits): content = Decimal(string: digits).map { .number($0) } ?? .null
      default: content = .null
      }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Key.self)
      switch content {
      case .text(let text): try container.encode(text, forKey: .value)
      case .number(let number): try container.encode(number, forKey: .value)
      case .flag(let flag): try container.encode(flag, forKey: .value)
      case .null: try container.encodeNil(forKey: .value)
      }
    }
  }

  /// Members that are not wrapped fields (IS REST entity representation); `Links` as `_links`.
  private static let systemMembers: Set<String> = ["id", "rowNumber", "custom", "error", "files", "_links", "delete"]
  /// Linked records that are read.
  private static let linkedMembers: Set<String> = ["Address", "ContactInfo", "EmployeeSettings", "Reminder"]
  /// Detail arrays that are read; others are skipped.
  private static let rowMembers: Set<String> = ["Attendees"]

  /// The record of an answer; nil where it is no object.
  init?(_ node: JSONNode) {
    guard case .object(let members) = node else { return nil }
    var cells: [String: Cell] = Dictionary(minimumCapacity: members.count)
    var linked: [String: ERPRecord] = [:]
    var rows: [String: [ERPRecord]] = [:]
    for member in members where !Self.systemMembers.contains(member.name) {
      if Self.linkedMembers.contains(member.name) {
        linked[member.name] = ERPRecord(member.value)
      } else if Self.rowMembers.contains(member.name) {
        if case .array(let elements) = member.value { rows[member.name] = elements.compactMap { ERPRecord($0) } }
      } else if let cell = Cell(json: member.value) {
        cells[member.name] = cell
      }
    }
    self.cells = cells
    self.linked = linked
    self.rows = rows
    custom = Self.custom(node["custom"])
    id = node["id"]?.text
    error = node["error"]?.text
    files = Self.files(node["files"])
  }

  private static func custom(_ node: JSONNode?) -> [String: Cell] {
    guard case .object(let views)? = node else { return [:] }
    var cells: [String: Cell] = [:]
    for view in views {
      guard case .object(let elements) = view.value else { continue }
      for element in elements { cells["\(view.name).\(element.name)"] = Cell(json: element.value) }
    }
    return cells
  }

  private static func files(_ node: JSONNode?) -> [EntityFile] {
    guard case .array(let links)? = node else { return [] }
    return links.compactMap { link in
      guard let id = link["id"]?.text, let path = link["filename"]?.text else { return nil }
      // The name comes with the form's name and the record's key before it, up to the last backslash.
      return EntityFile(id: id, name: path.split(separator: "\\").last.map(String.init) ?? "attachment")
    }
  }

  /// The text of a field; nil where it is empty.
  func text(_ name: String) -> String? {
    switch cells[name]?.content {
    case .text(let text): text.isEmpty ? nil : text
    case .number(let number): "\(number)"
    default: nil
    }
  }

  /// The truth of a field; nil where it is empty.
  func flag(_ name: String) -> Bool? { if case .flag(let flag)? = cells[name]?.content { flag } else { nil } }

  /// The text of an element outside the contract; nil where it is empty.
  func customText(_ path: String) -> String? {
    switch custom[path]?.content {
    case .text(let text): text.isEmpty ? nil : text
    case .number(let number): "\(number)"
    default: nil
    }
  }

  /// Every refusal in the record, field by field, for a message.
  var refusals: [String] {
    let own = error.map { [$0] } ?? []
    let fields = cells.sorted { $0.key < $1.key }.compactMap { name, cell in cell.error.map { "\(name): \($0)" } }
    let nested = linked.sorted { $0.key < $1.key }.flatMap { name, record in record.refusals.map { "\(name)/\($0)" } }
    let details = rows.sorted { $0.key < $1.key }.flatMap { name, rows in rows.flatMap(\.refusals).map { "\(name)/\($0)" } }
    return own + fields + nested + details
  }
}

/// The body of a PUT: wrapped fields and linked records.
struct ERPBody: Encodable, Sendable {
  var id: EntityID?
  var cells: [String: ERPRecord.Cell] = [:]
  var linked: [String: [String: ERPRecord.Cell]] = [:]
  var rows: [String: [ERPRow]] = [:]
  var custom: [String: [String: ERPCustom]] = [:]

  private struct Name: CodingKey {
    let stringValue: String
    let intValue: Int? = nil
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Name.self)
    if let id { try container.encode(id.rawValue, forKey: Name(stringValue: "id")) }
    for (name, cell) in cells { try container.encode(cell, forKey: Name(stringValue: name)) }
    for (name, fields) in linked { try container.encode(fields, forKey: Name(stringValue: name)) }
    for (name, rows) in rows { try container.encode(rows, forKey: Name(stringValue: name)) }
    if !custom.isEmpty { try container.encode(custom, forKey: Name(stringValue: "custom")) }
  }
}

/// An element of the form outside the contract, as `custom` takes it: with its type.
struct ERPCustom: Encodable, Sendable {
  var type: String
  var value: ERPRecord.Cell.Content

  private enum Key: String, CodingKey { case type, value }

  static func text(_ text: String) -> ERPCustom { ERPCustom(type: "CustomStringField", value: .text(text)) }
  static func flag(_ flag: Bool) -> ERPCustom { ERPCustom(type: "CustomBooleanField", value: .flag(flag)) }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(type, forKey: .type)
    switch value {
    case .text(let text): try container.encode(text, forKey: .value)
    case .flag(let flag): try container.encode(flag, forKey: .value)
    case .number(let number): try container.encode(number, forKey: .value)
    case .null: try container.encodeNil(forKey: .value)
    }
  }
}

/// One row of a detail array in a PUT: one that exists by its id, a new one without.
struct ERPRow: Encodable, Sendable {
  var id: String?
  var isDeleted = false
  var cells: [String: ERPRecord.Cell] = [:]
  var custom: [String: [String: ERPCustom]] = [:]

  private struct Name: CodingKey {
    let stringValue: String
    let intValue: Int? = nil
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Name.self)
    if let id { try container.encode(id, forKey: Name(stringValue: "id")) }
    if isDeleted { return try container.encode(true, forKey: Name(stringValue: "delete")) }
    for (name, cell) in cells { try container.encode(cell, forKey: Name(stringValue: name)) }
    if !custom.isEmpty { try container.encode(custom, forKey: Name(stringValue: "custom")) }
  }
}
