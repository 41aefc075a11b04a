import Model
import Reconcile
import Store

/// One cycle of one spoke: recover, read, decide, guard, write.
struct Cycle: Sendable {
  let parts: EngineParts
  let log: SyncLog
  let guards: Guards
  let spoke: Spoke
  let employee: ERPEmployee?
  /// Addresses of all employees, in lower case.
  let colleagues: Set<String>
  let exchange: any ExchangePort
  let owner: OwnerLock
  /// Shared with the cycles of other mailboxes that go at the same time.
  let lock: RecordsLock
  /// Whether the mailbox told of a change: then it is asked for that alone.
  let isWoken: Bool

  /// Pairs decided at once where nothing is written.
  static let chunk = 100
  /// Pairs decided and written at once: several batches for each connection, so that none waits long for the others.
  private var chunk: Int { min(max(4 * spoke.account.updateBatch * spoke.account.concurrency, Self.chunk), 1000) }
  /// How often a cycle looks again at what its own writes brought up.
  static let passes = 3

  /// Runs the cycle. Errors that end it are in the report; nothing is thrown.
  /// - Parameter entitiesOnly: only what other mailboxes brought into the ERP in this round.
  func run(full: Bool, entitiesOnly: Bool = false, progress: @Sendable (CycleProgress) -> Void) async -> CycleReport {
    let started = parts.surroundings.now()
    var record = Run(
      id: parts.surroundings.operationID().rawValue, mailbox: spoke.mailbox, kinds: [spoke.kind], started: started, ended: nil,
      outcome: "running",
      counts: [:], message: nil)
    var report = CycleReport(employee: spoke.employee.email, kind: spoke.kind, counts: [:], failures: 0, hold: nil, error: nil)
    do throws(SyncError) {
      if !entitiesOnly {
        let opened = record
        try parts.store.write { try $0.start(opened) }
      }
      try await turn(run: record.id, full: full, entitiesOnly: entitiesOnly, &report, progress)
    } catch {
      report.error = error
      log.write(error.code == .throttled ? .warning : .error, "the cycle ended early: \(error)", spoke)
    }
    record.ended = parts.surroundings.now()
    record.outcome = report.error != nil ? "failed" : report.hold != nil ? "held" : "ok"
    record.counts = report.counts.merging(["failures": report.failures], uniquingKeysWith: +)
    record.message = report.error?.description ?? report.hold.map { "held for a decision: \($0)" }
    let finished = record
    if !entitiesOnly || report.wroteAnything {
      do { try parts.store.write { try $0.finish(finished) } } catch { log.write(.error, "the run could not be recorded: \(error)", spoke) }
    }
    if report.wroteAnything {
      let what = report.counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
      log.write(.informational, "synchronized: \(what)", spoke)
    }
    return report
  }

  private func turn(
    run: String, full: Bool, entitiesOnly: Bool, _ report: inout CycleReport, _ progress: @Sendable (CycleProgress) -> Void
  ) async throws(SyncError) {
    try checkEmployee()
    if spoke.account.isTestOnly { return try await reportOnly() }
    try await owner.enter(spoke, exchange, trustsMemory: isWoken)
    try await letLostWritesSettle()
    let relocation = Relocation(parts: parts, log: log, spoke: spoke, exchange: exchange)
    guard let folder = try await relocation.folder(acceptsNew: full, trustsCache: isWoken) else {
      throw SyncError(.folderNotFound, "\(spoke.mailbox.address) has no folder '\(spoke.folderName)' and this account may not create it")
    }
    let executor = Executor(
      parts: parts, log: log, spoke: spoke, employee: employee, colleagues: colleagues, exchange: exchange, folder: folder,
      run: run)
    try prepareTree()
    try await Recovery(executor: executor, guards: guards).settleOpenIntents(lock)
    if !entitiesOnly {
      let moved = try await arrive(relocation, folder)
      if moved > 0 { report.counts["moved-items"] = moved }
    }
    let isFirstRun = try parts.store.read { try $0.cursor(spoke.initialisedCursor) } == nil
    if !entitiesOnly {
      let feed = MailboxFeed(parts: parts, log: log, spoke: spoke, exchange: exchange)
      report.counts["read-items"] = try await feed.refresh(folder: folder, full: full, progress: progress)
      if isFirstRun { try await keepAwayFromMovedItems(folder) }
      try await ensureCategory()
      try startOverIfPolicyChanged(full: full)
    }
    // A mailbox that a lost cache served and that lists nothing may only seem empty: what it brings next is compared as in a first run too.
    let seemsEmpty = isFirstRun && owner.hasLostCache(spoke) ? try listsNothing() : false
    // What a first run whose process ended left alone nobody counted.
    let isResumed = isFirstRun ? try hasProgress() : false
    guard try await decideAndWrite(isFirstRun: isFirstRun, executor, &report, progress), report.failures == 0 else { return }
    if seemsEmpty { try parts.store.write { try $0.setCursor(spoke.folderCursor(folder), nil) } }
    if isFirstRun && !seemsEmpty { try endFirstRun(leftSome: isResumed || report.counts["left", default: 0] > 0) }
    if !entitiesOnly { try parts.store.write { try Marks.settle(spoke, $0) } }
  }

  private func hasProgress() throws(SyncError) -> Bool {
    try parts.store.read { reader in try SystemSide.allCases.contains { try reader.cursor(spoke.progressCursor($0)) != nil } }
  }

  private func listsNothing() throws(SyncError) -> Bool {
    try parts.store.read { try $0.items(kind: spoke.kind, mailbox: spoke.mailbox, after: 0, limit: 1).isEmpty }
  }

  /// What a cache that is gone had under way when it was lost may still come into being, and nobody would look it up: it is given its time, and
  /// what the ERP got meanwhile is read.
  private func letLostWritesSettle() async throws(SyncError) {
    guard let left = owner.settling(spoke, guards) else { return }
    if left > 0 { try await parts.letSettle(milliseconds: left) }
    let hold = await RecordsHold(lock)
    defer { hold.end() }
    _ = try await ERPFeed(parts: parts, log: log).refresh(spoke.kind, full: false, comparesAll: false) { _ in }
  }

  /// Decides about everything that changed, and carries it out where the guards let it.
  /// - Returns: false where it is held for a person's decision.
  private func decideAndWrite(
    isFirstRun: Bool, _ executor: Executor, _ report: inout CycleReport, _ progress: @Sendable (CycleProgress) -> Void
  ) async throws(SyncError) -> Bool {
    var hold = await RecordsHold(lock)
    defer { hold.end() }
    var planner = try Planner.make(self, isFirstRun: isFirstRun, folder: executor.folder)
    for pass in 1...Self.passes {
      var agenda = try planner.agenda()
      if !agenda.candidates.isEmpty {
        guard let count = try judged(&agenda, &planner, isFirstRun: isFirstRun, isFirstPass: pass == 1, &report) else { return false }
        if count.writes > 0 { try await owner.beforeWriting(spoke, exchange) }
        // A message brings contacts into the ERP, whichever way it goes.
        let reachesERP = count.reachesERP || spoke.kind == .emails && count.writes > 0
        if reachesERP, await hold.makeExclusive() {
          // Others wrote to the ERP meanwhile: what they changed counts.
          agenda = try planner.agenda()
          guard try judged(&agenda, &planner, isFirstRun: isFirstRun, isFirstPass: pass == 1, &report) != nil else { return false }
        }
        try await carryOut(agenda, planner, executor, &hold, &report, progress)
        try Guarding(parts: parts, guards: guards, spoke: spoke).finishApproved()
      }
      try advance(agenda)
      if agenda.candidates.isEmpty || pass == Self.passes { break }
    }
    return true
  }

  /// Counts what the agenda amounts to, less what was discarded; nil where the guards hold it.
  private func judged(
    _ agenda: inout Planner.Agenda, _ planner: inout Planner, isFirstRun: Bool, isFirstPass: Bool, _ report: inout CycleReport
  ) throws(SyncError) -> Guarding.Count? {
    let count = try count(&agenda, planner, isFirstPass: isFirstPass)
    let guarding = Guarding(parts: parts, guards: guards, spoke: spoke)
    switch try guarding.verdict(count, isFirstRun: isFirstRun, at: parts.surroundings.now()) {
    case .goes: return count
    case .held(let hold):
      report.hold = hold.id
      log.write(.warning, "held for a decision (\(hold.id)): \(hold.reason). See 'concordfs holds show \(hold.id)'", spoke)
      return nil
    case .discarded:
      planner.discarded = try parts.store.read { try Discarded(spoke, $0) }
      return try self.count(&agenda, planner, isFirstPass: isFirstPass)
    }
  }

  /// From here on deletes are believed. What a first run left alone is looked at again by the next cycle.
  private func endFirstRun(leftSome: Bool) throws(SyncError) {
    let now = parts.surroundings.now()
    try parts.store.write { transaction in
      try transaction.setCursor(spoke.initialisedCursor, now.iso8601)
      guard leftSome else { return }
      for side in SystemSide.allCases { try transaction.setCursor(spoke.progressCursor(side), nil) }
    }
  }

  /// Sees to it that the links lie in the policy's folder, and begins anew where they no longer count.
  /// - Returns: how many items were moved.
  private func arrive(_ relocation: Relocation, _ folder: FolderID) async throws(SyncError) -> Int {
    let participation = Participation(parts: parts)
    let isReplaced = try relocation.isReplaced(by: folder)
    let wasOff = try participation.wasOff(spoke)
    let moved = isReplaced ? 0 : try await relocation.run(to: folder)
    if isReplaced || wasOff {
      try participation.forget(spoke, relocation.linked(), folder: folder)
      _ = try await relocation.run(to: folder)
    }
    try participation.begin(spoke)
    return moved
  }

  /// Records that belong to somebody can only be told from others' where the ERP knows the employee. That it lists none proves nothing.
  func checkEmployee() throws(SyncError) {
    let goesByOwner = spoke.kind == .tasks || spoke.kind == .events || spoke.kind == .contacts && spoke.section.filter != .all
    if employee == nil && goesByOwner {
      throw SyncError(
        .notFound,
        "the ERP does not list employee '\(spoke.employee.id)': nothing is compared; check 'id' in the employees section and the user's rights",
        retry: .later)
    }
  }

  /// An account for trying out: what a cycle would do goes to the log, and nothing is written.
  private func reportOnly() async throws(SyncError) {
    let lines = try await Planning(parts: parts, log: log, cycle: self).lines()
    for line in lines { log.write(.verbose, "test only: would \(line.action) \(line.name) (\(line.reason))", spoke) }
    log.write(.informational, "test only: \(lines.filter { $0.side != nil }.count) writes were planned, nothing is written", spoke)
  }

  private func carryOut(
    _ agenda: Planner.Agenda, _ planner: Planner, _ executor: Executor, _ hold: inout RecordsHold, _ report: inout CycleReport,
    _ progress: @Sendable (CycleProgress) -> Void
  ) async throws(SyncError) {
    var done = 0
    for chunk in agenda.candidates.inBatches(of: chunk) {
      // What shares a record with another decision is decided anew once that is carried out.
      var waiting = chunk
      for _ in 1...Self.passes where !waiting.isEmpty {
        var decided = try decide(waiting, planner)
        // What waited for another decision may want to be written to the ERP in the end.
        if decided.contains(where: \.1.reachesERP), await hold.makeExclusive() { decided = try decide(waiting, planner) }
        let first = Self.unique(decided)
        waiting = first.others
        let tally = try await executor.carryOut(first.decided)
        report.counts.merge(tally.counts, uniquingKeysWith: +)
        report.failures += tally.failures
      }
      try show(chunk, planner, executor.outcome)
      done += chunk.count
      progress(
        CycleProgress(employee: spoke.employee.email, kind: spoke.kind, phase: "writing", done: done, total: agenda.candidates.count))
    }
  }

  private func decide(_ candidates: [Candidate], _ planner: Planner) throws(SyncError) -> [(Candidate, Decided)] {
    try parts.store.read { reader in
      try candidates.compactMap { candidate in try planner.decide(candidate, reader).map { (candidate, $0) } }
    }
  }

  /// Items of a calendar that have no partner in the ERP are shown all the same, or no longer.
  private func show(_ candidates: [Candidate], _ planner: Planner, _ outcome: Outcome) throws(SyncError) {
    guard spoke.kind == .events else { return }
    try parts.store.write { transaction in
      for case .item(let id) in candidates {
        guard let stored = try transaction.reader.item(id, kind: spoke.kind, mailbox: spoke.mailbox), stored.presence == .present,
          let form = stored.item.form, form != .occurrence
        else { continue }
        if try planner.isShown(stored.item, transaction.reader) {
          try outcome.show(stored.item, transaction)
        } else {
          try outcome.hide(stored.item, transaction)
        }
      }
    }
  }

  /// An unlinked pair can be found from both of its ends, two items may name one entity, and a message may have a copy beside it: of what
  /// shares a record only the first is carried out; the others wait for it.
  static func unique(_ decided: [(Candidate, Decided)]) -> (decided: [Decided], others: [Candidate]) {
    var seen: Set<String> = []
    var result: (decided: [Decided], others: [Candidate]) = ([], [])
    for (candidate, decision) in decided {
      let subjects = decision.subjects
      if seen.isDisjoint(with: subjects) { result.decided.append(decision) } else { result.others.append(candidate) }
      seen.formUnion(subjects)
    }
    return result
  }

  /// Counts what the agenda amounts to. Pairs with nothing to do are taken off it: their own two records alone decide about them, and a
  /// change of either brings them up again. Later passes look at what this cycle wrote itself, which mostly needs no second note.
  private func count(_ agenda: inout Planner.Agenda, _ planner: Planner, isFirstPass: Bool) throws(SyncError) -> Guarding.Count {
    var count = Guarding.Count()
    var due: [Candidate] = []
    for chunk in agenda.candidates.inBatches(of: Self.chunk) {
      let decided = try parts.store.read { reader in try chunk.map { ($0, try planner.decide($0, reader)) } }
      for (candidate, decision) in decided {
        if let decision { count.add(decision) }
        if case .link = candidate, decision?.actions.isEmpty ?? true || (!isFirstPass && decision?.isSettled ?? false) { continue }
        due.append(candidate)
      }
    }
    agenda.candidates = due
    return count
  }

  /// What was looked at is not looked at again until it changes.
  private func advance(_ agenda: Planner.Agenda) throws(SyncError) {
    try parts.store.write { transaction in
      try transaction.setCursor(spoke.progressCursor(.erp), String(agenda.entityRevision))
      try transaction.setCursor(spoke.progressCursor(.exchange), String(agenda.itemRevision))
    }
  }

  /// On a first run, items that were moved out of the folder before the cache was lost stay unlinked instead of being made anew. Of
  /// messages that holds for deleted ones too: their activities stay.
  private func keepAwayFromMovedItems(_ folder: FolderID) async throws(SyncError) {
    let elsewhere = try await exchange.stampedItems(nil, kind: spoke.kind, in: spoke.mailbox).filter {
      $0.folder != folder && (spoke.kind == .emails || !$0.isInDeletedItems)
    }
    guard !elsewhere.isEmpty else { return }
    try parts.store.write { transaction in
      for item in elsewhere {
        let known = try transaction.reader.items(kind: spoke.kind, mailbox: spoke.mailbox, foreignID: item.foreignID)
        let linked = try transaction.reader.link(entity: item.foreignID, kind: spoke.kind, mailbox: spoke.mailbox)
        guard known.isEmpty, linked == nil else { continue }
        _ = try transaction.save(
          Link(unagreed: item.foreignID, item.version.id, spoke, .detached, origin: .erp, operationID: item.operationID))
      }
    }
  }

  /// The policy's category is in the mailbox's list with its colour. A failure is a warning: a retention policy may forbid it.
  private func ensureCategory() async throws(SyncError) {
    guard let category = spoke.policy.category, !spoke.section.withoutCategory else { return }
    // One entry a category: whether the engine made it is remembered, be it that the policy names another in the meantime.
    let cursor = "engine/\(spoke.mailbox.address)/category/\(category.name.lowercased())"
    let known = try parts.store.read { try $0.cursor(cursor) }?.parts(at: " ", omittingEmpty: true)
    guard known?.first != String(category.color) else { return }
    do throws(SyncError) {
      let isOurs = known?.last == "ours"
      let changed = try await exchange.ensureCategory(category, in: spoke.mailbox, correctColor: isOurs)
      // A list that was changed by a look that may not correct anything had no such category: it is ours since.
      let owner = isOurs || (known == nil && changed) ? "ours" : "theirs"
      try parts.store.write { try $0.setCursor(cursor, "\(category.color) \(owner)") }
    } catch  where !error.stopsAccount {
      log.write(.warning, "the category '\(category.name)' could not be noted in the mailbox's list: \(error)", spoke)
    }
  }

  /// A changed policy, or a changed owner code or workgroup of the employee, is a reason to compare everything again.
  func startOverIfPolicyChanged(full: Bool) throws(SyncError) {
    let codes = (employee?.ownerCodes.sorted() ?? []) + ["/"] + (employee?.workgroups.sorted() ?? [])
    let current = Guarding.fingerprint(spoke.rules + codes)
    let known = try parts.store.read { try $0.cursor(spoke.policyCursor) }
    guard full || known != current else { return }
    try parts.store.write { transaction in
      try transaction.setCursor(spoke.progressCursor(.erp), nil)
      try transaction.setCursor(spoke.progressCursor(.exchange), nil)
      try transaction.setCursor(spoke.policyCursor, current)
    }
  }

  private func prepareTree() throws(SyncError) {
    let color = spoke.policy.category.flatMap { CategoryColor.hexadecimal($0.color) }
    try parts.store.write { transaction in
      try transaction.ensureEmployee(spoke.employee.email, unixUser: spoke.employee.unixUser)
      try transaction.ensureFolder(
        spoke.folderName, kind: spoke.kind, employee: spoke.employee.email, displayName: spoke.folderName, color: color)
    }
  }
}
