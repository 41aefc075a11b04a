/// Plain text and HTML as mail bodies need them turned into each other.
public enum HTMLText {
  /// Plain text as a piece of HTML that looks the same.
  public static func html(from text: String) -> String {
    let lines = text.replacing("\r\n", with: "\n").replacing("\r", with: "\n").split(separator: "\n", omittingEmptySubsequences: false)
    return lines.map { escaped(String($0)) }.joined(separator: "<br/>\n")
  }

  /// Text with the characters escaped that HTML gives a meaning to.
  public static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
  }

  /// Whether the text holds tags: a body that somebody typed as plain text has none.
  public static func isHTML(_ text: String) -> Bool { text.contains(#/<[a-zA-Z!\/][^>]*>/#) }

  /// A paragraph at the end of an HTML body: before its closing tags.
  public static func appending(_ paragraph: String, to html: String) -> String {
    let end = html.ranges(of: #/(?i)<\/body\s*>/#).last?.lowerBound ?? html.endIndex
    return html[..<end] + paragraph + html[end...]
  }
}
