import Model
import Reconcile
import Store

/// Keeps both records of a conflict: each stays as it is and is copied to the other side as a second, linked record.
struct Forking: Sendable {
  let executor: Executor
  private var parts: EngineParts { executor.parts }
  private var spoke: Spoke { executor.spoke }

  init(executor: Executor) { self.executor = executor }

  /// Dissolves the pair and creates both copies. The two intents are in one transaction with the end of the link, so that a crash
  /// anywhere leaves either the old pair or two copies due.
  func fork(_ write: DueWrite) async throws(SyncError) -> Executor.Tally {
    guard case .fork(let itemCopy, let entityCopy) = write.action.step, let entity = write.pair.entity, let item = write.pair.item else {
      return Executor.Tally()
    }
    let now = parts.surroundings.now()
    var toERP = executor.intent(write, at: now)
    toERP.side = .erp
    toERP.action = Self.action
    toERP.payload = itemCopy
    var toExchange = executor.intent(write, at: now)
    toExchange.id = parts.surroundings.operationID()
    toExchange.side = .exchange
    toExchange.action = Self.action
    toExchange.payload = entityCopy
    let (first, second) = (toERP, toExchange)
    try parts.store.write { transaction in
      // An item that was not marked yet is the partner of its copy now: it is marked with that.
      if let creation = write.pair.link?.operationID { try transaction.close(creation) }
      try executor.outcome.removeLink(write.pair, transaction)
      try transaction.open(first)
      try transaction.open(second)
      try executor.journal(write, at: now, transaction)
    }
    try await copyToERP(first, item: item.item)
    try await copyToExchange(second, entity: entity.entity)
    var tally = Executor.Tally()
    tally.count("created-entities")
    tally.count("created-items")
    tally.count("kept-both")
    return tally
  }

  /// The name of the intents of a fork: a copy that is due is created again after a crash, not decided again.
  static let action = "keep both"

  /// Creates the second entity, linked to the item as it is.
  func copyToERP(_ intent: Intent, item: Item) async throws(SyncError) {
    try parts.store.write { try $0.markSent(intent.id) }
    let writer = ERPWriter(executor: executor)
    let copy = try await parts.erp.create(writer.newEntity(intent.payload, intent.id), kind: spoke.kind)
    try await adopt(copy, for: item, intent)
  }

  /// Links an entity that a fork made to its item, marks the item, closes the intent.
  func adopt(_ copy: Entity, for item: Item, _ intent: Intent) async throws(SyncError) {
    let now = parts.surroundings.now()
    let isMarked = try parts.store.write { transaction in
      _ = try transaction.observe(copy, kind: spoke.kind)
      let known = try transaction.reader.link(entity: copy.id, kind: spoke.kind, mailbox: spoke.mailbox)
      // What a user took out of the synchronization meanwhile is not touched any more. Before a cycle has noted that, it may still come back:
      // the intent stays open until then.
      let isDetached = known?.state == .detached
      let isDone = isDetached || item.foreignID == copy.id
      let isMarked = try !isDone && executor.takesPart(item, transaction)
      if isDone { try transaction.close(intent.id) }
      // A pair that was linked before its item could be marked has a story of its own since: it stays as it is.
      if known != nil { return isMarked }
      // The item may have been the partner of a record that is gone.
      let former = try transaction.reader.link(item: item.version.id, kind: spoke.kind, mailbox: spoke.mailbox)
      try Successors.note(copy, after: former, transaction)
      try executor.outcome.removeLink(Pair(link: former), transaction)
      // What was sent is what both sides agreed on: a user may have changed the record since.
      let sent = parts.erp.support(for: spoke.kind).projected(intent.payload)
      try executor.outcome.saveLink(
        Pair(), entity: copy, item: item, baseEntity: Base(fields: sent, version: nil), operation: intent.id, origin: .exchange, at: now,
        transaction)
      return isMarked
    }
    guard isMarked else { return }
    let pair = Pair(item: StoredItem(item: item, revision: 0, presence: .present))
    let write = DueWrite(pair: pair, action: Action(.acknowledge, reason: "keep both"), operation: intent.id, isHalf: false)
    try await MailboxWriter(executor: executor, fresh: FreshEntities()).stamp([(write, copy)])
  }

  /// Creates the second item, linked to the entity as it is.
  /// - Parameter isLate: after an interrupted cycle: the entity may have changed since it was copied.
  func copyToExchange(_ intent: Intent, entity: Entity, isLate: Bool = false) async throws(SyncError) {
    try parts.store.write { try $0.markSent(intent.id) }
    let new = NewItem(fields: intent.payload, foreignID: entity.id, operationID: intent.id)
    let answers = try await executor.exchange.create([new], kind: spoke.kind, in: executor.folder, of: spoke.mailbox)
    guard case .success(let version)? = answers.first else {
      if case .failure(let error)? = answers.first { throw error }
      throw SyncError(.malformedAnswer, "Exchange did not answer the creation of a conflict copy for \(spoke.mailbox.address)")
    }
    try await adopt(version, for: entity, intent, isLate: isLate)
  }

  /// Links an item that a fork made to its entity and closes the intent.
  func adopt(_ version: ItemVersion, for entity: Entity, _ intent: Intent, isLate: Bool) async throws(SyncError) {
    let read = try await executor.exchange.items([version.id], kind: spoke.kind, in: spoke.mailbox)
    let sent = Item(version: version, folder: executor.folder, fields: intent.payload, foreignID: entity.id, operationID: intent.id)
    let current: Item? = if case .success(let item)? = read.first { item } else { nil }
    let item = current ?? sent
    let now = parts.surroundings.now()
    try parts.store.write { transaction in
      _ = try transaction.observe(item, kind: spoke.kind, mailbox: spoke.mailbox, isCreated: true)
      // What is not as it was written was changed by a user since: what was sent is what both sides agreed on.
      let isChanged = isLate || item.version.changeKey != version.changeKey
      if isChanged { try transaction.reconsider(item: item.version.id, kind: spoke.kind, mailbox: spoke.mailbox) }
      let written = executor.exchange.support(for: spoke.kind).projected(intent.payload)
      let copied = ConflictCopy.unmarked(intent.payload, spoke.kind).restricted(to: parts.erp.support(for: spoke.kind).fields)
      try executor.outcome.saveLink(
        Pair(), entity: entity, item: item, baseEntity: isLate ? Base(fields: copied, version: nil) : nil,
        baseItem: isChanged ? Base(fields: written, version: nil) : nil, operation: intent.id, origin: .erp, at: now, transaction)
      if current == nil { try transaction.reportUnread(item, kind: spoke.kind, mailbox: spoke.mailbox) }
      try transaction.close(intent.id)
    }
  }
}
