import MIME
import Testing

/// A message with everything.
func sample() -> MIMEMessage {
  var message = MIMEMessage()
  message.subject = "Angebot über 12 Stück – 見積り"
  message.messageID = "<0b1c.erp@concordfs.invalid>"
  message.date = 1_793_611_860
  message.from = [MIMEAddress(name: "Łukasz Wójcik, Vertrieb", address: "lukasz@example.test")]
  message.to = [MIMEAddress(address: "ann@example.test"), MIMEAddress(name: "山田 花子", address: "hanako@example.test")]
  message.cc = [MIMEAddress(name: "Bob \"Bobby\" Carter", address: "bob@example.test")]
  message.html = "<html><body><p>Grüße &amp; Küsse</p><img src=\"cid:logo@x\"/></body></html>"
  message.attachments = [
    MIMEAttachment(
      name: "Preisliste für Müller.pdf", type: "application/pdf", bytes: (0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }),
    MIMEAttachment(name: "logo.png", type: "image/png", contentID: "logo@x", bytes: [137, 80, 78, 71, 13, 10, 26, 10, 0]),
    MIMEAttachment(name: "empty.txt", type: "text/plain", bytes: []),
  ]
  return message
}

@Suite struct ComposingTests {
  @Test func `the same message and seed give the same bytes`() throws {
    let bytes = try #require(sample().composed(seed: "0b1c"))
    #expect(sample().composed(seed: "0b1c") == bytes)
  }

  @Test func `what was composed is taken apart into the same message`() throws {
    let message = sample()
    let bytes = try #require(message.composed(seed: "0b1c"))
    let parsed = try #require(MIMEMessage(parsing: bytes))
    #expect(parsed.subject == message.subject)
    #expect(parsed.messageID == message.messageID)
    #expect(parsed.date == message.date)
    #expect(parsed.from == message.from)
    #expect(parsed.to == message.to)
    #expect(parsed.cc == message.cc)
    #expect(parsed.html?.replacing("\r\n", with: "\n") == message.html)
    #expect(Set(parsed.attachments) == Set(message.attachments))
  }

  @Test func `lines end with CRLF and are never longer than mail allows`() throws {
    var message = sample()
    message.subject = String(repeating: "unbreakable", count: 200)
    message.to = (0..<300).map { MIMEAddress(name: "Person number \($0)", address: "person\($0)@example.test") }
    message.html = "<p>" + String(repeating: "ä", count: 5000) + "</p>"
    let bytes = try #require(message.composed(seed: "long"))
    var lineStart = 0
    for (index, byte) in bytes.enumerated() where byte == 10 {
      #expect(index > 0 && bytes[index - 1] == 13, "a bare line feed at \(index)")
      #expect(index - 1 - lineStart <= 998)
      lineStart = index + 1
    }
    #expect(lineStart == bytes.count)
    #expect(MIMEMessage(parsing: bytes)?.subject == message.subject)
    #expect(MIMEMessage(parsing: bytes)?.to.count == 300)
  }

  @Test(arguments: [
    "x\r\nBcc: evil@evil.test", "x\nBcc: evil@evil.test", "x\rBcc: evil@evil.test", "x\u{0}\u{2028}Bcc: evil@evil.test\u{85}y",
  ])
  func `no line end in a text becomes a header of its own`(hostile: String) throws {
    var message = MIMEMessage()
    message.subject = hostile
    message.messageID = "<\(hostile)>"
    message.from = [MIMEAddress(name: hostile, address: "a@example.test"), MIMEAddress(address: "a@example.test" + hostile)]
    message.to = [MIMEAddress(name: "n", address: hostile + "@example.test"), MIMEAddress(address: "b@example.test")]
    message.text = "hello"
    message.attachments = [MIMEAttachment(name: hostile, type: hostile, contentID: hostile, bytes: [1])]
    let bytes = try #require(message.composed(seed: hostile))
    let parsed = try #require(MIMEMessage(parsing: bytes))
    #expect(parsed.bcc.isEmpty)
    #expect(parsed.from.map(\.address) == ["a@example.test"])
    #expect(parsed.to.map(\.address) == ["b@example.test"])
    #expect(!String(decoding: bytes, as: UTF8.self).contains(#/(?m)^Bcc:/#))
    #expect(parsed.attachments.count == 1)
  }

  @Test func `an address that mail cannot carry is left out, a foreign domain travels as IDNA`() throws {
    var message = MIMEMessage()
    message.from = [MIMEAddress(name: "Jürgen", address: "jürgen@example.test")]
    message.to = [MIMEAddress(address: "ann@münchen.test"), MIMEAddress(address: "no address"), MIMEAddress(address: "@x")]
    let bytes = try #require(message.composed(seed: "s"))
    #expect(bytes.allSatisfy { $0 < 0x80 })
    let parsed = try #require(MIMEMessage(parsing: bytes))
    #expect(parsed.from.isEmpty)
    #expect(parsed.to.count == 1)
  }
}
