import Foundation
import Model
import Render
import Testing

@Suite struct FileNameTests {
  private static func name(_ family: String, kind: RecordKind = .contacts) -> String {
    FileName.make(for: kind, fields: Fields(kind == .contacts ? [.familyName: .text(family)] : [.subject: .text(family)]))
  }

  @Test(arguments: [
    ("Doe", "Doe.vcf"), ("a/b", "a-b.vcf"), ("a\\b", "a-b.vcf"), ("..", "(no name).vcf"), (".hidden", "hidden.vcf"), ("-rf", "rf.vcf"),
    ("...-.x", "x.vcf"), ("end.. ", "end.vcf"), ("two  blanks", "two blanks.vcf"), ("line\nbreak", "line break.vcf"),
    ("tab\tstop", "tab stop.vcf"), ("nul\u{0}l", "null.vcf"), ("esc\u{1B}[31m", "esc[31m.vcf"), ("del\u{7F}", "del.vcf"),
    ("gpj.\u{202E}cod", "gpj.cod.vcf"), ("zero\u{200B}width", "zerowidth.vcf"), ("c1\u{9B}x", "c1x.vcf"), ("\u{2028}", "(no name).vcf"),
    ("   ", "(no name).vcf"), ("/", "(no name).vcf"), ("Zoe\u{308}", "Zo\u{EB}.vcf"), ("👩‍👧", "👩‍👧.vcf"), ("con", "con.vcf"),
    ("日本語", "日本語.vcf"), ("名\u{3000}前", "名 前.vcf"), ("\u{FEFF}bom", "bom.vcf"), ("\u{E000}private", "private.vcf"),
  ])
  func `names are cleaned of what harms a shell, a terminal or a path`(family: String, expected: String) {
    #expect(Self.name(family) == expected)
  }

  @Test(arguments: ["x", "é", "日", "😀", "👩‍👩‍👧‍👦"])
  func `names fit into 255 bytes, cut between characters`(character: String) throws {
    for kind in RecordKind.allCases {
      for count in [1, 50, 100, 200, 260, 400] {
        let text = String(repeating: character, count: count)
        let name = Self.name(text, kind: kind)
        #expect(name.utf8.count <= 255 && name.hasSuffix("." + kind.fileExtension))
        let stem = name.dropLast(kind.fileExtension.count + 1)
        #expect(stem.allSatisfy { String($0) == character }, "a character was torn")
        // As long as it can be: one more would not fit.
        if stem.count < count { #expect(name.utf8.count + character.utf8.count > 255) }
        let marked = FileName.distinguished(name, mark: "a1b2")
        #expect(marked.utf8.count <= 255 && marked.hasSuffix(" ~a1b2." + kind.fileExtension))
      }
    }
  }

  @Test func `a mark stands before the ending, also where the name has dots or no ending`() {
    #expect(FileName.distinguished("J. Doe.vcf", mark: "0f8b") == "J. Doe ~0f8b.vcf")
    #expect(FileName.distinguished("Contacts", mark: "2") == "Contacts ~2")
  }

  @Test func `different marks give different names, however long the name is`() {
    let long = Self.name(String(repeating: "n", count: 300))
    #expect(Set((0..<100).map { FileName.distinguished(long, mark: String($0, radix: 16)) }).count == 100)
  }

  @Test func `events and emails are named by date and subject`() {
    let start = Timestamp(seconds: 1_793_620_800)
    let day = start.utcDate.description
    let subject: [Field: Value] = [.subject: .text("Kick/off"), .start: .instant(start, zone: "Europe/Zurich")]
    #expect(FileName.make(for: .events, fields: Fields(subject)) == "\(day) Kick-off.ics")
    #expect(FileName.make(for: .emails, fields: Fields(subject)) == "\(day) 1200 Kick-off.eml")
    #expect(FileName.make(for: .events, fields: Fields([.start: .date(start.utcDate)])) == "\(day) (no subject).ics")
    #expect(FileName.make(for: .tasks, fields: Fields()) == "(no subject).ics")
  }

  @Test func `random strings never make a name that leaves its directory or cannot be created`() throws {
    let directory = NSTemporaryDirectory() + "concordfs-names-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var random = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      let length = Int.random(in: 0..<400, using: &random)
      let scalars = (0..<length).compactMap { _ in Unicode.Scalar(UInt32.random(in: 0..<0x3000, using: &random)) }
      let text = String(String.UnicodeScalarView(scalars))
      let name = Self.name(text)
      let bytes = Array(name.utf8)
      try #require(
        !bytes.contains(0) && !bytes.contains(UInt8(ascii: "/")) && bytes.count <= 255 && name != "." && name != "..", "\(scalars)")
      let descriptor = open("\(directory)/\(name)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
      try #require(descriptor >= 0, "\(scalars): errno \(errno)")
      close(descriptor)
    }
  }
}
