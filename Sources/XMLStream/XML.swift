/// Parsing in one go.
public enum XML {
  /// The root element of a complete UTF-8 document. For what is refused see ``XMLTreeParser``.
  public static func parse(_ bytes: [UInt8], limits: XMLLimits = .standard) throws(XMLError) -> XMLElement {
    let parser = XMLTreeParser(limits: limits)
    try parser.feed(bytes)
    return try parser.finish()
  }
}
