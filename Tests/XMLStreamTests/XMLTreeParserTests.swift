import Testing

@testable import XMLStream

private func parse(_ text: String) throws -> XMLElement { try XML.parse(Array(text.utf8)) }

/// Feeds `bytes` in pieces of `size`.
private func parse(_ bytes: [UInt8], piecesOf size: Int, limits: XMLLimits = .standard) throws -> XMLElement {
  let parser = XMLTreeParser(limits: limits)
  for start in stride(from: 0, to: bytes.count, by: size) { try parser.feed(Array(bytes[start..<min(start + size, bytes.count)])) }
  return try parser.finish()
}

@Suite struct XMLTreeParserTests {
  private static let sample = #"""
    <?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="urn:soap" xmlns="urn:default"><!-- no --><s:Body Id="1" s:Kind="x">a\#
    <Item Name="A&amp;B &lt;&#x26;#38;&#xA;"/>b<Item><![CDATA[<two> &#x1; ]]]]><![CDATA[>]]>&#x1F600;é&#xD;</Item></s:Body></s:Envelope>
    """#
  private static let sampleTree = XMLElement(
    namespace: "urn:soap", name: "Envelope",
    children: [
      XMLElement(
        namespace: "urn:soap", name: "Body", attributes: ["Id": "1", "Kind": "x"],
        children: [
          XMLElement(namespace: "urn:default", name: "Item", attributes: ["Name": "A&B <&#38;\n"]),
          XMLElement(namespace: "urn:default", name: "Item", text: "<two> &#x1; ]]>😀é\r"),
        ], text: "ab")
    ])

  @Test func `a tree has names, namespaces, attributes, children and text`() throws {
    #expect(try parse(Self.sample) == Self.sampleTree)
  }

  @Test(arguments: [1, 2, 3, 5, 7, 16, 61])
  func `the same tree comes out however the document is cut`(size: Int) throws {
    #expect(try parse(Array(Self.sample.utf8), piecesOf: size) == Self.sampleTree)
  }

  @Test func `elements and texts are found by their path of local names`() throws {
    let root = Self.sampleTree
    #expect(root.text("Body", "Item") == "")
    #expect(root.text("Body", "Missing") == nil)
    #expect(root.text() == "")
    #expect(root.descendant("Body")?.children("Item").count == 2)
    #expect(root.child("Body")?.attribute("Id") == "1")
    #expect(root.child("Item") == nil)
    #expect(root.descendant() == root)
  }

  @Test(arguments: [1, 2, 1000])
  func `a byte order mark may stand first`(size: Int) throws {
    #expect(try parse([0xEF, 0xBB, 0xBF] + Array("<?xml version='1.0'?><a>x</a>".utf8), piecesOf: size).text == "x")
  }

  @Test func `what XML forbids but Exchange sends is dropped from texts and attributes`() throws {
    let root = try parse("<a b='1&#x0;2\u{1}3&#31;4&#xFFFF;5\u{FFFE}6'>x&#xB;y\u{B}z&#xD800;&#1114112;&#xffffffffff;!</a>")
    #expect(root == XMLElement(name: "a", attributes: ["b": "123456"], text: "xyz!"))
  }

  @Test(arguments: [
    "", " ", "text", "<a>", "<a></b>", "<a/><b/>", "<a/>text", "<a b=1/>", "<a b='1' b='2'/>", "<a b='<'/>", "<a>&</a>", "<a>&unknown;</a>",
    "<a>&#;</a>", "<a>&#x;</a>", "<a>&#xg;</a>", "<p:a/>", "<a><![CDATA[x</a>", "<a>]]></a>", "<!-- <a/>", "{\"json\": 1}", "<a b='x",
    "<html><br></html>", " <?xml version='1.0'?><a/>",
  ])
  func `what is not well-formed is refused with its place`(text: String) {
    for size in [1, 4096] {
      let error = #expect(throws: XMLError.self) { try parse(Array(text.utf8), piecesOf: size) }
      #expect(error?.message.isEmpty == false)
      #expect(error?.message.contains("\n") == false)
    }
  }

  @Test(arguments: [
    "<!DOCTYPE a><a/>", "<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/x.dtd'><a/>", "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
    "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>",
    "<!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY c '&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;'>]><a>&d;</a>",
    "<!DOCTYPE a [<!ENTITY % p SYSTEM 'file:///etc/passwd'> %p;]><a/>",
  ])
  func `every DOCTYPE is refused`(text: String) {
    for size in [1, 4096] {
      #expect(throws: XMLError.self) { try parse(Array(text.utf8), piecesOf: size) }
    }
  }

  @Test func `the reason of a refused DOCTYPE is told`() {
    let error = #expect(throws: XMLError.self) { try parse("<?xml version='1.0'?>\n<!DOCTYPE a><a/>") }
    #expect(error?.message == "a DOCTYPE is not allowed")
    #expect(error?.line == 2)
  }

  @Test(arguments: [[0xC3, 0x28], [0xFF], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xC0, 0x80], [0xE2, 0x82]] as [[UInt8]])
  func `bad UTF-8 is refused in texts and attributes`(bytes: [UInt8]) {
    for (before, after) in [("<a>", "</a>"), ("<a b='", "'/>")] {
      #expect(throws: XMLError.self) { try XML.parse(Array(before.utf8) + bytes + Array(after.utf8)) }
    }
  }

  @Test func `another encoding is not guessed`() {
    #expect(throws: XMLError.self) {
      try XML.parse(Array("<?xml version='1.0' encoding='ISO-8859-1'?><a>".utf8) + [0xE9] + Array("</a>".utf8))
    }
    let wide = Array("\u{FEFF}<?xml version='1.0' encoding='UTF-16'?><a/>".utf16)
    #expect(throws: XMLError.self) { try XML.parse(wide.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }) }
    #expect(throws: XMLError.self) { try XML.parse(wide.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }) }
  }

  @Test func `an error names line and column`() {
    let error = #expect(throws: XMLError.self) { try parse("<a>\n  <b>\n  </c>\n</a>") }
    #expect(error?.line == 3)
    #expect(error.map { $0.column > 0 } == true)
    #expect(error?.description.hasPrefix("line 3, column ") == true)
  }

  @Test func `after an error the parser is dead`() throws {
    let parser = XMLTreeParser()
    let first = try #require(throws: XMLError.self) { try parser.feed(Array("<a></b>".utf8)) }
    #expect(throws: first) { try parser.feed(Array("<a/>".utf8)) }
    #expect(throws: first) { try parser.finish() }
  }

  @Test func `the limits hold exactly`() throws {
    let deep = String(repeating: "<a>", count: 8) + String(repeating: "</a>", count: 8)
    #expect(try parse(Array(deep.utf8), piecesOf: 9, limits: XMLLimits(depth: 8)).name == "a")
    #expect(throws: XMLError.self) { try parse(Array(deep.utf8), piecesOf: 9, limits: XMLLimits(depth: 7)) }
    #expect(throws: XMLError.self) { try parse(Array(deep.utf8), piecesOf: 9, limits: XMLLimits(elements: 7)) }
    let long = "<a>\(String(repeating: "x", count: 100))<b>\(String(repeating: "y", count: 100))</b>&lt;</a>"
    #expect(try parse(Array(long.utf8), piecesOf: 9, limits: XMLLimits(textBytes: 101)).text.utf8.count == 101)
    #expect(throws: XMLError.self) { try parse(Array(long.utf8), piecesOf: 9, limits: XMLLimits(textBytes: 100)) }
    #expect(try parse(Array(long.utf8), piecesOf: 9, limits: XMLLimits(totalBytes: long.utf8.count)).name == "a")
    #expect(throws: XMLError.self) { try parse(Array(long.utf8), piecesOf: 9, limits: XMLLimits(totalBytes: long.utf8.count - 1)) }
  }

  @Test func `a hundred thousand open elements are refused and not a stack overflow`() {
    #expect(throws: XMLError.self) { try parse(String(repeating: "<a>", count: 100_000)) }
    #expect(throws: XMLError.self) {
      try XML.parse(Array(String(repeating: "<a>", count: 100_000).utf8), limits: XMLLimits(depth: .max))
    }
  }

  @Test func `a text and an attribute of more than ten million bytes pass whole`() throws {
    let long = [UInt8](repeating: 0x78, count: 11_000_000)
    #expect(try XML.parse(Array("<a>".utf8) + long + Array("&amp;</a>".utf8)).text.utf8.count == long.count + 1)
    #expect(try XML.parse(Array("<a b='".utf8) + long + Array("'/>".utf8)).attribute("b")?.utf8.count == long.count)
    #expect(try XML.parse(Array("<a><![CDATA[".utf8) + long + Array("]]></a>".utf8)).text.utf8.count == long.count)
  }

  @Test func `changed bytes of a document never crash the parser`() {
    var random = SplitMix(seed: 7)
    let original = Array(Self.sample.utf8)
    let interesting = Array("<>&;#x![]'\"/?-=\u{0}\u{1}".utf8) + [0xEF, 0xBF, 0xBE, 0xFF]
    for _ in 0..<3000 {
      var bytes = original
      for _ in 0..<(1 + random.next() % 4) {
        let position = Int(random.next() % UInt64(bytes.count))
        switch random.next() % 3 {
        case 0: bytes[position] = interesting[Int(random.next() % UInt64(interesting.count))]
        case 1: bytes.remove(at: position)
        default: bytes.insert(interesting[Int(random.next() % UInt64(interesting.count))], at: position)
        }
      }
      let size = 1 + Int(random.next() % 40)
      let whole = try? XML.parse(bytes)
      let cut = try? parse(bytes, piecesOf: size)
      #expect(whole == cut, "\(String(decoding: bytes, as: UTF8.self)) in pieces of \(size)")
    }
  }
}

/// A seeded generator (SplitMix64).
struct SplitMix {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
