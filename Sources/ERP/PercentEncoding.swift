/// Texts as parts of a URL (RFC 3986). Foundation's way goes through sets of all of Unicode, for each of the queries that a cycle sends.
enum PercentEncoding {
  private static let digits = Array("0123456789ABCDEF".utf8)

  /// The text with every byte of its UTF-8 encoded but ASCII's letters and digits, `-._~`, and those of `more`.
  static func encoded(_ text: String, keeping more: StaticString = "") -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count * 2)
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
        bytes.append(byte)
      default:
        if more.withUTF8Buffer({ $0.contains(byte) }) {
          bytes.append(byte)
        } else {
          bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
