import Model
import Store

/// Carries out what was decided about emails: new messages for the mailbox in batches, all else one message at a time, for each may be large.
struct EmailExecutor: Sendable {
  let executor: Executor
  private var parts: EngineParts { executor.parts }
  private var spoke: Spoke { executor.spoke }

  /// Carries out every action of these pairs. Throws only for what stops the mailbox; a message that fails is counted and tried again.
  func carryOut(_ decided: [Decided]) async throws(SyncError) -> Executor.Tally {
    var tally = try executor.settleLocally(decided.map(Self.local))
    var contacts = EmailContacts(executor: executor)
    var exports: [DueWrite] = []
    for decision in decided {
      for action in decision.actions {
        let write = DueWrite(pair: decision.pair, action: action, operation: parts.surroundings.operationID(), isHalf: false)
        do throws(SyncError) {
          switch action.step {
          case .createItem: exports.append(write)
          case .createEntity: try await EmailImporter(executor: executor).create(write, &contacts, &tally)
          case .updateItem(let changes, let result): try await remark(write, changes, result, &tally)
          case .deleteItem: tally.add(try await MailboxWriter(executor: executor, fresh: FreshEntities()).write([write]))
          case .link, .acknowledge: try await keep(decision.pair, &tally)
          default: break
          }
        } catch {
          tally.failures += 1
          if error.stopsAccount { throw error }
        }
      }
    }
    tally.add(try await EmailExporter(executor: executor).create(exports, &contacts))
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

  /// Links a message that is on both sides, and gives its file the bytes that Exchange has. Nothing is read where they are known.
  private func keep(_ pair: Pair, _ tally: inout Executor.Tally) async throws(SyncError) {
    guard let stored = pair.item, let entityID = pair.entity?.entity.id ?? pair.link?.entityID ?? stored.item.foreignID else { return }
    if let link = pair.link, link.baseItem?.version == stored.item.version.changeKey { return }
    var item = stored.item
    let content: [UInt8]
    do throws(SyncError) {
      content = try await executor.exchange.content(of: item.version.id, in: spoke.mailbox)
    } catch {
      if error.code == .notFound { return }
      try executor.noteFailure(of: pair, "reading", error)
      throw error
    }
    if pair.link == nil { tally.count("linked") }
    if item.foreignID != entityID { try await stamp(&item, entityID) }
    let now = parts.surroundings.now()
    let saved = item
    try parts.store.write { transaction in
      _ = try transaction.observe(saved, kind: spoke.kind, mailbox: spoke.mailbox)
      try save(
        pair, entityID: entityID, item: saved, content: content, operation: nil, origin: saved.operationID == nil ? .exchange : .erp,
        at: now,
        transaction)
    }
  }

  /// Notes the activity's id on the message, so that a rebuild of the cache finds the pair. Where it cannot, the Message-ID still does.
  func stamp(_ item: inout Item, _ id: EntityID) async throws(SyncError) {
    let update = ItemUpdate(version: item.version, changes: [:], result: item.fields, foreignID: id)
    do throws(SyncError) {
      guard let version = try await executor.exchange.update([update], kind: spoke.kind, in: spoke.mailbox).first?.get() else { return }
      item.version = version
      item.foreignID = id
    } catch {
      if error.stopsAccount { throw error }
      executor.log.write(.warning, "\(recordName(item.fields)): the activity's id could not be noted on the message: \(error)", spoke)
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
