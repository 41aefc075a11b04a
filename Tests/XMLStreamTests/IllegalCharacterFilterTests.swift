import Testing

@testable import XMLStream

@Suite struct IllegalCharacterFilterTests {
  private func filtered(_ bytes: [UInt8], piecesOf size: Int) -> [UInt8] {
    var filter = IllegalCharacterFilter()
    var result: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: size) {
      bytes[start..<min(start + size, bytes.count)].withUnsafeBufferPointer { piece in
        filter.filter(piece) { result.append(contentsOf: $0) }
      }
    }
    filter.finish { result.append(contentsOf: $0) }
    return result
  }

  @Test(arguments: [
    ("plain\ttext\r\n", "plain\ttext\r\n"),
    ("a\u{0}b\u{8}c\u{1F}d\u{7F}", "abcd\u{7F}"),
    ("&#0;&#x0;&#8;&#x1f;&#xB;&#12;&#xFFFE;&#65535;&#xD800;&#xDFFF;&#x110000;&#99999999999999;", ""),
    ("&#9;&#xA;&#13;&#x20;&#xD7FF;&#xE000;&#xFFFD;&#x10000;&#x10FFFF;", "&#9;&#xA;&#13;&#x20;&#xD7FF;&#xE000;&#xFFFD;&#x10000;&#x10FFFF;"),
    ("&#x0000000000001F;", ""),
    ("&amp;&lt;&#;&#x;&#xG;&#1 ;&&#&#x&#1", "&amp;&lt;&#;&#x;&#xG;&#1 ;&&#&#x&#1"),
    ("&&#1;#1;", "&#1;"),
    ("\u{FFFD}\u{FFFE}\u{FFFF}\u{FEFF}\u{FB00}", "\u{FFFD}\u{FEFF}\u{FB00}"),
    ("<![CDATA[&#1;\u{1}]]&#1;]]>&#1;<![CDATA[]]]>&#1;", "<![CDATA[&#1;]]&#1;]]><![CDATA[]]]>"),
    ("<![CDAT[&#1;<![CDATA &#1;]]>", "<![CDAT[<![CDATA ]]>"),
    ("<<![CDATA[&#1;]]>", "<<![CDATA[&#1;]]>"),
  ])
  func `forbidden characters go, all else stays, in whatever pieces`(input: String, output: String) {
    for size in 1...12 + input.utf8.count {
      #expect(String(decoding: filtered(Array(input.utf8), piecesOf: size), as: UTF8.self) == output, "pieces of \(size)")
    }
  }

  @Test func `bytes that are no UTF-8 pass for the parser to judge`() {
    for bytes in [[0xFF, 0xFE, 0x80], [0xEF], [0xEF, 0xBF], [0xEF, 0x41, 0xEF, 0xBF, 0x41]] as [[UInt8]] {
      for size in 1...5 { #expect(filtered(bytes, piecesOf: size) == bytes) }
    }
  }

  @Test func `random bytes come out the same however they are cut`() {
    var random = SplitMix(seed: 11)
    let alphabet = Array("&#x10FEDA;<![CDATA[]]>ab\u{1}".utf8) + [0xEF, 0xBF, 0xBE]
    for _ in 0..<2000 {
      let bytes = (0..<40).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] }
      let whole = filtered(bytes, piecesOf: bytes.count)
      for size in [1, 2, 3, 7] { #expect(filtered(bytes, piecesOf: size) == whole, "\(String(decoding: bytes, as: UTF8.self))") }
    }
  }
}
