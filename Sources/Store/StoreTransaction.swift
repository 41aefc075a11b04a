internal import GRDB
public import Model

/// Reads and writes of one transaction. Valid only inside the closure that it was handed to.
public final class StoreTransaction {
  let db: Database
  /// What the transaction changed in the mount's tree, told to observers after the commit.
  var treeChanges: [TreeChange] = []
  /// Directories of the tree whose time moved already, and the latest time of a file in each that they were told of, in milliseconds.
  var touched: [Int64: Int64] = [:]
  /// Policies' folders of files put so far: making their paths costs as much as a row.
  var folders: [TreeFolder: TreeFolder.Place] = [:]

  init(db: Database) { self.db = db }

  /// Reading inside the transaction.
  public var reader: StoreReader { StoreReader(db: db) }

  /// Sets or forgets a cursor.
  public func setCursor(_ name: String, _ value: String?) throws {
    if let value {
      try db.run("INSERT INTO cursor VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", [name, value])
    } else {
      try db.run("DELETE FROM cursor WHERE name = ?", [name])
    }
  }

  /// Sets or forgets a note about the store itself.
  public func setMeta(_ key: String, _ value: String?) throws {
    if let value {
      try db.run("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", [key, value])
    } else {
      try db.run("DELETE FROM meta WHERE key = ?", [key])
    }
  }

  private func nextRevision() throws -> Int64 {
    try db.row("UPDATE counter SET value = value + 1 WHERE name = 'revision' RETURNING value") { $0[0] } ?? 0
  }

  // MARK: Observations of the ERP

  /// Notes an entity as it is now.
  /// - Returns: true when its values, owner, workgroup or scope changed, or it was deleted before: then its revision rises.
  public func observe(_ entity: Entity, kind: RecordKind) throws -> Bool {
    let known = try reader.entity(entity.id, kind: kind)
    if let known, !known.isDeleted, known.entity == entity { return false }
    var same = known.map { !$0.isDeleted } ?? false
    if let old = known?.entity {
      same =
        same && old.fields.differences(from: entity.fields).isEmpty && old.owner == entity.owner && old.workgroup == entity.workgroup
        && old.isInScope == entity.isInScope
    }
    let revision = same ? known?.revision ?? 0 : try nextRevision()
    try db.run(
      """
      INSERT INTO entity (kind, id, version, email, record, revision, deleted) VALUES (?, ?, ?, ?, ?, ?, 0)
      ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, email = excluded.email, record = excluded.record,
        revision = excluded.revision, deleted = 0
      """,
      [
        kind.rawValue, entity.id.rawValue, entity.version, entity.fields.lookupKey, try Coding.recordText(entity), revision,
      ])
    return !same
  }

  /// Notes that an entity is gone, by positive evidence.
  public func observeDeleted(entity id: EntityID, kind: RecordKind) throws {
    try db.run(
      "UPDATE entity SET deleted = 1, revision = ? WHERE kind = ? AND id = ? AND deleted = 0",
      [try nextRevision(), kind.rawValue, id.rawValue])
  }

  /// Has an entity looked at again by the next cycle of each mailbox, though nothing about it changed.
  public func reconsider(entity id: EntityID, kind: RecordKind) throws {
    try db.run("UPDATE entity SET revision = ? WHERE kind = ? AND id = ?", [try nextRevision(), kind.rawValue, id.rawValue])
  }

  // MARK: Observations of mailboxes

  /// Notes that a listing named an item.
  /// - Returns: true when its contents have to be read: it is unknown, was gone, or has another change key.
  public func report(_ version: ItemVersion, foreignID: EntityID?, folder: FolderID?, kind: RecordKind, mailbox: Mailbox) throws -> Bool {
    let key: [any DatabaseValueConvertible] = [mailbox.address, kind.rawValue, version.id.rawValue]
    let known: (String, Int, Bool)? = try db.row(
      "SELECT change_key, presence, record IS NULL FROM item WHERE mailbox = ? AND kind = ? AND id = ?", StatementArguments(key)
    ) { ($0[0], $0[1], $0[2]) }
    if let known, known.0 == version.changeKey, known.1 == StoredItem.Presence.present.rawValue, !known.2 {
      try db.run("UPDATE item SET unlisted = 0 WHERE mailbox = ? AND kind = ? AND id = ?", StatementArguments(key))
      return false
    }
    // The return of an item that was gone is a change, whatever it holds: its next observation gets a revision of its own.
    try db.run(
      """
      INSERT INTO item (mailbox, kind, id, change_key, foreign_id, revision, unread) VALUES (?, ?, ?, ?, ?, 0, 1)
      ON CONFLICT (mailbox, kind, id) DO UPDATE SET change_key = excluded.change_key, presence = 0, unread = 1, unlisted = 0,
        revision = CASE presence WHEN 0 THEN revision ELSE 0 END
      """,
      [mailbox.address, kind.rawValue, version.id.rawValue, version.changeKey, foreignID?.rawValue])
    return true
  }

  /// Notes an item's contents as they are now.
  /// - Parameter isCreated: just created by the engine: the next listing has to name it, or it is gone already. A listing nets out what
  ///   came and went since the last one.
  /// - Returns: true when anything that decisions depend on changed: then its revision rises.
  public func observe(_ item: Item, kind: RecordKind, mailbox: Mailbox, isCreated: Bool = false) throws -> Bool {
    let known = try reader.item(item.version.id, kind: kind, mailbox: mailbox)
    var same = known?.presence == .present && known?.revision != 0
    if let old = known?.item {
      same =
        same && old.fields.differences(from: item.fields).isEmpty && old.foreignID == item.foreignID && old.isPrivate == item.isPrivate
        && old.isForeignClass == item.isForeignClass
    }
    let revision = same ? known?.revision ?? 0 : try nextRevision()
    try db.run(
      """
      INSERT INTO item (mailbox, kind, id, change_key, foreign_id, email, record, revision, unlisted, form)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (mailbox, kind, id) DO UPDATE SET change_key = excluded.change_key, foreign_id = excluded.foreign_id, email = excluded.email,
        record = excluded.record, revision = excluded.revision, presence = 0, unread = 0, unlisted = max(unlisted, excluded.unlisted),
        form = excluded.form
      """,
      [
        mailbox.address, kind.rawValue, item.version.id.rawValue, item.version.changeKey, item.foreignID?.rawValue,
        item.fields.lookupKey, try Coding.recordText(item), revision, isCreated, item.form?.rawValue,
      ])
    return !same
  }

  /// Has an item looked at again by the next cycle, though nothing about it changed.
  public func reconsider(item id: ItemID, kind: RecordKind, mailbox: Mailbox) throws {
    try db.run(
      "UPDATE item SET revision = ? WHERE mailbox = ? AND kind = ? AND id = ?",
      [try nextRevision(), mailbox.address, kind.rawValue, id.rawValue])
  }

  /// Notes that an item left its folder; what became of it is not known yet.
  public func reportRemoved(_ id: ItemID, kind: RecordKind, mailbox: Mailbox) throws {
    // Of an item whose contents were never read nothing needs to be known.
    try db.run(
      "DELETE FROM item WHERE mailbox = ? AND kind = ? AND id = ? AND record IS NULL", [mailbox.address, kind.rawValue, id.rawValue])
    try db.run(
      "UPDATE item SET presence = 1, unread = 0, unlisted = 0, revision = ? WHERE mailbox = ? AND kind = ? AND id = ? AND presence = 0",
      [try nextRevision(), mailbox.address, kind.rawValue, id.rawValue])
  }

  /// Notes that an item is gone, by positive evidence.
  public func observeDeleted(item id: ItemID, kind: RecordKind, mailbox: Mailbox) throws {
    try db.run(
      "UPDATE item SET presence = 2, unread = 0, unlisted = 0, revision = ? WHERE mailbox = ? AND kind = ? AND id = ? AND presence < 2",
      [try nextRevision(), mailbox.address, kind.rawValue, id.rawValue])
  }

  /// Before a listing from the start: what it does not name is found by `unlistedItems` afterwards.
  public func forgetItems(kind: RecordKind, mailbox: Mailbox) throws {
    // Occurrences of series are in no listing of a folder: a view of their own names them.
    try db.run(
      "UPDATE item SET unlisted = 1 WHERE mailbox = ? AND kind = ? AND presence = 0 AND form IS NOT 'occurrence'",
      [mailbox.address, kind.rawValue])
  }

  /// Items that the listing which has just ended should have named and did not.
  public func unlistedItems(kind: RecordKind, mailbox: Mailbox) throws -> [ItemID] {
    try db.rows("SELECT id FROM item WHERE mailbox = ? AND kind = ? AND unlisted = 1", [mailbox.address, kind.rawValue]) {
      ItemID(rawValue: $0[0])
    }
  }

  // MARK: Links

  /// Saves a link; a new one gets its number.
  public func save(_ link: Link) throws -> Link {
    let values: StatementArguments = [
      link.mailbox.address, link.kind.rawValue, link.entityID?.rawValue, link.itemID?.rawValue, try link.baseEntity.map(Coding.recordText),
      try link.baseItem.map(Coding.recordText), link.state.rawValue, link.origin.rawValue, link.uid, link.operationID?.rawValue,
      link.moveKey,
      link.syncedAt?.milliseconds,
    ]
    var saved = link
    if link.id == 0 {
      try db.run(
        """
        INSERT INTO link (mailbox, kind, entity_id, item_id, base_entity, base_item, state, origin, uid, operation, move_key, synced_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """, values)
      saved.id = db.lastInsertedRowID
    } else {
      try db.run(
        """
        UPDATE link SET mailbox = ?, kind = ?, entity_id = ?, item_id = ?, base_entity = ?, base_item = ?, state = ?, origin = ?, uid = ?,
          operation = ?, move_key = ?, synced_at = ? WHERE id = ?
        """, values + [link.id])
    }
    return saved
  }

  /// Forgets a link.
  public func remove(_ link: Link) throws { try db.run("DELETE FROM link WHERE id = ?", [link.id]) }
}
