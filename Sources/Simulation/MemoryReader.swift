import Model
import Store

/// Reads of a `MemoryStore`, in the order in which SQLite's indexes give rows.
struct MemoryReader: RecordReader {
  let box: MemoryBox

  func cursor(_ name: String) throws -> String? { box.state.cursors[name] }
  func meta(_ key: String) throws -> String? { box.state.notes[key] }

  func entity(_ id: EntityID, kind: RecordKind) throws -> StoredEntity? {
    box.state.entityIndex(id, kind).map { box.state.entities[$0].stored }
  }

  func entities(kind: RecordKind, after revision: Int64, limit: Int) throws -> [StoredEntity] {
    let found = box.state.entities.filter { $0.kind == kind && $0.stored.revision > revision }.map(\.stored)
    return Array(found.sorted { $0.revision < $1.revision }.prefix(limit))
  }

  func entityMarks(kind: RecordKind, after revision: Int64, mailbox: Mailbox, limit: Int) throws -> [EntityMark] {
    try entities(kind: kind, after: revision, limit: limit).map { stored in
      EntityMark(
        id: stored.entity.id, revision: stored.revision, isDeleted: stored.isDeleted,
        link: try link(entity: stored.entity.id, kind: kind, mailbox: mailbox)?.id)
    }
  }

  func entityKey(_ id: EntityID, kind: RecordKind) throws -> String? { try entity(id, kind: kind)?.entity.key }

  func entities(kind: RecordKind, email: String) throws -> [StoredEntity] {
    let found = box.state.entities.filter {
      $0.kind == kind && !$0.stored.isDeleted && $0.stored.entity.fields.text(.email1)?.lowercased() == email
    }
    return found.map(\.stored).sorted { $0.entity.id < $1.entity.id }
  }

  func entityIDs(kind: RecordKind) throws -> Set<EntityID> {
    Set(box.state.entities.filter { $0.kind == kind && !$0.stored.isDeleted }.map(\.stored.entity.id))
  }

  func entityVersions(kind: RecordKind) throws -> [EntityID: String] {
    let known = box.state.entities.filter { $0.kind == kind && !$0.stored.isDeleted }.map {
      ($0.stored.entity.id, $0.stored.entity.version)
    }
    return Dictionary(known, uniquingKeysWith: { first, _ in first })
  }

  func lastEntityRevision(kind: RecordKind) throws -> Int64 {
    box.state.entities.filter { $0.kind == kind }.map(\.stored.revision).max() ?? 0
  }

  private func rows(_ kind: RecordKind, _ mailbox: Mailbox, _ isWanted: (MemoryState.ItemRow) -> Bool) -> [MemoryState.ItemRow] {
    box.state.items.filter { $0.kind == kind && $0.mailbox == mailbox && isWanted($0) }
  }

  func item(_ id: ItemID, kind: RecordKind, mailbox: Mailbox) throws -> StoredItem? {
    box.state.itemIndex(id, kind, mailbox).flatMap { box.state.items[$0].stored }
  }

  func items(kind: RecordKind, mailbox: Mailbox, after revision: Int64, limit: Int) throws -> [StoredItem] {
    let found = rows(kind, mailbox) { $0.revision > revision }.compactMap(\.stored)
    return Array(found.sorted { $0.revision < $1.revision }.prefix(limit))
  }

  func itemMarks(kind: RecordKind, mailbox: Mailbox, after revision: Int64, limit: Int) throws -> [ItemMark] {
    try items(kind: kind, mailbox: mailbox, after: revision, limit: limit).map { stored in
      let link = try link(item: stored.item.version.id, kind: kind, mailbox: mailbox)
      return ItemMark(
        id: stored.item.version.id, revision: stored.revision, presence: stored.presence, foreignID: stored.item.foreignID, link: link?.id,
        linkedEntity: link?.entityID)
    }
  }

  private func byID(_ rows: [MemoryState.ItemRow]) -> [StoredItem] { rows.sorted { $0.id < $1.id }.compactMap(\.stored) }

  func items(kind: RecordKind, mailbox: Mailbox, foreignID: EntityID) throws -> [StoredItem] {
    byID(rows(kind, mailbox) { $0.foreignID == foreignID && $0.presence != .deleted })
  }

  func items(kind: RecordKind, mailbox: Mailbox, email: String) throws -> [StoredItem] {
    byID(rows(kind, mailbox) { $0.presence != .deleted && $0.item?.fields.text(.email1)?.lowercased() == email })
  }

  func leftItems(kind: RecordKind, mailbox: Mailbox) throws -> [StoredItem] { byID(rows(kind, mailbox) { $0.presence == .left }) }

  func itemsToFetch(kind: RecordKind, mailbox: Mailbox, limit: Int) throws -> [ItemID] {
    Array(rows(kind, mailbox) { $0.isUnread }.map(\.id).sorted().prefix(limit))
  }

  private func link(_ kind: RecordKind, _ mailbox: Mailbox, _ isWanted: (Link) -> Bool) -> Link? {
    box.state.links.first { $0.kind == kind && $0.mailbox == mailbox && isWanted($0) }
  }

  func link(entity: EntityID, kind: RecordKind, mailbox: Mailbox) throws -> Link? { link(kind, mailbox) { $0.entityID == entity } }
  func link(item: ItemID, kind: RecordKind, mailbox: Mailbox) throws -> Link? { link(kind, mailbox) { $0.itemID == item } }
  func link(uid: String, kind: RecordKind, mailbox: Mailbox) throws -> Link? { link(kind, mailbox) { $0.uid == uid } }
  func link(id: Int64) throws -> Link? { box.state.links.first { $0.id == id } }

  func isLinkedElsewhere(moveKey: String, kind: RecordKind, mailbox: Mailbox) throws -> Bool {
    box.state.links.contains { link in
      guard link.kind == kind, link.mailbox != mailbox, link.state == .linked, let key = link.moveKey else { return false }
      return key == moveKey || key.hasPrefix(moveKey + "/")
    }
  }

  func linkCount(kind: RecordKind, mailbox: Mailbox) throws -> Int {
    box.state.links.count { $0.kind == kind && $0.mailbox == mailbox && $0.state == .linked }
  }

  func neighbours(kind: RecordKind, mailbox: Mailbox, excluding: Set<ItemID>, limit: Int) throws -> [Link] {
    let found = box.state.links.filter { link in
      guard link.kind == kind, link.mailbox == mailbox, link.state == .linked, let id = link.itemID, !excluding.contains(id) else {
        return false
      }
      return box.state.itemIndex(id, kind, mailbox).map { box.state.items[$0].presence == .present } ?? false
    }
    return Array(found.sorted { ($0.syncedAt?.milliseconds ?? -1, $1.id) > ($1.syncedAt?.milliseconds ?? -1, $0.id) }.prefix(limit))
  }

  func openIntents(mailbox: Mailbox?) throws -> [Intent] {
    box.state.intents.filter { intent in mailbox.map { $0 == intent.mailbox } ?? true }.sorted { $0.id.rawValue < $1.id.rawValue }
  }

  func retries(mailbox: Mailbox, kind: RecordKind?, dueAt time: Timestamp) throws -> [Retry] {
    box.state.retries.filter { retry in
      retry.mailbox == mailbox && kind.map { $0 == retry.kind } ?? true && !retry.isSetAside && retry.nextAt <= time
    }.sorted { ($0.kind.rawValue, $0.subject) < ($1.kind.rawValue, $1.subject) }
  }

  /// Histories undo nothing: what only an undo needs is not kept.
  func writes(run: String) throws -> [JournalEntry] { [] }
  func isWrittenAgain(uid: String, mailbox: Mailbox, after run: String) throws -> Bool { false }
  func journalEntry(_ id: Int64) throws -> JournalEntry? { box.state.journal.first { $0.id == id } }

  func holds(open: Bool) throws -> [Hold] {
    box.state.holds.filter { !open || $0.state == .open }.sorted { ($1.created, $0.id) < ($0.created, $1.id) }
  }
}
