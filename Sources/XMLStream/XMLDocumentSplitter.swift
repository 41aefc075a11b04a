/// Takes apart documents that come back to back in one stream, as the envelopes of Exchange's streaming notifications do
/// (GetStreamingEvents), and gives each as soon as its root element has ended.
public final class XMLDocumentSplitter {
  private static let greaterThan: UInt8 = 0x3E

  private let limits: XMLLimits
  private var parser: XMLTreeParser?

  /// A splitter; the limits hold for each document.
  public init(limits: XMLLimits = .standard) {
    self.limits = limits
  }

  /// Parses the next piece of the stream and gives the documents that ended in it, in order. After an error the stream is lost.
  public func feed(_ bytes: [UInt8]) throws(XMLError) -> [XMLElement] {
    try bytes.withUnsafeBufferPointer { (buffer) throws(XMLError) in try feed(buffer) }
  }

  /// Ends the stream. Throws when it ends within a document.
  public func finish() throws(XMLError) {
    guard let parser else { return }
    self.parser = nil
    _ = try parser.finish()
  }

  private func feed(_ bytes: UnsafeBufferPointer<UInt8>) throws(XMLError) -> [XMLElement] {
    var roots: [XMLElement] = []
    var position = 0
    while position < bytes.count {
      // Between documents: white space, and a byte order mark, which the parser takes as the first bytes of a document.
      if parser == nil, Self.isSpace(bytes[position]) {
        position += 1
        continue
      }
      let current = parser ?? XMLTreeParser(limits: limits)
      parser = current
      // A document ends with a `>`, so no piece that ends with one holds bytes of two documents.
      var end = position
      while end < bytes.count, bytes[end] != Self.greaterThan { end += 1 }
      end = min(end + 1, bytes.count)
      try current.feed(UnsafeBufferPointer(rebasing: bytes[position..<end]))
      position = end
      if current.rootEnded {
        parser = nil
        roots.append(try current.finish())
      }
    }
    return roots
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }
}
