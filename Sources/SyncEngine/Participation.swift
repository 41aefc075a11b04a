import Model
import Store

/// Remembers which spokes took part, so that one that was switched off and on again begins anew: while it is off both sides stay as they are,
/// and what was deleted in that time is carried to nobody.
struct Participation: Sendable {
  let parts: EngineParts

  private static let key = "spokes"

  /// Notes every known spoke that the configuration leaves out.
  func note(_ active: [Spoke]) throws(SyncError) {
    let names = Set(active.map(\.name))
    try parts.store.write { transaction in
      for name in try Self.known(transaction.reader) where !names.contains(name) {
        let cursor = Spoke.offCursor(name)
        if try transaction.reader.cursor(cursor) == nil { try transaction.setCursor(cursor, parts.surroundings.now().iso8601) }
      }
    }
  }

  /// Notes that a spoke takes part.
  func begin(_ spoke: Spoke) throws(SyncError) {
    try parts.store.write { transaction in
      let known = try Self.known(transaction.reader)
      guard !known.contains(spoke.name) else { return }
      try transaction.setMeta(Self.key, (known + [spoke.name]).sorted().joined(separator: "\n"))
    }
  }

  /// Whether the spoke was left out since it last took part.
  func wasOff(_ spoke: Spoke) throws(SyncError) -> Bool { try parts.store.read { try $0.cursor(Spoke.offCursor(spoke.name)) } != nil }

  /// Unlinks every pair, so that the next cycle is a first run: it pairs what belongs together by its stamps and deletes nothing. A record that
  /// was made from an item which is not marked yet, or from an occurrence, which never is, stays linked to it: nothing else tells that the two
  /// are one.
  func forget(_ spoke: Spoke, _ links: [Link], folder: FolderID) throws(SyncError) {
    let outcome = Outcome(spoke: spoke, parts: parts)
    try parts.store.write { transaction in
      let unmarked = Set(try transaction.reader.openIntents(mailbox: spoke.mailbox).filter { $0.side == .erp }.map(\.id))
      for link in links {
        if let creation = link.operationID, unmarked.contains(creation), try areBothHere(link, folder, transaction.reader) { continue }
        if try isOccurrence(link, transaction.reader), try areBothHere(link, folder, transaction.reader) {
          var unagreed = link
          (unagreed.baseEntity, unagreed.baseItem) = (nil, nil)
          _ = try transaction.save(unagreed)
          continue
        }
        try outcome.removeLink(Pair(link: link), transaction)
      }
      let cursors = [
        spoke.initialisedCursor, spoke.progressCursor(.erp), spoke.progressCursor(.exchange), spoke.policyCursor, spoke.marksCursor,
        spoke.placeCursor, spoke.folderCursor(folder), Spoke.offCursor(spoke.name),
      ]
      for cursor in cursors { try transaction.setCursor(cursor, nil) }
    }
  }

  private func isOccurrence(_ link: Link, _ reader: any RecordReader) throws -> Bool {
    try link.itemID.flatMap { try reader.item($0, kind: link.kind, mailbox: link.mailbox) }?.item.form == .occurrence
  }

  /// Whether a pair's record is still in the ERP, and its item not known to lie in another folder.
  private func areBothHere(_ link: Link, _ folder: FolderID, _ reader: any RecordReader) throws -> Bool {
    guard let entity = try link.entityID.flatMap({ try reader.entity($0, kind: link.kind) }), !entity.isDeleted else { return false }
    let place = try link.itemID.flatMap { try reader.item($0, kind: link.kind, mailbox: link.mailbox) }?.item.folder
    return place == nil || place == folder
  }

  private static func known(_ reader: any RecordReader) throws -> [String] {
    try reader.meta(key)?.parts(at: "\n", omittingEmpty: true) ?? []
  }
}
