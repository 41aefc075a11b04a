public import Model
import Store
import SyncEngine

/// What one schedule showed.
public struct Verdict: Sendable {
  /// Of a run that does not end.
  static let stuck = Verdict(
    hash: 0, violations: [Violation(invariant: "engine", text: "it waits for something that never comes")], roundsToCalm: 0, calls: 0)

  /// Of everything that happened, in order.
  public var hash: UInt64
  /// Broken invariants, in the order in which they were found.
  public var violations: [Violation]
  /// Rounds until nothing was written any more.
  public var roundsToCalm: Int
  /// Requests that the engine made, and of them those that write.
  public var calls: Int
}

/// Runs the engine through a schedule.
public struct Simulator: Sendable {
  /// What the engine works on.
  public enum Cache: String, Sendable {
    /// Object-level servers, the cache in memory.
    case memory
    /// Object-level servers, SQLite in memory.
    case sqlite
    /// The wire layer: the real adapters over the sandbox's servers, SQLite on a disk that loses what was not synced.
    case wire
  }

  /// Rounds that the engine has to come to rest, besides those that a hold stopped.
  static let calmRounds = 4
  /// Between two calm rounds: longer than any pause before another try, in milliseconds.
  static let calmPause: Int64 = 7 * 3_600_000
  /// Between two events of a schedule, in milliseconds.
  static let betweenEvents: Int64 = 1000

  /// The record types that can be simulated.
  public static let kinds = RecordShape.known

  /// Runs a schedule.
  /// - Parameter narrate: hears of everything that happens.
  public static func run(_ schedule: Schedule, cache: Cache = .memory, narrate: (@Sendable (String) -> Void)? = nil) -> Verdict {
    InlineExecutor.run {
      await Simulation(schedule: schedule, cache: cache, narrate: narrate).run()
    }
      ?? .stuck
  }

  /// The schedule of a seed.
  /// - Parameter kinds: the record types in it; each set of types, and each flavour, has schedules of its own.
  public static func schedule(
    seed: UInt64, kinds: [RecordKind] = [.contacts], flavour: Schedule.Flavour = .usual
  ) -> Schedule { Generator.schedule(seed: seed, kinds: kinds, flavour: flavour) }
}

/// One run of one schedule. `@unchecked Sendable`: as `World`.
final class Simulation: @unchecked Sendable {
  private let schedule: Schedule
  /// The events that have happened, up to the one that happens now.
  private var position = 0
  let world: World
  private var cache: any RecordStore
  private var kept: MemoryState?
  private var wire: Wire?
  private var oracle: Oracle
  private var calls = 0
  private var reports: [CycleReport] = []
  /// Of the process that runs now.
  private var memory = RoundMemory()
  /// The last round was a first run that left something alone.
  private var leftByFirstRun = false
  /// Calls and commits of the schedule's last round, before it comes to rest.
  private(set) var lastRound = (calls: 0, commits: 0)
  /// Where its process may end.
  private(set) var moments: Moments

  /// - Parameter moments: how many of the places at which the process may end are kept.
  init(schedule: Schedule, cache: Simulator.Cache, moments: Int = 0, narrate: (@Sendable (String) -> Void)?) {
    self.schedule = schedule
    self.moments = Moments(limit: moments, seed: schedule.seed)
    world = World(setup: schedule.setup, seed: schedule.seed)
    world.narrate = narrate
    let memory = MemoryStore(world: world)
    self.cache = memory
    if cache == .sqlite, let store = try? Store(inMemory: "seed \(schedule.seed)") {
      self.cache = SimulatedCache(store: store, world: world)
    }
    if cache == .wire, let wire = try? Wire(world: world, seed: schedule.seed) {
      self.wire = wire
      self.cache = wire.cache
    }
    oracle = Oracle(world: world, cache: self.cache)
    world.oracle = oracle
  }

  /// Goes on where the process of another run ended.
  /// - Parameter schedule: that run's, up to the round in which the moment lies; then what comes after it.
  init(schedule: Schedule, after moment: Moment) {
    self.schedule = schedule
    moments = Moments(limit: 0, seed: schedule.seed)
    world = moment.world
    let memory = MemoryStore(world: world)
    memory.state = moment.cache
    cache = memory
    kept = moment.kept
    calls = moment.calls
    // The end of the process is an event too.
    position = moment.round + 2
    oracle = Oracle(world: world, cache: cache)
    oracle.seen = moment.evidence
    world.oracle = oracle
    // Its process does not know what became of the write.
    if case .call = moment.place { oracle.noteDoubt() }
    world.endProcess()
  }

  func run() async -> Verdict {
    await wire?.prepare()
    if moments.limit > 0, let memory = cache as? MemoryStore { world.atBoundary = { [unowned self] place in note(place, memory.state) } }
    return await goOn()
  }

  /// Ends the round in which the process ended; then what comes after it.
  func recover() async -> Verdict {
    await endRound()
    world.clock += Simulator.betweenEvents
    return oracle.seen.violations.isEmpty ? await goOn() : verdict(roundsToCalm: 0)
  }

  private func note(_ place: Interruption.Place, _ state: MemoryState) {
    moments.offer {
      Moment(place: place, round: position, world: World(copying: world), evidence: oracle.seen, cache: state, kept: kept, calls: calls)
    }
  }

  private func verdict(roundsToCalm: Int) -> Verdict {
    Verdict(hash: world.trace.value, violations: oracle.seen.violations, roundsToCalm: roundsToCalm, calls: calls)
  }

  private func goOn() async -> Verdict {
    defer {
      // The world, its oracle and the cache know each other.
      world.oracle = nil
      wire?.end()
    }
    while position < schedule.events.count {
      let event = schedule.events[position]
      switch event {
      case .round(let full):
        await round(full: full, isTold: schedule.flavour == .told && !full)
        lastRound = (world.calls, world.commits)
      case .interrupt(let interruption): world.interruptions.append(interruption)
      case .end(let place): world.interruptions.append(Interruption(place: place, fault: .crash(after: true)))
      case .admin(let act, let salt) where wire == nil || !act.isOfServers: administer(act, salt)
      default: if let wire { await wire.perform(event) } else { Users(world: world).perform(event) }
      }
      position += 1
      if case .end = event { continue }
      world.clock += Simulator.betweenEvents
      if !oracle.seen.violations.isEmpty { break }
    }
    world.atBoundary = nil
    return verdict(roundsToCalm: oracle.seen.violations.isEmpty ? await calm() : 0)
  }

  /// Rounds without faults and edits until nothing is written any more; then everything has to be right.
  private func calm() async -> Int {
    world.interruptions = []
    world.clock += Simulator.calmPause
    world.landDelayed()
    await wire?.landDelayed()
    var rounds = 0
    var held = 0
    var isQuiet = false
    while rounds < Simulator.calmRounds + min(held, Simulator.calmRounds) && !isQuiet && oracle.seen.violations.isEmpty {
      if schedule.setup.approvesAtEnd { administer(.approve, 0) }
      let isRecovering = hasOpenIntents
      let firstRuns = unfinishedFirstRuns()
      let isFull = world.needsFullRound
      world.needsFullRound = false
      await round(full: isFull)
      rounds += 1
      if !isRecovering { checkAccounts() }
      // What waited for a person is carried out a round later.
      if reports.contains(where: { $0.hold != nil }) { held += 1 }
      // What a first run leaves alone the next cycle decides, and which occurrences' days are over by now.
      let isPostponed = reports.contains {
        (schedule.setup.hasSeries || $0.counts["left", default: 0] > 0) && firstRuns.contains("\($0.employee)/\($0.kind.rawValue)")
      }
      isQuiet = world.mutations == 0 && !isPostponed && !hasOpenIntents && !hasUnexplainedItems
      world.clock += Simulator.calmPause
    }
    guard oracle.seen.violations.isEmpty else { return rounds }
    if !isQuiet && world.mutations > 0 { oracle.report("I8", "still writing after \(rounds) calm rounds") }
    checkDoubts()
    for report in reports {
      // An ERP that lists nothing where there was something is not believed, by rule: a person has to look.
      if let error = report.error, world.entities.contains(where: { $0.kind == report.kind }) {
        oracle.report("I8", "a calm round ended with: \(error)")
      }
    }
    var atRest: [RecordKind: Set<Int>] = [:]
    for report in reports where report.succeeded {
      if let mailbox = world.mailboxes.firstIndex(where: { $0.address == report.employee }) {
        atRest[report.kind, default: []].insert(mailbox)
      }
    }
    CalmOracle(oracle: oracle).check(schedule.setup.kinds, atRest)
    return rounds
  }

  /// I8: no write of a mailbox whose cycles end well stays in doubt, but for what waits for an item that is still being looked for, and for a
  /// delete of which no neighbour of the item tells.
  private func checkDoubts() {
    if hasUnexplainedItems { return }
    let open = (try? cache.read { try $0.openIntents(mailbox: nil) }) ?? []
    for intent in open where !(intent.side == .exchange && ["delete", "withdraw"].contains(intent.action)) {
      let isServed = reports.contains { $0.succeeded && $0.employee == intent.mailbox.address && $0.kind == intent.kind }
      guard isServed else { continue }
      oracle.report("I8", "what became of the \(intent.action) \(intent.id) is not known at rest")
    }
  }

  /// Of mailboxes that are synchronized.
  private var hasOpenIntents: Bool {
    let active = Set(world.mailboxes.indices.filter { world.isEmployeeOn[$0] }.map { world.mailboxes[$0].address })
    let open = (try? cache.read { try $0.openIntents(mailbox: nil) }) ?? []
    return open.contains { active.contains($0.mailbox.address) }
  }

  /// Items that left their folder, of which the next cycle may know more: neighbours that the same reading found under other ids.
  private var hasUnexplainedItems: Bool {
    world.mailboxes.contains { box in
      schedule.setup.kinds.contains { kind in
        let left = (try? cache.read { try $0.leftItems(kind: kind, mailbox: Mailbox(address: box.address)) }) ?? []
        return !left.isEmpty
      }
    }
  }

  private func unfinishedFirstRuns() -> Set<String> {
    let names = world.mailboxes.flatMap { box in schedule.setup.kinds.map { "\(box.address)/\($0.rawValue)" } }
    return Set(names.filter { name in (try? cache.read { try $0.cursor("engine/\(name)/initialised") }) == nil })
  }

  /// I16: what a run says that it did is what the servers carried out.
  private func checkAccounts() {
    var counted = reports.reduce(into: [String: Int]()) { $0.merge($1.counts, uniquingKeysWith: +) }
    counted["deleted-items", default: 0] += counted["withdrawn-items"] ?? 0
    for what in ["created-entities", "updated-entities", "deleted-entities", "created-items", "deleted-items"] {
      let (said, done) = (counted[what] ?? 0, world.carriedOut[what] ?? 0)
      if said != done { oracle.report("I16", "the run says \(said) \(what), the servers carried out \(done)") }
    }
  }

  private func round(full: Bool, isTold: Bool = false) async {
    world.beginRound()
    oracle.beginRound()
    world.tell("round \(isTold ? "told of" : full ? "full" : "")")
    let firstRuns = unfinishedFirstRuns()
    if leftByFirstRun { (world.needsFullRound, leftByFirstRun) = (true, false) }
    let engine = SyncEngine(settings: settings(), parts: parts())
    wire?.isInRound = true
    do throws(SyncError) {
      if isTold {
        world.order = SeededRandom(seed: world.random.next())
        defer { world.order = nil }
        let active = world.mailboxes.indices.filter { world.isEmployeeOn[$0] }.map { world.mailboxes[$0].address }
        reports = try await engine.attend(Dictionary(uniqueKeysWithValues: active.map { ($0, Set(schedule.setup.kinds)) }))
      } else {
        reports = try await engine.synchronize(employees: nil, kinds: nil, full: full)
      }
    } catch {
      world.tell("  the round failed: \(error)")
      reports = []
    }
    await endRound(firstRuns: firstRuns, isTold: isTold)
  }

  private func endRound(firstRuns: Set<String> = [], isTold: Bool = false) async {
    if world.isCrashed { memory = RoundMemory() }
    await wire?.finishRound()
    // What a person has to look at only the whole round knows.
    if reports.contains(where: { $0.counts["left", default: 0] > 0 }) { moments.drop(round: position) }
    for report in reports {
      // What was left alone is looked at again by the nightly comparison of everything, what a first run left by the cycle after it already: of
      // mailboxes that are turned side by side that may be in the same round.
      if report.counts["left", default: 0] > 0 {
        let isFirst = firstRuns.contains("\(report.employee)/\(report.kind.rawValue)")
        if isFirst { leftByFirstRun = true }
        if !isFirst || isTold { world.needsFullRound = true }
      }
      // A process that ended reports nothing.
      for (what, count) in world.isCrashed ? [] : report.counts.sorted(by: { $0.key < $1.key }) {
        world.trace.mix(what)
        world.trace.mix(count)
      }
    }
    if !world.hadFault, let error = reports.compactMap(\.error).first(where: { $0.code == .storage }) {
      oracle.report("I8", "nothing went wrong, and yet: \(error)")
    }
    calls += world.calls
    world.isCrashed = false
    oracle.noteInterruptedWrites()
    world.endRound()
  }

  private func parts() -> EngineParts {
    if let wire { return wire.parts(memory) { [world] entry in world.tell("    log: \(entry.message)") } }
    return EngineParts(
      records: cache, erp: SimulatedERP(world: world), exchange: ["HQ": SimulatedExchange(world: world)], surroundings: world.surroundings,
      memory: memory, echo: { [world] entry in world.tell("    log: \(entry.message)") }, echoesEveryLine: world.narrate != nil)
  }

  private func settings() -> Settings {
    let employees = world.mailboxes.indices.map { index in
      Employee(
        id: World.ownerCodes[index], email: world.mailboxes[index].address, account: "HQ", policy: world.policies[index].name,
        isSynchronized: world.isEmployeeOn[index])
    }
    var account = ExchangeAccount(name: "HQ", email: "sync@x.test")
    account.logging = .none
    return Settings(
      store: "", erp: ERPSettings(url: "", endpoint: "", authentication: .password(username: "", password: .literal(""))),
      accounts: [account], policies: wire == nil ? world.policies : world.policies.map(Wire.fitting), employees: employees,
      guards: schedule.setup.guards)
  }

  // MARK: Administrators

  private func administer(_ act: AdminAct, _ salt: Int) {
    world.tell("admin: \(act)")
    let mailbox = salt % world.mailboxes.count
    switch act {
    case .flipConflict: world.policies[mailbox].conflict = Policy.Conflict.allCases[(salt >> 3) % Policy.Conflict.allCases.count]
    case .flipDirection: change(mailbox) { $0.direction = Policy.Direction.allCases[(salt >> 3) % Policy.Direction.allCases.count] }
    case .flipFilter: change(mailbox) { $0.filter = Policy.Filter.allCases[(salt >> 3) % Policy.Filter.allCases.count] }
    case .flipCategoryRule:
      change(mailbox) { $0.withoutCategory.toggle() }
      oracle.marksChanged(in: mailbox)
    case .flipMerge: change(mailbox) { $0.mergeByEmail.toggle() }
    case .switchEmployee:
      world.isEmployeeOn[mailbox].toggle()
      oracle.seen.hadRebuild = true
    case .wipeCache: exchangeCache(for: MemoryState(), isNew: true)
    case .keepCache:
      if let memory = cache as? MemoryStore { kept = memory.state }
      wire?.keepCache()
    case .restoreCache: if wire?.hasKept ?? (kept != nil) { exchangeCache(for: kept ?? MemoryState()) }
    case .approve, .discard: decide(act == .approve ? .approved : .discarded)
    case .forgetSyncState, .migrateMailbox, .clockJump: Users(world: world).perform(.admin(act, salt: salt))
    }
  }

  private func change(_ mailbox: Int, _ body: (inout Policy.Section) -> Void) {
    for kind in schedule.setup.kinds {
      if var section = world.policies[mailbox].sections[kind] {
        body(&section)
        if kind == .emails { section.direction = .both }
        world.policies[mailbox].sections[kind] = section
      }
    }
    oracle.policyChanged()
  }

  private func exchangeCache(for state: MemoryState, isNew: Bool = false) {
    oracle.readJournal()
    if let memory = cache as? MemoryStore { memory.state = state } else if let wire { wire.exchangeCache(isNew: isNew) } else { return }
    // Under a process that runs no cache is exchanged.
    memory = RoundMemory()
    oracle.cacheIsExchanged()
  }

  private func decide(_ state: Hold.State) {
    let isCrashed = world.isCrashed
    world.isCrashed = false
    // What was discarded is left apart for good: at the end it is approved after all.
    let holds = (try? cache.read { try $0.holds(open: false) }) ?? []
    for hold in holds { _ = try? HoldDecision.decide(hold.id, state, cache) }
    world.isCrashed = isCrashed
  }
}
