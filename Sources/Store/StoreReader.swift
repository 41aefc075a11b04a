internal import GRDB
public import Model

/// Reads the observations, links and cursors of one consistent state. Valid only inside the closure that it was handed to.
public struct StoreReader {
  let db: Database

  /// How far something has been read or processed; names are free.
  public func cursor(_ name: String) throws -> String? {
    try db.row("SELECT value FROM cursor WHERE name = ?", [name]) { $0[0] }
  }

  /// A note about the store itself.
  public func meta(_ key: String) throws -> String? { try db.row("SELECT value FROM meta WHERE key = ?", [key]) { $0[0] } }

  // MARK: The ERP's records, one row for all employees

  private static let entityColumns = "SELECT record, revision, deleted FROM entity "
  // Named, because SQLite would rather walk the whole primary key than sort a handful of rows.
  private static let entitiesByEmail = entityColumns + "INDEXED BY entity_email "

  private func storedEntity(_ row: StatementRow) throws -> StoredEntity {
    StoredEntity(entity: try Coding.record(Entity.self, row[0]), revision: row[1], isDeleted: row[2])
  }

  /// One entity; nil: never seen.
  public func entity(_ id: EntityID, kind: RecordKind) throws -> StoredEntity? {
    try db.row(Self.entityColumns + "WHERE kind = ? AND id = ?", [kind.rawValue, id.rawValue], storedEntity)
  }

  /// Entities that changed after a revision, by rising revision.
  public func entities(kind: RecordKind, after revision: Int64, limit: Int) throws -> [StoredEntity] {
    try db.rows(
      Self.entityColumns + "WHERE kind = ? AND revision > ? ORDER BY revision LIMIT ?", [kind.rawValue, revision, limit], storedEntity)
  }

  /// Where the ERP's numbering puts an entity (its visible key); nil: never seen.
  public func entityKey(_ id: EntityID, kind: RecordKind) throws -> String? {
    try db.row("SELECT record FROM entity WHERE kind = ? AND id = ?", [kind.rawValue, id.rawValue]) { try Coding.entityKey($0[0]) }
  }

  /// Entities that changed after a revision, by rising revision, without their values.
  public func entityMarks(kind: RecordKind, after revision: Int64, mailbox: Mailbox, limit: Int) throws -> [EntityMark] {
    try db.rows(
      """
      SELECT entity.id, entity.revision, entity.deleted, link.id FROM entity LEFT JOIN link
        ON link.mailbox = ? AND link.kind = entity.kind AND link.entity_id = entity.id
      WHERE entity.kind = ? AND entity.revision > ? ORDER BY entity.revision LIMIT ?
      """, [mailbox.address, kind.rawValue, revision, limit]
    ) { EntityMark(id: EntityID(rawValue: $0[0]), revision: $0[1], isDeleted: $0[2], link: $0[3]) }
  }

  /// Entities that have this e-mail address (lower case), or of emails this Message-ID (`Fields.lookupKey`), and are not deleted.
  public func entities(kind: RecordKind, email: String) throws -> [StoredEntity] {
    try db.rows(Self.entitiesByEmail + "WHERE kind = ? AND email = ? AND deleted = 0 ORDER BY id", [kind.rawValue, email], storedEntity)
  }

  /// Versions of all entities that are not deleted.
  public func entityVersions(kind: RecordKind) throws -> [EntityID: String] {
    let pairs: [(EntityID, String)] = try db.rows("SELECT id, version FROM entity WHERE kind = ? AND deleted = 0", [kind.rawValue]) {
      (EntityID(rawValue: $0[0]), $0[1])
    }
    return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
  }

  /// The revision of the last change; 0 when there is none.
  public func lastEntityRevision(kind: RecordKind) throws -> Int64 {
    try db.row("SELECT coalesce(max(revision), 0) FROM entity WHERE kind = ?", [kind.rawValue]) { $0[0] } ?? 0
  }

  // MARK: The mailboxes' records

  private static let itemColumns = itemColumns(by: nil)

  /// - Parameter index: an index that has to be used; nil: SQLite chooses.
  private static func itemColumns(by index: String?) -> String {
    "SELECT record, revision, presence FROM item \(index.map { "INDEXED BY \($0) " } ?? "")WHERE mailbox = ? AND kind = ? "
  }

  private static let itemsByStamp = itemColumns(by: "item_foreign")
  private static let itemsThatLeft = itemColumns(by: "item_left")
  private static let itemsByEmail = itemColumns(by: "item_email")

  private func storedItem(_ row: StatementRow) throws -> StoredItem {
    StoredItem(item: try Coding.record(Item.self, row[0]), revision: row[1], presence: StoredItem.Presence(rawValue: row[2]) ?? .left)
  }

  /// One item whose contents were read; nil: never seen.
  public func item(_ id: ItemID, kind: RecordKind, mailbox: Mailbox) throws -> StoredItem? {
    try db.row(
      Self.itemColumns + "AND id = ? AND record IS NOT NULL", [mailbox.address, kind.rawValue, id.rawValue], storedItem)
  }

  /// Items that changed after a revision, by rising revision; only those whose contents were read.
  public func items(kind: RecordKind, mailbox: Mailbox, after revision: Int64, limit: Int) throws -> [StoredItem] {
    try db.rows(
      Self.itemColumns + "AND revision > ? AND record IS NOT NULL ORDER BY revision LIMIT ?",
      [mailbox.address, kind.rawValue, revision, limit], storedItem)
  }

  /// Items that changed after a revision, by rising revision, without their values; only those whose contents were read.
  public func itemMarks(kind: RecordKind, mailbox: Mailbox, after revision: Int64, limit: Int) throws -> [ItemMark] {
    try db.rows(
      """
      SELECT item.id, item.revision, item.presence, item.foreign_id, link.id, link.entity_id FROM item LEFT JOIN link
        ON link.mailbox = item.mailbox AND link.kind = item.kind AND link.item_id = item.id
      WHERE item.mailbox = ? AND item.kind = ? AND item.revision > ? AND item.record IS NOT NULL ORDER BY item.revision LIMIT ?
      """, [mailbox.address, kind.rawValue, revision, limit]
    ) { row in
      ItemMark(
        id: ItemID(rawValue: row[0]), revision: row[1], presence: StoredItem.Presence(rawValue: row[2]) ?? .left,
        foreignID: (row[3] as String?).map(EntityID.init), link: row[4], linkedEntity: (row[5] as String?).map(EntityID.init))
    }
  }

  /// Items that carry this stamp and are not deleted.
  public func items(kind: RecordKind, mailbox: Mailbox, foreignID: EntityID) throws -> [StoredItem] {
    try db.rows(
      Self.itemsByStamp + "AND foreign_id = ? AND presence < 2 AND record IS NOT NULL ORDER BY id",
      [mailbox.address, kind.rawValue, foreignID.rawValue], storedItem)
  }

  /// Whether an item with this foreign id is known to have been deleted.
  public func hadItem(_ entity: EntityID, kind: RecordKind, mailbox: Mailbox) throws -> Bool {
    try !db.rows(
      "SELECT 1 FROM item INDEXED BY item_foreign WHERE mailbox = ? AND kind = ? AND foreign_id = ? AND presence = 2 LIMIT 1",
      [mailbox.address, kind.rawValue, entity.rawValue]
    ) { _ in true }.isEmpty
  }

  /// Items that have this e-mail address (lower case), or of emails this Message-ID (`Fields.lookupKey`), and are not deleted.
  public func items(kind: RecordKind, mailbox: Mailbox, email: String) throws -> [StoredItem] {
    try db.rows(
      Self.itemsByEmail + "AND email = ? AND presence < 2 AND record IS NOT NULL ORDER BY id", [mailbox.address, kind.rawValue, email],
      storedItem)
  }

  /// Items that are no longer in their folder and not explained yet.
  public func leftItems(kind: RecordKind, mailbox: Mailbox) throws -> [StoredItem] {
    try db.rows(Self.itemsThatLeft + "AND presence = 1 AND record IS NOT NULL", [mailbox.address, kind.rawValue], storedItem)
  }

  /// Items that were reported changed and whose contents were not read since.
  public func itemsToFetch(kind: RecordKind, mailbox: Mailbox, limit: Int) throws -> [ItemID] {
    try db.rows(
      "SELECT id FROM item INDEXED BY item_unread WHERE mailbox = ? AND kind = ? AND unread = 1 LIMIT ?",
      [mailbox.address, kind.rawValue, limit]
    ) {
      ItemID(rawValue: $0[0])
    }
  }

  /// The revision of the last change; 0 when there is none.
  public func lastItemRevision(kind: RecordKind, mailbox: Mailbox) throws -> Int64 {
    try db.row("SELECT coalesce(max(revision), 0) FROM item WHERE mailbox = ? AND kind = ?", [mailbox.address, kind.rawValue]) { $0[0] }
      ?? 0
  }

  // MARK: Links

  private static let linkColumns = """
    SELECT id, mailbox, kind, entity_id, item_id, base_entity, base_item, state, origin, uid, operation, move_key, synced_at FROM link\u{20}
    """

  private func link(_ row: StatementRow) throws -> Link {
    Link(
      id: row[0], mailbox: Mailbox(address: row[1]), kind: try row.kind(2), entityID: (row[3] as String?).map(EntityID.init),
      itemID: (row[4] as String?).map(ItemID.init), baseEntity: try Coding.optionalRecord(Base.self, row[5]),
      baseItem: try Coding.optionalRecord(Base.self, row[6]), state: Link.State(rawValue: row[7]) ?? .detached, origin: row.side(8),
      uid: row[9],
      operationID: (row[10] as String?).map(OperationID.init), moveKey: row[11], syncedAt: row.optionalTime(12))
  }

  /// The link of an entity in a mailbox.
  public func link(entity: EntityID, kind: RecordKind, mailbox: Mailbox) throws -> Link? {
    try db.row(
      Self.linkColumns + "WHERE mailbox = ? AND kind = ? AND entity_id = ?", [mailbox.address, kind.rawValue, entity.rawValue], link)
  }

  /// The link of an item.
  public func link(item: ItemID, kind: RecordKind, mailbox: Mailbox) throws -> Link? {
    try db.row(Self.linkColumns + "WHERE mailbox = ? AND kind = ? AND item_id = ?", [mailbox.address, kind.rawValue, item.rawValue], link)
  }

  /// The link of a file.
  public func link(uid: String, kind: RecordKind, mailbox: Mailbox) throws -> Link? {
    try db.row(Self.linkColumns + "WHERE mailbox = ? AND kind = ? AND uid = ?", [mailbox.address, kind.rawValue, uid], link)
  }

  /// A link by its number.
  public func link(id: Int64) throws -> Link? { try db.row(Self.linkColumns + "WHERE id = ?", [id], link) }

  /// Whether another mailbox has a synchronized record with this key: the organizer's own meeting, or an occurrence of it.
  public func isLinkedElsewhere(moveKey: String, kind: RecordKind, mailbox: Mailbox) throws -> Bool {
    try db.row(
      "SELECT 1 FROM link WHERE kind = ? AND mailbox <> ? AND state = 0 AND (move_key = ? OR move_key BETWEEN ? || '/' AND ? || '0') LIMIT 1",
      [kind.rawValue, mailbox.address, moveKey, moveKey, moveKey]
    ) { $0[0] as Int } != nil
  }

  /// The links of a mailbox by rising number.
  public func links(kind: RecordKind, mailbox: Mailbox, after id: Int64, limit: Int) throws -> [Link] {
    try db.rows(
      Self.linkColumns + "WHERE mailbox = ? AND kind = ? AND id > ? ORDER BY id LIMIT ?", [mailbox.address, kind.rawValue, id, limit], link)
  }

  /// How many pairs of a mailbox are synchronized.
  public func linkCount(kind: RecordKind, mailbox: Mailbox) throws -> Int {
    try db.row("SELECT linked FROM link_total WHERE mailbox = ? AND kind = ?", [mailbox.address, kind.rawValue]) { $0[0] } ?? 0
  }

  /// Linked pairs whose item is where it belongs: known neighbours of records that may be gone.
  public func neighbours(kind: RecordKind, mailbox: Mailbox, excluding: Set<ItemID>, limit: Int) throws -> [Link] {
    let sql =
      Self.linkColumns + """
        WHERE mailbox = ? AND kind = ? AND state = 0 AND EXISTS (SELECT 1 FROM item WHERE item.mailbox = link.mailbox AND item.kind = link.kind
          AND item.id = link.item_id AND item.presence = 0) ORDER BY synced_at DESC LIMIT ?
        """
    let found = try db.rows(sql, [mailbox.address, kind.rawValue, limit + excluding.count], link)
    return Array(found.filter { $0.itemID.map { !excluding.contains($0) } ?? false }.prefix(limit))
  }
}
