import Model
import Store

/// Pairs of emails: found by the Message-ID, never by the subject.
extension Planner {
  /// An unlinked activity, with the unlinked message of its Message-ID where the mailbox has one.
  func messagePair(of entity: StoredEntity, _ reader: any RecordReader) throws -> Pair {
    guard let messageID = entity.entity.fields.text(.messageID) else { return Pair(entity: entity) }
    let items = try unlinked(reader.items(kind: spoke.kind, mailbox: spoke.mailbox, email: messageID), reader).filter {
      isAcceptable($0.item)
    }
    guard let item = items.first else { return Pair(entity: entity) }
    return Pair(entity: entity, item: item, isMatched: true)
  }

  /// An unlinked message, with the activity of its Message-ID where the ERP has one: another mailbox may have brought it there.
  func activityPair(of item: StoredItem, _ reader: any RecordReader) throws -> Pair? {
    guard isAcceptable(item.item), let messageID = item.item.fields.text(.messageID) else { return Pair(item: item) }
    let entities = try reader.entities(kind: spoke.kind, email: messageID)
    var taken = false
    for entity in entities {
      guard let link = try reader.link(entity: entity.entity.id, kind: spoke.kind, mailbox: spoke.mailbox) else {
        return Pair(entity: entity, item: item, isMatched: true)
      }
      taken = true
      let other = try link.itemID.flatMap { try reader.item($0, kind: spoke.kind, mailbox: spoke.mailbox) }
      guard other?.presence ?? .deleted == .deleted else { continue }
      return Pair(link: link.repointed(to: item.item.version.id), entity: entity, item: item)
    }
    return taken ? Pair(item: item, obstacle: "a copy of a message that is synchronized already: left as it is") : Pair(item: item)
  }

  /// A message that names an activity which the ERP does not have.
  func orphan(_ item: StoredItem, _ stamp: EntityID, _ reader: any RecordReader) throws -> Pair? {
    guard isAcceptable(item.item) else { return nil }
    let entity = try reader.entity(stamp, kind: spoke.kind)
    guard let link = try reader.link(entity: stamp, kind: spoke.kind, mailbox: spoke.mailbox) else {
      return Pair(entity: entity, item: item, isOrphan: true)
    }
    let other = try link.itemID.flatMap { try reader.item($0, kind: spoke.kind, mailbox: spoke.mailbox) }
    // Of two that a server made of one creation one goes all the same.
    guard other?.presence ?? .deleted == .deleted else { return try restamped(item, link, reader) }
    return Pair(link: link.repointed(to: item.item.version.id), entity: entity, item: item)
  }
}

extension Link {
  /// The same pair with its item under a new id. What was known of the item's version no longer says anything.
  func repointed(to item: ItemID) -> Link {
    var copy = self
    copy.itemID = item
    copy.state = .linked
    copy.baseItem?.version = nil
    return copy
  }
}
