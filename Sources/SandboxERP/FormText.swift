/// Texts that a URL or a form holds (RFC 3986, section 2.1). Every request brings some, and Foundation's way takes longer than the answer.
enum FormText {
  /// The pairs of a query or a form in their order; a plus sign stands for a blank.
  static func pairs(_ text: String) -> [(name: String, value: String)] {
    text.utf8.split(separator: UInt8(ascii: "&")).map { part in
      let pair = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      return (decoded(pair[0], isForm: true), pair.count > 1 ? decoded(pair[1], isForm: true) : "")
    }
  }

  /// The segments of a path.
  static func segments(_ path: String) -> [String] {
    path.utf8.split(separator: UInt8(ascii: "/")).map { decoded($0, isForm: false) }
  }

  /// The names of a list with commas, without blanks around them.
  static func list(_ text: String) -> [String] {
    text.utf8.split(separator: UInt8(ascii: ",")).map { part in
      let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
      let rest = part.drop(while: isBlank)
      let end = rest.lastIndex { !isBlank($0) }.map { rest.index(after: $0) } ?? rest.startIndex
      return String(Substring(rest[..<end]))
    }
  }

  /// A part without its percent encoding; as it stands where that is malformed, or is no UTF-8.
  private static func decoded(_ part: Substring.UTF8View, isForm: Bool) -> String {
    let isPlain = part.allSatisfy { $0 != UInt8(ascii: "%") && !(isForm && $0 == UInt8(ascii: "+")) }
    if isPlain { return String(Substring(part)) }
    var bytes: [UInt8] = []
    var rest = part.makeIterator()
    while let byte = rest.next() {
      if byte == UInt8(ascii: "%") {
        guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit) else { return String(Substring(part)) }
        bytes.append(high << 4 | low)
      } else {
        bytes.append(isForm && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
      }
    }
    return String(validating: bytes, as: UTF8.self) ?? String(Substring(part))
  }

  private static func digit(_ byte: UInt8) -> UInt8? { Character(Unicode.Scalar(byte)).hexDigitValue.map(UInt8.init) }
}
