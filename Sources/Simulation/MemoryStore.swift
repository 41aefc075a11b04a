import Model
import Store

/// A cache that is nothing but memory: what SQLite does for the engine, for simulations. That both behave alike is shown by running the same
/// seeds over both.
///
/// `@unchecked Sendable`: as `World`, it belongs to one schedule, whose jobs run on one thread.
final class MemoryStore: RecordStore, @unchecked Sendable {
  private var box = MemoryBox(MemoryState())
  var state: MemoryState {
    get { box.state }
    set { box = MemoryBox(newValue) }
  }
  private let world: World

  init(world: World) { self.world = world }

  func read<Answer>(_ body: (any RecordReader) throws -> Answer) throws(SyncError) -> Answer {
    do { return try body(MemoryReader(box: box)) } catch { throw Self.described(error) }
  }

  func write<Answer>(_ body: (any RecordTransaction) throws -> Answer) throws(SyncError) -> Answer {
    do {
      let transaction = MemoryTransaction(state: box.state)
      let answer = try body(transaction)
      try world.commit(after: false)
      box = transaction.box
      try world.commit(after: true)
      return answer
    } catch { throw Self.described(error) }
  }

  private static func described(_ error: any Error) -> SyncError { error as? SyncError ?? SyncError(.storage, "\(error)") }
}

/// The SQLite cache of a simulation, in memory.
struct SimulatedCache: RecordStore {
  let store: Store
  let world: World

  func read<Answer>(_ body: (any RecordReader) throws -> Answer) throws(SyncError) -> Answer {
    try store.read { reader in try body(reader) }
  }

  func write<Answer>(_ body: (any RecordTransaction) throws -> Answer) throws(SyncError) -> Answer {
    let answer = try store.write { transaction in
      let answer = try body(transaction)
      try world.commit(after: false)
      return answer
    }
    try world.commit(after: true)
    return answer
  }
}

/// Where a state lies, so that readers need no copy of it.
final class MemoryBox {
  var state: MemoryState

  init(_ state: MemoryState) { self.state = state }
}

/// The contents of a `MemoryStore`: a value, so that a transaction works on its own and a copy is one assignment.
struct MemoryState: Sendable {
  struct EntityRow: Sendable {
    var kind: RecordKind
    var stored: StoredEntity
  }

  struct ItemRow: Sendable {
    var kind: RecordKind
    var mailbox: Mailbox
    var id: ItemID
    var changeKey: String
    var foreignID: EntityID?
    var item: Item?
    var revision: Int64
    var presence: StoredItem.Presence
    var isUnread: Bool
    var isUnlisted: Bool

    var stored: StoredItem? { item.map { StoredItem(item: $0, revision: revision, presence: presence) } }
  }

  struct FileRow: Sendable {
    var folder: String
    var employee: String
    var file: TreeFile
  }

  var cursors: [String: String] = [:]
  var notes: [String: String] = [:]
  var revision: Int64 = 0
  var entities: [EntityRow] = []
  var items: [ItemRow] = []
  var links: [Link] = []
  var lastLink: Int64 = 0
  var intents: [Intent] = []
  var retries: [Retry] = []
  var runs: [Run] = []
  var journal: [JournalEntry] = []
  var holds: [Hold] = []
  var files: [FileRow] = []

  func entityIndex(_ id: EntityID, _ kind: RecordKind) -> Int? { entities.firstIndex { $0.stored.entity.id == id && $0.kind == kind } }

  func itemIndex(_ id: ItemID, _ kind: RecordKind, _ mailbox: Mailbox) -> Int? {
    items.firstIndex { $0.id == id && $0.kind == kind && $0.mailbox == mailbox }
  }
}
