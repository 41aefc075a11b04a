import Testing

@testable import XMLStream

@Suite struct XMLDocumentSplitterTests {
  private static let stream = """
    <?xml version="1.0" encoding="utf-8"?><e:Envelope xmlns:e="urn:s"><e:Body>one &gt; <![CDATA[</e:Envelope>]]></e:Body></e:Envelope>\
    <e:Envelope xmlns:e="urn:s" a="x>y"><!-- </e:Envelope> --></e:Envelope>\r\n\u{FEFF}<?xml version='1.0'?><Empty/> <Last>&#x1;z</Last>

    """

  @Test(arguments: [1, 2, 5, 17, 64, 1000])
  func `documents back to back come out one by one`(size: Int) throws {
    let bytes = Array(Self.stream.utf8)
    let splitter = XMLDocumentSplitter()
    var roots: [XMLElement] = []
    for start in stride(from: 0, to: bytes.count, by: size) {
      roots += try splitter.feed(Array(bytes[start..<min(start + size, bytes.count)]))
    }
    try splitter.finish()
    #expect(roots.map(\.name) == ["Envelope", "Envelope", "Empty", "Last"])
    #expect(roots.first?.text("Body") == "one > </e:Envelope>")
    #expect(roots.last?.text == "z")
    #expect(roots.dropFirst().first?.attribute("a") == "x>y")
  }

  @Test func `a document comes as soon as its root has ended`() throws {
    let splitter = XMLDocumentSplitter()
    #expect(try splitter.feed(Array("<a><b/></a".utf8)).isEmpty)
    #expect(try splitter.feed([UInt8(ascii: ">")]).map(\.name) == ["a"])
    #expect(try splitter.feed(Array("<c/><d".utf8)).map(\.name) == ["c"])
  }

  @Test func `a stream that ends within a document is an error, one that ends between documents is not`() throws {
    let splitter = XMLDocumentSplitter()
    #expect(try splitter.feed(Array("<a/> <b>".utf8)).count == 1)
    #expect(throws: XMLError.self) { try splitter.finish() }
    let whole = XMLDocumentSplitter()
    #expect(try whole.feed(Array("<a/> \n".utf8)).count == 1)
    try whole.finish()
    try XMLDocumentSplitter().finish()
  }

  @Test func `the limits hold for each document and not for the stream`() throws {
    let splitter = XMLDocumentSplitter(limits: XMLLimits(totalBytes: 10))
    for _ in 0..<10 { #expect(try splitter.feed(Array("<a>xx</a>".utf8)).count == 1) }
    #expect(throws: XMLError.self) { try splitter.feed(Array("<a>xxxxxxxxx</a>".utf8)) }
  }

  @Test func `rubbish between documents is an error`() {
    #expect(throws: XMLError.self) { try XMLDocumentSplitter().feed(Array("<a/>rubbish<b/>".utf8)) }
  }
}
