import Model
import Reconcile
import Store

/// A rebuild finds again what the lost cache was about to link: a record that was made from an item before the item could be marked. Both are
/// equal, and the record names the creation that it stems from.
extension Planner {
  /// The records that engines made, by their values.
  func findOrphans() throws(SyncError) -> [Fields: [EntityID]] {
    try parts.store.read { reader in
      var found: [Fields: [EntityID]] = [:]
      var revision: Int64 = 0
      while true {
        let page = try reader.entities(kind: spoke.kind, after: revision, limit: Self.page)
        for stored in page {
          revision = stored.revision
          guard !stored.isDeleted, stored.entity.operationID != nil else { continue }
          found[stored.entity.fields.restricted(to: translation.shared), default: []].append(stored.entity.id)
        }
        if page.count < Self.page { return found }
      }
    }
  }

  /// The one unlinked record that an engine made and that is equal to the item; nil: none, or more than one.
  func orphan(like item: Item, _ reader: any RecordReader) throws -> StoredEntity? {
    guard isRebuild, !orphans.isEmpty, item.foreignID == nil else { return nil }
    let equal = orphans[translation.newEntity(from: item).restricted(to: translation.shared)] ?? []
    let free = try equal.filter { id in
      try reader.link(entity: id, kind: spoke.kind, mailbox: spoke.mailbox) == nil
        && reader.items(kind: spoke.kind, mailbox: spoke.mailbox, foreignID: id).isEmpty
    }
    guard free.count == 1 else { return nil }
    return try reader.entity(free[0], kind: spoke.kind)
  }

  private var translation: Translation {
    Translation(
      policy: spoke.policy, kind: spoke.kind, erp: parts.erp.support(for: spoke.kind), exchange: exchange.support(for: spoke.kind))
  }
}
