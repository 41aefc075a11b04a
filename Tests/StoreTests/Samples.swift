import Foundation
import Model

@testable import Store

/// Records that tests store.
enum Samples {
  static let alice = Mailbox(address: "alice@example.test")
  static let bob = Mailbox(address: "bob@example.test")
  static let noon = Timestamp(seconds: 1_793_620_800)

  /// A value of every kind, with texts that are hard on JSON and SQL.
  static let fields: Fields = {
    var fields = Fields([
      .displayName: .text("Zoë \"O'Neill\"; DROP TABLE link;--\n\u{0}\u{2028}😀"), .percentComplete: .number(-7), .allDay: .flag(true),
      .start: .instant(noon, zone: "Europe/Zurich"), .end: .instant(noon, zone: nil), .categories: .set(["ERP", "a,b"]),
      .attendees: .attendees([Attendee(address: "A@b.test", name: "A", isOptional: true, answer: "DECLINED")]),
      .recurrence: .opaque("FREQ=DAILY"), .email1: .text("Jane@Example.test"),
    ])
    fields[.birthday] = CivilDate(year: 1969, month: 2, day: 28).map { .date($0) }
    return fields
  }()

  static func entity(_ id: String, version: String = "1", name: String = "Jane", email: String? = nil) -> Entity {
    var fields = Fields([.displayName: .text(name)])
    fields[.email1] = email.map { .text($0) }
    return Entity(id: EntityID(rawValue: id), key: id, version: version, modified: noon, fields: fields, owner: "EP1", workgroup: nil)
  }

  static func item(_ id: String, key: String = "k1", name: String = "Jane", stamp: String? = nil, email: String? = nil) -> Item {
    var fields = Fields([.displayName: .text(name)])
    fields[.email1] = email.map { .text($0) }
    return Item(
      version: ItemVersion(id: ItemID(rawValue: id), changeKey: key), folder: FolderID(rawValue: "f"), fields: fields,
      foreignID: stamp.map { EntityID(rawValue: $0) })
  }

  static func link(_ entity: String?, _ item: String?, mailbox: Mailbox = alice, uid: String? = nil) -> Link {
    Link(
      id: 0, mailbox: mailbox, kind: .contacts, entityID: entity.map { EntityID(rawValue: $0) }, itemID: item.map { ItemID(rawValue: $0) },
      baseEntity: Base(fields: fields, version: "v"), baseItem: Base(fields: Fields(), version: nil), state: .linked, origin: .exchange,
      uid: uid ?? "uid-\(entity ?? "")-\(item ?? "")", operationID: OperationID(rawValue: "0123"), moveKey: "mk", syncedAt: noon)
  }

  /// A store of its own in memory.
  static func store() throws -> Store { try Store(inMemory: UUID().uuidString) }

  /// A new directory that is gone afterwards.
  static func withDirectory<Answer>(_ body: (String) throws -> Answer) throws -> Answer {
    let path = NSTemporaryDirectory() + "concordfs-store-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
  }
}
