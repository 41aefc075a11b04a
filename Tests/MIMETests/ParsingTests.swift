import MIME
import Testing

private func parsed(_ lines: String...) -> MIMEMessage? { MIMEMessage(parsing: Array(lines.joined(separator: "\r\n").utf8)) }

@Suite struct ParsingTests {
  @Test func `of alternatives both texts are read, not one behind the other`() throws {
    let message = try #require(
      parsed(
        "From: a@x.test", "MIME-Version: 1.0", "Content-Type: multipart/alternative; boundary=b", "", "--b", "Content-Type: text/plain", "",
        "plain", "--b", "Content-Type: text/html; charset=iso-8859-1", "Content-Transfer-Encoding: quoted-printable", "", "<b>=FCber</b>",
        "--b--", ""))
    #expect(message.text == "plain")
    #expect(message.html == "<b>über</b>")
    #expect(message.attachments.isEmpty)
  }

  @Test func `a message within a message becomes a file`() throws {
    let message = try #require(
      parsed(
        "Subject: outer", "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: text/plain", "",
        "see below",
        "--b", "Content-Type: message/rfc822", "", "Subject: the / inner", "", "inside", "--b--", ""))
    #expect(message.text == "see below")
    #expect(message.attachments.map(\.name) == ["the - inner.eml"])
    #expect(String(decoding: message.attachments[0].bytes, as: UTF8.self).contains("inside"))
  }

  @Test func `files of one name get names of their own, and never a path`() throws {
    let file = [
      "--b", "Content-Type: application/pdf; name=\"a.pdf\"", "Content-Disposition: attachment; filename=\"../../etc/a.pdf\"", "", "x",
    ]
    let lines = ["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b", ""] + file + file + ["--b--", ""]
    let message = try #require(MIMEMessage(parsing: Array(lines.joined(separator: "\r\n").utf8)))
    #expect(message.attachments.map(\.name) == ["a.pdf", "a (2).pdf"])
  }

  @Test func `multiparts within multiparts without end are survived`() throws {
    var text = "MIME-Version: 1.0\r\n"
    for level in 0..<3000 { text += "Content-Type: multipart/mixed; boundary=b\(level)\r\n\r\n--b\(level)\r\n" }
    text += "Content-Type: text/plain\r\n\r\ndeep\r\n"
    #expect(MIMEMessage(parsing: Array(text.utf8)) != nil)
  }

  @Test func `any bytes are survived`() {
    var state: UInt64 = 7
    for _ in 0..<300 {
      var bytes = Array("From: a@x\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\n\r\ntext\r\n--b--\r\n".utf8)
      for _ in 0..<12 {
        state = state &* 6_364_136_223_846_793_005 &+ 1
        bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 20)
      }
      _ = MIMEMessage(parsing: bytes)
    }
    #expect(MIMEMessage(parsing: []) == nil)
  }

  @Test func `addresses are read as people type them`() {
    let people = MIMEMessage.addresses(in: "Ann Lee <ann@x.test>; \"Lee; Bob\" <bob@x.test>, carol@x.test;nonsense; <>")
    #expect(
      people == [
        MIMEAddress(name: "Ann Lee", address: "ann@x.test"), MIMEAddress(name: "Lee; Bob", address: "bob@x.test"),
        MIMEAddress(address: "carol@x.test"),
      ])
    #expect(MIMEMessage.addresses(in: MIMEMessage.text(of: people)) == people)
    #expect(MIMEMessage.addresses(in: "a@x.test\r\nBcc: evil@x.test\nb@x.test").map(\.address) == ["a@x.test", "b@x.test"])
  }

  @Test func `a paragraph comes before the end of the body`() {
    #expect(HTMLText.appending("<p>n</p>", to: "<html><body>x</BODY></html>") == "<html><body>x<p>n</p></BODY></html>")
    #expect(HTMLText.appending("<p>n</p>", to: "x") == "x<p>n</p>")
  }
}
