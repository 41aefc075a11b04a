/// Writes the content lines that vCard (RFC 2426 section 2.6) and iCalendar (RFC 5545 section 3.1) share: CRLF, folding, escaping.
struct ContentLines {
  /// A line is folded after at most so many octets, its end not counted.
  private static let octetsPerLine = 75

  private(set) var bytes: [UInt8] = []

  /// Writes `NAME;parameters:value`, folded so that no character is torn. The value is written as it is: escape texts first.
  mutating func add(_ name: String, parameters: [(name: String, value: String)] = [], _ value: String) {
    var line = name
    for parameter in parameters { line += ";\(parameter.name)=\(Self.parameterValue(parameter.value))" }
    line += ":" + value
    fold(line)
  }

  private mutating func fold(_ line: String) {
    if line.utf8.count <= Self.octetsPerLine {
      bytes.append(contentsOf: line.utf8)
      return bytes.append(contentsOf: [13, 10])
    }
    var room = Self.octetsPerLine
    for character in line.unicodeScalars {
      let octets = UTF8.width(character)
      if octets > room {
        bytes += [13, 10, 32]
        room = Self.octetsPerLine - 1
      }
      bytes.append(contentsOf: UTF8.encode(character) ?? UTF8.encodedReplacementCharacter)
      room -= octets
    }
    bytes += [13, 10]
  }

  /// A text value: backslash, semicolon and comma escaped, every kind of line end as `\n`, other control characters dropped.
  static func text(_ value: String) -> String {
    if value.utf8.allSatisfy(isPlain) { return value }
    var result = ""
    var previous: Unicode.Scalar?
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case ";": result += "\\;"
      case ",": result += "\\,"
      case "\n" where previous == "\r": break
      case "\n", "\r", "\u{0B}", "\u{0C}", "\u{85}", "\u{2028}", "\u{2029}": result += "\\n"
      case "\t": result += "\t"
      case "\u{00}"..."\u{1F}", "\u{7F}"..."\u{9F}": break
      default: result.unicodeScalars.append(scalar)
      }
      previous = scalar
    }
    return result
  }

  /// Whether a byte stands for itself in a text, whatever is around it: printable ASCII but for the three escaped characters.
  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\\") && byte != UInt8(ascii: ";") && byte != UInt8(ascii: ",")
  }

  /// A parameter's value: quoted where it needs to be; quotes and control characters cannot be expressed and are dropped.
  private static func parameterValue(_ value: String) -> String {
    let clean = String(
      String.UnicodeScalarView(value.unicodeScalars.filter { $0.value >= 0x20 && $0 != "\"" && !(0x7F...0x9F).contains($0.value) }))
    return clean.contains { ":;,".contains($0) } ? "\"\(clean)\"" : clean
  }
}
