/// One Exchange account as the engine sees it. Every call names the mailbox; adapters assert that answers are that mailbox's.
///
/// Calls throw for failures of the whole request; failures of one record are in its own result, in the order of the input.
public protocol ExchangePort: ExchangeMailPort {
  /// Seconds after which a request without an answer is given up.
  var requestSeconds: Int { get }

  /// Finds the folder of a record type, creating the separate folder when `name` is given and it is missing (EWS GetFolder, FindFolder, CreateFolder).
  /// - Parameter name: the separate folder's name, directly under the mailbox's root; nil: the mailbox's own folder of the type.
  /// - Parameter create: false: nil is returned instead of creating.
  func folder(of kind: RecordKind, named name: String?, in mailbox: Mailbox, create: Bool) async throws(SyncError) -> FolderID?

  /// One page of what changed in a folder since the cursor (EWS SyncFolderItems). `cursorInvalid` when the server forgot it.
  /// - Parameter limit: changes a page, 1 to 512.
  func changes(in folder: FolderID, of mailbox: Mailbox, since cursor: String?, limit: Int) async throws(SyncError) -> ItemChangePage

  /// Whole items by id, one result an id in the same order (EWS GetItem). A missing one is `notFound`.
  func items(_ ids: [ItemID], kind: RecordKind, in mailbox: Mailbox) async throws(SyncError) -> [Result<Item, SyncError>]

  /// Creates items with their foreign id and operation id inside the request (EWS CreateItem). One result an item. Those of one call have
  /// one notice; of a kind other than events nothing is ever sent.
  func create(_ items: [NewItem], kind: RecordKind, in folder: FolderID, of mailbox: Mailbox) async throws(SyncError) -> [Result<
    ItemVersion, SyncError
  >]

  /// Changes single fields (EWS UpdateItem, ConflictResolution NeverOverwrite). One result an update; `staleVersion` when the change key is
  /// old. Those of one call have one notice.
  func update(_ updates: [ItemUpdate], kind: RecordKind, in mailbox: Mailbox) async throws(SyncError) -> [Result<ItemVersion, SyncError>]

  /// Moves items to the owner's Deleted Items (EWS MoveItem), no cancellation sent. `notFound` where one is gone already.
  func moveToDeletedItems(_ ids: [ItemID], kind: RecordKind, in mailbox: Mailbox) async throws(SyncError) -> [Result<ItemID?, SyncError>]

  /// Cancels meetings or single occurrences of them: Exchange tells the attendees, and the item goes to Deleted Items (EWS CancelCalendarItem).
  func cancel(_ versions: [ItemVersion], in mailbox: Mailbox) async throws(SyncError) -> [Result<ItemID?, SyncError>]

  /// Takes single occurrences out of their series; nobody is told (EWS DeleteItem). `notFound` where one is gone already.
  func deleteOccurrences(_ ids: [ItemID], in mailbox: Mailbox) async throws(SyncError) -> [Result<ItemID?, SyncError>]

  /// The occurrences of series that lie in a window, those that differ from the pattern included (EWS FindItem with CalendarView).
  func occurrences(
    in folder: FolderID, of mailbox: Mailbox, from start: Timestamp, to end: Timestamp
  ) async throws(SyncError) -> [OccurrenceVersion]

  /// Which of these series lie in other calendars of the mailbox, those in Deleted Items left out (EWS FindItem over the folders of that class).
  /// - Parameter uids: their UIDs.
  func series(_ uids: Set<String>, outside folder: FolderID, in mailbox: Mailbox) async throws(SyncError) -> Set<String>

  /// Moves items to another folder of the same mailbox (EWS MoveItem). One result an item: its new id; `notFound` where one is gone.
  func move(_ ids: [ItemID], kind: RecordKind, to folder: FolderID, in mailbox: Mailbox) async throws(SyncError) -> [Result<
    ItemID, SyncError
  >]

  /// Every item of the record type's class anywhere in the mailbox that carries one of these foreign ids (EWS FindItem over the folders of that class).
  /// - Parameter foreignIDs: nil: every item that carries any.
  func stampedItems(_ foreignIDs: [EntityID]?, kind: RecordKind, in mailbox: Mailbox) async throws(SyncError) -> [StampedItem]

  /// Adds the category to the mailbox's list with its colour, or corrects the colour when `correctColor` (EWS Get/UpdateUserConfiguration CategoryList).
  /// - Returns: true when the list was changed.
  func ensureCategory(_ category: Policy.Category, in mailbox: Mailbox, correctColor: Bool) async throws(SyncError) -> Bool

  /// Which installation serves the mailbox (EWS GetUserConfiguration); nil: none has said so.
  func ownerMark(of mailbox: Mailbox) async throws(SyncError) -> OwnerMark?

  /// Says which installation serves the mailbox (EWS Create/UpdateUserConfiguration).
  /// - Parameter isNew: there is no mark yet; `alreadyExists` when another has come first.
  func setOwnerMark(_ mark: OwnerMark, isNew: Bool, of mailbox: Mailbox) async throws(SyncError)

  /// Whether the mailbox can be reached with these rights; used by `concordfs test`.
  func probe(_ mailbox: Mailbox) async throws(SyncError) -> MailboxProbe

  /// What this side holds of a record type.
  func support(for kind: RecordKind) -> FieldSupport

  /// How many records this server takes in one write at the moment: fewer after time-outs, never more than configured.
  var writeBatch: Int { get }
}

extension ExchangePort {
  /// No bound but the configured one.
  public var writeBatch: Int { .max }
}

extension ExchangePort {
  /// A port without calendars cancels nothing.
  public func cancel(_ versions: [ItemVersion], in mailbox: Mailbox) async throws(SyncError) -> [Result<ItemID?, SyncError>] {
    throw SyncError(.configuration, "this connection has no calendars (\(mailbox.address))")
  }

  /// A port without calendars has no occurrences.
  public func deleteOccurrences(_ ids: [ItemID], in mailbox: Mailbox) async throws(SyncError) -> [Result<ItemID?, SyncError>] {
    throw SyncError(.configuration, "this connection has no calendars (\(mailbox.address))")
  }

  /// A port without calendars has no occurrences.
  public func occurrences(
    in folder: FolderID, of mailbox: Mailbox, from start: Timestamp, to end: Timestamp
  ) async throws(SyncError) -> [OccurrenceVersion] { [] }

  /// Nor has it series.
  public func series(_ uids: Set<String>, outside folder: FolderID, in mailbox: Mailbox) async throws(SyncError) -> Set<String> { [] }
}

/// One occurrence of a series, as a view lists it.
public struct OccurrenceVersion: Sendable, Hashable {
  /// The id and change key.
  public var version: ItemVersion
  /// UID of the series.
  public var uid: String
  /// When it begins.
  public var start: Timestamp
  /// When it would by its series' pattern; the same where the server does not say.
  public var original: Timestamp
  /// Creates the value from its parts.
  public init(version: ItemVersion, uid: String, start: Timestamp, original: Timestamp? = nil) {
    self.version = version
    self.uid = uid
    self.start = start
    self.original = original ?? start
  }
}

/// What a probe learned.
public struct MailboxProbe: Sendable, Hashable {
  /// Server build, e.g. `15.2.2562.17`.
  public var serverVersion: String
  /// Items in the mailbox's own folder of contacts.
  public var contactCount: Int
  /// Creates the value from its parts.
  public init(serverVersion: String, contactCount: Int) {
    self.serverVersion = serverVersion
    self.contactCount = contactCount
  }
}

/// An item's id with the version a server's answer gave it.
public struct ItemVersion: Sendable, Hashable, Codable {
  /// The identity.
  public var id: ItemID
  /// EWS ChangeKey.
  public var changeKey: String
  /// Creates the value from its parts.
  public init(id: ItemID, changeKey: String) {
    self.id = id
    self.changeKey = changeKey
  }
}

/// One change of a folder, as a sync page reports it.
public enum ItemChange: Sendable, Hashable {
  /// Created or updated: the two cannot be told apart reliably.
  case present(ItemVersion, foreignID: EntityID?)
  case removed(ItemID)
}

/// One page of changes.
public struct ItemChangePage: Sendable {
  /// What changed.
  public var changes: [ItemChange]
  /// The cursor after this page; to be stored with what the page said.
  public var cursor: String
  /// Whether there is no further page.
  public var isLast: Bool
  /// Creates the value from its parts.
  public init(changes: [ItemChange], cursor: String, isLast: Bool) {
    self.changes = changes
    self.cursor = cursor
    self.isLast = isLast
  }
}

/// A whole item, mapped.
public struct Item: Sendable, Hashable, Codable {
  /// The id and change key, or the version, as the server last gave it.
  public var version: ItemVersion
  /// The folder that it lies in.
  public var folder: FolderID?
  /// The mapped values.
  public var fields: Fields
  /// The ERP's id stamped on it.
  public var foreignID: EntityID?
  /// The creation it stems from.
  public var operationID: OperationID?
  /// Sensitivity Private: never touched.
  public var isPrivate: Bool
  /// A class that is not synchronized (a distribution list in a contacts folder).
  public var isForeignClass: Bool
  /// When it was created, by the server's clock.
  public var created: Timestamp?
  /// When it was last changed, by the server's clock.
  public var modified: Timestamp?
  /// Key that a move keeps: PidTagSearchKey, or the UID of an event (base64 or text); of an occurrence with its original start.
  public var moveKey: String?
  /// What an item of a calendar is; nil: an item like any other.
  public var form: ItemForm?
  /// Of a message: how many bytes the server says that it takes; nil: it did not say.
  public var size: Int?

  /// Creates the value from its parts.
  public init(
    version: ItemVersion, folder: FolderID? = nil, fields: Fields, foreignID: EntityID? = nil, operationID: OperationID? = nil,
    isPrivate: Bool = false,
    isForeignClass: Bool = false, created: Timestamp? = nil, modified: Timestamp? = nil, moveKey: String? = nil,
    form: ItemForm? = nil, size: Int? = nil
  ) {
    self.version = version
    self.folder = folder
    self.fields = fields
    self.foreignID = foreignID
    self.operationID = operationID
    self.isPrivate = isPrivate
    self.isForeignClass = isForeignClass
    self.created = created
    self.modified = modified
    self.moveKey = moveKey
    self.form = form
    self.size = size
  }
}

/// An item to create.
public struct NewItem: Sendable, Hashable, Codable {
  /// The mapped values.
  public var fields: Fields
  /// The ERP's id stamped on it, or to be stamped.
  public var foreignID: EntityID
  /// The creation that it stems from or belongs to.
  public var operationID: OperationID
  /// Of a message: its bytes (MIME); nil: made from the values.
  public var content: [UInt8]?
  /// Of an event: whom Exchange tells.
  public var notice: Notice
  /// Creates the value from its parts.
  public init(
    fields: Fields, foreignID: EntityID, operationID: OperationID, content: [UInt8]? = nil, notice: Notice = .none
  ) {
    self.fields = fields
    self.foreignID = foreignID
    self.operationID = operationID
    self.content = content
    self.notice = notice
  }
}

/// Changes to single fields of one item.
public struct ItemUpdate: Sendable, Hashable, Codable {
  /// The id and change key, or the version, as the server last gave it.
  public var version: ItemVersion
  /// New values; a nil value clears the field.
  public var changes: [Field: Value?]
  /// The whole record after the change: fields that the wire form groups (a display name, `FileAs`) are computed from it.
  public var result: Fields
  /// A new stamp; nil: left as it is.
  public var foreignID: EntityID?
  /// Whom Exchange tells.
  public var notice: Notice
  /// Creates the value from its parts.
  public init(
    version: ItemVersion, changes: [Field: Value?], result: Fields, foreignID: EntityID? = nil, notice: Notice = .none
  ) {
    self.notice = notice
    self.version = version
    self.changes = changes
    self.result = result
    self.foreignID = foreignID
  }
}

/// Where a stamped item lies.
public struct StampedItem: Sendable, Hashable {
  /// The id and change key, or the version, as the server last gave it.
  public var version: ItemVersion
  /// The ERP's id stamped on it, or to be stamped.
  public var foreignID: EntityID
  /// The creation that it stems from or belongs to.
  public var operationID: OperationID?
  /// The folder that it lies in.
  public var folder: FolderID
  /// In Deleted Items or below it.
  public var isInDeletedItems: Bool
  /// Creates the value from its parts.
  public init(version: ItemVersion, foreignID: EntityID, operationID: OperationID?, folder: FolderID, isInDeletedItems: Bool) {
    self.version = version
    self.foreignID = foreignID
    self.operationID = operationID
    self.folder = folder
    self.isInDeletedItems = isInDeletedItems
  }
}
