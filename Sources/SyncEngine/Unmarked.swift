import Model
import Store

/// Items that left their folder before they could be marked with the ERP's id: should one come back, only the key that a move keeps and the time
/// of its creation tell that it has a record already.
enum Unmarked {
  private static func key(_ moveKey: String, _ mailbox: Mailbox) -> String { "unmarked \(mailbox.address) \(moveKey)" }

  /// Remembers an item that is gone.
  static func note(_ item: Item, _ mailbox: Mailbox, _ transaction: any RecordTransaction) throws {
    guard let moveKey = item.moveKey, let created = item.created else { return }
    try transaction.setMeta(key(moveKey, mailbox), created.iso8601Milliseconds)
  }

  /// Whether an item without a mark is one of them. A copy has another time of creation.
  static func isKnown(_ item: Item, _ mailbox: Mailbox, _ reader: any RecordReader) throws -> Bool {
    guard let moveKey = item.moveKey, let created = item.created else { return false }
    return try reader.meta(key(moveKey, mailbox)) == created.iso8601Milliseconds
  }
}
