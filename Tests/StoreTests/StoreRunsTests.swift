import Foundation
import Model
import Testing

@testable import Store

@Suite struct StoreRunsTests {
  private let store: Store

  init() throws { store = try Samples.store() }

  @Test func `an intent is kept until its outcome is recorded, in the order of the ids`() throws {
    func intent(_ id: String, _ mailbox: Mailbox) -> Intent {
      Intent(
        id: OperationID(rawValue: id), run: "r", mailbox: mailbox, kind: .events, side: .exchange, action: "create", link: 7,
        entityID: EntityID(rawValue: "e1"), itemID: nil, payload: Samples.fields, cleared: [.notes, .spouse], sends: 0, time: Samples.noon)
    }
    try store.write { transaction in
      for (id, mailbox) in [("02", Samples.bob), ("01", Samples.alice), ("03", Samples.alice)] { try transaction.open(intent(id, mailbox)) }
      try transaction.markSent(OperationID(rawValue: "01"))
      try transaction.markSent(OperationID(rawValue: "01"))
    }
    var first = intent("01", Samples.alice)
    first.sends = 2
    #expect(try store.read { try $0.openIntents(mailbox: Samples.alice) } == [first, intent("03", Samples.alice)])
    #expect(try store.read { try $0.openIntents(mailbox: nil) }.map(\.id.rawValue) == ["01", "02", "03"])
    try store.write { try $0.close(OperationID(rawValue: "01")) }
    #expect(try store.read { try $0.openIntents(mailbox: Samples.alice) }.map(\.id.rawValue) == ["03"])
  }

  @Test func `a failing record is tried again after growing pauses, and set aside at the eighth`() throws {
    var now = Samples.noon
    var pauses: [Int64] = []
    for tries in 1...9 {
      let retry = try store.write {
        try $0.noteFailure(mailbox: Samples.alice, kind: .tasks, subject: "item:i1", error: "e\(tries)", at: now)
      }
      #expect(retry.tries == tries && retry.since == Samples.noon && retry.reason == "e\(tries)")
      #expect(retry.isSetAside == (tries >= 8))
      #expect(try store.read { try $0.retry(mailbox: Samples.alice, kind: .tasks, subject: "item:i1") } == retry)
      pauses.append(retry.nextAt.milliseconds - now.milliseconds)
      let due = try store.read { reader in
        try [retry.nextAt.advanced(milliseconds: -1), retry.nextAt].map {
          try reader.retries(mailbox: Samples.alice, kind: .tasks, dueAt: $0).count
        }
      }
      #expect(due == [0, retry.isSetAside ? 0 : 1])
      now = retry.nextAt
    }
    #expect(pauses == [60, 120, 240, 480, 960, 1920, 3840, 7680, 15360].map { $0 * 1000 })
  }

  @Test func `a pause is at most six hours, however often a record failed`() throws {
    var retry: Retry?
    for _ in 0..<70 {
      retry = try store.write { try $0.noteFailure(mailbox: Samples.alice, kind: .tasks, subject: "s", error: "e", at: Samples.noon) }
    }
    #expect(retry?.nextAt == Samples.noon.advanced(milliseconds: 6 * 3_600_000))
  }

  @Test func `failures are listed by mailbox and end with a success`() throws {
    for (mailbox, subject) in [(Samples.bob, "item:b"), (Samples.alice, "item:a"), (Samples.alice, "entity:a")] {
      _ = try store.write { try $0.noteFailure(mailbox: mailbox, kind: .contacts, subject: subject, error: "e", at: Samples.noon) }
    }
    #expect(try store.read { try $0.failures(mailbox: nil) }.map(\.mailbox) == [Samples.alice, Samples.alice, Samples.bob])
    #expect(
      try store.read { try $0.retries(mailbox: Samples.alice, kind: nil, dueAt: Samples.noon.advanced(milliseconds: 60_000)) }.count == 2)
    try store.write { try $0.clearFailure(mailbox: Samples.alice, kind: .contacts, subject: "item:a") }
    #expect(try store.read { try $0.failures(mailbox: Samples.alice) }.map(\.subject) == ["entity:a"])
  }

  private func run(_ id: String, _ mailbox: Mailbox, _ kinds: Set<RecordKind>, minute: Int64, ended: Bool = true) -> Run {
    let started = Samples.noon.advanced(milliseconds: minute * 60_000)
    return Run(
      id: id, mailbox: mailbox, kinds: kinds, started: started, ended: ended ? started.advanced(milliseconds: 5) : nil,
      outcome: ended ? "ok" : "running", counts: ["created": 2, "a b": -1], message: ended ? "m" : nil)
  }

  @Test func `cycles are listed latest first, the last of a type is the one that ended`() throws {
    let runs = [
      run("a", Samples.alice, [.contacts, .tasks], minute: 1), run("b", Samples.alice, [.tasks], minute: 2),
      run("c", Samples.bob, [.tasks], minute: 3), run("d", Samples.alice, [.tasks], minute: 4, ended: false),
    ]
    try store.write { transaction in for run in runs { try transaction.start(run) } }
    #expect(try store.read { try $0.runs(mailbox: nil, limit: 10) } == runs.reversed())
    #expect(try store.read { try $0.runs(mailbox: Samples.alice, limit: 2) } == [runs[3], runs[1]])
    #expect(try store.read { try $0.lastRun(mailbox: Samples.alice, kind: .tasks) } == runs[1])
    #expect(try store.read { try $0.lastRun(mailbox: Samples.alice, kind: .contacts) } == runs[0])
    #expect(try store.read { try $0.lastRun(mailbox: Samples.alice, kind: .events) } == nil)
    let ended = run("d", Samples.alice, [.tasks], minute: 4)
    try store.write { try $0.finish(ended) }
    #expect(try store.read { try $0.lastRun(mailbox: Samples.alice, kind: .tasks) } == ended)
    try store.write { try $0.trimRuns(keeping: 2) }
    #expect(try store.read { try $0.runs(mailbox: nil, limit: 10) }.map(\.id) == ["d", "c"])
  }

  @Test func `the journal keeps both versions of what was overwritten, and what was restored`() throws {
    func entry(_ uid: String, _ mailbox: Mailbox) -> JournalEntry {
      JournalEntry(
        id: 0, time: Samples.noon, run: "r", mailbox: mailbox, kind: .contacts, uid: uid, name: "Jane \u{1B}",
        entityID: EntityID(rawValue: "e"),
        itemID: nil,
        losers: [
          Loser(side: .exchange, field: .jobTitle, lost: .text("old"), kept: nil),
          Loser(side: .erp, field: .attendees, lost: Samples.fields[.attendees], kept: .flag(false)),
        ], rule: "ERP wins", restoredAt: nil)
    }
    try store.write { transaction in
      for (uid, mailbox) in [("u1", Samples.alice), ("u2", Samples.alice), ("u1", Samples.bob)] {
        try transaction.journal(entry(uid, mailbox))
      }
    }
    #expect(try store.read { try $0.journal(mailbox: nil, uid: nil, limit: 9) }.map(\.id) == [3, 2, 1])
    #expect(try store.read { try $0.journal(mailbox: nil, uid: nil, limit: 2) }.map(\.id) == [3, 2])
    #expect(try store.read { try $0.journal(mailbox: Samples.alice, uid: "u1", limit: 9) }.map(\.id) == [1])
    var first = try #require(try store.read { try $0.journalEntry(1) })
    var expected = entry("u1", Samples.alice)
    expected.id = 1
    #expect(first == expected)
    first.restoredAt = Samples.noon.advanced(milliseconds: 1)
    try store.write { try $0.journal(first) }
    #expect(try store.read { try $0.journalEntry(1) } == first)
    #expect(try store.read { try $0.journal(mailbox: nil, uid: nil, limit: 9) }.count == 3)
    #expect(try store.read { try $0.journalEntry(99) } == nil)
  }

  @Test func `holds wait for a decision, and are kept after it`() throws {
    func hold(_ id: String, minute: Int64) -> Hold {
      Hold(
        id: id, mailbox: Samples.alice, kind: .contacts, created: Samples.noon.advanced(milliseconds: minute * 60_000),
        reason: "12 deletes",
        plan: ["delete item 'A'", ""], hash: "h", state: .open)
    }
    try store.write { transaction in
      try transaction.save(hold("a", minute: 1))
      try transaction.save(hold("b", minute: 2))
    }
    #expect(try store.read { try $0.holds(open: true) } == [hold("b", minute: 2), hold("a", minute: 1)])
    for state in [Hold.State.approved, .discarded, .done] {
      var decided = hold("b", minute: 2)
      decided.state = state
      try store.write { try $0.save(decided) }
      #expect(try store.read { try $0.hold("b") } == decided)
      #expect(try store.read { try $0.holds(open: true) }.map(\.id) == ["a"])
      #expect(try store.read { try $0.holds(open: false) }.map(\.id) == ["b", "a"])
    }
    #expect(try store.read { try $0.hold("c") } == nil)
  }

  @Test func `the log is read from the end or after a line, by employee and level, oldest first`() throws {
    let entries = LogEntry.Level.allCases.enumerated().map { index, level in
      LogEntry(
        time: Samples.noon, level: level, employee: index.isMultiple(of: 2) ? "alice@example.test" : nil, kind: index == 2 ? .tasks : nil,
        message: "line \(index)")
    }
    try store.write { transaction in for entry in entries { try transaction.append(entry) } }
    func tail(_ limit: Int, _ employee: String?, _ level: LogEntry.Level?) throws -> [LogEntry] {
      try store.read { try $0.logTail(limit: limit, employee: employee, level: level) }.map(\.entry)
    }
    #expect(try tail(9, nil, nil) == entries)
    #expect(try tail(2, nil, nil) == Array(entries.suffix(2)))
    #expect(try tail(9, "alice@example.test", nil) == [entries[0], entries[2], entries[4]])
    for (index, level) in LogEntry.Level.allCases.enumerated() { #expect(try tail(9, nil, level) == Array(entries.prefix(index + 1))) }
    let after = try store.read { try $0.log(after: 2, limit: 2, employee: nil, level: nil) }
    #expect(after.map(\.id) == [3, 4] && after.map(\.entry) == Array(entries[2...3]))
    #expect(try store.read { try $0.log(after: 0, limit: 9, employee: "alice@example.test", level: .warning) }.map(\.id) == [1, 3])
  }

  @Test func `a trimmed log keeps its last lines, and numbers are never used again`() throws {
    func append() throws { try store.write { try $0.append(LogEntry(time: Samples.noon, level: .error, message: "m")) } }
    for _ in 0..<10 { try append() }
    try store.write { try $0.trimLog(keeping: 3) }
    #expect(try store.read { try $0.logTail(limit: 99, employee: nil, level: nil) }.map(\.id) == [8, 9, 10])
    try store.write { try $0.trimLog(keeping: 0) }
    try append()
    #expect(try store.read { try $0.logTail(limit: 99, employee: nil, level: nil) }.map(\.id) == [11])
    try store.write { try $0.trimLog(keeping: 5) }
    #expect(try store.read { try $0.logTail(limit: 99, employee: nil, level: nil) }.count == 1)
  }
}
