import Model
import Store

/// Writes to the ERP, one record a request, each between its intent and its outcome.
struct ERPWriter: Sendable {
  let executor: Executor
  private var parts: EngineParts { executor.parts }
  private var spoke: Spoke { executor.spoke }

  init(executor: Executor) { self.executor = executor }

  /// Writes one batch. A record that fails is counted; what stops the account is thrown.
  func write(_ batch: [DueWrite], fresh: inout FreshEntities) async throws(SyncError) -> Executor.Tally {
    var tally = Executor.Tally()
    try executor.openIntents(batch)
    var created: [(write: DueWrite, entity: Entity)] = []
    for (index, write) in batch.enumerated() {
      do throws(SyncError) {
        switch write.action.step {
        case .createEntity(let fields):
          created.append((write, try await create(write, fields)))
          tally.count("created-entities")
        case .updateEntity(let changes, let result):
          try await update(write, changes, result, &fresh)
          tally.count("updated-entities")
        default:
          try await delete(write)
          tally.count("deleted-entities")
        }
      } catch {
        try executor.noteFailure(write, error)
        if let id = write.pair.entity?.entity.id { fresh.failed.insert(id) }
        tally.failures += 1
        if error.stopsAccount {
          // Those after it were never sent: their intents would only be looked up in vain.
          try parts.store.write { transaction in for later in batch[(index + 1)...] { try transaction.close(later.operation) } }
          try await MailboxWriter(executor: executor, fresh: fresh).stamp(created)
          throw error
        }
      }
    }
    try await MailboxWriter(executor: executor, fresh: fresh).stamp(created)
    return tally
  }

  private func create(_ write: DueWrite, _ fields: Fields) async throws(SyncError) -> Entity {
    let entity = try await parts.erp.create(newEntity(fields, write.operation), kind: spoke.kind)
    guard let item = write.pair.item else { return entity }
    let now = parts.surroundings.now()
    // The intent stays open until the item carries the new record's id.
    try parts.store.write { transaction in
      _ = try transaction.observe(entity, kind: spoke.kind)
      try Successors.note(entity, after: write.pair.link, transaction)
      try executor.outcome.removeLink(write.pair, transaction)
      var fresh = write.pair
      fresh.link = nil
      try executor.outcome.saveLink(
        fresh, entity: entity, item: item.item, operation: write.operation, origin: .exchange, at: now, transaction)
    }
    return entity
  }

  func newEntity(_ fields: Fields, _ operation: OperationID) -> NewEntity {
    NewEntity(
      fields: fields, owner: executor.employee?.ownerCode, contactClass: spoke.section.contactClass, operationID: operation)
  }

  private func update(_ write: DueWrite, _ changes: [Field: Value?], _ result: Fields, _ fresh: inout FreshEntities) async throws(SyncError)
  {
    guard let stored = write.pair.entity, let item = write.pair.item else { return }
    let entity: Entity
    do throws(SyncError) {
      entity = try await parts.erp.update(
        EntityUpdate(id: stored.entity.id, version: stored.entity.version, changes: changes, result: result), kind: spoke.kind)
    } catch {
      if error.code == .staleVersion || error.code == .notFound { try await readAgain(stored.entity.id) }
      throw error
    }
    fresh.written[entity.id] = entity
    let now = parts.surroundings.now()
    try parts.store.write { transaction in
      _ = try transaction.observe(entity, kind: spoke.kind)
      if write.isHalf {
        // Only what was written here moves on, on both sides: the ERP's own change still has to reach the item, also after a crash. In a merged
        // list of people the two are one.
        if var link = write.pair.link {
          var base = link.baseEntity?.fields ?? Fields()
          let source = parts.erp.support(for: spoke.kind).projected(item.item.fields)
          for field in changes.keys where field != .attendees {
            base[field] = entity.fields[field]
            // The item had it first: of that it is agreed on too.
            if source.same(field, in: entity.fields) { link.baseItem?.fields[field] = item.item.fields[field] }
          }
          link.baseEntity = Base(fields: base, version: nil)
          _ = try transaction.save(link)
        } else {
          try executor.outcome.noteMatch(
            entity, item.item, agreed: entity.fields.restricted(to: Set(changes.keys)), transaction)
        }
      } else {
        try executor.outcome.saveLink(
          write.pair, entity: entity, item: item.item, baseEntity: Self.agreed(stored.entity, entity, written: changes.keys),
          origin: .exchange, written: Set(changes.keys), at: now, transaction)
      }
      try transaction.close(write.operation)
    }
  }

  /// What was written is agreed on, and what else is as it was known. What a user changed between the record's reading and its writing is not: it
  /// still has to reach the item.
  private static func agreed(_ known: Entity, _ fresh: Entity, written: some Sequence<Field>) -> Base {
    var fields = known.fields
    for field in written { fields[field] = fresh.fields[field] }
    return Base(fields: fields, version: fresh.fields.differences(from: fields).isEmpty ? fresh.version : nil)
  }

  private func delete(_ write: DueWrite) async throws(SyncError) {
    guard let stored = write.pair.entity else { return }
    do throws(SyncError) {
      try await parts.erp.delete(stored.entity.id, version: stored.entity.version, kind: spoke.kind)
    } catch {
      if error.code == .staleVersion { try await readAgain(stored.entity.id) }
      guard error.code == .notFound else { throw error }
    }
    try parts.store.write { transaction in
      try transaction.observeDeleted(entity: stored.entity.id, kind: spoke.kind)
      try executor.outcome.removeLink(write.pair, transaction)
      try transaction.close(write.operation)
    }
  }

  /// The record changed since it was read: what it is now decides at the next try.
  private func readAgain(_ id: EntityID) async throws(SyncError) {
    let answers = try await parts.erp.entities([id], kind: spoke.kind)
    if case .success(let entity)? = answers.first {
      try parts.store.write { _ = try $0.observe(entity, kind: spoke.kind) }
    }
  }
}
