import Model
import Store

/// Writes of one transaction of a `MemoryStore`, which puts everything back where it fails.
final class MemoryTransaction: RecordTransaction {
  private let box: MemoryBox
  var isCommitted = false
  /// Cursors and notes as they were before each change.
  private var cursorsBefore: [(name: String, value: String?)] = []
  private var notesBefore: [(key: String, value: String?)] = []

  init(box: MemoryBox) { self.box = box }

  var reader: MemoryReader { MemoryReader(box: box) }

  /// The tables as they were before the first change of one.
  private var tablesBefore: MemoryState.Tables?

  private var tables: MemoryState.Tables {
    _read { yield box.state.tables }
    _modify {
      if tablesBefore == nil { tablesBefore = box.state.tables }
      yield &box.state.tables
    }
  }

  func setCursor(_ name: String, _ value: String?) throws {
    cursorsBefore.append((name, box.state.cursors[name]))
    box.state.cursors[name] = value
  }

  func setMeta(_ key: String, _ value: String?) throws {
    notesBefore.append((key, box.state.notes[key]))
    box.state.notes[key] = value
  }

  /// Whether anything may differ from what was there.
  var hasChanged: Bool {
    tablesBefore != nil || cursorsBefore.contains { box.state.cursors[$0.name] != $0.value }
      || notesBefore.contains { box.state.notes[$0.key] != $0.value }
  }

  /// Puts everything back as it was.
  func takeBack() {
    if let tablesBefore { box.state.tables = tablesBefore }
    for (name, value) in cursorsBefore.reversed() { box.state.cursors[name] = value }
    for (key, value) in notesBefore.reversed() { box.state.notes[key] = value }
  }

  private func nextRevision() -> Int64 {
    tables.revision += 1
    return tables.revision
  }

  private func change(item index: Int, _ body: (inout MemoryState.ItemRow) -> Void) {
    var row = tables.items[index].value
    body(&row)
    tables.items[index] = Row(row)
  }

  func observe(_ entity: Entity, kind: RecordKind) throws -> Bool {
    let index = tables.entityIndex(entity.id, kind)
    let known = index.map { tables.entities[$0].value.stored }
    if let known, !known.isDeleted, known.entity == entity { return false }
    var same = known.map { !$0.isDeleted } ?? false
    if let old = known?.entity {
      same =
        same && old.fields.differences(from: entity.fields).isEmpty && old.owner == entity.owner && old.workgroup == entity.workgroup
        && old.isInScope == entity.isInScope
    }
    let stored = StoredEntity(entity: entity, revision: same ? known?.revision ?? 0 : nextRevision(), isDeleted: false)
    let row = Row(MemoryState.EntityRow(kind: kind, stored: stored))
    if let index { tables.entities[index] = row } else { tables.entities.append(row) }
    return !same
  }

  func observeDeleted(entity id: EntityID, kind: RecordKind) throws {
    let revision = nextRevision()
    guard let index = tables.entityIndex(id, kind), !tables.entities[index].value.stored.isDeleted else { return }
    var row = tables.entities[index].value
    row.stored.isDeleted = true
    row.stored.revision = revision
    tables.entities[index] = Row(row)
  }

  func reconsider(entity id: EntityID, kind: RecordKind) throws {
    let revision = nextRevision()
    guard let index = tables.entityIndex(id, kind) else { return }
    var row = tables.entities[index].value
    row.stored.revision = revision
    tables.entities[index] = Row(row)
  }

  func report(_ version: ItemVersion, foreignID: EntityID?, folder: FolderID?, kind: RecordKind, mailbox: Mailbox) throws -> Bool {
    guard let index = tables.itemIndex(version.id, kind, mailbox) else {
      tables.items.append(
        Row(
          .init(
            kind: kind, mailbox: mailbox, id: version.id, changeKey: version.changeKey, foreignID: foreignID, item: nil, revision: 0,
            presence: .present, isUnread: true, isUnlisted: false)))
      return true
    }
    let known = tables.items[index].value
    if known.changeKey == version.changeKey, known.presence == .present, known.item != nil {
      if known.isUnlisted { change(item: index) { $0.isUnlisted = false } }
      return false
    }
    change(item: index) { row in
      row.isUnlisted = false
      row.changeKey = version.changeKey
      if row.presence != .present { row.revision = 0 }
      row.presence = .present
      row.isUnread = true
    }
    return true
  }

  func observe(_ item: Item, kind: RecordKind, mailbox: Mailbox, isCreated: Bool) throws -> Bool {
    let index = tables.itemIndex(item.version.id, kind, mailbox)
    let known = index.map { tables.items[$0].value }
    var same = known?.item != nil && known?.presence == .present && known?.revision != 0
    if let old = known?.item {
      same =
        same && old.fields.differences(from: item.fields).isEmpty && old.foreignID == item.foreignID && old.isPrivate == item.isPrivate
        && old.isForeignClass == item.isForeignClass
    }
    let row = Row(
      MemoryState.ItemRow(
        kind: kind, mailbox: mailbox, id: item.version.id, changeKey: item.version.changeKey, foreignID: item.foreignID, item: item,
        revision: same ? known?.revision ?? 0 : nextRevision(), presence: .present, isUnread: false,
        isUnlisted: isCreated || known?.isUnlisted ?? false))
    if let index { tables.items[index] = row } else { tables.items.append(row) }
    return !same
  }

  func reconsider(item id: ItemID, kind: RecordKind, mailbox: Mailbox) throws {
    let revision = nextRevision()
    if let index = tables.itemIndex(id, kind, mailbox) { change(item: index) { $0.revision = revision } }
  }

  func reportRemoved(_ id: ItemID, kind: RecordKind, mailbox: Mailbox) throws {
    let revision = nextRevision()
    guard let index = tables.itemIndex(id, kind, mailbox) else { return }
    if tables.items[index].value.item == nil {
      tables.items.remove(at: index)
    } else if tables.items[index].value.presence == .present {
      leave(index, .left, revision)
    }
  }

  func observeDeleted(item id: ItemID, kind: RecordKind, mailbox: Mailbox) throws {
    let revision = nextRevision()
    guard let index = tables.itemIndex(id, kind, mailbox), tables.items[index].value.presence != .deleted else { return }
    leave(index, .deleted, revision)
  }

  private func leave(_ index: Int, _ presence: StoredItem.Presence, _ revision: Int64) {
    change(item: index) { row in
      row.presence = presence
      row.isUnread = false
      row.isUnlisted = false
      row.revision = revision
    }
  }

  func forgetItems(kind: RecordKind, mailbox: Mailbox) throws {
    for index in tables.items.indices {
      let row = tables.items[index].value
      if row.kind == kind, row.presence == .present, row.mailbox == mailbox, row.item?.form != .occurrence {
        change(item: index) { $0.isUnlisted = true }
      }
    }
  }

  func unlistedItems(kind: RecordKind, mailbox: Mailbox) throws -> [ItemID] {
    tables.items.filter { $0.value.isUnlisted && $0.value.kind == kind && $0.value.mailbox == mailbox }.map(\.value.id).sorted()
  }

  func save(_ link: Link) throws -> Link {
    for row in tables.links where row.value.id != link.id && row.value.kind == link.kind && row.value.mailbox == link.mailbox {
      if let id = link.entityID, row.value.entityID == id { throw SyncError(.storage, "two links of one entity \(id)") }
      if let id = link.itemID, row.value.itemID == id { throw SyncError(.storage, "two links of one item \(id)") }
    }
    var saved = link
    if link.id == 0 {
      saved.id = tables.links.reduce(0) { max($0, $1.value.id) } + 1
      tables.links.append(Row(saved))
    } else if let index = tables.links.firstIndex(where: { $0.value.id == link.id }) {
      tables.links[index] = Row(link)
    }
    return saved
  }

  func remove(_ link: Link) throws { tables.links.removeAll { $0.value.id == link.id } }

  func open(_ intent: Intent) throws {
    try close(intent.id)
    tables.intents.append(Row(intent))
  }

  func markSent(_ id: OperationID) throws {
    guard let index = tables.intents.firstIndex(where: { $0.value.id == id }) else { return }
    var intent = tables.intents[index].value
    intent.sends += 1
    tables.intents[index] = Row(intent)
  }

  func close(_ id: OperationID) throws {
    if tables.intents.contains(where: { $0.value.id == id }) { tables.intents.removeAll { $0.value.id == id } }
  }

  private func retryIndex(_ mailbox: Mailbox, _ kind: RecordKind, _ subject: String) -> Int? {
    tables.retries.firstIndex { $0.value.kind == kind && $0.value.subject == subject && $0.value.mailbox == mailbox }
  }

  func noteFailure(mailbox: Mailbox, kind: RecordKind, subject: String, error: String, at now: Timestamp) throws -> Retry {
    let index = retryIndex(mailbox, kind, subject)
    let retry = Retry.next(
      after: index.map { tables.retries[$0].value }, mailbox: mailbox, kind: kind, subject: subject, error: error, at: now)
    if let index { tables.retries[index] = Row(retry) } else { tables.retries.append(Row(retry)) }
    return retry
  }

  func clearFailure(mailbox: Mailbox, kind: RecordKind, subject: String) throws {
    if let index = retryIndex(mailbox, kind, subject) { tables.retries.remove(at: index) }
  }

  func start(_ run: Run) throws { tables.runs.append(Row(run)) }

  func finish(_ run: Run) throws {
    tables.runs.removeAll { $0.value.id == run.id }
    tables.runs.append(Row(run))
  }

  func journal(_ entry: JournalEntry) throws {
    // What gives way to a conflict or a delete must be kept without the writes that an undo needs.
    guard entry.write == nil else { return }
    var saved = entry
    if entry.id == 0 { saved.id = (tables.journal.last?.value.id ?? 0) + 1 } else { tables.journal.removeAll { $0.value.id == entry.id } }
    tables.journal.append(Row(saved))
  }

  func save(_ hold: Hold) throws {
    tables.holds.removeAll { $0.value.id == hold.id }
    tables.holds.append(Row(hold))
  }

  func append(_ entry: LogEntry) throws {}

  func ensureEmployee(_ email: String, unixUser: String?) throws {}
  func ensureFolder(_ name: String, kind: RecordKind, employee: String, displayName: String, color: String?) throws {}

  /// No history looks at the mount.
  var keepsFiles: Bool { false }
  func putFile(_ file: TreeFile, folder: String, employee: String) throws -> String { file.wishedName }
  func removeFile(uid: String, folder: String, employee: String) throws {}
}
