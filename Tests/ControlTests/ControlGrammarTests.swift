import Model
import Testing

@testable import Control

@Suite struct ControlGrammarTests {
  static let employees: Set<String> = ["alice@example.test", "bob@example.test"]

  /// EINVAL, ENOENT and EACCES of Linux (errno(3)).
  static let (invalid, notFound, denied): (Int32, Int32, Int32) = (22, 2, 13)

  private func refusal(_ body: () throws -> Void) -> ControlRefusal? {
    do {
      try body()
      return nil
    } catch { return error as? ControlRefusal }
  }

  // MARK: Lines

  @Test(arguments: [
    ("all\n", ["all"]), ("all", ["all"]), ("all\nalice@example.test\n", ["all", "alice@example.test"]), ("\n\n all \n\t\n", [" all "]),
    ("all\r\nalice@example.test full\r\n", ["all", "alice@example.test full"]), ("a\tb\n", ["a\tb"]),
  ])
  func `a write is one or more lines, with the line ends of any system`(text: String, lines: [String]) throws {
    #expect(try ControlGrammar.lines(Array(text.utf8)) == lines)
  }

  @Test(arguments: ["", "\n", "  \n\t\n", "\r\n"])
  func `a write without a line is refused`(text: String) {
    #expect(refusal { _ = try ControlGrammar.lines(Array(text.utf8)) }?.code == Self.invalid)
  }

  @Test func `a write has bounds, is UTF-8, and holds no control characters`() throws {
    let longest = String(repeating: "a", count: ControlGrammar.lineLimit)
    #expect(try ControlGrammar.lines(Array(longest.utf8)) == [longest])
    let refused: [[UInt8]] = [
      Array((longest + "a").utf8), Array(repeating: 10, count: ControlGrammar.writeLimit + 1), [0x61, 0xFF], [0xC3], [0x61, 0, 0x62],
      Array("all\u{1B}[2J".utf8), Array("al\rl".utf8), Array("all\u{7F}".utf8),
    ]
    for bytes in refused { #expect(refusal { _ = try ControlGrammar.lines(bytes) }?.code == Self.invalid, "\(bytes.prefix(20))") }
    let most = String(repeating: longest.dropLast() + "\n", count: ControlGrammar.writeLimit / ControlGrammar.lineLimit)
    #expect(try ControlGrammar.lines(Array(most.utf8)).count == 16)
  }

  // MARK: sync

  private func request(_ line: String, owner: String? = nil) throws -> SyncRequest {
    try ControlGrammar.syncRequest(line, owner: owner, employees: Self.employees)
  }

  @Test(arguments: [
    ("all", SyncRequest(employee: nil)), ("ALL  wait", SyncRequest(employee: nil, waits: true)),
    ("alice@example.test", SyncRequest(employee: "alice@example.test")),
    ("  Alice@Example.TEST ", SyncRequest(employee: "alice@example.test")),
    ("alice@example.test contacts", SyncRequest(employee: "alice@example.test", kinds: [.contacts])),
    ("all tasks events", SyncRequest(employee: nil, kinds: [.tasks, .events])),
    ("all tasks,emails", SyncRequest(employee: nil, kinds: [.tasks, .emails])),
    ("bob@example.test full", SyncRequest(employee: "bob@example.test", isFull: true)),
    ("bob@example.test\tevents full wait", SyncRequest(employee: "bob@example.test", kinds: [.events], isFull: true, waits: true)),
    ("all wait full contacts", SyncRequest(employee: nil, kinds: [.contacts], isFull: true, waits: true)),
  ])
  func `a request names everybody or an employee, then types, full and wait`(line: String, expected: SyncRequest) throws {
    #expect(try request(line) == expected)
  }

  @Test(arguments: ["all", "alice@example.test", "contacts", "contacts wait", "full", "wait", "all full", "alice@example.test tasks"])
  func `in an employee's directory a request is for this employee, and the address can be left out`(line: String) throws {
    #expect(try request(line, owner: "alice@example.test").employee == "alice@example.test")
  }

  @Test func `what is not understood is EINVAL and names the word and what is allowed`() {
    for line in [
      "everybody", "all contact", "all contacts now", "all all", "alice@example.test bob@example.test", "contacts", "wait", "full", "all ,",
      "all contacts,", "all ,tasks", "all contacts,,tasks", "all; reboot", "all -f", "all ../../etc",
    ] {
      #expect(refusal { _ = try request(line) }?.code == Self.invalid, "\(line)")
    }
    let reason = refusal { _ = try request("all contact") }?.reason ?? ""
    #expect(reason.contains("'contact'") && reason.contains("contacts, tasks, events, emails, full, wait"))
  }

  @Test func `an unknown employee is ENOENT, another one's directory EACCES`() {
    #expect(refusal { _ = try request("carol@example.test") }?.code == Self.notFound)
    #expect(refusal { _ = try request("carol@example.test contact") }?.code == Self.notFound)
    let other = refusal { _ = try request("bob@example.test", owner: "alice@example.test") }
    #expect(other?.code == Self.denied)
    #expect(other?.reason.contains("alice@example.test") == true)
    // Whether somebody else exists is no business of an employee.
    #expect(refusal { _ = try request("carol@example.test", owner: "alice@example.test") }?.code == Self.denied)
  }

  @Test func `a request's line asks for the same again`() throws {
    for employee in [nil, "alice@example.test"] {
      for kinds in [nil, [.contacts], [.tasks, .events], Set(RecordKind.allCases)] as [Set<RecordKind>?] {
        for isFull in [false, true] {
          for waits in [false, true] {
            let original = SyncRequest(employee: employee, kinds: kinds, isFull: isFull, waits: waits)
            #expect(try request(original.line) == original)
          }
        }
      }
    }
  }

  // MARK: ctl

  private func command(_ line: String) throws -> ControlCommand {
    try ControlGrammar.command(line, employees: Self.employees, holds: ["h1"])
  }

  @Test(arguments: [
    ("reload", ControlCommand.reload), (" reload\t", .reload), ("pause", .pause(nil)), ("pause all", .pause(nil)),
    ("pause Alice@example.test", .pause("alice@example.test")), ("resume", .resume(nil)), ("resume all", .resume(nil)),
    ("resume bob@example.test", .resume("bob@example.test")), ("approve h1", .approve("h1")), ("discard h1", .discard("h1")),
    ("log-level verbose", .logLevel(.verbose)), ("log-level critical", .logLevel(.critical)),
  ])
  func `every command is understood`(line: String, expected: ControlCommand) throws { #expect(try command(line) == expected) }

  @Test func `what is no command is EINVAL, who or what is not there ENOENT`() {
    for line in [
      "", "restart", "reload now", "pause alice@example.test bob@example.test", "approve", "discard", "approve h1 h2", "log-level",
      "log-level loud", "sync all", "RELOAD",
    ] {
      #expect(refusal { _ = try command(line) }?.code == Self.invalid, "\(line)")
    }
    for line in ["pause carol@example.test", "resume carol@example.test", "approve h2", "discard H1"] {
      #expect(refusal { _ = try command(line) }?.code == Self.notFound, "\(line)")
    }
    let reason = refusal { _ = try command("log-level loud") }?.reason ?? ""
    #expect(reason.contains("critical, error, warning, informational, verbose"))
  }

  // MARK: What is shown

  @Test func `what is shown is one line without escapes and without marks that turn text around`() {
    #expect(ControlGrammar.printable("a\u{1B}[31mb") == "a\\u{1b}[31mb")
    #expect(ControlGrammar.printable("a\nb\r\u{2028}c") == "a\\u{a}b\\u{d}\\u{2028}c")
    #expect(ControlGrammar.printable("\u{202E}txt.exe") == "\\u{202e}txt.exe")
    #expect(ControlGrammar.printable("Zoë 東京 😀") == "Zoë 東京 😀")
    #expect(ControlGrammar.printable(String(repeating: "x", count: 5000)).count == 400)
    let reason = refusal { _ = try request("\u{202E}lla") }?.reason ?? "\u{202E}"
    #expect(!reason.unicodeScalars.contains("\u{202E}"))
  }

  @Test func `no bytes take the parser down, and what is accepted is accepted again`() {
    var state: UInt64 = 42
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(bound))
    }
    let words = [
      "all", "alice@example.test", "x@y", "contacts", "tasks,events", "full", "wait", "reload", ",", "\u{FEFF}", "\n", "\r\n", "é",
    ]
    var accepted = 0
    for _ in 0..<3000 {
      var bytes = Array((0..<next(6)).map { _ in words[next(words.count)] }.joined(separator: " ").utf8)
      if next(3) == 0, !bytes.isEmpty { bytes[next(bytes.count)] = UInt8(next(256)) }
      guard let lines = try? ControlGrammar.lines(bytes) else { continue }
      for line in lines {
        guard let first = try? request(line) else { continue }
        accepted += 1
        #expect((try? request(first.line)) == first, "\(line)")
      }
    }
    #expect(accepted > 100)
  }
}
