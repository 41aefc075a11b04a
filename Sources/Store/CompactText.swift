import Model

/// A record's text in the store: a tag for the form, then each part behind its length, so that reading it back is a walk and no search.
///
/// Numbers end with `;`, a text is its length in UTF-8 bytes, `:` and the bytes, what is missing is `-`. Caches of before have JSON in its
/// place, which begins with `{`: both are read, this one is written.
struct CompactWriter {
  /// Of this form; another form gets another.
  static let tag = UInt8(ascii: "1")
  private static let missing = UInt8(ascii: "-")

  private(set) var bytes: [UInt8] = [tag]

  init() { bytes.reserveCapacity(1024) }

  mutating func write(_ number: Int64) { append(number, end: UInt8(ascii: ";")) }

  mutating func write(_ text: String) {
    var text = text
    text.withUTF8 { utf8 in
      append(Int64(utf8.count), end: UInt8(ascii: ":"))
      bytes.append(contentsOf: utf8)
    }
  }

  mutating func write(_ flag: Bool) { bytes.append(flag ? UInt8(ascii: "y") : UInt8(ascii: "n")) }

  mutating func write(_ text: String?) { if let text { write(text) } else { bytes.append(Self.missing) } }

  mutating func write(_ time: Timestamp?) {
    bytes.append(time == nil ? Self.missing : UInt8(ascii: "@"))
    if let time { write(time.milliseconds) }
  }

  mutating func write(mark: Character) { bytes.append(mark.asciiValue ?? Self.missing) }

  private mutating func append(_ number: Int64, end: UInt8) {
    if number < 0 { bytes.append(Self.missing) }
    var rest = number.magnitude
    let start = bytes.count
    repeat {
      bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    bytes[start...].reverse()
    bytes.append(end)
  }
}

/// Reads what `CompactWriter` wrote.
struct CompactReader {
  /// The text is not of the form.
  struct Malformed: Error, CustomStringConvertible {
    var position: Int
    var description: String { "not of the store's form at byte \(position)" }
  }

  private let bytes: [UInt8]
  private var position = 1

  /// Nil: the text has another form.
  init?(_ text: String) {
    bytes = Array(text.utf8)
    if bytes.first != CompactWriter.tag { return nil }
  }

  var isAtEnd: Bool { position == bytes.count }

  private mutating func next() throws -> UInt8 {
    guard position < bytes.count else { throw Malformed(position: position) }
    position += 1
    return bytes[position - 1]
  }

  private mutating func digits(end: UInt8) throws -> Int64 {
    var value: Int64 = 0
    var isNegative = false
    let start = position
    while true {
      let byte = try next()
      if byte == end && position > start + (isNegative ? 2 : 1) { return value }
      if byte == UInt8(ascii: "-") && position == start + 1 {
        isNegative = true
        continue
      }
      guard (48...57).contains(byte) else { throw Malformed(position: position) }
      let digit = Int64(byte - 48)
      let (product, overflows) = value.multipliedReportingOverflow(by: 10)
      let (sum, exceeds) = product.addingReportingOverflow(isNegative ? -digit : digit)
      if overflows || exceeds { throw Malformed(position: position) }
      value = sum
    }
  }

  mutating func number() throws -> Int64 { try digits(end: UInt8(ascii: ";")) }

  /// How many elements follow.
  mutating func count() throws -> Int {
    let count = try number()
    guard count >= 0, count <= bytes.count else { throw Malformed(position: position) }
    return Int(count)
  }

  mutating func text() throws -> String {
    let length = try digits(end: UInt8(ascii: ":"))
    guard length >= 0, length <= bytes.count - position else { throw Malformed(position: position) }
    defer { position += Int(length) }
    return String(decoding: bytes[position..<position + Int(length)], as: UTF8.self)
  }

  mutating func flag() throws -> Bool {
    switch try next() {
    case UInt8(ascii: "y"): return true
    case UInt8(ascii: "n"): return false
    default: throw Malformed(position: position)
    }
  }

  private mutating func isMissing() -> Bool {
    guard position < bytes.count, bytes[position] == UInt8(ascii: "-") else { return false }
    position += 1
    return true
  }

  mutating func optionalText() throws -> String? { isMissing() ? nil : try text() }

  mutating func optionalTime() throws -> Timestamp? {
    if isMissing() { return nil }
    guard try mark() == "@" else { throw Malformed(position: position) }
    return Timestamp(milliseconds: try number())
  }

  mutating func mark() throws -> Character { Character(Unicode.Scalar(try next())) }

  var malformed: Malformed { Malformed(position: position) }
}
