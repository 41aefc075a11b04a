import Model

/// The two servers with their users, the clock and what is due to go wrong, of one schedule.
///
/// `@unchecked Sendable`: a world belongs to one schedule, and all jobs of a schedule run on one thread, one after the other
/// (`InlineExecutor`).
final class World: @unchecked Sendable {
  let setup: Schedule.Setup
  var policies: [Policy]
  var isEmployeeOn: [Bool]
  var clock: Int64 = 1_790_000_000_000
  var trace = TraceHash()
  var random: SeededRandom
  var entities: [SimEntity] = []
  var mailboxes: [SimMailbox]
  /// By UID.
  var series: [String: SimSeries] = [:]
  var sequence = 0
  /// Where the sequence was when the round began.
  private(set) var sequenceBefore = 0
  var nextNumber = 0
  var isCrashed = false
  /// Until the round ends, every reading lies: the wrong mailbox, or one that seems empty.
  var isBlind = false
  /// Something went wrong in this round by the schedule's will.
  private(set) var hadFault = false
  private var endedInWrite = false
  /// A delayed request is being carried out.
  var isLanding = false
  /// A listing left something out, or the engine left a record to a person: only comparing everything finds what changed about it.
  var needsFullRound = false

  /// Requests that their senders gave up on and that are carried out later.
  var delayed: [(due: Int64, land: () -> Void)] = []
  var interruptions: [Interruption] = []
  var calls = 0
  var writes = 0
  var commits = 0
  /// Mutating requests that were carried out since the round began, and of them those that runs count, by the name they count them under.
  var mutations = 0
  var carriedOut: [String: Int] = [:]
  var ledger = Ledger()
  var mail = MailLedger()
  var oracle: Oracle?
  /// While several mailboxes are turned at once: in which order their requests come.
  var order: SeededRandom?
  /// Hears of everything, for a replay that a person reads.
  var narrate: ((String) -> Void)?
  /// Hears where the process may end so that something differs: after a write or a commit with which nothing went wrong.
  var atBoundary: ((Interruption.Place) -> Void)?

  init(setup: Schedule.Setup, seed: UInt64) {
    self.setup = setup
    policies = setup.policies
    random = SeededRandom(seed: seed ^ 0x5eed)
    isEmployeeOn = Array(repeating: true, count: setup.mailboxes)
    mailboxes = (0..<setup.mailboxes).map { SimMailbox(address: Self.addresses[$0]) }
  }

  /// Another of the same: what happens in one does not happen in the other. Requests that are carried out later belong to the first alone, and
  /// nobody watches or hears the other yet.
  init(copying other: World) {
    setup = other.setup
    policies = other.policies
    isEmployeeOn = other.isEmployeeOn
    clock = other.clock
    trace = other.trace
    random = other.random
    entities = other.entities
    mailboxes = other.mailboxes
    series = other.series
    sequence = other.sequence
    sequenceBefore = other.sequenceBefore
    nextNumber = other.nextNumber
    needsFullRound = other.needsFullRound
    calls = other.calls
    writes = other.writes
    commits = other.commits
    mutations = other.mutations
    carriedOut = other.carriedOut
    ledger = other.ledger
    mail = other.mail
  }

  static let addresses = ["a@x.test", "b@x.test", "c@x.test"]
  /// Visible codes of the employees.
  static let ownerCodes = ["A", "B", "C"]

  func tell(_ text: @autoclosure () -> String) { if let narrate { narrate(text()) } }

  func number(_ prefix: String) -> String {
    nextNumber += 1
    return prefix + String(nextNumber)
  }

  func nextSequence() -> Int {
    sequence += 1
    return sequence
  }

  func mailboxIndex(_ mailbox: Mailbox) throws(SyncError) -> Int {
    guard let index = mailboxes.firstIndex(where: { $0.address == mailbox.address }) else {
      throw SyncError(.mailboxNotFound, "no mailbox \(mailbox.address)")
    }
    return index
  }

  /// Whether a copy of the item that is made now looks like one that a server made of the engine's request.
  func isLikeTwin(_ item: SimItem) -> Bool {
    let age = item.operationID?.time.map { clock - $0.milliseconds } ?? .max
    return age < 2 * Int64(setup.guards.settleSeconds) * 1000
  }

  /// The folder that a mailbox's policy uses.
  func place(_ mailbox: Int, _ kind: RecordKind) -> SimItem.Place { policies[mailbox].sections[kind]?.folder == nil ? .own : .policy }

  /// Begins a round: what is due in its middle counts from here.
  func beginRound() {
    (calls, writes, commits, mutations) = (0, 0, 0, 0)
    carriedOut = [:]
    mail.beginRound()
    sequenceBefore = sequence
    (isCrashed, isBlind, hadFault, endedInWrite) = (false, false, false, false)
  }

  /// Notes that a server carried out a request of the engine.
  func carryOut(_ what: String) {
    mutations += 1
    carriedOut[what, default: 0] += 1
  }

  func endRound() { interruptions = [] }

  private func interruption(_ place: Interruption.Place) -> Interruption.Fault? {
    interruptions.first { $0.place == place }?.fault
  }

  /// The process ends here, in the middle of a round.
  func endProcess() { (isCrashed, hadFault) = (true, true) }

  static let crash = SyncError(.cancelled, "the simulated process has ended")

  /// A call on its way to its server and its answer on the way back, while others overtake them.
  func serve<Answer>(
    _ name: String, isWrite: Bool = false, _ detail: (inout CallDetail) -> Void,
    apply: @escaping (_ lies: Bool) throws(SyncError) -> Answer
  ) async throws(SyncError) -> Answer {
    guard order != nil else { return try call(name, isWrite: isWrite, detail, apply: apply) }
    await letOthersGo()
    let result = Result { () throws(SyncError) in try call(name, isWrite: isWrite, detail, apply: apply) }
    await letOthersGo()
    return try result.get()
  }

  private func letOthersGo() async {
    for _ in 0..<(order?.below(4) ?? 0) { await Task.yield() }
  }

  /// Takes a call to its server and its answer back, with what the schedule has in store for it.
  /// - Parameters:
  ///   - detail: says what the call is about.
  ///   - apply: what the server does; true: it is to lie.
  func call<Answer>(
    _ name: String, isWrite: Bool = false, _ detail: (inout CallDetail) -> Void,
    apply: @escaping (_ lies: Bool) throws(SyncError) -> Answer
  ) throws(SyncError) -> Answer {
    if isCrashed { throw Self.crash }
    clock += 40
    landDelayed()
    let fault = faultOfCall(isWrite: isWrite)
    trace.mix(name)
    var told = CallDetail(trace: trace, text: narrate == nil ? nil : "")
    detail(&told)
    trace = told.trace
    trace.end()
    tell("  \(calls) \(name) \(told.text ?? "")")
    if let fault { tell("    … \(fault)") }
    switch fault {
    case .edit(let event, after: false): Users(world: self).perform(event)
    case .crash(after: false):
      endProcess()
      throw Self.crash
    case .loseRequest: throw SyncError(.timedOut, "the request was lost")
    case .delay(let milliseconds) where isWrite:
      oracle?.noteDoubt()
      let text = told.text
      delayed.append(
        (
          clock + Int64(milliseconds),
          { [self] in
            tell("  … lands late: \(name) \(text ?? "")"); _ = try? apply(false)
          }
        ))
      clock += 100
      throw SyncError(.timedOut, "the request takes long")
    case .refuse(let refusal): throw Self.refusal(refusal)
    case .blind:
      isBlind = true
      oracle?.noteBlindness()
    case .lie where !isWrite: oracle?.noteBlindness()
    default: break
    }
    // What is there already cannot be seen.
    if isBlind && isWrite { oracle?.noteDoubt() }
    let answer = try apply(fault == .lie || isBlind && !isWrite)
    switch fault {
    case .twice where isWrite:
      oracle?.noteDoubt()
      isLanding = true
      _ = try? apply(false)
      isLanding = false
    case .loseAnswer:
      if isWrite { oracle?.noteDoubt() }
      throw SyncError(.timedOut, "the answer was lost")
    case .crash(after: true):
      if isWrite { oracle?.noteDoubt() }
      endProcess()
      throw Self.crash
    case .edit(let event, after: true): Users(world: self).perform(event)
    case nil where isWrite && delayed.isEmpty: atBoundary?(.call(calls))
    default: break
    }
    return answer
  }

  private static func refusal(_ refusal: Interruption.Refusal) -> SyncError {
    switch refusal {
    case .throttled: SyncError(.throttled, "busy", retry: .afterBackOff(milliseconds: 5000))
    case .transient: SyncError(.transient, "failing over")
    case .unauthorized: SyncError(.unauthorized, "no")
    case .cursorInvalid: SyncError(.cursorInvalid, "forgotten")
    case .failed: SyncError(.failed, "failed")
    }
  }

  /// Carries out what is due by now.
  func landDelayed() {
    while let index = delayed.indices.filter({ delayed[$0].due <= clock }).min(by: { delayed[$0].due < delayed[$1].due }) {
      isLanding = true
      // What it brings into being is as old as that, though the engine slept on.
      let (now, request) = (clock, delayed.remove(at: index))
      clock = request.due
      request.land()
      clock = now
      isLanding = false
    }
  }

  /// Counts a commit; what is due at it.
  func faultOfCommit() -> Interruption.Fault? {
    commits += 1
    let fault = interruption(.commit(commits))
    if fault != nil { hadFault = true }
    return fault
  }

  /// Counts a call; what is due at it.
  func faultOfCall(isWrite: Bool) -> Interruption.Fault? {
    calls += 1
    if isWrite { writes += 1 }
    let fault =
      (isWrite ? interruption(.write(writes)) : endedInWrite ? interruption(.afterWrite(writes)) : nil) ?? interruption(.call(calls))
    endedInWrite = isWrite
    // Until the process ends nothing has gone wrong.
    if let fault, fault != .crash(after: true) { hadFault = true }
    return fault
  }

  /// An edge of a transaction of the cache.
  /// - Parameter changed: the transaction changed something.
  func commit(after: Bool, changed: Bool = false) throws(SyncError) {
    if isCrashed { throw Self.crash }
    if !after { commits += 1 }
    let fault = interruption(.commit(commits))
    if fault != nil { hadFault = true }
    switch fault {
    case .crash(let late) where late == after:
      tell("    … crash \(after ? "after" : "before") commit \(commits)")
      endProcess()
      throw Self.crash
    case .diskFull where !after: throw SyncError(.storage, "no space left")
    case .edit(let event, after: let late) where late == after: Users(world: self).perform(event)
    case nil where after && changed && delayed.isEmpty: atBoundary?(.commit(commits))
    default: break
    }
  }

  /// Clock, randomness and waiting of the engine.
  var surroundings: Surroundings {
    Surroundings(
      now: { [self] in Timestamp(milliseconds: clock) }, random: { [self] in isCrashed ? 0 : random.next() },
      sleep: { [self] milliseconds in
        if isCrashed { throw Self.crash }
        clock += milliseconds
        landDelayed()
      })
  }
}

/// What a call is about, piece by piece: into the trace, and into words only where somebody hears them.
struct CallDetail {
  fileprivate var trace: TraceHash
  fileprivate(set) var text: String?

  mutating func add(_ piece: String) {
    trace.add(piece)
    text?.append(piece)
  }

  mutating func add(_ pieces: some Sequence<String>) {
    var isFirst = true
    for piece in pieces {
      if !isFirst { add(" ") }
      isFirst = false
      add(piece)
    }
  }

  /// In the order of the fields' names.
  mutating func add(_ changes: [Field: Value?]) {
    var isFirst = true
    for (field, value) in changes.sorted(by: { $0.key < $1.key }) {
      if !isFirst { add(" ") }
      isFirst = false
      add(field.rawValue)
      add("=")
      if let value { add(value.display) }
    }
  }

  /// For whoever hears it alone.
  mutating func explain(_ words: @autoclosure () -> String) { if text != nil { text?.append(words()) } }
}
