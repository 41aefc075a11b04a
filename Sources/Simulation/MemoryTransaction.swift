import Model
import Store

/// Writes of one transaction of a `MemoryStore`.
final class MemoryTransaction: RecordTransaction {
  let box: MemoryBox

  init(state: MemoryState) { box = MemoryBox(state) }

  var reader: MemoryReader { MemoryReader(box: box) }

  func setCursor(_ name: String, _ value: String?) throws { box.state.cursors[name] = value }
  func setMeta(_ key: String, _ value: String?) throws { box.state.notes[key] = value }

  private func nextRevision() -> Int64 {
    box.state.revision += 1
    return box.state.revision
  }

  func observe(_ entity: Entity, kind: RecordKind) throws -> Bool {
    let index = box.state.entityIndex(entity.id, kind)
    let known = index.map { box.state.entities[$0].stored }
    if let known, !known.isDeleted, known.entity == entity { return false }
    var same = known.map { !$0.isDeleted } ?? false
    if let old = known?.entity {
      same =
        same && old.fields.differences(from: entity.fields).isEmpty && old.owner == entity.owner && old.workgroup == entity.workgroup
        && old.isInScope == entity.isInScope
    }
    let stored = StoredEntity(entity: entity, revision: same ? known?.revision ?? 0 : nextRevision(), isDeleted: false)
    if let index { box.state.entities[index].stored = stored } else { box.state.entities.append(.init(kind: kind, stored: stored)) }
    return !same
  }

  func observeDeleted(entity id: EntityID, kind: RecordKind) throws {
    let revision = nextRevision()
    guard let index = box.state.entityIndex(id, kind), !box.state.entities[index].stored.isDeleted else { return }
    box.state.entities[index].stored.isDeleted = true
    box.state.entities[index].stored.revision = revision
  }

  func report(_ version: ItemVersion, foreignID: EntityID?, folder: FolderID?, kind: RecordKind, mailbox: Mailbox) throws -> Bool {
    guard let index = box.state.itemIndex(version.id, kind, mailbox) else {
      box.state.items.append(
        .init(
          kind: kind, mailbox: mailbox, id: version.id, changeKey: version.changeKey, foreignID: foreignID, item: nil, revision: 0,
          presence: .present, isUnread: true, isUnlisted: false))
      return true
    }
    box.state.items[index].isUnlisted = false
    if box.state.items[index].changeKey == version.changeKey, box.state.items[index].presence == .present,
      box.state.items[index].item != nil
    {
      return false
    }
    box.state.items[index].changeKey = version.changeKey
    if box.state.items[index].presence != .present { box.state.items[index].revision = 0 }
    box.state.items[index].presence = .present
    box.state.items[index].isUnread = true
    return true
  }

  func observe(_ item: Item, kind: RecordKind, mailbox: Mailbox, isCreated: Bool) throws -> Bool {
    let index = box.state.itemIndex(item.version.id, kind, mailbox)
    let known = index.flatMap { box.state.items[$0].stored }
    var same = known?.presence == .present && known?.revision != 0
    if let old = known?.item {
      same =
        same && old.fields.differences(from: item.fields).isEmpty && old.foreignID == item.foreignID && old.isPrivate == item.isPrivate
        && old.isForeignClass == item.isForeignClass
    }
    let row = MemoryState.ItemRow(
      kind: kind, mailbox: mailbox, id: item.version.id, changeKey: item.version.changeKey, foreignID: item.foreignID, item: item,
      revision: same ? known?.revision ?? 0 : nextRevision(), presence: .present, isUnread: false,
      isUnlisted: isCreated || index.map { box.state.items[$0].isUnlisted } ?? false)
    if let index { box.state.items[index] = row } else { box.state.items.append(row) }
    return !same
  }

  func reconsider(item id: ItemID, kind: RecordKind, mailbox: Mailbox) throws {
    let revision = nextRevision()
    if let index = box.state.itemIndex(id, kind, mailbox) { box.state.items[index].revision = revision }
  }

  func reportRemoved(_ id: ItemID, kind: RecordKind, mailbox: Mailbox) throws {
    let revision = nextRevision()
    guard let index = box.state.itemIndex(id, kind, mailbox) else { return }
    if box.state.items[index].item == nil {
      box.state.items.remove(at: index)
    } else if box.state.items[index].presence == .present {
      leave(index, .left, revision)
    }
  }

  func observeDeleted(item id: ItemID, kind: RecordKind, mailbox: Mailbox) throws {
    let revision = nextRevision()
    guard let index = box.state.itemIndex(id, kind, mailbox), box.state.items[index].presence != .deleted else { return }
    leave(index, .deleted, revision)
  }

  private func leave(_ index: Int, _ presence: StoredItem.Presence, _ revision: Int64) {
    box.state.items[index].presence = presence
    box.state.items[index].isUnread = false
    box.state.items[index].isUnlisted = false
    box.state.items[index].revision = revision
  }

  func forgetItems(kind: RecordKind, mailbox: Mailbox) throws {
    for index in box.state.items.indices where box.state.items[index].kind == kind && box.state.items[index].mailbox == mailbox {
      if box.state.items[index].presence == .present { box.state.items[index].isUnlisted = true }
    }
  }

  func unlistedItems(kind: RecordKind, mailbox: Mailbox) throws -> [ItemID] {
    box.state.items.filter { $0.kind == kind && $0.mailbox == mailbox && $0.isUnlisted }.map(\.id).sorted()
  }

  func save(_ link: Link) throws -> Link {
    for other in box.state.links where other.id != link.id && other.mailbox == link.mailbox && other.kind == link.kind {
      if let id = link.entityID, other.entityID == id { throw SyncError(.storage, "two links of one entity \(id)") }
      if let id = link.itemID, other.itemID == id { throw SyncError(.storage, "two links of one item \(id)") }
    }
    var saved = link
    if link.id == 0 {
      box.state.lastLink = (box.state.links.map(\.id).max() ?? 0) + 1
      saved.id = box.state.lastLink
      box.state.links.append(saved)
    } else if let index = box.state.links.firstIndex(where: { $0.id == link.id }) {
      box.state.links[index] = link
    }
    return saved
  }

  func remove(_ link: Link) throws { box.state.links.removeAll { $0.id == link.id } }

  func open(_ intent: Intent) throws {
    box.state.intents.removeAll { $0.id == intent.id }
    box.state.intents.append(intent)
  }

  func markSent(_ id: OperationID) throws {
    if let index = box.state.intents.firstIndex(where: { $0.id == id }) { box.state.intents[index].sends += 1 }
  }

  func close(_ id: OperationID) throws { box.state.intents.removeAll { $0.id == id } }

  private func retryIndex(_ mailbox: Mailbox, _ kind: RecordKind, _ subject: String) -> Int? {
    box.state.retries.firstIndex { $0.mailbox == mailbox && $0.kind == kind && $0.subject == subject }
  }

  func noteFailure(mailbox: Mailbox, kind: RecordKind, subject: String, error: String, at now: Timestamp) throws -> Retry {
    let index = retryIndex(mailbox, kind, subject)
    let retry = Retry.next(
      after: index.map { box.state.retries[$0] }, mailbox: mailbox, kind: kind, subject: subject, error: error, at: now)
    if let index { box.state.retries[index] = retry } else { box.state.retries.append(retry) }
    return retry
  }

  func clearFailure(mailbox: Mailbox, kind: RecordKind, subject: String) throws {
    if let index = retryIndex(mailbox, kind, subject) { box.state.retries.remove(at: index) }
  }

  func start(_ run: Run) throws { box.state.runs.append(run) }

  func finish(_ run: Run) throws {
    box.state.runs.removeAll { $0.id == run.id }
    box.state.runs.append(run)
  }

  func journal(_ entry: JournalEntry) throws {
    // What gives way to a conflict or a delete must be kept without the writes that an undo needs.
    guard entry.write == nil else { return }
    var saved = entry
    if entry.id == 0 { saved.id = (box.state.journal.last?.id ?? 0) + 1 } else { box.state.journal.removeAll { $0.id == entry.id } }
    box.state.journal.append(saved)
  }

  func save(_ hold: Hold) throws {
    box.state.holds.removeAll { $0.id == hold.id }
    box.state.holds.append(hold)
  }

  func append(_ entry: LogEntry) throws {}

  func ensureEmployee(_ email: String, unixUser: String?) throws {}
  func ensureFolder(_ name: String, kind: RecordKind, employee: String, displayName: String, color: String?) throws {}

  func putFile(_ file: TreeFile, folder: String, employee: String) throws -> String {
    try removeFile(uid: file.uid, folder: folder, employee: employee)
    box.state.files.append(.init(folder: folder, employee: employee, file: file))
    return file.wishedName
  }

  func removeFile(uid: String, folder: String, employee: String) throws {
    box.state.files.removeAll { $0.file.uid == uid && $0.folder == folder && $0.employee == employee }
  }
}
