public import Model
import Store

/// Runs cycles over employees and record types: the ERP is read once a round, then each mailbox is turned.
public struct SyncEngine: Sendable {
  /// The configuration in force.
  public let settings: Settings
  private let parts: EngineParts
  private let log: SyncLog

  /// An engine for a configuration.
  public init(settings: Settings, parts: EngineParts) {
    self.settings = settings
    self.parts = parts
    self.log = SyncLog(parts: parts)
  }

  /// The spokes of some employees and types: those whose employee, account and policy take part.
  /// - Throws: `configuration` when an employee has no policy or account; `notFound` for an unknown address.
  func spokes(employees: [String]?, kinds: Set<RecordKind>?) throws(SyncError) -> [Spoke] {
    let named = employees.map(Set.init)
    var result: [Spoke] = []
    for employee in settings.employees where named?.contains(employee.email) ?? employee.isSynchronized {
      guard let account = settings.accounts.first(where: { $0.name == employee.account }), account.isActive else { continue }
      guard let policy = settings.policies.first(where: { $0.name == employee.policy }) else { continue }
      for kind in RecordKind.allCases where kinds?.contains(kind) ?? true {
        guard let section = policy.sections[kind], Self.synchronizedKinds.contains(kind) else { continue }
        result.append(Spoke(employee: employee, policy: policy, section: section, kind: kind, account: account))
      }
    }
    return result
  }

  /// The record types that this version synchronizes; sections of others are read, checked and left alone.
  public static let synchronizedKinds = Set(RecordKind.allCases)

  /// Synchronizes now.
  /// - Parameters:
  ///   - employees: addresses; nil: all whose synchronization is on.
  ///   - kinds: record types; nil: all of the policy.
  ///   - full: forget the cursors and compare everything.
  ///   - isUrged: try also what is left alone for a while after many failures.
  /// - Returns: one report an employee and type. A failure of the ERP fails every report.
  public func synchronize(
    employees: [String]?, kinds: Set<RecordKind>?, full: Bool, isUrged: Bool = false,
    progress: @escaping @Sendable (CycleProgress) -> Void = { _ in }
  ) async throws(SyncError) -> [CycleReport] {
    let all = try self.spokes(employees: nil, kinds: nil)
    try Participation(parts: parts).note(all)
    let spokes = employees == nil && kinds == nil ? all : try spokes(employees: employees, kinds: kinds)
    return try await inRound(spokes, full: full, progress) { round throws(SyncError) in
      try await round.serve(spokes, full: full, isUrged: isUrged, progress: progress)
    }
  }

  /// Notes who is left out, though no round is asked for before they take part again: what the mount showed of them is gone by then.
  public func noteParticipants() throws(SyncError) { try Participation(parts: parts).note(try spokes(employees: nil, kinds: nil)) }

  /// Looks at mailboxes that told of changes, several of them at once. Of the ERP it is read what changed there by its times; what was deleted
  /// there, and who is who, is left to the schedules.
  /// - Parameter told: the record types concerned, by the employees' addresses.
  /// - Returns: one report an employee and type. A failure of the ERP fails every report.
  public func attend(_ told: [String: Set<RecordKind>]) async throws(SyncError) -> [CycleReport] {
    try noteParticipants()
    let spokes = try spokes(employees: Array(told.keys), kinds: nil).filter { told[$0.employee.email]?.contains($0.kind) ?? false }
    return try await inRound(spokes, isWoken: true, width: Self.width(spokes)) { round throws(SyncError) in try await round.serve(spokes) }
  }

  /// Reads the ERP, and carries what changed there to the mailboxes that have been synchronized before; what changed in them is not asked.
  /// - Parameters:
  ///   - employees: addresses; nil: all whose synchronization is on.
  ///   - kinds: record types; nil: all of the policy.
  /// - Returns: one report for each employee and type that was behind. A failure of the ERP fails every report.
  public func carry(employees: [String]?, kinds: Set<RecordKind>?) async throws(SyncError) -> [CycleReport] {
    try noteParticipants()
    let spokes = try spokes(employees: employees, kinds: kinds)
    return try await inRound(spokes, width: Self.width(spokes)) { round throws(SyncError) in try await round.carry(spokes) }
  }

  /// Reads the ERP and then does something with the spokes.
  /// - Returns: what that returns; where the ERP could not be read, a failure for every spoke.
  private func inRound(
    _ spokes: [Spoke], full: Bool = false, isWoken: Bool = false, width: Int = 1,
    _ progress: @Sendable (CycleProgress) -> Void = { _ in }, _ body: (Round) async throws(SyncError) -> [CycleReport]
  ) async throws(SyncError) -> [CycleReport] {
    guard !spokes.isEmpty else { return [] }
    let round: Round
    do throws(SyncError) {
      round = try await begin(spokes, full: full, isWoken: isWoken, width: width, progress)
    } catch {
      log.write(.error, "the ERP could not be read: \(error)")
      return spokes.map { CycleReport(unread: $0, error) }
    }
    return try await body(round)
  }

  /// How many mailboxes are turned at once: as many as any account may have requests under way. Each account's own budget holds all the same.
  private static func width(_ spokes: [Spoke]) -> Int { spokes.map(\.account.concurrency).max() ?? 1 }

  /// Where each record type of each employee who takes part lies in the mailbox, as far as earlier cycles found it.
  public func knownFolders() throws(SyncError) -> [(employee: Employee, kind: RecordKind, folder: FolderID)] {
    let spokes = try spokes(employees: nil, kinds: nil)
    return try parts.store.read { reader in
      try spokes.compactMap { spoke in try Relocation.folder(of: spoke, reader).map { (spoke.employee, spoke.kind, $0) } }
    }
  }

  /// Reads what changed in the ERP, and who is who in it.
  /// - Parameters:
  ///   - isWoken: only what changed by its times, and who is who only where that was not read a moment ago.
  ///   - width: mailboxes that the round turns at once.
  private func begin(
    _ spokes: [Spoke], full: Bool = false, isWoken: Bool = false, width: Int = 1, _ progress: @Sendable (CycleProgress) -> Void
  ) async throws(SyncError) -> Round {
    let people = try await employees(isWoken: isWoken)
    var failures: [RecordKind: SyncError] = [:]
    for kind in Set(spokes.map(\.kind)).sorted() {
      do throws(SyncError) {
        _ = try await ERPFeed(parts: parts, log: log).refresh(kind, full: full, comparesAll: !isWoken, progress: progress)
      } catch  where !error.stopsAccount {
        log.write(.error, "the ERP's \(kind.rawValue) could not be read: \(error)")
        failures[kind] = error
      }
    }
    let known = try parts.store.read { try OwnerCodes.known($0) }.complete(people)
    if spokes.contains(where: { $0.kind == .events }) {
      let ids = Set(
        try self.spokes(employees: nil, kinds: [.events]).filter { $0.section.direction.carries(from: .erp) }.map(\.employee.id))
      let served = known.filter { ids.contains($0.id) }.reduce(into: Set<String>()) { $0.formUnion($1.ownerCodes) }
      try UnservedEvents.refresh(parts, log, served: served)
    }
    return Round(parts: parts, log: log, settings: settings, people: known, failures: failures, isWoken: isWoken, width: width)
  }

  private func employees(isWoken: Bool) async throws(SyncError) -> [ERPEmployee] {
    if isWoken, let people = parts.memory.people(at: parts.surroundings.now()) { return people }
    let people = try await parts.erp.employees()
    parts.memory.note(people: people, at: parts.surroundings.now())
    return people
  }

  /// Puts back what a conflict or a delete overwrote; the next cycle carries it on.
  /// - Parameter entry: number of the entry in the journal.
  /// - Returns: the employee concerned.
  /// - Throws: `notFound` for an unknown entry, or where there is nothing left to restore to.
  public func restore(entry id: Int64) async throws(SyncError) -> String {
    guard let entry = try parts.store.read({ try $0.journalEntry(id) }) else {
      throw SyncError(.notFound, "there is no entry #\(id) in the journal; 'concordfs journal' lists them")
    }
    guard let spoke = try spokes(employees: [entry.mailbox.address], kinds: [entry.kind]).first else {
      throw SyncError(.notFound, "\(entry.mailbox.address) no longer synchronizes \(entry.kind.rawValue): nothing can be restored there")
    }
    let owners = try parts.store.read { try OwnerCodes.known($0) }
    let employee = owners.complete(try await parts.erp.employees()).first { $0.id == spoke.employee.id }
    let exchange = parts.exchange[spoke.account.name] ?? MissingAccount(name: spoke.account.name)
    let owner = OwnerLock(parts: parts, log: log)
    try await owner.enter(spoke, exchange)
    try await owner.beforeWriting(spoke, exchange)
    try await Restoration(parts: parts, log: log, spoke: spoke, employee: employee, exchange: exchange).restore(entry)
    return entry.mailbox.address
  }

  /// Shows the reverse of a run as a plan, or carries that plan out.
  /// - Parameters:
  ///   - run: the id of a cycle that wrote something.
  ///   - approved: the plan that is to be carried out; nil: it is only shown, and nothing is written.
  /// - Throws: `notFound` for a run that wrote nothing, or too long ago; `held` when the plan is no longer the same.
  public func undo(run: String, approved: String?) async throws(SyncError) -> UndoPlan {
    guard let entry = try parts.store.read({ try $0.writes(run: run).first }) else {
      throw SyncError(
        .notFound, "no run '\(run)' of the last 30 days wrote contacts, tasks or events; 'concordfs journal --runs' lists those that did")
    }
    guard let spoke = try spokes(employees: [entry.mailbox.address], kinds: [entry.kind]).first else {
      throw SyncError(.notFound, "\(entry.mailbox.address) no longer synchronizes \(entry.kind.rawValue): nothing can be undone there")
    }
    let owners = try parts.store.read { try OwnerCodes.known($0) }
    let employee = owners.complete(try await parts.erp.employees()).first { $0.id == spoke.employee.id }
    let exchange = parts.exchange[spoke.account.name] ?? MissingAccount(name: spoke.account.name)
    let started = parts.surroundings.now()
    let id = parts.surroundings.operationID().rawValue
    let undoing = Undoing(
      parts: parts, log: log, guards: settings.guards, spoke: spoke, employee: employee, exchange: exchange, run: run, undo: id)
    let plan = try await undoing.plan()
    guard let approved else { return plan }
    guard approved == plan.id else {
      throw SyncError(.held, "the plan is another by now (\(plan.id)): look at it again with 'concordfs journal --run \(run) --undo'")
    }
    let owner = OwnerLock(parts: parts, log: log)
    try await owner.enter(spoke, exchange)
    try await owner.beforeWriting(spoke, exchange)
    let counts = try await undoing.carryOut()
    let text = counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    log.write(.informational, "the run \(run) was undone: \(text.isEmpty ? "nothing was left to do" : text)", spoke)
    let record = Run(
      id: id, mailbox: spoke.mailbox, kinds: [spoke.kind], started: started, ended: parts.surroundings.now(), outcome: "ok",
      counts: counts, message: nil)
    try parts.store.write { try $0.finish(record) }
    return plan
  }

  /// Signs out of the ERP, so that its seat of the licence is free until the next round.
  public func close() async { await parts.erp.close() }

  /// What a cycle would do, without writing anywhere but the given store, which is a copy.
  /// - Returns: one line a step, in the order of employees and types.
  public func plan(employees: [String]?, kinds: Set<RecordKind>?) async throws(SyncError) -> [PlanLine] {
    try noteParticipants()
    let spokes = try spokes(employees: employees, kinds: kinds)
    let round = try await begin(spokes) { _ in }
    if let failure = round.failures.sorted(by: { $0.key < $1.key }).first { throw failure.value }
    var lines: [PlanLine] = []
    for spoke in spokes { lines += try await Planning(parts: parts, log: log, cycle: round.cycle(spoke)).lines() }
    if employees == nil && spokes.contains(where: { $0.kind == .events }) {
      lines += try parts.store.read { UnservedEvents(stored: try $0.meta(UnservedEvents.key)) }.entries.map {
        PlanLine(employee: $0.owner, kind: .events, side: nil, action: "leave", name: $0.name, changes: [], reason: $0.text)
      }
    }
    return lines
  }
}
