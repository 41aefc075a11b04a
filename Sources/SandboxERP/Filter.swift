import Foundation

/// The $filter grammar: OData 3 style comparisons, and, or, parentheses, substringof, startswith, endswith.
indirect enum Filter: Sendable {
  case and(Filter, Filter)
  case or(Filter, Filter)
  case not(Filter)
  case compare(field: String, relation: String, literal: Literal)
  case function(name: String, field: String, text: String)

  enum Literal: Sendable, Hashable {
    case text(String)
    case number(Double)
    case flag(Bool)
    case time(Date)
    case null
  }

  init(parsing text: String) throws {
    var parser = FilterParser(text)
    self = try parser.expression()
    guard parser.isAtEnd else { throw ERPRefusal(400, "The $filter cannot be understood near '\(parser.rest)'.") }
  }

  /// A lower bound of LastModifiedDateTime that every match must exceed, for the index; nil: none.
  var modifiedAfter: Date? {
    switch self {
    case .and(let left, let right): left.modifiedAfter ?? right.modifiedAfter
    case .compare("LastModifiedDateTime", let relation, .time(let time)) where relation == "gt" || relation == "ge":
      relation == "gt" ? time : time.addingTimeInterval(-0.001)
    default: nil
    }
  }

  /// The ids of the only records that can match, where the filter names them, for the index; nil: any record can.
  var ids: Set<String>? {
    switch self {
    case .and(let left, let right): return left.ids ?? right.ids
    case .or(let left, let right):
      guard let left = left.ids, let right = right.ids else { return nil }
      return left.union(right)
    case .compare("NoteID", "eq", .text(let id)): return [id.lowercased()]
    default: return nil
    }
  }

  func matches(_ value: (String) throws -> JSONValue?) throws -> Bool {
    switch self {
    case .and(let left, let right): return try left.matches(value) && right.matches(value)
    case .or(let left, let right): return try left.matches(value) || right.matches(value)
    case .not(let inner): return try !inner.matches(value)
    case .function(let name, let field, let text):
      guard let own = try value(field)?.text?.lowercased() else { return false }
      let part = text.lowercased()
      return name == "substringof" ? own.contains(part) : name == "startswith" ? own.hasPrefix(part) : own.hasSuffix(part)
    case .compare(let field, let relation, let literal): return Self.compare(try value(field), relation, literal)
    }
  }

  private static func compare(_ own: JSONValue?, _ relation: String, _ literal: Literal) -> Bool {
    let order: Int?
    switch (own, literal) {
    case (nil, .null): order = 0
    case (nil, _): return relation == "ne"
    case (_, .null): return relation == "ne"
    case (let own?, .text(let text)):
      let (left, right) = ((own.text ?? "").lowercased(), text.lowercased())
      order = left == right ? 0 : left < right ? -1 : 1
    case (.number(let left)?, .number(let right)): order = left == right ? 0 : left < right ? -1 : 1
    case (.flag(let left)?, .flag(let right)): order = left == right ? 0 : 1
    case (.text(let text)?, .time(let right)):
      guard let left = Clock.date(text) else { return false }
      order = left == right ? 0 : left < right ? -1 : 1
    case (let own?, .number(let right)):
      guard let left = own.text.flatMap(Double.init) else { return false }
      order = left == right ? 0 : left < right ? -1 : 1
    default: return relation == "ne"
    }
    guard let order else { return false }
    switch relation {
    case "eq": return order == 0
    case "ne": return order != 0
    case "gt": return order > 0
    case "ge": return order >= 0
    case "lt": return order < 0
    default: return order <= 0
    }
  }
}

/// Reads $filter expressions.
struct FilterParser {
  private let characters: [Character]
  private var position = 0

  init(_ text: String) { characters = Array(text) }

  var isAtEnd: Bool { characters[position...].allSatisfy(\.isWhitespace) }
  var rest: String { String(characters[position...].prefix(20)) }

  private mutating func skipBlanks() { while position < characters.count, characters[position].isWhitespace { position += 1 } }

  private mutating func take(_ word: String) -> Bool {
    skipBlanks()
    let end = position + word.count
    guard end <= characters.count, String(characters[position..<end]).lowercased() == word else { return false }
    if let last = word.last, last.isLetter, end < characters.count, characters[end].isLetter || characters[end].isNumber { return false }
    position = end
    return true
  }

  mutating func expression() throws -> Filter {
    var left = try conjunction()
    while take("or") { left = .or(left, try conjunction()) }
    return left
  }

  private mutating func conjunction() throws -> Filter {
    var left = try term()
    while take("and") { left = .and(left, try term()) }
    return left
  }

  private mutating func term() throws -> Filter {
    if take("not") { return .not(try term()) }
    if take("(") {
      let inner = try expression()
      guard take(")") else { throw fault() }
      return inner
    }
    for name in ["substringof", "startswith", "endswith"] where take(name) {
      guard take("(") else { throw fault() }
      let filter: Filter
      if name == "substringof" {
        guard case .text(let text) = try literal(), take(",") else { throw fault() }
        filter = .function(name: name, field: try field(), text: text)
      } else {
        let field = try field()
        guard take(","), case .text(let text) = try literal() else { throw fault() }
        filter = .function(name: name, field: field, text: text)
      }
      guard take(")") else { throw fault() }
      if take("eq") { return try literal() == .flag(false) ? .not(filter) : filter }
      return filter
    }
    let name = try field()
    for relation in ["eq", "ne", "gt", "ge", "lt", "le"] where take(relation) {
      return .compare(field: name, relation: relation, literal: try literal())
    }
    throw fault()
  }

  private func fault() -> ERPRefusal { ERPRefusal(400, "The $filter cannot be understood near '\(rest)'.") }

  private mutating func field() throws -> String {
    skipBlanks()
    var name = ""
    while position < characters.count,
      characters[position].isLetter || characters[position].isNumber || "/_.".contains(characters[position])
    {
      name.append(characters[position])
      position += 1
    }
    guard !name.isEmpty else { throw fault() }
    return name
  }

  private mutating func literal() throws -> Filter.Literal {
    skipBlanks()
    for prefix in ["datetimeoffset", "datetime", "date", "guid"] where take(prefix) {
      let text = try quoted()
      if prefix == "guid" { return .text(text) }
      guard let date = Clock.date(text) else { throw fault() }
      return .time(date)
    }
    if take("null") { return .null }
    if take("true") { return .flag(true) }
    if take("false") { return .flag(false) }
    if position < characters.count, characters[position] == "'" { return .text(try quoted()) }
    var digits = ""
    while position < characters.count, characters[position].isNumber || "-.".contains(characters[position]) {
      digits.append(characters[position])
      position += 1
    }
    guard let number = Double(digits) else { throw fault() }
    return .number(number)
  }

  private mutating func quoted() throws -> String {
    guard position < characters.count, characters[position] == "'" else { throw fault() }
    position += 1
    var text = ""
    while position < characters.count {
      if characters[position] == "'" {
        // A doubled quote stands for one.
        guard position + 1 < characters.count, characters[position + 1] == "'" else {
          position += 1
          return text
        }
        position += 1
      }
      text.append(characters[position])
      position += 1
    }
    throw fault()
  }
}
