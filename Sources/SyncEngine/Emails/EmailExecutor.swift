import Model
import Store

/// Carries out what was decided about emails, in batches that are bounded in bytes too, for a message may be large.
struct EmailExecutor: Sendable {
  let executor: Executor
  private var parts: EngineParts { executor.parts }
  private var spoke: Spoke { executor.spoke }

  /// Carries out every action of these pairs. Throws only for what stops the mailbox; a message that fails is counted and tried again.
  func carryOut(_ decided: [Decided]) async throws(SyncError) -> Executor.Tally {
    var tally = try executor.settleLocally(decided.map(Self.local))
    let contacts = EmailContacts(executor: executor)
    var (imports, exports, kept): ([DueWrite], [DueWrite], [DueWrite]) = ([], [], [])
    for decision in decided {
      for action in decision.actions {
        let write = DueWrite(pair: decision.pair, action: action, operation: parts.surroundings.operationID(), isHalf: false)
        do throws(SyncError) {
          switch action.step {
          case .createItem: exports.append(write)
          case .createEntity: imports.append(write)
          case .link, .acknowledge: kept.append(write)
          case .updateItem(let changes, let result): try await remark(write, changes, result, &tally)
          case .deleteItem: tally.add(try await delete(write))
          default: break
          }
        } catch {
          tally.failures += 1
          if error.stopsAccount { throw error }
        }
      }
    }
    tally.add(try await keep(kept))
    tally.add(try await EmailImporter(executor: executor).create(imports, contacts))
    tally.add(try await EmailExporter(executor: executor).create(exports, contacts))
    return tally
  }

  /// What needs no look at the message itself.
  private static func local(_ decision: Decided) -> Decided {
    var decision = decision
    decision.actions.removeAll { action in
      switch action.step {
      case .detach, .dropLink, .leave: false
      default: true
      }
    }
    return decision
  }

  /// Links messages that are on both sides, and gives their files the bytes that Exchange has. Nothing is read where they are known.
  private func keep(_ writes: [DueWrite]) async throws(SyncError) -> Executor.Tally {
    var tally = Executor.Tally()
    let unknown = writes.filter { write in
      guard let item = write.pair.item?.item, Self.entityID(of: write.pair) != nil else { return false }
      return write.pair.link?.baseItem?.version != item.version.changeKey
    }
    for wave in executor.waves(unknown) {
      let done = try await executor.inMessageBatches(wave.writes, width: wave.width, size: { $0.pair.item?.item.size }) {
        batch throws(SyncError) in try await keep(batch: batch.map(\.pair))
      }
      for part in done { tally.add(part) }
    }
    return tally
  }

  private static func entityID(of pair: Pair) -> EntityID? { pair.entity?.entity.id ?? pair.link?.entityID ?? pair.item?.item.foreignID }

  private func keep(batch: [Pair]) async throws(SyncError) -> Executor.Tally {
    var tally = Executor.Tally()
    var read: [(pair: Pair, item: Item, id: EntityID, content: [UInt8])] = []
    for (pair, answer) in zip(batch, try await executor.contents(of: batch.compactMap(\.item?.item.version.id))) {
      guard let item = pair.item?.item, let id = Self.entityID(of: pair) else { continue }
      switch answer {
      case .success(let content):
        do throws(SyncError) {
          if item.operationID == nil { try await EmailImporter(executor: executor).catchUp(id, item, content) }
          read.append((pair, item, id, content))
        } catch {
          try executor.noteFailure(of: pair, "completing", error)
          tally.failures += 1
          if error.stopsAccount { throw error }
        }
      // Also of one that seems to be gone: until a listing says so it is wanted.
      case .failure(let error):
        try executor.noteFailure(of: pair, "reading", error)
        tally.failures += 1
        if error.stopsAccount { throw error }
      }
    }
    tally.count("linked", read.count { $0.pair.link == nil })
    let items = try await stamp(read.map { ($0.item, $0.id) })
    let (kept, now) = (read, parts.surroundings.now())
    try parts.store.write { transaction in
      for (entry, item) in zip(kept, items) {
        // One that was not read yet is still to be read.
        if item.version != entry.item.version { _ = try transaction.observe(item, kind: spoke.kind, mailbox: spoke.mailbox) }
        try save(
          entry.pair, entityID: entry.id, item: item, content: entry.content, operation: nil,
          origin: item.operationID == nil ? .exchange : .erp, at: now, transaction)
      }
    }
    return tally
  }

  /// Notes the activities' ids on the messages that do not have them yet, so that a rebuild of the cache finds the pairs. Where it cannot,
  /// the Message-ID still does.
  /// - Returns: the messages as they are now.
  func stamp(_ messages: [(item: Item, entity: EntityID)]) async throws(SyncError) -> [Item] {
    var items = messages.map(\.item)
    let unmarked = messages.indices.filter { messages[$0].item.foreignID != messages[$0].entity }
    let updates = unmarked.map { place in
      ItemUpdate(
        version: items[place].version, changes: [:], result: items[place].fields, foreignID: messages[place].entity)
    }
    let answers = try await executor.oneByOneIfRefused(updates) { updates throws(SyncError) in
      try await executor.exchange.update(updates, kind: spoke.kind, in: spoke.mailbox)
    }
    for (place, answer) in zip(unmarked, answers) {
      switch answer {
      case .success(let version): (items[place].version, items[place].foreignID) = (version, messages[place].entity)
      case .failure(let error):
        let name = recordName(items[place].fields)
        executor.log.write(.warning, "\(name): the activity's id could not be noted on the message: \(error)", spoke)
      }
    }
    return items
  }

  /// Takes away a message that was made twice. One that could not be is looked at again.
  private func delete(_ write: DueWrite) async throws(SyncError) -> Executor.Tally {
    do throws(SyncError) {
      return try await MailboxWriter(executor: executor, fresh: FreshEntities()).write([write])
    } catch {
      try executor.noteFailure(of: write.pair, write.action.intentName, error)
      throw error
    }
  }

  /// Changes the mark of a message; its contents stay as they are known.
  private func remark(
    _ write: DueWrite, _ changes: [Field: Value?], _ result: Fields, _ tally: inout Executor.Tally
  ) async throws(SyncError) {
    guard var item = write.pair.item?.item, var link = write.pair.link else { return }
    let isKnown = link.baseItem?.version == item.version.changeKey
    do throws(SyncError) {
      try executor.openIntents([write])
      let update = ItemUpdate(version: item.version, changes: changes, result: result)
      guard let version = try await executor.exchange.update([update], kind: spoke.kind, in: spoke.mailbox).first?.get() else { return }
      (item.version, item.fields) = (version, result)
    } catch {
      try executor.noteFailure(write, error)
      throw error
    }
    tally.count("updated-items")
    link.baseItem = Base(fields: mark(of: item, origin: link.origin), version: isKnown ? item.version.changeKey : nil)
    let (saved, savedLink) = (item, link)
    try parts.store.write { transaction in
      _ = try transaction.observe(saved, kind: spoke.kind, mailbox: spoke.mailbox)
      _ = try transaction.save(savedLink)
      try transaction.close(write.operation)
    }
  }

  /// The category that the engine gave to an exported message, where it still has it.
  private func mark(of item: Item, origin: SystemSide) -> Fields {
    guard origin == .erp, let name = spoke.policy.category?.name, !spoke.section.withoutCategory,
      item.fields[.categories]?.elements.contains(where: { $0.lowercased() == name.lowercased() }) ?? false
    else { return Fields() }
    return Fields([.categories: .set([name])])
  }

  /// A message's own date: it never changes, while Exchange's time of the last change moves with every read flag.
  private static func date(of item: Item) -> Timestamp? {
    if case .instant(let date, _)? = item.fields[.start] { date } else { item.modified }
  }

  /// Saves a pair and its file.
  /// - Parameter content: the message as Exchange has it; nil: not read yet, the next look at the pair reads it.
  func save(
    _ pair: Pair, entityID: EntityID, item: Item, content: [UInt8]?, operation: OperationID?, origin: SystemSide, at now: Timestamp,
    _ transaction: any RecordTransaction
  ) throws {
    let known = pair.link
    let link = try transaction.save(
      Link(
        id: known?.id ?? 0, mailbox: spoke.mailbox, kind: spoke.kind, entityID: entityID, itemID: item.version.id,
        baseEntity: Base(fields: Fields(), version: nil),
        baseItem: Base(fields: mark(of: item, origin: known?.origin ?? origin), version: content == nil ? nil : item.version.changeKey),
        state: .linked,
        origin: known?.origin ?? origin, uid: known?.uid ?? entityID.rawValue,
        operationID: operation ?? known?.operationID ?? item.operationID,
        moveKey: item.moveKey ?? known?.moveKey, syncedAt: now))
    if let content {
      try executor.outcome.putFile(link, item: item, bytes: content, modified: Self.date(of: item) ?? now, transaction)
    }
    for subject in [Subject.entity(entityID), Subject.item(item.version.id)] {
      try transaction.clearFailure(mailbox: spoke.mailbox, kind: spoke.kind, subject: subject)
    }
  }
}
