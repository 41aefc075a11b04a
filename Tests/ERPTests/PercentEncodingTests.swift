import Foundation
import Testing

@testable import ERP

@Suite struct PercentEncodingTests {
  @Test func `every character is encoded as Foundation encodes it`() {
    var allowed = CharacterSet.alphanumerics
    allowed.insert(charactersIn: "-._~")
    let characters = (0..<0x3000 as Range<UInt32>).compactMap { Unicode.Scalar($0).map { String($0) } }
    for text in characters + ["a b", "Zoë 中 😀", "", "LastName eq 'O''Neil'"] {
      #expect(PercentEncoding.encoded(text) == text.addingPercentEncoding(withAllowedCharacters: allowed), "\(text)")
    }
    #expect(PercentEncoding.encoded("$a/b,c d", keeping: "$/,") == "$a/b,c%20d")
  }
}
