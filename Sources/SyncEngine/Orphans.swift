import Model
import Reconcile
import Store

/// What a lost cache was about to link: records that were made from items before the items could be marked. Both are equal, and where the type
/// has a place for it the record names the creation that it stems from; a task or event is one of the employee's own. Found on a first run,
/// so that a rebuild does not make them anew.
struct Orphans: Sendable {
  private var items: [EntityID: ItemID] = [:]
  private var entities: [ItemID: EntityID] = [:]

  /// No such records.
  init() {}

  /// Pairs unlinked records that engines made with unmarked items of the same values, the oldest with the oldest where there are several.
  /// - Parameter isAcceptable: whether an item takes part; of a type whose records do not name their creation only those are paired.
  init(
    spoke: Spoke, employee: ERPEmployee?, translation: Translation, _ reader: any RecordReader, isAcceptable: (Item) -> Bool
  ) throws {
    let fields = translation.copied
    var made: [Fields: [Entity]] = [:]
    for stored in try reader.presentEntities(kind: spoke.kind) {
      let id = stored.entity.id
      guard Self.mayBeMade(stored.entity, spoke, employee),
        try reader.link(entity: id, kind: spoke.kind, mailbox: spoke.mailbox) == nil,
        try reader.items(kind: spoke.kind, mailbox: spoke.mailbox, foreignID: id).isEmpty
      else { continue }
      made[stored.entity.fields.restricted(to: fields).inOneForm, default: []].append(stored.entity)
    }
    if made.isEmpty { return }
    var unmarked: [Fields: [Item]] = [:]
    for stored in try reader.presentItems(kind: spoke.kind, mailbox: spoke.mailbox) {
      let id = stored.item.version.id
      guard stored.item.foreignID == nil, stored.item.form == nil, spoke.kind == .contacts || isAcceptable(stored.item),
        try reader.link(item: id, kind: spoke.kind, mailbox: spoke.mailbox) == nil
      else { continue }
      let values = translation.newEntity(from: stored.item).restricted(to: fields).inOneForm
      if made[values] != nil { unmarked[values, default: []].append(stored.item) }
    }
    for (values, found) in unmarked {
      let records = (made[values] ?? []).sorted { ($0.key.utf8.count, $0.key) < ($1.key.utf8.count, $1.key) }
      let first = Timestamp(milliseconds: 0)
      let sources = found.sorted { ($0.created ?? first, $0.version.id) < ($1.created ?? first, $1.version.id) }
      for (record, source) in zip(records, sources) {
        items[record.id] = source.version.id
        entities[source.version.id] = record.id
      }
    }
  }

  private static func mayBeMade(_ entity: Entity, _ spoke: Spoke, _ employee: ERPEmployee?) -> Bool {
    if spoke.kind == .contacts { return entity.operationID != nil }
    return entity.owner.map { employee?.ownerCodes.contains($0) ?? false } ?? false
  }

  /// The unmarked item that a record was made from.
  func item(of entity: EntityID) -> ItemID? { items[entity] }

  /// The record that was made from an unmarked item.
  func entity(of item: ItemID) -> EntityID? { entities[item] }
}

extension Fields {
  /// The same values in the one form that all values of their meaning share.
  fileprivate var inOneForm: Fields {
    var result = self
    for field in names {
      switch self[field] {
      case .text(let text) where field.isAddress: result[field] = .text(text.lowercased())
      case .instant(let time, _): result[field] = .instant(time, zone: nil)
      case .set(let elements): result[field] = .set(elements.map { $0.lowercased() }.sorted())
      case .attendees(let people):
        result[field] = .attendees(
          people.map { Attendee(address: $0.address, isOptional: $0.isOptional) }.sorted { $0.address < $1.address })
      default: break
      }
    }
    return result
  }
}
