import Model
import Reconcile
import Render
import Store

/// One write that is due on one side for one pair.
struct DueWrite: Sendable {
  var pair: Pair
  var action: Action
  var operation: OperationID
  /// The pair has a write due on the other side too: bases move on only when both are done.
  var isHalf: Bool
  /// Whom Exchange may tell of it.
  var notice: Notice = .none
}

/// Carries out what was decided for a chunk of pairs: intents before, outcomes after, each write alone responsible for its record.
struct Executor: Sendable {
  let parts: EngineParts
  let log: SyncLog
  let spoke: Spoke
  let employee: ERPEmployee?
  /// Addresses of all employees, in lower case.
  let colleagues: Set<String>
  let exchange: any ExchangePort
  let folder: FolderID
  let run: String

  var feed: MailboxFeed { MailboxFeed(parts: parts, log: log, spoke: spoke, exchange: exchange) }
  var outcome: Outcome { Outcome(spoke: spoke, parts: parts) }

  /// What a chunk did.
  struct Tally: Sendable {
    var counts: [String: Int] = [:]
    var failures = 0
    mutating func count(_ what: String, _ number: Int = 1) { counts[what, default: 0] += number }
    mutating func add(_ other: Tally) {
      counts.merge(other.counts, uniquingKeysWith: +)
      failures += other.failures
    }
  }

  /// Carries out every action of these pairs. Throws only for what stops the mailbox; a record that fails is counted and tried again.
  func carryOut(_ decided: [Decided]) async throws(SyncError) -> Tally {
    if spoke.kind == .emails { return try await EmailExecutor(executor: self).carryOut(decided) }
    var tally = try settleLocally(decided)
    var erpWrites: [DueWrite] = []
    var exchangeWrites: [DueWrite] = []
    var forks: [DueWrite] = []
    for decision in decided {
      let remote = decision.actions.filter(\.isRemote)
      for action in remote {
        let due = DueWrite(
          pair: decision.pair, action: action, operation: parts.surroundings.operationID(), isHalf: remote.count > 1,
          notice: decision.notice(of: action))
        if decision.isSilenced(action) { warnOfSilence(due) }
        switch action.step {
        case .fork: forks.append(due)
        case .createEntity, .updateEntity, .deleteEntity: erpWrites.append(due)
        default: exchangeWrites.append(due)
        }
      }
    }
    let erp = ERPWriter(executor: self)
    // Of a pair that both sides changed, the ERP is written first; its fresh state goes into the item's write.
    var fresh = FreshEntities()
    for batch in erpWrites.inBatches(of: spoke.account.updateBatch) { tally.add(try await erp.write(batch, fresh: &fresh)) }
    let mailbox = MailboxWriter(executor: self, fresh: fresh)
    let halvesLeft = exchangeWrites.filter { !($0.isHalf && $0.pair.entity.map { fresh.failed.contains($0.entity.id) } ?? false) }
    for wave in waves(halvesLeft) {
      let batches = wave.writes.inBatches(of: min(spoke.account.updateBatch, exchange.writeBatch))
      for done in try await sideBySide(batches, width: wave.width, { batch throws(SyncError) in try await mailbox.write(batch) }) {
        tally.add(done)
      }
    }
    for fork in forks { tally.add(try await Forking(executor: self).fork(fork)) }
    return tally
  }

  /// Writes in the order in which they go, and how many batches of them at once. No two batches of a chunk share a record; occurrences share
  /// their series, whose writes must not cross. Of records that want one file name the first gets it, the others follow in their order: as in
  /// a cache that is rebuilt later.
  func waves(_ writes: [DueWrite]) -> [(writes: [DueWrite], width: Int)] {
    guard spoke.kind != .events, spoke.account.concurrency > 1 else { return [(writes, 1)] }
    var names: Set<String> = []
    var (first, others): ([DueWrite], [DueWrite]) = ([], [])
    for write in writes {
      let fields = write.pair.entity?.entity.fields ?? write.pair.item?.item.fields ?? Fields()
      if names.insert(FileName.make(for: spoke.kind, fields: fields, zones: parts.zones).lowercased()).inserted {
        first.append(write)
      } else {
        others.append(write)
      }
    }
    return [(first, spoke.account.concurrency), (others, 1)]
  }

  private func warnOfSilence(_ write: DueWrite) {
    log.write(
      .warning,
      "\(write.pair.name): tried again after an answer that was lost, so nobody is told of it: whoever got no message then gets none now; if that matters, send it from the mailbox",
      spoke)
  }

  /// What needs no remote write.
  func settleLocally(_ decided: [Decided]) throws(SyncError) -> Tally {
    let now = parts.surroundings.now()
    var tally = Tally()
    var notes: [(LogEntry.Level, String)] = []
    let result = try parts.store.write { transaction in
      var tally = Tally()
      var notes: [(LogEntry.Level, String)] = []
      for decision in decided {
        let alone = !decision.actions.contains(where: \.isRemote)
        for action in decision.actions where !action.isRemote {
          switch action.step {
          case .link, .acknowledge:
            // With a remote write due as well, that write's outcome saves the link.
            guard alone, let entity = decision.pair.entity, let item = decision.pair.item else { continue }
            if decision.pair.link == nil { tally.count("linked") }
            try outcome.saveLink(
              decision.pair, entity: entity.entity, item: item.item, origin: item.item.operationID == nil ? .exchange : .erp, at: now,
              transaction)
          case .detach:
            tally.count("detached")
            notes.append((.informational, "\(decision.pair.name): no longer synchronized, both records stay (\(action.reason))"))
            try outcome.detach(decision.pair, transaction)
          case .dropLink: try outcome.removeLink(decision.pair, transaction)
          case .drift: tally.count("drifted")
          case .leave:
            tally.count("left")
            // What the mailbox has is shown, though it is not carried on.
            if let link = decision.pair.link, let item = decision.pair.item, let entity = decision.pair.entity, item.presence == .present {
              try outcome.putFile(link, item: item.item, entity: entity.entity, transaction)
            }
            notes.append((.warning, "\(decision.pair.name): \(action.reason)"))
          default: break
          }
        }
      }
      return (tally, notes)
    }
    tally.add(result.0)
    notes = result.1
    for note in notes { log.write(note.0, note.1, spoke) }
    return tally
  }

  /// Records before any write what will be tried, and what will be overwritten.
  func openIntents(_ writes: [DueWrite]) throws(SyncError) {
    let now = parts.surroundings.now()
    try parts.store.write { transaction in
      for write in writes {
        try transaction.open(intent(write, at: now))
        try journal(write, at: now, transaction)
        try note(write, at: now, transaction)
        if write.pair.isTwin, let twin = write.pair.item?.item { try Twins.note(twin, spoke.mailbox, transaction) }
        try transaction.markSent(write.operation)
      }
    }
  }

  func intent(_ write: DueWrite, at now: Timestamp) -> Intent {
    Intent(
      id: write.operation, run: run, mailbox: spoke.mailbox, kind: spoke.kind, side: write.action.writtenSide,
      action: write.action.intentName,
      link: write.pair.link?.id, entityID: write.pair.entity?.entity.id, itemID: write.pair.item?.item.version.id,
      payload: write.action.payload, cleared: write.action.cleared,
      sends: 0, time: now)
  }

  func journal(_ write: DueWrite, at now: Timestamp, _ transaction: any RecordTransaction) throws {
    guard !write.action.losers.isEmpty else { return }
    try transaction.journal(
      JournalEntry(
        id: 0, time: now, run: run, mailbox: spoke.mailbox, kind: spoke.kind,
        uid: write.pair.link?.uid ?? write.pair.entity?.entity.id.rawValue ?? "",
        name: write.pair.name, entityID: write.pair.entity?.entity.id, itemID: write.pair.item?.item.version.id,
        losers: write.action.losers,
        rule: write.action.reason, restoredAt: nil))
  }

  /// Whether a linked item is still synchronized. A status that the ERP does not know is no reason to leave it.
  func takesPart(_ item: Item, _ transaction: any RecordTransaction) throws -> Bool {
    var item = item
    item.fields[.status] = nil
    return Scope.item(
      item, policy: spoke.policy, kind: spoke.kind, isInPolicyFolder: spoke.isInPolicyFolder(item, folder), isLinked: true,
      former: try Marks.former(spoke, transaction))
  }

  /// Whether the item of an interrupted creation still takes part, asked anew: what its user did since it was read the cycle does not know yet,
  /// and what was made private or taken out meanwhile is not carried on. nil: it is not where it was.
  func stillTakesPart(_ id: ItemID) async throws(SyncError) -> Bool? {
    switch try await exchange.items([id], kind: spoke.kind, in: spoke.mailbox).first {
    case .success(let item)?: return try parts.store.write { try takesPart(item, $0) }
    case .failure(let error)? where error.code == .notFound: return nil
    case .failure(let error)?: throw error
    case nil: throw SyncError(.malformedAnswer, "Exchange did not answer the reading of an item of \(spoke.mailbox.address)")
    }
  }

  /// Counts a failed record for another try. What may have been applied stays open as an intent, for the next cycle to look up.
  func noteFailure(_ write: DueWrite, _ error: SyncError) throws(SyncError) {
    let now = parts.surroundings.now()
    try parts.store.write { transaction in
      if error.leavesWriteInDoubt {
        try transaction.noteDoubt(write.pair.entity?.entity.id, kind: spoke.kind, mailbox: spoke.mailbox, at: now)
      } else {
        try transaction.close(write.operation)
      }
    }
    try noteFailure(of: write.pair, write.action.intentName, error)
  }

  /// Counts a record for another try.
  /// - Parameter what: what failed, in one word.
  func noteFailure(of pair: Pair, _ what: String, _ error: SyncError) throws(SyncError) {
    log.write(.error, "\(pair.name): \(what) failed: \(error)", spoke)
    let now = parts.surroundings.now()
    try parts.store.write { transaction in
      for subject in pair.subjects {
        _ = try transaction.noteFailure(mailbox: spoke.mailbox, kind: spoke.kind, subject: subject, error: error.description, at: now)
      }
    }
  }
}

/// What the ERP answered to the first halves of double writes: the second halves build on it, and are left out where it failed.
struct FreshEntities: Sendable {
  var written: [EntityID: Entity] = [:]
  var failed: Set<EntityID> = []
}

extension Decided {
  /// Whether anything of it is written to the ERP.
  var reachesERP: Bool { actions.contains(where: \.reachesERP) }
}

extension Action {
  /// Whether the step writes to the ERP. A copy of both goes to both sides.
  var reachesERP: Bool {
    if case .fork = step { return true }
    return isRemote && writtenSide == .erp
  }

  /// Whether the step writes on a remote side.
  var isRemote: Bool {
    switch step {
    case .createItem, .createEntity, .updateItem, .updateEntity, .deleteItem, .deleteEntity, .withdrawItem, .fork: true
    case .link, .detach, .dropLink, .acknowledge, .drift, .leave: false
    }
  }

  /// Whether a record disappears by it.
  var isDelete: Bool {
    switch step {
    case .deleteItem, .deleteEntity, .withdrawItem: true
    default: false
    }
  }

  /// Whether a record comes into being by it.
  var isCreate: Bool {
    switch step {
    case .createItem, .createEntity, .fork: true
    default: false
    }
  }

  /// The side that the step writes to.
  var writtenSide: SystemSide {
    switch step {
    case .createEntity, .updateEntity, .deleteEntity: .erp
    default: .exchange
    }
  }

  /// The step's name in intents, plans and logs.
  var intentName: String {
    switch step {
    case .createItem, .createEntity: "create"
    case .updateItem, .updateEntity: "update"
    case .deleteItem, .deleteEntity: "delete"
    case .withdrawItem: "withdraw"
    case .link: "link"
    case .detach: "unlink"
    case .dropLink: "forget"
    case .fork: "keep both"
    case .acknowledge: "keep"
    case .drift: "drift"
    case .leave: "leave"
    }
  }

  /// The fields that an update writes.
  var writtenFields: Set<Field> {
    switch step {
    case .updateItem(let changes, _), .updateEntity(let changes, _): Set(changes.keys)
    default: []
    }
  }

  /// The fields that an update empties.
  var cleared: Set<Field> {
    switch step {
    case .updateItem(let changes, _), .updateEntity(let changes, _): Set(changes.filter { $0.value == nil }.keys)
    default: []
    }
  }

  /// The values that the step writes.
  var payload: Fields {
    switch step {
    case .createItem(let fields), .createEntity(let fields): fields
    case .updateItem(let changes, _), .updateEntity(let changes, _): Fields(changes.compactMapValues { $0 })
    case .fork(_, let entityCopy): entityCopy
    default: Fields()
    }
  }
}
