import Model
import Store

/// One round: the ERP was read once, then the mailboxes are turned, several of them at once where the round allows it.
final class Round: Sendable {
  /// What came of one spoke's turn.
  private struct Turn: Sendable {
    var report: CycleReport
    /// Whether its mailbox was asked at all.
    var isTried = false
  }

  let parts: EngineParts
  let log: SyncLog
  let settings: Settings
  let people: [ERPEmployee]
  /// Record types that could not be read from the ERP; the others go on.
  let failures: [RecordKind: SyncError]
  /// Whether notifications set it off: its cycles ask for no more than what was told of.
  private let isWoken: Bool
  /// Mailboxes that are turned at once.
  private let width: Int

  private let colleagues: Set<String>
  private let owner: OwnerLock
  private let breaker: CircuitBreaker
  private let lock = RecordsLock()

  /// How often what one mailbox brought into the ERP is carried on to the others.
  private static let limit = 3

  init(
    parts: EngineParts, log: SyncLog, settings: Settings, people: [ERPEmployee], failures: [RecordKind: SyncError], isWoken: Bool,
    width: Int
  ) {
    self.parts = parts
    self.log = log
    self.settings = settings
    self.people = people
    self.failures = failures
    self.isWoken = isWoken
    self.width = width
    colleagues = Set((people.compactMap(\.email) + settings.employees.map(\.email)).map { $0.lowercased() })
    owner = OwnerLock(parts: parts, log: log)
    breaker = CircuitBreaker(parts: parts, log: log)
  }

  func cycle(_ spoke: Spoke) -> Cycle {
    Cycle(
      parts: parts, log: log, guards: settings.guards, spoke: spoke, employee: people.first { $0.id == spoke.employee.id },
      colleagues: colleagues, exchange: parts.exchange[spoke.account.name] ?? MissingAccount(name: spoke.account.name), owner: owner,
      lock: lock, isWoken: isWoken)
  }

  /// Turns every spoke whose records could be read, what rests after many failures excepted, and carries on what that brought into the ERP.
  /// - Parameter isUrged: also what rests.
  /// - Returns: a report for each spoke that was reached before the round was cancelled.
  func serve(
    _ spokes: [Spoke], full: Bool = false, isUrged: Bool = false, progress: @escaping @Sendable (CycleProgress) -> Void = { _ in }
  ) async throws(SyncError) -> [CycleReport] {
    var turns = try await turn(spokes, full: full, isUrged: isUrged, progress: progress)
    try await carryOn(&turns, spokes, progress: progress)
    note(turns, spokes)
    return turns.compactMap { $0?.report }
  }

  /// - Returns: a turn for each spoke; nil: the round was cancelled before.
  private func turn(
    _ spokes: [Spoke], full: Bool, isUrged: Bool, progress: @escaping @Sendable (CycleProgress) -> Void
  ) async throws(SyncError) -> [Turn?] {
    try await lanes(spokes) { [self] spoke throws(SyncError) in
      if let failure = failures[spoke.kind] { return Turn(report: CycleReport(unread: spoke, failure)) }
      if !isUrged, let pause = try breaker.pause(spoke) { return Turn(report: CycleReport(unread: spoke, pause)) }
      return Turn(report: await cycle(spoke).run(full: full, progress: progress), isTried: true)
    }
  }

  /// Carries to the mailboxes what changed in the ERP, without asking them what changed there. What rests after many failures, or has never
  /// been synchronized, is the schedule's.
  /// - Returns: a report for each spoke that was behind.
  func carry(_ spokes: [Spoke]) async throws(SyncError) -> [CycleReport] {
    try await lanes(spokes) { [self] spoke throws(SyncError) -> CycleReport? in
      if let failure = failures[spoke.kind] { return CycleReport(unread: spoke, failure) }
      guard isBehind(spoke), try breaker.pause(spoke) == nil, try parts.store.read({ try $0.cursor(spoke.initialisedCursor) }) != nil else {
        return nil
      }
      return await cycle(spoke).run(full: false, entitiesOnly: true) { _ in }
    }.compactMap { $0 ?? nil }
  }

  /// What one mailbox brought into the ERP reaches the mailboxes that were turned before it in the same round.
  private func carryOn(
    _ turns: inout [Turn?], _ spokes: [Spoke], progress: @escaping @Sendable (CycleProgress) -> Void
  ) async throws(SyncError) {
    for _ in 1..<Self.limit {
      let due = turns.indices.filter { turns[$0]?.report.succeeded ?? false }
      let more = try await lanes(due.map { spokes[$0] }) { [self] spoke throws(SyncError) -> CycleReport? in
        guard isBehind(spoke) else { return nil }
        return await cycle(spoke).run(full: false, entitiesOnly: true, progress: progress)
      }
      var wroteAnything = false
      for case (let index, let report??) in zip(due, more) {
        turns[index]?.report.add(report)
        if report.wroteAnything { wroteAnything = true }
      }
      if !wroteAnything { return }
    }
  }

  /// Counts failures in a row.
  private func note(_ turns: [Turn?], _ spokes: [Spoke]) {
    do throws(SyncError) {
      try breaker.note(zip(spokes, turns).compactMap { spoke, turn in turn.flatMap { $0.isTried ? (spoke, $0.report) : nil } })
    } catch {
      log.write(.error, "the failures of this round could not be counted: \(error)")
    }
  }

  /// Does something with each spoke: with those of one mailbox one after the other, with several mailboxes at once.
  /// - Returns: the answers in the order of the spokes; nil: the round was cancelled before.
  private func lanes<Answer: Sendable>(
    _ spokes: [Spoke], _ body: @escaping @Sendable (Spoke) async throws(SyncError) -> Answer
  ) async throws(SyncError) -> [Answer?] {
    if width <= 1 {
      var answers: [Answer?] = []
      for spoke in spokes where !Task.isCancelled { answers.append(try await body(spoke)) }
      return answers + Array(repeating: nil, count: spokes.count - answers.count)
    }
    let lanes = Dictionary(grouping: spokes.indices, by: { spokes[$0].mailbox }).values.sorted { $0[0] < $1[0] }
    let answers = try await sideBySide(lanes, width: width) { lane throws(SyncError) in
      var answers: [(place: Int, answer: Answer)] = []
      for place in lane {
        if Task.isCancelled { break }
        answers.append((place, try await body(spokes[place])))
      }
      return answers
    }
    let placed = Dictionary(answers.flatMap { $0 }.map { ($0.place, $0.answer) }, uniquingKeysWith: { $1 })
    return spokes.indices.map { placed[$0] }
  }

  private func isBehind(_ spoke: Spoke) -> Bool {
    do {
      return try parts.store.read { reader in
        let done = Int64(try reader.cursor(spoke.progressCursor(.erp)) ?? "") ?? 0
        return try reader.lastEntityRevision(kind: spoke.kind) > done
      }
    } catch {
      log.write(.error, "the cache could not be read: \(error)", spoke)
      return false
    }
  }
}

extension CycleReport {
  /// Adds what a further cycle of the same spoke did.
  fileprivate mutating func add(_ more: CycleReport) {
    counts.merge(more.counts, uniquingKeysWith: +)
    failures += more.failures
    error = more.error
    hold = more.hold
  }
}
