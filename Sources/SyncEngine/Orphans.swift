import Model
import Reconcile
import Store

/// What a lost cache was about to link: records that were made from items before the items could be marked. Both are equal, and the record
/// names the creation that it stems from. Found on a first run, so that a rebuild does not make them anew.
struct Orphans: Sendable {
  private var items: [EntityID: ItemID] = [:]
  private var entities: [ItemID: EntityID] = [:]

  /// No such records.
  init() {}

  /// Pairs unlinked records that engines made with unmarked items of the same values, where both are the only ones.
  init(spoke: Spoke, translation: Translation, _ reader: any RecordReader) throws {
    var made: [Fields: [EntityID]] = [:]
    var revision: Int64 = 0
    while true {
      let page = try reader.entities(kind: spoke.kind, after: revision, limit: Planner.page)
      for stored in page {
        revision = stored.revision
        let id = stored.entity.id
        guard !stored.isDeleted, stored.entity.operationID != nil,
          try reader.link(entity: id, kind: spoke.kind, mailbox: spoke.mailbox) == nil,
          try reader.items(kind: spoke.kind, mailbox: spoke.mailbox, foreignID: id).isEmpty
        else { continue }
        made[stored.entity.fields.restricted(to: translation.shared), default: []].append(id)
      }
      if page.count < Planner.page { break }
    }
    if made.isEmpty { return }
    var unmarked: [Fields: [ItemID]] = [:]
    revision = 0
    while true {
      let page = try reader.items(kind: spoke.kind, mailbox: spoke.mailbox, after: revision, limit: Planner.page)
      for stored in page {
        revision = stored.revision
        let id = stored.item.version.id
        guard stored.presence == .present, stored.item.foreignID == nil,
          try reader.link(item: id, kind: spoke.kind, mailbox: spoke.mailbox) == nil
        else { continue }
        let values = translation.newEntity(from: stored.item).restricted(to: translation.shared)
        if made[values] != nil { unmarked[values, default: []].append(id) }
      }
      if page.count < Planner.page { break }
    }
    for (values, found) in unmarked {
      guard let same = made[values], same.count == 1, found.count == 1 else { continue }
      items[same[0]] = found[0]
      entities[found[0]] = same[0]
    }
  }

  /// The unmarked item that a record was made from.
  func item(of entity: EntityID) -> ItemID? { items[entity] }

  /// The record that was made from an unmarked item.
  func entity(of item: ItemID) -> EntityID? { entities[item] }
}
