public import Model

/// The cache as the engine sees it: one consistent state to read, one transaction to write. `Store` is the one that keeps anything; a
/// simulation passes one that is as fast as memory and ends where it likes.
public protocol RecordStore: Sendable {
  /// Reads one consistent state.
  /// - Throws: `storage`.
  func read<Answer>(_ body: (any RecordReader) throws -> Answer) throws(SyncError) -> Answer

  /// Runs one transaction: all of it is stored, or nothing.
  /// - Throws: `storage`, or what the body throws.
  func write<Answer>(_ body: (any RecordTransaction) throws -> Answer) throws(SyncError) -> Answer
}

/// What the engine reads of the cache; `StoreReader` documents each.
public protocol RecordReader {
  func cursor(_ name: String) throws -> String?
  func meta(_ key: String) throws -> String?
  func entity(_ id: EntityID, kind: RecordKind) throws -> StoredEntity?
  func entities(kind: RecordKind, after revision: Int64, limit: Int) throws -> [StoredEntity]
  func entityMarks(kind: RecordKind, after revision: Int64, mailbox: Mailbox, limit: Int) throws -> [EntityMark]
  func entityKey(_ id: EntityID, kind: RecordKind) throws -> String?
  func entities(kind: RecordKind, email: String) throws -> [StoredEntity]
  func entityVersions(kind: RecordKind) throws -> [EntityID: String]
  func lastEntityRevision(kind: RecordKind) throws -> Int64
  func item(_ id: ItemID, kind: RecordKind, mailbox: Mailbox) throws -> StoredItem?
  func items(kind: RecordKind, mailbox: Mailbox, after revision: Int64, limit: Int) throws -> [StoredItem]
  func itemMarks(kind: RecordKind, mailbox: Mailbox, after revision: Int64, limit: Int) throws -> [ItemMark]
  func items(kind: RecordKind, mailbox: Mailbox, foreignID: EntityID) throws -> [StoredItem]
  func hadItem(_ entity: EntityID, kind: RecordKind, mailbox: Mailbox) throws -> Bool
  func items(kind: RecordKind, mailbox: Mailbox, email: String) throws -> [StoredItem]
  func leftItems(kind: RecordKind, mailbox: Mailbox) throws -> [StoredItem]
  func itemsToFetch(kind: RecordKind, mailbox: Mailbox, limit: Int) throws -> [ItemID]
  func link(entity: EntityID, kind: RecordKind, mailbox: Mailbox) throws -> Link?
  func link(item: ItemID, kind: RecordKind, mailbox: Mailbox) throws -> Link?
  func link(uid: String, kind: RecordKind, mailbox: Mailbox) throws -> Link?
  func link(id: Int64) throws -> Link?
  func isLinkedElsewhere(moveKey: String, kind: RecordKind, mailbox: Mailbox) throws -> Bool
  func linkCount(kind: RecordKind, mailbox: Mailbox) throws -> Int
  func neighbours(kind: RecordKind, mailbox: Mailbox, excluding: Set<ItemID>, limit: Int) throws -> [Link]
  func openIntents(mailbox: Mailbox?) throws -> [Intent]
  func retries(mailbox: Mailbox, kind: RecordKind?, dueAt time: Timestamp) throws -> [Retry]
  func journalEntry(_ id: Int64) throws -> JournalEntry?
  func writes(run: String) throws -> [JournalEntry]
  func isWrittenAgain(uid: String, mailbox: Mailbox, after run: String) throws -> Bool
  func holds(open: Bool) throws -> [Hold]
}

extension RecordReader {
  /// A cache without calendars has no meetings of others.
  public func isLinkedElsewhere(moveKey: String, kind: RecordKind, mailbox: Mailbox) throws -> Bool { false }
}

/// What the engine writes to the cache; `StoreTransaction` documents each.
public protocol RecordTransaction: AnyObject {
  associatedtype Reader: RecordReader
  var reader: Reader { get }
  /// Whether anybody reads the files that are put; false: none need be made.
  var keepsFiles: Bool { get }
  func setCursor(_ name: String, _ value: String?) throws
  func setMeta(_ key: String, _ value: String?) throws
  func observe(_ entity: Entity, kind: RecordKind) throws -> Bool
  func observeDeleted(entity id: EntityID, kind: RecordKind) throws
  func report(_ version: ItemVersion, foreignID: EntityID?, folder: FolderID?, kind: RecordKind, mailbox: Mailbox) throws -> Bool
  func observe(_ item: Item, kind: RecordKind, mailbox: Mailbox, isCreated: Bool) throws -> Bool
  func reconsider(entity id: EntityID, kind: RecordKind) throws
  func reconsider(item id: ItemID, kind: RecordKind, mailbox: Mailbox) throws
  func reportRemoved(_ id: ItemID, kind: RecordKind, mailbox: Mailbox) throws
  func observeDeleted(item id: ItemID, kind: RecordKind, mailbox: Mailbox) throws
  func forgetItems(kind: RecordKind, mailbox: Mailbox) throws
  func unlistedItems(kind: RecordKind, mailbox: Mailbox) throws -> [ItemID]
  func save(_ link: Link) throws -> Link
  func remove(_ link: Link) throws
  func open(_ intent: Intent) throws
  func markSent(_ id: OperationID) throws
  func close(_ id: OperationID) throws
  func noteFailure(mailbox: Mailbox, kind: RecordKind, subject: String, error: String, at now: Timestamp) throws -> Retry
  func clearFailure(mailbox: Mailbox, kind: RecordKind, subject: String) throws
  func start(_ run: Run) throws
  func finish(_ run: Run) throws
  func journal(_ entry: JournalEntry) throws
  func save(_ hold: Hold) throws
  func append(_ entry: LogEntry) throws
  func ensureEmployee(_ email: String, unixUser: String?) throws
  func ensureFolder(_ name: String, kind: RecordKind, employee: String, displayName: String, color: String?) throws
  func putFile(_ file: TreeFile, folder: String, employee: String) throws -> String
  func removeFile(uid: String, folder: String, employee: String) throws
}

extension RecordTransaction {
  /// A cache is there to be mounted.
  public var keepsFiles: Bool { true }

  /// Notes that an item's contents are only supposed: the next cycle reads them.
  public func reportUnread(_ item: Item, kind: RecordKind, mailbox: Mailbox) throws {
    let unread = ItemVersion(id: item.version.id, changeKey: "")
    _ = try report(unread, foreignID: item.foreignID, folder: item.folder, kind: kind, mailbox: mailbox)
  }

  /// Notes an item's contents as they are now; it was not created by the engine just now.
  public func observe(_ item: Item, kind: RecordKind, mailbox: Mailbox) throws -> Bool {
    try observe(item, kind: kind, mailbox: mailbox, isCreated: false)
  }
}

extension StoreReader: RecordReader {}

extension StoreTransaction: RecordTransaction {}

/// The SQLite cache as the engine's.
public struct CacheRecords: RecordStore {
  private let store: Store

  /// The records of a cache.
  public init(_ store: Store) { self.store = store }

  /// See `RecordStore`.
  public func read<Answer>(_ body: (any RecordReader) throws -> Answer) throws(SyncError) -> Answer {
    try store.read { reader in try body(reader) }
  }

  /// See `RecordStore`.
  public func write<Answer>(_ body: (any RecordTransaction) throws -> Answer) throws(SyncError) -> Answer {
    try store.write { transaction in try body(transaction) }
  }
}
