import Foundation
import Model
import Testing

@testable import Store

@Suite struct StoreRecordsTests {
  private let store: Store

  init() throws { store = try Samples.store() }

  // MARK: Cursors and the ERP's records

  @Test func `cursors and notes are set, replaced and forgotten, each by itself`() throws {
    try store.write { transaction in
      try transaction.setCursor("a", "1")
      try transaction.setCursor("a", "2")
      try transaction.setCursor("b", "3")
      try transaction.setMeta("a", "4")
      try transaction.setCursor("b", nil)
      try transaction.setCursor("never", nil)
    }
    let found = try store.read { [try $0.cursor("a"), try $0.cursor("b"), try $0.meta("a"), try $0.meta("b")] }
    #expect(found == ["2", nil, "4", nil])
  }

  @Test func `an entity is read back with every kind of value`() throws {
    var entity = Samples.entity("E1")
    entity.fields = Samples.fields
    entity.operationID = OperationID(rawValue: "00ff")
    #expect(try store.write { try $0.observe(entity, kind: .contacts) })
    let found = try #require(try store.read { try $0.entity(EntityID(rawValue: "e1"), kind: .contacts) })
    #expect(found.entity == entity)
    #expect(found.revision == 1 && !found.isDeleted)
    #expect(try store.read { try $0.entity(EntityID(rawValue: "e1"), kind: .tasks) } == nil)
    #expect(try store.read { try $0.entities(kind: .contacts, email: "jane@example.test") } == [found])
    #expect(try store.read { try $0.entities(kind: .contacts, email: "Jane@Example.test") }.isEmpty)
  }

  @Test func `an entity's revision rises with what decisions depend on, and with nothing else`() throws {
    func observe(_ change: (inout Entity) -> Void) throws -> Bool {
      var entity = try store.read { try $0.entity(EntityID(rawValue: "e1"), kind: .contacts)?.entity } ?? Samples.entity("e1")
      change(&entity)
      return try store.write { try $0.observe(entity, kind: .contacts) }
    }
    #expect(try observe { _ in })
    #expect(try !observe { _ in })
    #expect(try !observe { $0.version = "2" })
    #expect(try store.read { try $0.entityVersions(kind: .contacts) } == [EntityID(rawValue: "e1"): "2"])
    #expect(try store.read { try $0.lastEntityRevision(kind: .contacts) } == 1)
    #expect(try observe { $0.fields[.displayName] = .text("Janet") })
    #expect(try observe { $0.owner = "EP2" })
    #expect(try observe { $0.workgroup = "W" })
    #expect(try observe { $0.isInScope = false })
    #expect(try store.read { try $0.lastEntityRevision(kind: .contacts) } == 5)
  }

  @Test func `a deleted entity is known as deleted, counts no more, and can come back`() throws {
    let id = EntityID(rawValue: "e1")
    try store.write { transaction in
      _ = try transaction.observe(Samples.entity("e1", email: "a@b.test"), kind: .contacts)
      _ = try transaction.observe(Samples.entity("e2"), kind: .contacts)
      try transaction.observeDeleted(entity: id, kind: .contacts)
      try transaction.observeDeleted(entity: EntityID(rawValue: "unknown"), kind: .contacts)
    }
    let deleted = try #require(try store.read { try $0.entity(id, kind: .contacts) })
    #expect(deleted.isDeleted && deleted.revision == 3)
    #expect(try store.read { try $0.entityVersions(kind: .contacts).keys.map(\.rawValue) } == ["e2"])
    #expect(try store.read { try $0.entities(kind: .contacts, email: "a@b.test") }.isEmpty)
    #expect(try store.write { try $0.observe(Samples.entity("e1", email: "a@b.test"), kind: .contacts) })
    #expect(try store.read { try $0.entity(id, kind: .contacts)?.isDeleted } == false)
  }

  @Test func `changes are read in pages by rising revision`() throws {
    try store.write { transaction in
      for index in 0..<25 { _ = try transaction.observe(Samples.entity("e\(index)"), kind: .contacts) }
      _ = try transaction.observe(Samples.entity("t"), kind: .tasks)
      _ = try transaction.observe(Samples.entity("e0", name: "New"), kind: .contacts)
    }
    var (seen, revision): ([String], Int64) = ([], 0)
    while true {
      let page = try store.read { try $0.entities(kind: .contacts, after: revision, limit: 10) }
      if page.isEmpty { break }
      #expect(page.count <= 10 && page.map(\.revision) == page.map(\.revision).sorted())
      seen += page.map(\.entity.key)
      revision = try #require(page.last?.revision)
    }
    #expect(seen == (1..<25).map { "e\($0)" } + ["e0"])
  }

  // MARK: The mailboxes' records

  private func report(_ id: String, _ key: String, mailbox: Mailbox = Samples.alice) throws -> Bool {
    try store.write {
      try $0.report(
        ItemVersion(id: ItemID(rawValue: id), changeKey: key), foreignID: nil, folder: nil, kind: .contacts, mailbox: mailbox)
    }
  }

  private func observe(_ item: Item) throws -> Bool { try store.write { try $0.observe(item, kind: .contacts, mailbox: Samples.alice) } }

  private func stored(_ id: String, mailbox: Mailbox = Samples.alice) throws -> StoredItem? {
    try store.read { try $0.item(ItemID(rawValue: id), kind: .contacts, mailbox: mailbox) }
  }

  @Test func `a listed item has to be read when it is unknown or has another change key`() throws {
    #expect(try report("i1", "k1"))
    #expect(try stored("i1") == nil)
    #expect(try store.read { try $0.itemsToFetch(kind: .contacts, mailbox: Samples.alice, limit: 9) } == [ItemID(rawValue: "i1")])
    #expect(try observe(Samples.item("i1", key: "k1")))
    #expect(try store.read { try $0.itemsToFetch(kind: .contacts, mailbox: Samples.alice, limit: 9) }.isEmpty)
    #expect(try !report("i1", "k1"))
    #expect(try report("i1", "k2"))
    #expect(try !observe(Samples.item("i1", key: "k2")))
    #expect(try report("i1", "k1", mailbox: Samples.bob))
    #expect(try stored("i1", mailbox: Samples.bob) == nil)
    #expect(try report("I1", "k1"), "ids of items are told apart by case")
  }

  @Test func `an item's revision rises with what decisions depend on, and with nothing else`() throws {
    var item = Samples.item("i1")
    #expect(try observe(item))
    let first = try #require(try stored("i1")?.revision)
    item.version.changeKey = "k2"
    item.modified = Samples.noon
    #expect(try !observe(item))
    #expect(try stored("i1") == StoredItem(item: item, revision: first, presence: .present))
    item.fields[.displayName] = .text("Janet")
    #expect(try observe(item))
    item.foreignID = EntityID(rawValue: "e1")
    #expect(try observe(item))
    item.isPrivate = true
    #expect(try observe(item))
    item.isForeignClass = true
    #expect(try observe(item))
    #expect(try stored("i1")?.revision == first + 4)
    #expect(try store.read { try $0.lastItemRevision(kind: .contacts, mailbox: Samples.alice) } == first + 4)
  }

  @Test func `items are found by stamp and by address until they are deleted`() throws {
    _ = try observe(Samples.item("i1", stamp: "E1", email: "A@b.test"))
    _ = try observe(Samples.item("i2", stamp: "e1", email: "a@b.test"))
    _ = try observe(Samples.item("i3"))
    func found() throws -> [[String]] {
      try store.read { reader in
        [
          try reader.items(kind: .contacts, mailbox: Samples.alice, foreignID: EntityID(rawValue: "e1")),
          try reader.items(kind: .contacts, mailbox: Samples.alice, email: "a@b.test"),
        ].map { $0.map(\.item.version.id.rawValue) }
      }
    }
    #expect(try found() == [["i1", "i2"], ["i1", "i2"]])
    try store.write { try $0.reportRemoved(ItemID(rawValue: "i1"), kind: .contacts, mailbox: Samples.alice) }
    #expect(try found() == [["i1", "i2"], ["i1", "i2"]], "where it went is not known yet")
    try store.write { try $0.observeDeleted(item: ItemID(rawValue: "i1"), kind: .contacts, mailbox: Samples.alice) }
    #expect(try found() == [["i2"], ["i2"]])
  }

  @Test func `an item that left its folder is not explained until it is seen again or known to be deleted`() throws {
    let id = ItemID(rawValue: "i1")
    _ = try observe(Samples.item("i1"))
    try store.write { try $0.reportRemoved(id, kind: .contacts, mailbox: Samples.alice) }
    #expect(try stored("i1")?.presence == .left)
    #expect(try store.read { try $0.leftItems(kind: .contacts, mailbox: Samples.alice) }.count == 1)
    let left = try #require(try stored("i1")?.revision)
    try store.write { try $0.reportRemoved(id, kind: .contacts, mailbox: Samples.alice) }
    #expect(try stored("i1")?.revision == left, "told twice is told once")
    try store.write { try $0.observeDeleted(item: id, kind: .contacts, mailbox: Samples.alice) }
    #expect(try stored("i1")?.presence == .deleted)
    #expect(try #require(try stored("i1")?.revision) > left)
    #expect(try store.read { try $0.leftItems(kind: .contacts, mailbox: Samples.alice) }.isEmpty)
  }

  @Test func `an item that comes back unchanged is a change`() throws {
    let id = ItemID(rawValue: "i1")
    for isDeleted in [false, true] {
      _ = try observe(Samples.item("i1"))
      try store.write { try $0.reportRemoved(id, kind: .contacts, mailbox: Samples.alice) }
      if isDeleted { try store.write { try $0.observeDeleted(item: id, kind: .contacts, mailbox: Samples.alice) } }
      let gone = try store.read { try $0.lastItemRevision(kind: .contacts, mailbox: Samples.alice) }
      #expect(try report("i1", "k1"))
      #expect(try observe(Samples.item("i1")), "deleted: \(isDeleted)")
      let changed = try store.read { try $0.items(kind: .contacts, mailbox: Samples.alice, after: gone, limit: 9) }
      #expect(changed.map(\.presence) == [.present], "deleted: \(isDeleted)")
    }
  }

  @Test func `an item that was never read and left is forgotten`() throws {
    #expect(try report("i1", "k1"))
    try store.write { try $0.reportRemoved(ItemID(rawValue: "i1"), kind: .contacts, mailbox: Samples.alice) }
    #expect(try store.read { try $0.itemsToFetch(kind: .contacts, mailbox: Samples.alice, limit: 9) }.isEmpty)
    #expect(try store.read { try $0.leftItems(kind: .contacts, mailbox: Samples.alice) }.isEmpty)
  }

  @Test func `after a listing from the start it is known what it did not name`() throws {
    for id in ["i1", "i2", "i3"] { _ = try observe(Samples.item(id)) }
    try store.write { try $0.forgetItems(kind: .contacts, mailbox: Samples.alice) }
    #expect(try !report("i1", "k1"))
    #expect(try report("i2", "k2"))
    #expect(try report("i4", "k1"))
    let unlisted = try store.write { try $0.unlistedItems(kind: .contacts, mailbox: Samples.alice) }
    #expect(unlisted == [ItemID(rawValue: "i3")])
    try store.write { try $0.reportRemoved(ItemID(rawValue: "i3"), kind: .contacts, mailbox: Samples.alice) }
    #expect(try store.write { try $0.unlistedItems(kind: .contacts, mailbox: Samples.alice) }.isEmpty)
  }

  // MARK: Links

  @Test func `a link is read back as it was saved, by each of its keys`() throws {
    let saved = try store.write { try $0.save(Samples.link("e1", "i1", uid: "u1")) }
    #expect(saved.id != 0)
    let found = try store.read { reader in
      [
        try reader.link(entity: EntityID(rawValue: "E1"), kind: .contacts, mailbox: Samples.alice),
        try reader.link(item: ItemID(rawValue: "i1"), kind: .contacts, mailbox: Samples.alice),
        try reader.link(uid: "u1", kind: .contacts, mailbox: Samples.alice), try reader.link(id: saved.id),
      ]
    }
    #expect(found == [saved, saved, saved, saved])
    #expect(try store.read { try $0.link(item: ItemID(rawValue: "i1"), kind: .tasks, mailbox: Samples.alice) } == nil)
    #expect(try store.read { try $0.link(item: ItemID(rawValue: "i1"), kind: .contacts, mailbox: Samples.bob) } == nil)
    var changed = saved
    (changed.itemID, changed.baseItem, changed.state, changed.operationID, changed.syncedAt) = (nil, nil, .detached, nil, nil)
    #expect(try store.write { try $0.save(changed) } == changed)
    #expect(try store.read { try $0.link(id: saved.id) } == changed)
    try store.write { try $0.remove(changed) }
    #expect(try store.read { try $0.link(id: saved.id) } == nil)
  }

  @Test func `a record is in one link of a mailbox, and in one of each mailbox`() throws {
    _ = try store.write { try $0.save(Samples.link("e1", "i1")) }
    _ = try store.write { try $0.save(Samples.link("e1", "i1", mailbox: Samples.bob)) }
    #expect(throws: SyncError.self) { try store.write { try $0.save(Samples.link("e1", "i2")) } }
    #expect(throws: SyncError.self) { try store.write { try $0.save(Samples.link("e2", "i1")) } }
    _ = try store.write { try $0.save(Samples.link(nil, "i3", uid: "a")) }
    _ = try store.write { try $0.save(Samples.link(nil, "i4", uid: "b")) }
    _ = try store.write { try $0.save(Samples.link("e5", nil, uid: "c")) }
    #expect(try store.read { try $0.linkCount(kind: .contacts, mailbox: Samples.alice) } == 4)
  }

  @Test func `links are read in pages, detached ones are not counted`() throws {
    for index in 0..<7 {
      try store.write { transaction in
        var link = Samples.link("e\(index)", "i\(index)")
        if index == 3 { link.state = .detached }
        _ = try transaction.save(link)
      }
    }
    let first = try store.read { try $0.links(kind: .contacts, mailbox: Samples.alice, after: 0, limit: 5) }
    let rest = try store.read { try $0.links(kind: .contacts, mailbox: Samples.alice, after: first.last?.id ?? 0, limit: 5) }
    #expect((first + rest).compactMap(\.itemID?.rawValue) == (0..<7).map { "i\($0)" })
    #expect(first.count == 5)
    #expect(try store.read { try $0.linkCount(kind: .contacts, mailbox: Samples.alice) } == 6)
  }

  @Test func `neighbours are linked pairs whose item is in its place, without those asked about`() throws {
    for index in 0..<5 {
      _ = try observe(Samples.item("i\(index)"))
      _ = try store.write { try $0.save(Samples.link("e\(index)", "i\(index)")) }
    }
    try store.write { try $0.reportRemoved(ItemID(rawValue: "i0"), kind: .contacts, mailbox: Samples.alice) }
    let found = try store.read {
      try $0.neighbours(kind: .contacts, mailbox: Samples.alice, excluding: [ItemID(rawValue: "i1")], limit: 9)
    }
    #expect(Set(found.compactMap(\.itemID?.rawValue)) == ["i2", "i3", "i4"])
    #expect(try store.read { try $0.neighbours(kind: .contacts, mailbox: Samples.alice, excluding: [], limit: 2) }.count == 2)
  }
}
