/// Bodies as the ERP keeps them, in HTML, and as people and Exchange's plain text have them.
public enum BodyText {
  /// What a body says, without its formatting. A text without tags is taken as it is.
  public static func plain(of body: String) -> String {
    guard isHTML(body) else { return canonicalText(body) }
    var text = body.replacing(#/(?is)<(head|style|script|title)\b.*?<\/\1\s*>/#, with: "").replacing(#/(?s)<!--.*?-->/#, with: "")
    // White space of the source means one blank; lines come from tags alone.
    text = text.replacing(#/[ \t\r\n]+/#, with: " ")
    text = text.replacing(#/(?i) ?<br\s*\/?> ?/#, with: "\n")
    text = text.replacing(#/(?i) ?<\/(p|div|li|tr|h[1-6]|ul|ol|table|blockquote)\s*> ?/#, with: "\n")
    text = text.replacing(#/(?i)<\/t[dh]\s*>/#, with: "\t").replacing(#/<[^>]*>/#, with: "")
    let lines = unescaped(text).split(separator: "\n", omittingEmptySubsequences: false)
    return canonicalText(lines.joined(separator: "\n")).trimmingPrefix("\n").description
  }

  /// A plain text as HTML that looks the same.
  public static func html(of text: String) -> String {
    let lines = canonicalText(text).split(separator: "\n", omittingEmptySubsequences: false)
    return "<html><head></head><body>" + lines.map { keepingBlanks(escaped(String($0))) }.joined(separator: "<br/>") + "</body></html>"
  }

  /// Text with the characters escaped that HTML gives a meaning to.
  public static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
  }

  /// Whether the text holds tags.
  public static func isHTML(_ text: String) -> Bool { text.contains(#/<[a-zA-Z!\/][^>]*>/#) }

  /// Of several blanks, and of one that begins a line, HTML would keep one or none.
  private static func keepingBlanks(_ line: String) -> String {
    var result = ""
    var previous: Character = " "
    for character in line {
      result += character == " " && previous == " " ? "&nbsp;" : String(character)
      previous = character
    }
    return result.replacing("\t", with: "&#9;")
  }

  private static let entities: [String: String] = ["amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": " "]

  private static func unescaped(_ text: String) -> String {
    text.replacing("\u{A0}", with: " ").replacing(#/&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]+);/#) { match in
      let name = match.1
      if let known = entities[name.lowercased()] { return known }
      guard name.hasPrefix("#") else { return String(match.0) }
      let digits = name.dropFirst()
      let code = digits.lowercased().hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
      return code.flatMap(Unicode.Scalar.init).map { $0 == "\u{A0}" ? " " : String($0) } ?? String(match.0)
    }
  }
}
