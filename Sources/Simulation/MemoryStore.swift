import Model
import Store

/// A cache that is nothing but memory: what SQLite does for the engine, for simulations. That both behave alike is shown by running the same
/// seeds over both.
///
/// `@unchecked Sendable`: as `World`, it belongs to one schedule, whose jobs run on one thread.
final class MemoryStore: RecordStore, @unchecked Sendable {
  private let box = MemoryBox()
  var state: MemoryState {
    get { box.state }
    set { box.state = newValue }
  }
  private let world: World

  init(world: World) { self.world = world }

  func read<Answer>(_ body: (any RecordReader) throws -> Answer) throws(SyncError) -> Answer {
    do { return try body(MemoryReader(box: box)) } catch { throw Self.described(error) }
  }

  func write<Answer>(_ body: (any RecordTransaction) throws -> Answer) throws(SyncError) -> Answer {
    let transaction = MemoryTransaction(box: box)
    do {
      let answer = try body(transaction)
      try world.commit(after: false)
      transaction.isCommitted = true
      try world.commit(after: true, changed: world.atBoundary != nil && transaction.hasChanged)
      return answer
    } catch {
      if !transaction.isCommitted { transaction.takeBack() }
      throw Self.described(error)
    }
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
  var state = MemoryState()
}

/// A row of a table. It never changes, so that copies of a table share it.
final class Row<Value: Sendable>: Sendable {
  let value: Value

  init(_ value: Value) { self.value = value }
}

/// The contents of a `MemoryStore`: a value, a copy of which is one assignment.
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

  /// What a transaction keeps as it was by a copy.
  struct Tables: Sendable {
    var revision: Int64 = 0
    var entities: [Row<EntityRow>] = []
    var items: [Row<ItemRow>] = []
    var links: [Row<Link>] = []
    var intents: [Row<Intent>] = []
    var retries: [Row<Retry>] = []
    var runs: [Row<Run>] = []
    var journal: [Row<JournalEntry>] = []
    var holds: [Row<Hold>] = []

    func entityIndex(_ id: EntityID, _ kind: RecordKind) -> Int? {
      entities.firstIndex { $0.value.kind == kind && $0.value.stored.entity.id == id }
    }

    func itemIndex(_ id: ItemID, _ kind: RecordKind, _ mailbox: Mailbox) -> Int? {
      items.firstIndex { $0.value.id == id && $0.value.kind == kind && $0.value.mailbox == mailbox }
    }

    func entity(_ id: EntityID, _ kind: RecordKind) -> EntityRow? { entityIndex(id, kind).map { entities[$0].value } }

    func item(_ id: ItemID, _ kind: RecordKind, _ mailbox: Mailbox) -> ItemRow? { itemIndex(id, kind, mailbox).map { items[$0].value } }
  }

  var tables = Tables()
  /// Cursors and notes: what a transaction changes of them it notes one by one.
  var cursors: [String: String] = [:]
  var notes: [String: String] = [:]
}
