import Foundation
import Model
import Testing

@testable import Render

@Suite struct VCardTests {
  private static let revision = Timestamp(seconds: 1_793_620_800)

  private static func render(_ fields: [Field: Value]) -> String {
    String(decoding: VCard.render(uid: "0f8b", fields: Fields(fields), revision: revision), as: UTF8.self)
  }

  /// Lines as a reader sees them: unfolded.
  private static func lines(_ card: String) -> [String] {
    var unfolded: [UInt8] = []
    // By octets: a blank before a joiner is one character with it.
    for byte in card.utf8 {
      if byte == 32, unfolded.suffix(2) == [13, 10] { unfolded.removeLast(2) } else { unfolded.append(byte) }
    }
    return unfolded.split(separator: 10).map { String(decoding: $0.dropLast(), as: UTF8.self) }
  }

  /// Undoes the escapes of a text value (RFC 2426 section 4).
  private static func unescaped(_ text: String) -> String {
    var result = ""
    var isEscaped = false
    for scalar in text.unicodeScalars {
      if isEscaped {
        result.unicodeScalars.append(scalar == "n" || scalar == "N" ? "\n" : scalar)
        isEscaped = false
      } else if scalar == "\\" {
        isEscaped = true
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// Texts that break careless writers.
  static let hostile = [
    "a;b,c\\d", "line one\nline two", "old\r\nmac\rend", "tab\there", "\u{0}\u{1}\u{1B}[31mred\u{7F}", "\u{85}\u{2028}\u{2029}",
    "END:VCARD\r\nBEGIN:VCARD", "X\nEMAIL:evil@example.test", "\\n", "\\\\", ";;;", "\"quoted\"", "😀👩‍👩‍👧‍👦🇨🇭", "مرحبا\u{202E}abc", "日本語",
    String(repeating: "é", count: 200), String(repeating: "👩‍👩‍👧‍👦", count: 40), " leading and trailing ", ":", "=\u{FEFF}",
  ]

  @Test(arguments: hostile)
  func `any text stays inside its property`(text: String) {
    let card = Self.render([.familyName: .text(text), .notes: .text(text), .company: .text(text), .email1: .text(text)])
    let lines = Self.lines(card)
    #expect(lines.filter { $0 == "BEGIN:VCARD" }.count == 1 && lines.filter { $0 == "END:VCARD" }.count == 1)
    let names = lines.map { line in String(line.prefix { $0 != ":" && $0 != ";" }) }
    #expect(names == ["BEGIN", "VERSION", "UID", "REV", "FN", "N", "ORG", "EMAIL", "NOTE", "END"])
    let kept = text.unicodeScalars.filter { !($0.value < 0x20 && !"\t\n\r\u{0B}\u{0C}".unicodeScalars.contains($0)) && $0.value != 0x7F }
    let expected = String(String.UnicodeScalarView(kept)).replacing("\r\n", with: "\n").replacing("\r", with: "\n")
      .replacing("\u{85}", with: "\n").replacing("\u{2028}", with: "\n").replacing("\u{2029}", with: "\n")
    let note = lines.first { $0.hasPrefix("NOTE:") }.map { Self.unescaped(String($0.dropFirst(5))) }
    #expect(note == expected)
  }

  @Test(arguments: hostile)
  func `lines are folded at 75 octets, on the edges of characters, and end in CR LF`(text: String) {
    let bytes = VCard.render(uid: "0f8b", fields: Fields([.notes: .text(text), .familyName: .text(text)]), revision: Self.revision)
    #expect(bytes.suffix(2) == [13, 10])
    for (index, byte) in bytes.enumerated() where byte == 10 || byte == 13 {
      #expect(byte == 10 ? index > 0 && bytes[index - 1] == 13 : index + 1 < bytes.count && bytes[index + 1] == 10)
    }
    for line in bytes.split(separator: 10) {
      let content = line.dropLast()
      #expect(content.count <= 75)
      #expect(String(validating: content, as: UTF8.self) != nil, "a character is torn")
    }
  }

  @Test func `folding is exact: 75 octets stay, 76 are folded`() {
    func widths(_ count: Int) -> [Int] {
      VCard.render(uid: "u", fields: Fields([.notes: .text(String(repeating: "x", count: count))]), revision: Self.revision)
        .split(separator: 10).map { $0.count - 1 }
    }
    // "NOTE:" takes five octets; a continuation starts with a blank.
    #expect(widths(70).contains(75) && !widths(70).contains(2))
    #expect(widths(71).contains(75) && widths(71).contains(2))
  }

  @Test func `the same fields give the same bytes`() {
    let fields: [Field: Value] = [
      .familyName: .text("Doe"), .categories: .set(["b", "a"]), .phoneMobile: .text("1"), .email1: .text("a@b.test"),
    ]
    #expect(Self.render(fields) == Self.render(fields))
  }

  @Test func `a name is shown even where the record has none`() {
    #expect(VCard.formattedName(Fields([.title: .text("Dr."), .givenName: .text("Zoë"), .familyName: .text("Li")])) == "Dr. Zoë Li")
    #expect(VCard.formattedName(Fields([.displayName: .text("The Desk")])) == "The Desk")
    #expect(VCard.formattedName(Fields([.company: .text("Acme")])) == "Acme")
    #expect(VCard.formattedName(Fields([.email1: .text("a@b.test")])) == "a@b.test")
    #expect(VCard.formattedName(Fields()) == "(no name)")
  }

  /// Every field of a contact shows in the card: what is added to the model and forgotten here is found.
  @Test func `every field of a contact has its place`() throws {
    for field in Field.contactFields {
      let value: Value =
        switch field {
        case .birthday: .date(CivilDate(dayNumber: -700))
        case .categories: .set(["marker-text"])
        default: .text("marker-text")
        }
      let marker = field == .birthday ? "1968-02-01" : "marker-text"
      #expect(Self.render([field: value]).contains(marker), "\(field)")
    }
  }

  // MARK: Snapshots

  static let snapshots: [(name: String, fields: [Field: Value])] = [
    ("empty", [:]),
    (
      "full",
      [
        .title: .text("Dr."), .givenName: .text("Žofie"), .middleName: .text("Anne"), .familyName: .text("O'Neill; Søn"),
        .suffix: .text("Jr."), .nickname: .text("Zo"), .jobTitle: .text("Head of R&D, Lager & Versand"),
        .company: .text("Müller \"Söhne\" AG"), .department: .text("Einkauf"), .email1: .text("zofie@example.test"),
        .email2: .text("z.private@example.test"), .email3: .text("third@example.test"), .phoneBusiness: .text("+41 44 111 22 33"),
        .phoneBusiness2: .text("+41 44 111 22 34"), .phoneCompany: .text("+41 44 111 00 00"), .phoneMobile: .text("+41 79 111 22 33"),
        .phoneHome: .text("+41 44 999 22 33"), .phoneAssistant: .text("+41 44 111 22 00"), .faxBusiness: .text("+41 44 111 22 39"),
        .faxHome: .text("+41 44 999 22 39"), .street: .text("Bahnhofstrasse 1\nPostfach 7"), .city: .text("Zürich"), .state: .text("ZH"),
        .postalCode: .text("8001"), .country: .text("CH"), .webPage: .text("https://www.example.test/?a=1,2;b"),
        .spouse: .text("Jan"), .notes: .text("First line, with a comma\nSecond line; with a semicolon\n\nLast \\ line 日本語"),
        .categories: .set(["ERP", "Golf, Club"]),
      ]
    ),
  ]

  @Test(arguments: snapshots.map(\.name))
  func `cards are as they were`(name: String) throws {
    var fields = try #require(Self.snapshots.first { $0.name == name }).fields
    if name == "full" { fields[.birthday] = CivilDate(year: 1969, month: 2, day: 28).map { .date($0) } }
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Snapshots/\(name).vcf")
    let card = Self.render(fields)
    if ProcessInfo.processInfo.environment["CONCORDFS_RECORD"] != nil { try Data(card.utf8).write(to: file) }
    #expect(try String(contentsOf: file, encoding: .utf8) == card)
  }
}
