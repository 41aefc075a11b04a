/// A JSON value as it stands (RFC 8259). An ERP answers thousands of records of a form that only the answer itself tells: read once, byte by
/// byte, they cost a tenth of what a decoder that looks up each member takes.
enum JSONNode: Sendable, Hashable {
  /// One member of an object.
  struct Member: Sendable, Hashable {
    let name: String
    let value: JSONNode
  }

  case object([Member])
  case array([JSONNode])
  case text(String)
  /// A number with its digits as they stand.
  case number(String)
  case flag(Bool)
  case null

  /// Why a document is none.
  struct Malformed: Error, CustomStringConvertible {
    let reason: String
    let position: Int
    var description: String { "\(reason) at byte \(position)" }
  }

  /// The value of a whole document in UTF-8.
  init(_ bytes: ArraySlice<UInt8>) throws(Malformed) {
    var parser = JSONParser(bytes)
    self = try parser.document()
  }

  /// The value of a member; nil where this is no object or has none of that name. Of several the last counts.
  subscript(_ name: String) -> JSONNode? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.name == name }?.value
  }

  /// The text, where it is one.
  var text: String? { if case .text(let text) = self { text } else { nil } }
}

/// Reads one document. Nothing beyond RFC 8259 is taken.
private struct JSONParser {
  /// Objects and arrays in one another.
  private static let deepest = 64

  private let bytes: ArraySlice<UInt8>
  private var position: Int
  private var depth = 0

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  private func malformed(_ reason: String) -> JSONNode.Malformed {
    JSONNode.Malformed(reason: reason, position: position - bytes.startIndex)
  }

  private var current: UInt8? { position < bytes.endIndex ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  /// Takes this byte, with space before it, if it is the next one.
  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard current == byte else { return false }
    position += 1
    return true
  }

  mutating func document() throws(JSONNode.Malformed) -> JSONNode {
    let value = try value()
    skipSpace()
    if position < bytes.endIndex { throw malformed("more than one value") }
    return value
  }

  private mutating func value() throws(JSONNode.Malformed) -> JSONNode {
    skipSpace()
    guard let byte = current else { throw malformed("the end where a value should be") }
    switch byte {
    case UInt8(ascii: "{"): return try nested { parser throws(JSONNode.Malformed) in try parser.object() }
    case UInt8(ascii: "["): return try nested { parser throws(JSONNode.Malformed) in try parser.array() }
    case UInt8(ascii: "\""): return .text(try text())
    case UInt8(ascii: "t"): return try word("true", .flag(true))
    case UInt8(ascii: "f"): return try word("false", .flag(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
    default: throw malformed("no value")
    }
  }

  private mutating func nested(
    _ read: (inout JSONParser) throws(JSONNode.Malformed) -> JSONNode
  ) throws(JSONNode.Malformed) -> JSONNode {
    guard depth < Self.deepest else { throw malformed("deeper than \(Self.deepest)") }
    depth += 1
    position += 1
    let value = try read(&self)
    depth -= 1
    return value
  }

  private mutating func object() throws(JSONNode.Malformed) -> JSONNode {
    var members: [JSONNode.Member] = []
    if take(UInt8(ascii: "}")) { return .object(members) }
    while true {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw malformed("no member's name") }
      let name = try text()
      guard take(UInt8(ascii: ":")) else { throw malformed("no colon") }
      members.append(JSONNode.Member(name: name, value: try value()))
      if take(UInt8(ascii: "}")) { return .object(members) }
      guard take(UInt8(ascii: ",")) else { throw malformed("no comma") }
    }
  }

  private mutating func array() throws(JSONNode.Malformed) -> JSONNode {
    var elements: [JSONNode] = []
    if take(UInt8(ascii: "]")) { return .array(elements) }
    while true {
      elements.append(try value())
      if take(UInt8(ascii: "]")) { return .array(elements) }
      guard take(UInt8(ascii: ",")) else { throw malformed("no comma") }
    }
  }

  private mutating func word(_ word: StaticString, _ value: JSONNode) throws(JSONNode.Malformed) -> JSONNode {
    let end = position + word.utf8CodeUnitCount
    guard end <= bytes.endIndex, word.withUTF8Buffer({ bytes[position..<end].elementsEqual($0) }) else { throw malformed("no value") }
    position = end
    return value
  }

  private mutating func digits() -> Int {
    let start = position
    while let byte = current, (48...57).contains(byte) { position += 1 }
    return position - start
  }

  private mutating func number() throws(JSONNode.Malformed) -> String {
    let start = position
    if current == UInt8(ascii: "-") { position += 1 }
    let startsWithZero = current == UInt8(ascii: "0")
    let whole = digits()
    guard whole > 0, whole == 1 || !startsWithZero else { throw malformed("no number") }
    if current == UInt8(ascii: ".") {
      position += 1
      guard digits() > 0 else { throw malformed("no number") }
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      guard digits() > 0 else { throw malformed("no number") }
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  /// A text from its opening quote on. Most have no escape and are taken as they stand.
  private mutating func text() throws(JSONNode.Malformed) -> String {
    position += 1
    var start = position
    var parts: [UInt8]?
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\""):
        let end = position
        position += 1
        let whole = parts.map { $0[...] + bytes[start..<end] } ?? bytes[start..<end]
        guard let text = String(validating: whole, as: UTF8.self) else { throw malformed("a text that is not UTF-8") }
        return text
      case UInt8(ascii: "\\"):
        var before = parts ?? []
        before.append(contentsOf: bytes[start..<position])
        position += 1
        before.append(contentsOf: try escaped())
        parts = before
        start = position
      case 0..<0x20: throw malformed("a control character in a text")
      default: position += 1
      }
    }
    throw malformed("a text without end")
  }

  /// What stands for an escape, from after its backslash on.
  private mutating func escaped() throws(JSONNode.Malformed) -> [UInt8] {
    guard let byte = current else { throw malformed("a text without end") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"): return Array(String(try scalar()).utf8)
    default: throw malformed("an unknown escape")
    }
  }

  /// A character by its code units; half of a pair alone stands for the replacement character.
  private mutating func scalar() throws(JSONNode.Malformed) -> Unicode.Scalar {
    let first = try codeUnit()
    guard (0xD800..<0xDC00).contains(first), position + 1 < bytes.endIndex, bytes[position] == UInt8(ascii: "\\"),
      bytes[position + 1] == UInt8(ascii: "u")
    else { return Unicode.Scalar(first) ?? "\u{FFFD}" }
    let back = position
    position += 2
    let second = try codeUnit()
    guard (0xDC00..<0xE000).contains(second) else {
      position = back
      return "\u{FFFD}"
    }
    return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? "\u{FFFD}"
  }

  private mutating func codeUnit() throws(JSONNode.Malformed) -> UInt32 {
    guard position + 4 <= bytes.endIndex else { throw malformed("a text without end") }
    var value: UInt32 = 0
    for byte in bytes[position..<position + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else { throw malformed("no hexadecimal digits") }
      value = value << 4 + UInt32(digit)
    }
    position += 4
    return value
  }
}
