import Model
import Store

extension Planner {
  /// The pair of an item that was deleted and is back under another id, while what its delete asked for was still due. A copy has another time of
  /// creation.
  func returned(_ item: StoredItem, _ link: Link, _ reader: any RecordReader) throws -> Pair? {
    guard item.presence == .deleted, link.state == .linked, let entity = link.entityID, let key = item.item.moveKey else { return nil }
    let stamped = try unlinked(reader.items(kind: spoke.kind, mailbox: spoke.mailbox, foreignID: entity), reader)
    guard let back = stamped.first(where: { $0.item.moveKey == key && $0.item.created == item.item.created }) else { return nil }
    return try restamped(back, link, reader)
  }
}
