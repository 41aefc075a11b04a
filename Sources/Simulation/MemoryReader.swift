import Model
import Store

/// Reads of a `MemoryStore`, in the order in which SQLite's indexes give rows.
struct MemoryReader: RecordReader {
  let box: MemoryBox

  private var tables: MemoryState.Tables { _read { yield box.state.tables } }

  func cursor(_ name: String) throws -> String? { box.state.cursors[name] }
  func meta(_ key: String) throws -> String? { box.state.notes[key] }

  func entity(_ id: EntityID, kind: RecordKind) throws -> StoredEntity? { tables.entity(id, kind)?.stored }

  private func entities(_ isWanted: (MemoryState.EntityRow) -> Bool) -> [Row<MemoryState.EntityRow>] {
    tables.entities.filter { isWanted($0.value) }
  }

  private func changed(_ kind: RecordKind, after revision: Int64, limit: Int) -> [Row<MemoryState.EntityRow>] {
    let found = entities { $0.kind == kind && $0.stored.revision > revision }
    return Array(found.sorted { $0.value.stored.revision < $1.value.stored.revision }.prefix(limit))
  }

  func entities(kind: RecordKind, after revision: Int64, limit: Int) throws -> [StoredEntity] {
    changed(kind, after: revision, limit: limit).map(\.value.stored)
  }

  func entityMarks(kind: RecordKind, after revision: Int64, mailbox: Mailbox, limit: Int) throws -> [EntityMark] {
    changed(kind, after: revision, limit: limit).map { row in
      let stored = row.value.stored
      return EntityMark(
        id: stored.entity.id, revision: stored.revision, isDeleted: stored.isDeleted,
        link: link(kind, mailbox) { $0.entityID == stored.entity.id }?.value.id)
    }
  }

  func entityKey(_ id: EntityID, kind: RecordKind) throws -> String? { try entity(id, kind: kind)?.entity.key }

  func entities(kind: RecordKind, email: String) throws -> [StoredEntity] {
    let found = entities { $0.kind == kind && !$0.stored.isDeleted && $0.stored.entity.fields.lookupKey == email }
    return found.map(\.value.stored).sorted { $0.entity.id < $1.entity.id }
  }

  func entityVersions(kind: RecordKind) throws -> [EntityID: String] {
    let known = entities { $0.kind == kind && !$0.stored.isDeleted }.map { ($0.value.stored.entity.id, $0.value.stored.entity.version) }
    return Dictionary(known, uniquingKeysWith: { first, _ in first })
  }

  func lastEntityRevision(kind: RecordKind) throws -> Int64 {
    tables.entities.reduce(0) { $1.value.kind == kind ? max($0, $1.value.stored.revision) : $0 }
  }

  private func rows(_ kind: RecordKind, _ mailbox: Mailbox, _ isWanted: (MemoryState.ItemRow) -> Bool) -> [Row<MemoryState.ItemRow>] {
    tables.items.filter { $0.value.kind == kind && isWanted($0.value) && $0.value.mailbox == mailbox }
  }

  func item(_ id: ItemID, kind: RecordKind, mailbox: Mailbox) throws -> StoredItem? { tables.item(id, kind, mailbox)?.stored }

  func items(kind: RecordKind, mailbox: Mailbox, after revision: Int64, limit: Int) throws -> [StoredItem] {
    let found = rows(kind, mailbox) { $0.revision > revision && $0.item != nil }
    return found.sorted { $0.value.revision < $1.value.revision }.prefix(limit).compactMap(\.value.stored)
  }

  func itemMarks(kind: RecordKind, mailbox: Mailbox, after revision: Int64, limit: Int) throws -> [ItemMark] {
    let found = rows(kind, mailbox) { $0.revision > revision && $0.item != nil }
    return found.sorted { $0.value.revision < $1.value.revision }.prefix(limit).map { row in
      let item = row.value
      let link = link(kind, mailbox) { $0.itemID == item.id }
      return ItemMark(
        id: item.id, revision: item.revision, presence: item.presence, foreignID: item.item?.foreignID, link: link?.value.id,
        linkedEntity: link?.value.entityID)
    }
  }

  private func byID(_ rows: [Row<MemoryState.ItemRow>]) -> [StoredItem] {
    rows.sorted { $0.value.id < $1.value.id }.compactMap(\.value.stored)
  }

  func items(kind: RecordKind, mailbox: Mailbox, foreignID: EntityID) throws -> [StoredItem] {
    byID(rows(kind, mailbox) { $0.foreignID == foreignID && $0.presence != .deleted })
  }

  func hadItem(_ entity: EntityID, kind: RecordKind, mailbox: Mailbox) throws -> Bool {
    !rows(kind, mailbox) { $0.foreignID == entity && $0.presence == .deleted }.isEmpty
  }

  func items(kind: RecordKind, mailbox: Mailbox, email: String) throws -> [StoredItem] {
    byID(rows(kind, mailbox) { $0.presence != .deleted && $0.item?.fields.lookupKey == email })
  }

  func leftItems(kind: RecordKind, mailbox: Mailbox) throws -> [StoredItem] { byID(rows(kind, mailbox) { $0.presence == .left }) }

  func itemsToFetch(kind: RecordKind, mailbox: Mailbox, limit: Int) throws -> [ItemID] {
    Array(rows(kind, mailbox) { $0.isUnread }.map(\.value.id).sorted().prefix(limit))
  }

  private func link(_ kind: RecordKind, _ mailbox: Mailbox, _ isWanted: (Link) -> Bool) -> Row<Link>? {
    tables.links.first { $0.value.kind == kind && isWanted($0.value) && $0.value.mailbox == mailbox }
  }

  func link(entity: EntityID, kind: RecordKind, mailbox: Mailbox) throws -> Link? { link(kind, mailbox) { $0.entityID == entity }?.value }
  func link(item: ItemID, kind: RecordKind, mailbox: Mailbox) throws -> Link? { link(kind, mailbox) { $0.itemID == item }?.value }
  func link(uid: String, kind: RecordKind, mailbox: Mailbox) throws -> Link? { link(kind, mailbox) { $0.uid == uid }?.value }
  func link(id: Int64) throws -> Link? { tables.links.first { $0.value.id == id }?.value }

  func isLinkedElsewhere(moveKey: String, kind: RecordKind, mailbox: Mailbox) throws -> Bool {
    tables.links.contains { row in
      let link = row.value
      guard link.kind == kind, link.mailbox != mailbox, link.state == .linked, let key = link.moveKey else { return false }
      return key == moveKey || key.hasPrefix(moveKey + "/")
    }
  }

  func linkCount(kind: RecordKind, mailbox: Mailbox) throws -> Int {
    tables.links.count { $0.value.kind == kind && $0.value.state == .linked && $0.value.mailbox == mailbox }
  }

  func neighbours(kind: RecordKind, mailbox: Mailbox, excluding: Set<ItemID>, limit: Int) throws -> [Link] {
    let found = tables.links.filter { row in
      let link = row.value
      guard link.kind == kind, link.mailbox == mailbox, link.state == .linked, let id = link.itemID, !excluding.contains(id) else {
        return false
      }
      return tables.item(id, kind, mailbox)?.presence == .present
    }.map(\.value)
    return Array(found.sorted { ($0.syncedAt?.milliseconds ?? -1, $1.id) > ($1.syncedAt?.milliseconds ?? -1, $0.id) }.prefix(limit))
  }

  func openIntents(mailbox: Mailbox?) throws -> [Intent] {
    let intents = tables.intents
    if intents.isEmpty { return [] }
    return intents.map(\.value).filter { intent in mailbox.map { $0 == intent.mailbox } ?? true }.sorted { $0.id.rawValue < $1.id.rawValue }
  }

  func retries(mailbox: Mailbox, kind: RecordKind?, dueAt time: Timestamp) throws -> [Retry] {
    let retries = tables.retries
    if retries.isEmpty { return [] }
    return retries.map(\.value).filter { retry in
      retry.mailbox == mailbox && kind.map { $0 == retry.kind } ?? true && !retry.isSetAside && retry.nextAt <= time
    }.sorted { ($0.kind.rawValue, $0.subject) < ($1.kind.rawValue, $1.subject) }
  }

  /// Histories undo nothing: what only an undo needs is not kept.
  func writes(run: String) throws -> [JournalEntry] { [] }
  func isWrittenAgain(uid: String, mailbox: Mailbox, after run: String) throws -> Bool { false }
  func journalEntry(_ id: Int64) throws -> JournalEntry? { tables.journal.first { $0.value.id == id }?.value }

  func holds(open: Bool) throws -> [Hold] {
    let holds = tables.holds
    if holds.isEmpty { return [] }
    return holds.map(\.value).filter { !open || $0.state == .open }.sorted { ($1.created, $0.id) < ($0.created, $1.id) }
  }
}
