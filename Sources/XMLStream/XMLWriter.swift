/// Writes UTF-8 XML. Prefixes are the caller's: a namespace is declared by an `xmlns` attribute like any other.
///
/// Text and attribute values are escaped (`&`, `<`, `>`, `"`, and carriage return as `&#xD;`, which a parser would otherwise fold into a
/// line feed; in attributes also tab and line feed), and each character that XML 1.0 forbids becomes `?` (ews.md, section 12).
/// Names are written as given: they come from the program, never from outside.
public struct XMLWriter: Sendable {
  /// What is written so far.
  public private(set) var bytes: [UInt8] = []
  private var openNames: [String] = []

  /// An empty document, without an XML declaration.
  public init() {}

  /// Opens an element.
  public mutating func start(_ qualifiedName: String, _ attributes: [(String, String)] = []) {
    tag(qualifiedName, attributes)
    bytes.append(UInt8(ascii: ">"))
    openNames.append(qualifiedName)
  }

  /// Closes the element that was opened last; without an open element it does nothing.
  public mutating func end() {
    guard let name = openNames.popLast() else { return }
    bytes.append(UInt8(ascii: "<"))
    bytes.append(UInt8(ascii: "/"))
    bytes.append(contentsOf: name.utf8)
    bytes.append(UInt8(ascii: ">"))
  }

  /// Character data.
  public mutating func text(_ text: String) { escape(text, inAttribute: false) }

  /// An element with text only.
  public mutating func element(_ qualifiedName: String, _ text: String, _ attributes: [(String, String)] = []) {
    start(qualifiedName, attributes)
    self.text(text)
    end()
  }

  /// An element without content: `<name/>`.
  public mutating func empty(_ qualifiedName: String, _ attributes: [(String, String)] = []) {
    tag(qualifiedName, attributes)
    bytes.append(UInt8(ascii: "/"))
    bytes.append(UInt8(ascii: ">"))
  }

  /// An element whose content `body` writes.
  public mutating func within(
    _ qualifiedName: String, _ attributes: [(String, String)] = [], _ body: (inout XMLWriter) -> Void
  ) {
    start(qualifiedName, attributes)
    body(&self)
    end()
  }

  /// Bytes that are escaped already, as base64 or a finished fragment.
  public mutating func raw(_ escaped: some Sequence<UInt8>) { bytes.append(contentsOf: escaped) }

  private mutating func tag(_ name: String, _ attributes: [(String, String)]) {
    bytes.append(UInt8(ascii: "<"))
    bytes.append(contentsOf: name.utf8)
    for (name, value) in attributes {
      bytes.append(UInt8(ascii: " "))
      bytes.append(contentsOf: name.utf8)
      bytes.append(UInt8(ascii: "="))
      bytes.append(UInt8(ascii: "\""))
      escape(value, inAttribute: true)
      bytes.append(UInt8(ascii: "\""))
    }
  }

  private mutating func escape(_ text: String, inAttribute: Bool) {
    var text = text
    text.withUTF8 { utf8 in
      var runStart = 0
      var position = 0
      while position < utf8.count {
        let byte = utf8[position]
        guard byte < 0x40 || byte == 0xEF, let (length, replacement) = Self.replacement(utf8, at: position, inAttribute: inAttribute) else {
          position += 1
          continue
        }
        bytes.append(contentsOf: utf8[runStart..<position])
        bytes.append(contentsOf: replacement.utf8)
        position += length
        runStart = position
      }
      bytes.append(contentsOf: utf8[runStart...])
    }
  }

  /// How many bytes at `position` cannot stand for themselves, and what stands for them.
  private static func replacement(
    _ utf8: UnsafeBufferPointer<UInt8>, at position: Int, inAttribute: Bool
  ) -> (length: Int, text: String)? {
    switch utf8[position] {
    case UInt8(ascii: "&"): (1, "&amp;")
    case UInt8(ascii: "<"): (1, "&lt;")
    case UInt8(ascii: ">"): (1, "&gt;")
    case UInt8(ascii: "\""): (1, "&quot;")
    case 0x0D: (1, "&#xD;")
    case 0x09: inAttribute ? (1, "&#x9;") : nil
    case 0x0A: inAttribute ? (1, "&#xA;") : nil
    case 0..<0x20: (1, "?")
    // U+FFFE and U+FFFF. A Swift string is well-formed UTF-8, so two bytes follow.
    case 0xEF: utf8[position + 1] == 0xBF && utf8[position + 2] >= 0xBE ? (3, "?") : nil
    default: nil
    }
  }
}
