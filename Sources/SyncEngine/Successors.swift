import Model
import Store

/// Records of the ERP that were made anew from an item, because it had changed when they were deleted: for other mailboxes, which may have changed
/// theirs too, the new one takes the place of the deleted one. Each would make one of its own else.
enum Successors {
  private static func heirKey(_ id: EntityID, _ kind: RecordKind) -> String { "heir \(kind.rawValue) \(id.rawValue)" }
  private static func originKey(_ id: EntityID, _ kind: RecordKind) -> String { "origin \(kind.rawValue) \(id.rawValue)" }

  /// Remembers that the record which a link leads to is made anew.
  static func note(_ entity: Entity, after link: Link?, _ transaction: any RecordTransaction) throws {
    guard let link, let old = link.entityID, old != entity.id,
      try transaction.reader.entity(old, kind: link.kind)?.isDeleted ?? false
    else {
      return
    }
    try transaction.setMeta(heirKey(old, link.kind), entity.id.rawValue)
    try transaction.setMeta(originKey(entity.id, link.kind), old.rawValue)
  }

  /// Deleted records that the items of other mailboxes were to be made anew from, by creations that were not looked up yet.
  static func inDoubt(_ spoke: Spoke, _ reader: any RecordReader) throws -> [OperationID: EntityID] {
    let creations = try reader.openIntents(mailbox: nil).filter {
      $0.kind == spoke.kind && $0.mailbox != spoke.mailbox && $0.side == .erp && $0.action == "create" && $0.sends > 0
    }
    return creations.reduce(into: [:]) { $0[$1.id] = $1.entityID }
  }

  /// The living record that takes the place of a deleted one, whose own successor may be deleted too.
  static func heir(of id: EntityID, _ kind: RecordKind, _ reader: any RecordReader) throws -> StoredEntity? {
    var (id, seen) = (id, Set<EntityID>())
    while seen.insert(id).inserted, let next = try reader.meta(heirKey(id, kind)).map(EntityID.init(rawValue:)) {
      if let entity = try reader.entity(next, kind: kind), !entity.isDeleted { return entity }
      id = next
    }
    return nil
  }

  /// The link of a mailbox to one of the deleted records whose place a record takes.
  static func link(before id: EntityID, _ spoke: Spoke, _ reader: any RecordReader) throws -> Link? {
    var (id, seen) = (id, Set<EntityID>())
    while seen.insert(id).inserted, let old = try reader.meta(originKey(id, spoke.kind)).map(EntityID.init(rawValue:)) {
      if let link = try reader.link(entity: old, kind: spoke.kind, mailbox: spoke.mailbox) { return link }
      id = old
    }
    return nil
  }
}
