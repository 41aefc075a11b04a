import Testing

@testable import XMLStream

@Suite struct XMLTreeParserTests {
  private func parse(_ text: String) throws -> XMLElement { try XML.parse(Array(text.utf8)) }

  @Test func `a tree has names, namespaces, attributes, children and text`() throws {
    let root = try parse(
      #"""
      <?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="urn:soap" xmlns="urn:default"><!-- no --><s:Body Id="1" s:Kind="x">a\#
      <Item Name="A&amp;B &lt;&#x26;#38;&#xA;"/>b<Item>two</Item></s:Body></s:Envelope>
      """#)
    #expect(
      root
        == XMLElement(
          namespace: "urn:soap", name: "Envelope",
          children: [
            XMLElement(
              namespace: "urn:soap", name: "Body", attributes: ["Id": "1", "Kind": "x"],
              children: [
                XMLElement(namespace: "urn:default", name: "Item", attributes: ["Name": "A&B <&#38;\n"]),
                XMLElement(namespace: "urn:default", name: "Item", text: "two"),
              ], text: "ab")
          ]))
    #expect(root.text("Body", "Item") == "")
    #expect(root.text("Body", "Missing") == nil)
    #expect(root.descendant("Body")?.children("Item").count == 2)
    #expect(root.child("Body")?.attribute("Id") == "1")
    #expect(root.descendant()?.name == "Envelope")
  }
}
