import Foundation
import Model
import Store

/// What is remembered of items that are gone, for those that come later with the key that a move and a copy keep: a move keeps the time of
/// creation too, a copy does not.
private enum Departed {
  static func key(_ what: String, _ moveKey: String, _ mailbox: Mailbox) -> String { "\(what) \(mailbox.address) \(moveKey)" }

  static func note(_ what: String, _ item: Item, _ mailbox: Mailbox, _ transaction: any RecordTransaction) throws {
    guard let moveKey = item.moveKey, let created = item.created?.iso8601Milliseconds else { return }
    // A copy and what it was copied from may both be gone.
    var known = try times(what, moveKey, mailbox, transaction.reader)
    if known.contains(created) { return }
    known.append(created)
    try transaction.setMeta(key(what, moveKey, mailbox), known.joined(separator: " "))
  }

  private static func times(_ what: String, _ moveKey: String, _ mailbox: Mailbox, _ reader: any RecordReader) throws -> [String] {
    try reader.meta(key(what, moveKey, mailbox))?.parts(at: " ", omittingEmpty: true) ?? []
  }

  /// Whether this item is one of those with its key; nil: none is known.
  static func isSame(_ what: String, _ item: Item, _ mailbox: Mailbox, _ reader: any RecordReader) throws -> Bool? {
    guard let moveKey = item.moveKey, let created = item.created else { return nil }
    let known = try times(what, moveKey, mailbox, reader)
    return known.isEmpty ? nil : known.contains(created.iso8601Milliseconds)
  }
}

/// Items that left their folder before they could be marked with the ERP's id: should one come back, only the key that a move keeps and the time
/// of its creation tell that it has a record already.
enum Unmarked {
  /// Remembers an item that is gone.
  static func note(_ item: Item, _ mailbox: Mailbox, _ transaction: any RecordTransaction) throws {
    try Departed.note("unmarked", item, mailbox, transaction)
  }

  /// Whether an item without a mark is one of them. A copy has another time of creation.
  static func isKnown(_ item: Item, _ mailbox: Mailbox, _ reader: any RecordReader) throws -> Bool {
    try Departed.isSame("unmarked", item, mailbox, reader) ?? false
  }
}

/// Items that the engine takes away because a write that was taken for lost had made them once more. A user's copy of one has all its marks.
enum Twins {
  /// Remembers one that is about to be deleted.
  static func note(_ item: Item, _ mailbox: Mailbox, _ transaction: any RecordTransaction) throws {
    try Departed.note("twin", item, mailbox, transaction)
  }

  /// Remembers what one was like when it was made, where that shows: nobody has changed it yet, or nobody the one that is linked, which the same
  /// creation made.
  static func noteMade(_ item: Item, _ spoke: Spoke, _ transaction: any RecordTransaction) throws {
    let reader = transaction.reader
    guard spoke.kind != .emails, let stamp = item.foreignID, let creation = item.operationID, let key = madeKey(item, spoke.mailbox),
      let link = try reader.link(entity: stamp, kind: spoke.kind, mailbox: spoke.mailbox), let linked = link.itemID,
      linked != item.version.id, try reader.meta(key) == nil
    else { return }
    var made = item.isAsMade ? item.fields : nil
    if made == nil, let other = try reader.item(linked, kind: spoke.kind, mailbox: spoke.mailbox)?.item, other.operationID == creation,
      other.isAsMade
    {
      made = other.fields
    }
    if let made { try keep(made, key, transaction) }
  }

  /// Remembers what one and its record had agreed on when another of its creation takes its place: its user may bring it back.
  static func noteReplaced(_ item: Item, by other: Item, _ link: Link, _ transaction: any RecordTransaction) throws {
    guard link.kind != .emails, item.operationID != nil, item.operationID == other.operationID, let agreed = link.baseItem?.fields,
      let key = madeKey(item, link.mailbox)
    else { return }
    try keep(agreed, key, transaction)
  }

  private static func keep(_ fields: Fields, _ key: String, _ transaction: any RecordTransaction) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    try transaction.setMeta(key, String(decoding: encoder.encode(fields), as: UTF8.self))
  }

  private static func madeKey(_ item: Item, _ mailbox: Mailbox) -> String? {
    guard let moveKey = item.moveKey, let created = item.created else { return nil }
    return "made \(mailbox.address) \(moveKey) \(created.iso8601Milliseconds)"
  }

  /// What the engine last knew an item to be without its user's doing: as it was made, or as agreed on when another took its place; nil: that is
  /// not known.
  static func baseline(_ item: Item, _ mailbox: Mailbox, _ reader: any RecordReader) throws -> Fields? {
    if item.isAsMade { return item.fields }
    guard let text = try madeKey(item, mailbox).flatMap(reader.meta) else { return nil }
    return try JSONDecoder().decode(Fields.self, from: Data(text.utf8))
  }

  /// Whether a user copied the item from a twin, which may be gone by now.
  static func isCopied(_ item: Item, _ spoke: Spoke, _ reader: any RecordReader) throws -> Bool {
    if let isSame = try Departed.isSame("twin", item, spoke.mailbox, reader) { return !isSame }
    guard let stamp = item.foreignID, let moveKey = item.moveKey, let created = item.created else { return false }
    return try reader.items(kind: spoke.kind, mailbox: spoke.mailbox, foreignID: stamp).contains {
      $0.item.moveKey == moveKey && $0.item.operationID == item.operationID && $0.item.created.map { $0 < created } ?? false
    }
  }
}
