import Model
import Store

/// Writes to a mailbox in batches, each between its intents and its outcomes. Written items are read back: what the server made of them is the base.
struct MailboxWriter: Sendable {
  let executor: Executor
  let fresh: FreshEntities
  private var parts: EngineParts { executor.parts }
  private var spoke: Spoke { executor.spoke }
  private var exchange: any ExchangePort { executor.exchange }

  init(executor: Executor, fresh: FreshEntities) {
    self.executor = executor
    self.fresh = fresh
  }

  /// Writes one batch of creates, updates and deletes. Writes that tell others are sent apart from those that do not.
  func write(_ batch: [DueWrite]) async throws(SyncError) -> Executor.Tally {
    var tally = Executor.Tally()
    for notice in [Notice.none, .all, .changed] {
      let alike = batch.filter { $0.notice == notice }
      if !alike.isEmpty { tally.add(try await write(alike, notice)) }
    }
    return tally
  }

  private func write(_ batch: [DueWrite], _ notice: Notice) async throws(SyncError) -> Executor.Tally {
    var tally = Executor.Tally()
    try executor.openIntents(batch)
    var creates: [(DueWrite, NewItem)] = []
    var updates: [(DueWrite, ItemUpdate)] = []
    var deletes: [DueWrite] = []
    for write in batch {
      switch write.action.step {
      case .createItem(let fields):
        guard let entity = write.pair.entity else { continue }
        creates.append((write, NewItem(fields: fields, foreignID: entity.entity.id, operationID: write.operation, notice: notice)))
      case .updateItem(let changes, let result):
        guard let item = write.pair.item, let entity = write.pair.entity else { continue }
        let isStamped = item.item.foreignID == entity.entity.id || item.item.form == .occurrence
        let stamp = isStamped ? nil : entity.entity.id
        updates.append(
          (write, ItemUpdate(version: item.item.version, changes: changes, result: result, foreignID: stamp, notice: notice)))
      default: deletes.append(write)
      }
    }
    let leaving = try await markLeaving(deletes)
    (deletes, tally.failures) = (leaving.ready, leaving.failures)
    let returned = try await findReturned(creates)
    tally.failures += returned.failures
    tally.add(try await create(creates.filter { !returned.entities.contains($0.1.foreignID) }))
    tally.add(try await update(updates))
    let occurrences = deletes.filter { $0.pair.item?.item.form == .occurrence }
    let whole = deletes.filter { $0.pair.item?.item.form != .occurrence }
    if notice == .none {
      tally.add(
        try await delete(whole) { ids, _ throws(SyncError) in
          try await exchange.moveToDeletedItems(ids, kind: spoke.kind, in: spoke.mailbox)
        })
      tally.add(try await delete(occurrences) { ids, _ throws(SyncError) in try await exchange.deleteOccurrences(ids, in: spoke.mailbox) })
    } else {
      tally.add(try await delete(deletes) { _, versions throws(SyncError) in try await exchange.cancel(versions, in: spoke.mailbox) })
    }
    return tally
  }

  private func create(_ creates: [(DueWrite, NewItem)]) async throws(SyncError) -> Executor.Tally {
    guard !creates.isEmpty else { return Executor.Tally() }
    let answers = try await send(creates.map(\.0)) { () async throws(SyncError) in
      try await exchange.create(creates.map(\.1), kind: spoke.kind, in: executor.folder, of: spoke.mailbox)
    }
    return try await finish(zip(creates, answers).map { ($0.0, $1, $0.1.fields, "created-items") })
  }

  /// Of records whose former item is gone one may have come back that no listing has told of: it is looked for, and read before anything is made
  /// in its place. What becomes of the two is decided then.
  private func findReturned(_ creates: [(DueWrite, NewItem)]) async throws(SyncError) -> (entities: Set<EntityID>, failures: Int) {
    let former = try parts.store.read { reader in
      try creates.map(\.1.foreignID).filter { try reader.hadItem($0, kind: spoke.kind, mailbox: spoke.mailbox) }
    }
    guard !former.isEmpty else { return ([], 0) }
    let found = try await exchange.stampedItems(former, kind: spoke.kind, in: spoke.mailbox).filter { $0.folder == executor.folder }
    func unread(_ items: [StampedItem]) throws(SyncError) -> [StampedItem] {
      try parts.store.read { reader in
        try items.filter { try reader.item($0.version.id, kind: spoke.kind, mailbox: spoke.mailbox)?.presence != .present }
      }
    }
    let returned = try unread(found)
    guard !returned.isEmpty else { return ([], 0) }
    _ = try await executor.feed.fetch(returned.map(\.version.id))
    let missed = Set(try unread(returned).map(\.foreignID))
    let entities = Set(returned.map(\.foreignID))
    for (write, item) in creates where entities.contains(item.foreignID) {
      try parts.store.write { try $0.close(write.operation) }
      guard missed.contains(item.foreignID) else { continue }
      let reason = "an item of this record is in the folder already and cannot be read"
      try executor.noteFailure(of: write.pair, "create", SyncError(.transient, reason))
    }
    return (entities, missed.count)
  }

  private func update(_ updates: [(DueWrite, ItemUpdate)]) async throws(SyncError) -> Executor.Tally {
    guard !updates.isEmpty else { return Executor.Tally() }
    let answers = try await send(updates.map(\.0)) { () async throws(SyncError) in
      try await exchange.update(updates.map(\.1), kind: spoke.kind, in: spoke.mailbox)
    }
    return try await finish(zip(updates, answers).map { ($0.0, $1, $0.1.result, "updated-items") })
  }

  private func delete(
    _ deletes: [DueWrite], _ request: ([ItemID], [ItemVersion]) async throws(SyncError) -> [Result<ItemID?, SyncError>]
  ) async throws(SyncError) -> Executor.Tally {
    guard !deletes.isEmpty else { return Executor.Tally() }
    var tally = Executor.Tally()
    let versions = deletes.compactMap { $0.pair.item?.item.version }
    let answers = try await send(deletes) { () async throws(SyncError) in try await request(versions.map(\.id), versions) }
    for (write, answer) in zip(deletes, answers) {
      if case .failure(let error) = answer, error.code != .notFound {
        try executor.noteFailure(write, error)
        tally.failures += 1
        continue
      }
      if case .withdrawItem = write.action.step { tally.count("withdrawn-items") } else { tally.count("deleted-items") }
      try parts.store.write { transaction in
        if let id = write.pair.item?.item.version.id { try transaction.observeDeleted(item: id, kind: spoke.kind, mailbox: spoke.mailbox) }
        try executor.outcome.removeLink(write.pair, transaction)
        try transaction.close(write.operation)
      }
    }
    return tally
  }

  /// An item whose record left the filter before it could be marked is marked first: its user may bring it back, and nothing else would tell that
  /// it has a record. Where it cannot be marked it stays for now.
  private func markLeaving(_ deletes: [DueWrite]) async throws(SyncError) -> (ready: [DueWrite], failures: Int) {
    let unmarked = deletes.indices.filter { place in
      guard case .withdrawItem = deletes[place].action.step, let item = deletes[place].pair.item?.item else { return false }
      return item.form != .occurrence && item.foreignID == nil
    }
    guard !unmarked.isEmpty else { return (deletes, 0) }
    let updates = unmarked.compactMap { place in
      deletes[place].pair.item.map {
        ItemUpdate(
          version: $0.item.version, changes: [:], result: $0.item.fields, foreignID: deletes[place].pair.entity?.entity.id)
      }
    }
    let answers = try await send(deletes, answers: unmarked.count) { () async throws(SyncError) in
      try await exchange.update(updates, kind: spoke.kind, in: spoke.mailbox)
    }
    var (ready, failures, stale) = (deletes, 0, [ItemID]())
    for (place, answer) in zip(unmarked, answers).reversed() {
      guard let item = deletes[place].pair.item?.item, let entity = deletes[place].pair.entity?.entity else { continue }
      switch answer {
      case .success(let version):
        try parts.store.write { try noteMark(of: entity.id, on: item, version, $0) }
        ready[place].pair.item?.item.version = version
      case .failure(let error):
        try executor.noteFailure(deletes[place], error)
        if error.code == .staleVersion || error.code == .notFound { stale.append(item.version.id) }
        ready.remove(at: place)
        failures += 1
      }
    }
    if !stale.isEmpty { _ = try await executor.feed.fetch(stale) }
    return (ready, failures)
  }

  private func noteMark(of entity: EntityID, on item: Item, _ version: ItemVersion, _ transaction: any RecordTransaction) throws {
    var marked = item
    marked.version = version
    marked.foreignID = entity
    _ = try transaction.observe(marked, kind: spoke.kind, mailbox: spoke.mailbox)
    guard var link = try transaction.reader.link(item: version.id, kind: spoke.kind, mailbox: spoke.mailbox) else { return }
    link.baseItem?.version = version.changeKey
    _ = try transaction.save(link)
  }

  /// One request for a batch. When the whole request failed without doubt, its intents are closed; in doubt they stay for the look-up.
  private func send<Answer>(
    _ writes: [DueWrite], answers expected: Int? = nil, _ request: () async throws(SyncError) -> [Answer]
  ) async throws(SyncError) -> [Answer] {
    do throws(SyncError) {
      let answers = try await request()
      let expected = expected ?? writes.count
      guard answers.count == expected else {
        throw SyncError(.malformedAnswer, "Exchange answered \(answers.count) of \(expected) writes to \(spoke.mailbox.address)")
      }
      return answers
    } catch {
      if !error.leavesWriteInDoubt {
        try parts.store.write { transaction in for write in writes { try transaction.close(write.operation) } }
      }
      throw error
    }
  }

  /// Reads the written items back and saves links and files.
  private func finish(
    _ results: [(write: DueWrite, answer: Result<ItemVersion, SyncError>, sent: Fields, count: String)]
  ) async throws(SyncError) -> Executor.Tally {
    var tally = Executor.Tally()
    var written: [(write: DueWrite, version: ItemVersion, sent: Fields)] = []
    var stale: [ItemID] = []
    for result in results {
      switch result.answer {
      case .success(let version):
        written.append((result.write, version, result.sent))
        tally.count(result.count)
      case .failure(let error):
        try executor.noteFailure(result.write, error)
        tally.failures += 1
        if error.code == .staleVersion || error.code == .notFound, let id = result.write.pair.item?.item.version.id { stale.append(id) }
      }
    }
    if !stale.isEmpty {
      _ = try await executor.feed.fetch(stale)
    }
    guard !written.isEmpty else { return tally }
    let read = try await exchange.items(written.map(\.version.id), kind: spoke.kind, in: spoke.mailbox)
    let now = parts.surroundings.now()
    try parts.store.write { transaction in
      for (entry, answer) in zip(written, read) { try save(entry, answer, at: now, transaction) }
    }
    return tally
  }

  private func save(
    _ entry: (write: DueWrite, version: ItemVersion, sent: Fields), _ answer: Result<Item, SyncError>, at now: Timestamp,
    _ transaction: any RecordTransaction
  ) throws {
    guard let stored = entry.write.pair.entity else { return }
    let entity = fresh.written[stored.entity.id] ?? stored.entity
    // Where it could not be read back, what was sent is what is known, and the version is left unknown.
    var item = Item(
      version: entry.version, folder: executor.folder, fields: entry.sent, foreignID: entity.id, operationID: entry.write.operation,
      modified: now)
    var base = Base(fields: entry.sent, version: nil)
    if case .success(let current) = answer {
      item = current
      if current.version.changeKey == entry.version.changeKey { base = Base(fields: current.fields, version: entry.version.changeKey) }
    }
    let isCreated = if case .createItem = entry.write.action.step { true } else { false }
    _ = try transaction.observe(item, kind: spoke.kind, mailbox: spoke.mailbox, isCreated: isCreated)
    // Whoever changed it right after may have put back just what the cache knew of it before: nothing new, but not what was agreed on.
    if base.version == nil { try transaction.reconsider(item: item.version.id, kind: spoke.kind, mailbox: spoke.mailbox) }
    var pair = entry.write.pair
    // The first half of a matched pair has noted it.
    if entry.write.isHalf {
      pair.link = try pair.link ?? transaction.reader.link(entity: entity.id, kind: spoke.kind, mailbox: spoke.mailbox)
    }
    try executor.outcome.saveLink(
      pair, entity: entity, item: item, baseItem: base, operation: isCreated ? item.operationID : nil, origin: .erp,
      written: entry.write.action.writtenFields, at: now, transaction)
    if case .failure = answer { try transaction.reportUnread(item, kind: spoke.kind, mailbox: spoke.mailbox) }
    try transaction.close(entry.write.operation)
  }

  /// Marks items with the id of the entity made from them, then closes the intents of those creations.
  func stamp(_ created: [(write: DueWrite, entity: Entity)]) async throws(SyncError) {
    // An occurrence is not marked: that would make it an exception of its series. Its link alone tells.
    let unmarked = created.filter { $0.write.pair.item?.item.form == .occurrence }
    if !unmarked.isEmpty { try parts.store.write { transaction in for entry in unmarked { try transaction.close(entry.write.operation) } } }
    let marked = created.compactMap { entry in entry.write.pair.item.map { (entry.write, entry.entity, $0.item) } }
      .filter { $0.2.form != .occurrence }
    guard !marked.isEmpty else { return }
    let updates = marked.map { ItemUpdate(version: $0.2.version, changes: [:], result: $0.2.fields, foreignID: $0.1.id) }
    let answers = try await exchange.update(updates, kind: spoke.kind, in: spoke.mailbox)
    for (entry, answer) in zip(marked, answers) {
      switch answer {
      case .success(let version):
        try parts.store.write { transaction in
          try noteMark(of: entry.1.id, on: entry.2, version, transaction)
          try transaction.close(entry.0.operation)
        }
      case .failure(let error):
        // The intent stays open: the next cycle marks the item.
        executor.log.write(.warning, "\(entry.0.pair.name): the new record's id could not be noted on the item yet: \(error)", spoke)
        // Where it went is asked before anything that comes under another id is taken for new.
        if error.code == .notFound {
          try parts.store.write { try $0.reportRemoved(entry.2.version.id, kind: spoke.kind, mailbox: spoke.mailbox) }
        }
      }
    }
  }
}
