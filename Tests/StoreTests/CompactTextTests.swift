import Foundation
import GRDB
import Model
import Testing

@testable import Store

@Suite struct CompactTextTests {
  /// Values of every kind without a NUL, which has the other form.
  private static let fields: Fields = {
    var fields = Samples.fields
    fields[.displayName] = .text("Zoë \"O'Neill\" 1:2;-\n\u{2028}😀")
    fields[.reminder] = .number(.min)
    fields[.end] = .instant(Timestamp(milliseconds: -1), zone: nil)
    return fields
  }()

  private static let entity = Entity(
    id: EntityID(rawValue: "e-1"), key: "102", version: "2026-07-29T10:00:00.000+00:00", modified: Samples.noon, fields: fields,
    owner: "EP1", ownerName: "Zoë", workgroup: "W", isInScope: false, operationID: OperationID(rawValue: "01"))

  private static let item = Item(
    version: ItemVersion(id: ItemID(rawValue: "AAMk="), changeKey: "CQ=="), folder: FolderID(rawValue: "f"), fields: fields,
    foreignID: EntityID(rawValue: "e-1"), operationID: OperationID(rawValue: "01"), isPrivate: true, isForeignClass: true,
    created: Samples.noon, modified: Timestamp(milliseconds: 0), moveKey: "mk", form: .occurrence)

  private func comesBack<Record: CompactRecord & Codable & Equatable>(_ record: Record) throws {
    let text = try Coding.recordText(record)
    #expect(text.first == "1")
    #expect(try Coding.record(Record.self, text) == record)
    #expect(try Coding.record(Record.self, try Coding.text(record)) == record)
  }

  @Test func `records come back from compact text, and from the JSON of older caches`() throws {
    try comesBack(Self.entity)
    try comesBack(Samples.entity("bare"))
    try comesBack(Self.item)
    try comesBack(Samples.item("bare"))
    try comesBack(Base(fields: Self.fields, version: "v"))
    try comesBack(Base(fields: Fields(), version: nil))
    try comesBack(Self.fields)
    try comesBack(["origin": "erp", "": ""])
  }

  @Test func `an item with the size of a message comes back, and one of before, without, is read as such`() throws {
    var message = Self.item
    message.size = 40 << 20
    try comesBack(message)
    let text = try Coding.recordText(message)
    message.size = nil
    let before = try Coding.recordText(message)
    #expect(text.hasPrefix(before) && text != before)
    #expect(try Coding.record(Item.self, before) == message)
  }

  @Test func `a record with a NUL comes back too`() throws {
    let text = try Coding.recordText(Samples.fields)
    #expect(text.first == "{")
    #expect(try Coding.record(Fields.self, text) == Samples.fields)
  }

  @Test func `no property of a record is left out of its text`() {
    // Whoever adds one has to write it, under a new tag or behind all others where it may be missing, and to raise the number here.
    #expect(Mirror(reflecting: Self.entity).children.count == 10)
    #expect(Mirror(reflecting: Self.item).children.count == 12)
    #expect(Mirror(reflecting: Base(fields: Fields(), version: nil)).children.count == 2)
    #expect(Mirror(reflecting: Attendee(address: "a")).children.count == 4)
  }

  @Test func `damaged text is refused, wherever it is damaged`() throws {
    let text = Array(try Coding.recordText(Self.item).utf8)
    for length in 1..<text.count {
      #expect(throws: SyncError.self) { try Coding.record(Item.self, String(decoding: text[..<length], as: UTF8.self)) }
    }
    #expect(throws: SyncError.self) { try Coding.record(Item.self, String(decoding: text + [0x31], as: UTF8.self)) }
    for place in text.indices.dropFirst() {
      for byte in [UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: ";")] {
        var damaged = text
        damaged[place] = byte
        // It may still be a record, with another letter in a text; it must not be a crash.
        _ = try? Coding.record(Item.self, String(decoding: damaged, as: UTF8.self))
      }
    }
    let huge = "1-999999999999999999999:x"
    #expect(throws: SyncError.self) { try Coding.record(Base.self, huge) }
  }

  @Test func `a cache of before is read as it is, and occurrences stay told from what a folder lists`() throws {
    try Samples.withDirectory { directory in
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      let path = directory + "/cache.db"
      let old = try DatabaseQueue(path: path)
      try Migrations.migrator().migrate(old, upTo: "link totals")
      var plain = Self.item
      plain.version.id = ItemID(rawValue: "plain")
      plain.form = nil
      try old.write { db in
        for item in [Self.item, plain] {
          try db.execute(
            sql: "INSERT INTO item (mailbox, kind, id, change_key, record, revision) VALUES (?, 'events', ?, 'CQ==', ?, 1)",
            arguments: [Samples.alice.address, item.version.id.rawValue, try Coding.text(item)])
        }
        try db.execute(
          sql: "INSERT INTO entity (kind, id, version, record, revision) VALUES ('contacts', 'e-1', 'v', ?, 2)",
          arguments: [try Coding.text(Self.entity)])
      }
      try old.close()
      let store = try Store(path: path)
      defer { store.close() }
      try store.write { transaction in
        #expect(try transaction.reader.item(Self.item.version.id, kind: .events, mailbox: Samples.alice)?.item == Self.item)
        #expect(try transaction.reader.entity(Self.entity.id, kind: .contacts)?.entity == Self.entity)
        #expect(try transaction.reader.entityKey(Self.entity.id, kind: .contacts) == "102")
        try transaction.forgetItems(kind: .events, mailbox: Samples.alice)
        #expect(try transaction.unlistedItems(kind: .events, mailbox: Samples.alice) == [plain.version.id])
      }
    }
  }

  @Test func `marks tell of changed records what the whole records do, with their links`() throws {
    let store = try Samples.store()
    try store.write { transaction in
      for name in ["a", "b", "c"] {
        _ = try transaction.observe(Samples.entity("e\(name)"), kind: .contacts)
        _ = try transaction.observe(Samples.item("i\(name)", stamp: "e\(name)"), kind: .contacts, mailbox: Samples.alice)
      }
      try transaction.observeDeleted(entity: EntityID(rawValue: "ec"), kind: .contacts)
      let mine = try transaction.save(Samples.link("ea", "ia"))
      _ = try transaction.save(Samples.link("eb", "ib", mailbox: Samples.bob))
      let reader = transaction.reader
      let items = try reader.items(kind: .contacts, mailbox: Samples.alice, after: 0, limit: 10)
      let marks = try reader.itemMarks(kind: .contacts, mailbox: Samples.alice, after: 0, limit: 10)
      #expect(marks.map(\.id) == items.map(\.item.version.id) && marks.map(\.revision) == items.map(\.revision))
      #expect(marks.map(\.link) == [mine.id, nil, nil])
      #expect(marks.map(\.linkedEntity?.rawValue) == ["ea", nil, nil])
      #expect(marks.map(\.foreignID?.rawValue) == ["ea", "eb", "ec"])
      let entities = try reader.entityMarks(kind: .contacts, after: 1, mailbox: Samples.alice, limit: 10)
      #expect(entities.map(\.id.rawValue) == ["eb", "ec"] && entities.map(\.isDeleted) == [false, true])
      #expect(entities.map(\.link) == [nil, nil])
      #expect(try reader.entityMarks(kind: .contacts, after: 0, mailbox: Samples.alice, limit: 1).map(\.link) == [mine.id])
      #expect(try reader.entityKey(EntityID(rawValue: "ea"), kind: .contacts) == "ea")
    }
  }
}
