import Model
import Store

/// Puts back what a conflict or a delete overwrote: on the side that lost it, as if a user had typed it there again. The next cycle carries
/// it on by the policy's rules.
struct Restoration: Sendable {
  let parts: EngineParts
  let log: SyncLog
  let spoke: Spoke
  let employee: ERPEmployee?
  let exchange: any ExchangePort

  /// Restores one entry. The values that stand now are journalled before they give way.
  /// - Throws: `notFound` where there is nothing left to restore to.
  func restore(_ entry: JournalEntry) async throws(SyncError) {
    guard let side = entry.losers.first?.side else { throw SyncError(.notFound, "entry #\(entry.id) of the journal holds no values") }
    let link = try parts.store.read { try $0.link(uid: entry.uid, kind: spoke.kind, mailbox: spoke.mailbox) }
    let entityID = link?.entityID ?? entry.entityID
    let done: Bool
    switch side {
    case .exchange: done = try await putBack(entry, item: link?.itemID ?? entry.itemID)
    case .erp: done = try await putBack(entry, entity: entityID)
    }
    if !done { try await recreate(entityID, entry) }
    let now = parts.surroundings.now()
    try parts.store.write { transaction in
      var restored = entry
      restored.restoredAt = now
      try transaction.journal(restored)
    }
    log.write(.informational, "\(entry.name): restored from entry #\(entry.id) of the journal", spoke)
  }

  private func changes(_ entry: JournalEntry, against current: Fields) -> [Field: Value?] {
    var changes: [Field: Value?] = [:]
    for loser in entry.losers {
      var wanted = Fields()
      wanted[loser.field] = loser.lost
      if !wanted.same(loser.field, in: current) { changes[loser.field] = .some(loser.lost) }
    }
    return changes
  }

  private func applied(_ changes: [Field: Value?], to fields: Fields) -> Fields {
    var result = fields
    for (field, value) in changes { result[field] = value }
    return result
  }

  /// Whether the item is there and has its values back.
  func putBack(_ entry: JournalEntry, item id: ItemID?) async throws(SyncError) -> Bool {
    guard let id, case .success(let item)? = try await exchange.items([id], kind: spoke.kind, in: spoke.mailbox).first else { return false }
    let changes = changes(entry, against: item.fields)
    guard !changes.isEmpty else { return true }
    try journal(changes, over: item.fields, .exchange, entry)
    let update = ItemUpdate(version: item.version, changes: changes, result: applied(changes, to: item.fields))
    _ = try await exchange.update([update], kind: spoke.kind, in: spoke.mailbox).first?.get()
    return true
  }

  /// Whether the entity is there and has its values back.
  func putBack(_ entry: JournalEntry, entity id: EntityID?) async throws(SyncError) -> Bool {
    guard let id, case .success(let entity)? = try await parts.erp.entities([id], kind: spoke.kind).first else { return false }
    let changes = changes(entry, against: entity.fields)
    guard !changes.isEmpty else { return true }
    try journal(changes, over: entity.fields, .erp, entry)
    let update = EntityUpdate(id: id, version: entity.version, changes: changes, result: applied(changes, to: entity.fields))
    _ = try await parts.erp.update(update, kind: spoke.kind)
    try tellNobody(id)
    return true
  }

  /// The record was deleted: it comes back as a new one in the ERP, from where the policies carry it on.
  func recreate(_ entityID: EntityID?, _ entry: JournalEntry) async throws(SyncError) {
    if let entityID, try parts.store.read({ try $0.meta(Self.madeAnew(entityID)) }) != nil {
      throw SyncError(.notFound, "'\(entry.name)' was made anew already, from what another mailbox had of it")
    }
    if let entityID, case .success? = try await parts.erp.entities([entityID], kind: spoke.kind).first {
      throw SyncError(
        .notFound,
        "'\(entry.name)' is still in the ERP and only left this mailbox: it comes back when the policy's filter takes it in again")
    }
    var fields = Fields()
    for loser in entry.losers { fields[loser.field] = loser.lost }
    let operation = parts.surroundings.operationID()
    let now = parts.surroundings.now()
    let (kind, payload) = (spoke.kind, fields.restricted(to: parts.erp.support(for: spoke.kind).fields))
    try parts.store.write { transaction in
      try transaction.open(
        Intent(
          id: operation, run: "restore \(entry.id)", mailbox: spoke.mailbox, kind: kind, side: .erp, action: "create", link: nil,
          entityID: nil,
          itemID: nil, payload: payload, sends: 0, time: now))
      try transaction.markSent(operation)
    }
    let made = try await parts.erp.create(
      NewEntity(
        fields: payload, owner: employee?.ownerCode, contactClass: spoke.section.contactClass, operationID: operation),
      kind: kind)
    try parts.store.write { transaction in
      _ = try transaction.observe(made, kind: kind)
      try transaction.noteDoubt(made.id, kind: kind, mailbox: spoke.mailbox, at: now)
      if let entityID { try transaction.setMeta(Self.madeAnew(entityID), made.id.rawValue) }
      try transaction.close(operation)
    }
  }

  private static func madeAnew(_ id: EntityID) -> String { "made anew \(id.rawValue)" }

  /// What is put back is no user's change: the cycle that carries it on tells no attendees.
  func tellNobody(_ id: EntityID) throws(SyncError) {
    let now = parts.surroundings.now()
    try parts.store.write { try $0.noteDoubt(id, kind: spoke.kind, mailbox: spoke.mailbox, at: now) }
  }

  private func journal(_ changes: [Field: Value?], over fields: Fields, _ side: SystemSide, _ entry: JournalEntry) throws(SyncError) {
    let losers = changes.sorted { $0.key < $1.key }.map { Loser(side: side, field: $0.key, lost: fields[$0.key], kept: $0.value) }
    var undone = entry
    (undone.id, undone.time, undone.losers) = (0, parts.surroundings.now(), losers)
    (undone.rule, undone.restoredAt) = ("restored from entry #\(entry.id)", nil)
    let saved = undone
    try parts.store.write { try $0.journal(saved) }
  }
}
