import Testing

@testable import XMLStream

@Suite struct XMLWriterTests {
  private func text(_ writer: XMLWriter) -> String { String(decoding: writer.bytes, as: UTF8.self) }

  @Test func `elements nest as they are written`() {
    var writer = XMLWriter()
    writer.within("s:Envelope", [("xmlns:s", "urn:s"), ("xmlns:m", "urn:m")]) { writer in
      writer.start("s:Body")
      writer.element("m:Item", "one", [("Id", "1")])
      writer.empty("m:None", [("A", "b")])
      writer.empty("m:Bare")
      writer.text("t")
      writer.raw(Array("<raw/>".utf8))
      writer.end()
    }
    writer.end()
    #expect(
      text(writer)
        == "<s:Envelope xmlns:s=\"urn:s\" xmlns:m=\"urn:m\"><s:Body><m:Item Id=\"1\">one</m:Item><m:None A=\"b\"/><m:Bare/>t<raw/></s:Body></s:Envelope>"
    )
  }

  @Test func `what has a meaning in XML is escaped, what XML forbids becomes a question mark`() {
    var writer = XMLWriter()
    writer.element("a", "&<>\"' \t\n\r\u{0}\u{1F}\u{7F}\u{85}\u{FFFD}\u{FFFE}\u{FFFF}\u{10FFFF}é😀", [("b", "&<>\"'\t\n\r\u{0}\u{FFFF}")])
    #expect(
      text(writer)
        == "<a b=\"&amp;&lt;&gt;&quot;'&#x9;&#xA;&#xD;??\">&amp;&lt;&gt;&quot;' \t\n&#xD;??\u{7F}\u{85}\u{FFFD}??\u{10FFFF}é😀</a>")
  }

  @Test func `what is written is read back the same`() throws {
    var random = SplitMix(seed: 3)
    let alphabet: [Character] = ["a", "&", "<", ">", "\"", "'", "\r", "\n", "\t", "]", "é", "😀", "\u{2028}", " ", "#", ";"]
    for _ in 0..<500 {
      let content = String((0..<20).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] })
      var writer = XMLWriter()
      writer.element("a", content, [("b", content)])
      let read = try XML.parse(writer.bytes)
      #expect(Array(read.text.utf8) == Array(content.utf8))
      #expect(read.attribute("b").map { Array($0.utf8) } == Array(content.utf8))
    }
  }
}
