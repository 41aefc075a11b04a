import Foundation
import Testing

@testable import ERP

/// The reader of the ERP's answers beside Foundation's.
@Suite struct JSONNodeTests {
  private func node(_ text: String) throws -> JSONNode { try JSONNode(Array(text.utf8)[...]) }

  /// The same value as Foundation's objects, to compare.
  private func plain(_ node: JSONNode) -> NSObject {
    switch node {
    case .object(let members): NSDictionary(dictionary: Dictionary(members.map { ($0.name, plain($0.value)) }, uniquingKeysWith: { $1 }))
    case .array(let elements): NSArray(array: elements.map(plain))
    case .text(let text): NSString(string: text)
    case .number(let digits): NSNumber(value: Double(digits) ?? .nan)
    case .flag(let flag): NSNumber(value: flag)
    case .null: NSNull()
    }
  }

  private static let good = [
    "null", " true ", "[false]", "0", "-0.5e+3", "[1,2.25,-3E2,1e-2]", "\"\"", "{}", "[]", "[ ]", "{ \"a\" : { } , \"b\" : [ null ] }",
    #""a\"b\\c\/d\b\f\n\r\te""#, #""\u00e9\u4e2d\ud83d\ude00 x""#, "\"Zoë 中 😀\"", "{\"id\":\"x\",\"Name\":{\"value\":\"J\"},\"n\":{}}",
    "\n\t\r [\n1\n]\n",
  ]

  @Test(arguments: good) func `what is JSON is read as Foundation reads it`(_ text: String) throws {
    let expected = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed) as? NSObject
    #expect(plain(try node(text)) == expected)
  }

  @Test(arguments: [
    "", " ", "[", "{", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "01", "-", "1.", "1e", ".5", "+1", "tru", "nul", "\"",
    "\"a", "\"\\x\"", "\"\\u12\"", "\"\\u12G4\"", "\"\n\"", "1 2", "[] []", "'a'", "<html>", "NaN", "[1 2]", "{\"a\" 1}",
  ]) func `what is no JSON is refused`(_ text: String) {
    #expect(throws: JSONNode.Malformed.self) { try node(text) }
  }

  @Test func `every beginning of a document is refused`() throws {
    let whole = Array(#"{"a":[{"value":"x\u00e9\n"},{"value":-1.5e3},true,null]}"#.utf8)
    for length in whole.indices { #expect(throws: JSONNode.Malformed.self) { try JSONNode(whole[..<length]) } }
    #expect(try JSONNode(whole[...])["a"] != nil)
  }

  @Test func `bytes that are not UTF-8 and nesting without end are refused, half a pair is replaced`() throws {
    #expect(throws: JSONNode.Malformed.self) { try JSONNode([0x22, 0xFF, 0x22]) }
    #expect(throws: JSONNode.Malformed.self) { try node(String(repeating: "[", count: 100_000)) }
    #expect(try node(#""a\ud83dz""#) == .text("a\u{FFFD}z"))
    #expect(try node(#""\ud83d\u0041""#) == .text("\u{FFFD}A"))
    #expect(try node(#"{"a":1,"a":2}"#)["a"] == .number("2"))
  }
}
