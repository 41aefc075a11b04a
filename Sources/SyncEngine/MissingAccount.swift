import Model

/// Stands where an account of the configuration has no connection: every call says so.
struct MissingAccount: ExchangePort {
  let name: String

  private var error: SyncError {
    SyncError(.configuration, "the Exchange account '\(name)' is not connected: check its section in the configuration")
  }

  var requestSeconds: Int { 0 }

  func folder(of kind: RecordKind, named name: String?, in mailbox: Mailbox, create: Bool) async throws(SyncError) -> FolderID? {
    throw error
  }
  func changes(in folder: FolderID, of mailbox: Mailbox, since cursor: String?, limit: Int) async throws(SyncError) -> ItemChangePage {
    throw error
  }
  func items(_ ids: [ItemID], kind: RecordKind, in mailbox: Mailbox) async throws(SyncError) -> [Result<Item, SyncError>] { throw error }
  func create(_ items: [NewItem], kind: RecordKind, in folder: FolderID, of mailbox: Mailbox) async throws(SyncError) -> [Result<
    ItemVersion, SyncError
  >] {
    throw error
  }
  func update(_ updates: [ItemUpdate], kind: RecordKind, in mailbox: Mailbox) async throws(SyncError) -> [Result<ItemVersion, SyncError>] {
    throw error
  }
  func moveToDeletedItems(_ ids: [ItemID], kind: RecordKind, in mailbox: Mailbox) async throws(SyncError) -> [Result<ItemID?, SyncError>] {
    throw error
  }
  func move(_ ids: [ItemID], kind: RecordKind, to folder: FolderID, in mailbox: Mailbox) async throws(SyncError) -> [Result<
    ItemID, SyncError
  >] {
    throw error
  }
  func stampedItems(_ foreignIDs: [EntityID]?, kind: RecordKind, in mailbox: Mailbox) async throws(SyncError) -> [StampedItem] {
    throw error
  }
  func ensureCategory(_ category: Policy.Category, in mailbox: Mailbox, correctColor: Bool) async throws(SyncError) -> Bool { throw error }
  func ownerMark(of mailbox: Mailbox) async throws(SyncError) -> OwnerMark? { throw error }
  func setOwnerMark(_ mark: OwnerMark, isNew: Bool, of mailbox: Mailbox) async throws(SyncError) { throw error }
  func probe(_ mailbox: Mailbox) async throws(SyncError) -> MailboxProbe { throw error }
  func support(for kind: RecordKind) -> FieldSupport { FieldSupport(limits: [:]) }
}
