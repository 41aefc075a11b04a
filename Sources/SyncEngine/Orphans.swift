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

  /// Pairs unlinked records that engines made with unmarked items of the same values, the oldest with the oldest where there are several. A record
  /// that names its creation may have more than its item: the ERP fills in what it takes for granted, a country for one.
  /// - Parameter isAcceptable: whether an item takes part; of a type whose records do not name their creation only those are paired.
  init(
    spoke: Spoke, employee: ERPEmployee?, translation: Translation, _ reader: any RecordReader, isAcceptable: (Item) -> Bool
  ) throws {
    let fields = translation.copied
    var made: [Fields: [(record: Entity, values: Fields)]] = [:]
    for stored in try reader.presentEntities(kind: spoke.kind) {
      let id = stored.entity.id
      guard Self.mayBeMade(stored.entity, spoke, employee),
        try reader.link(entity: id, kind: spoke.kind, mailbox: spoke.mailbox) == nil,
        try reader.items(kind: spoke.kind, mailbox: spoke.mailbox, foreignID: id).isEmpty
      else { continue }
      let values = stored.entity.fields.restricted(to: fields).inOneForm
      made[values.named, default: []].append((stored.entity, values))
    }
    if made.isEmpty { return }
    var unmarked: [Fields: [(source: Item, values: Fields)]] = [:]
    for stored in try reader.presentItems(kind: spoke.kind, mailbox: spoke.mailbox) {
      let id = stored.item.version.id
      guard stored.item.foreignID == nil, stored.item.form == nil, spoke.kind == .contacts || isAcceptable(stored.item),
        try reader.link(item: id, kind: spoke.kind, mailbox: spoke.mailbox) == nil
      else { continue }
      let values = translation.newEntity(from: stored.item).restricted(to: fields).inOneForm
      if made[values.named] != nil { unmarked[values.named, default: []].append((stored.item, values)) }
    }
    for (name, found) in unmarked {
      let records = (made[name] ?? []).sorted { ($0.record.key.utf8.count, $0.record.key) < ($1.record.key.utf8.count, $1.record.key) }
      let first = Timestamp(milliseconds: 0)
      let sources = found.sorted { ($0.source.created ?? first, $0.source.version.id) < ($1.source.created ?? first, $1.source.version.id) }
      pair(records, sources) { $0 == $1 }
      if spoke.kind == .contacts { pair(records, sources) { record, item in item.names.allSatisfy { item.same($0, in: record) } } }
    }
  }

  private mutating func pair(
    _ records: [(record: Entity, values: Fields)], _ sources: [(source: Item, values: Fields)], _ agree: (Fields, Fields) -> Bool
  ) {
    for (record, values) in records where items[record.id] == nil {
      guard let (source, _) = sources.first(where: { entities[$0.source.version.id] == nil && agree(values, $0.values) }) else { continue }
      items[record.id] = source.version.id
      entities[source.version.id] = record.id
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
  /// What a record is called by: no server fills that in.
  fileprivate var named: Fields { restricted(to: Set<Field>([.familyName, .givenName, .email1, .subject, .start])) }

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
