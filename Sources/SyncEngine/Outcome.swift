import Model
import Render
import Store

/// Saves what a remote write brought about: link, bases, observation, file, all in the transaction of the caller.
struct Outcome: Sendable {
  let spoke: Spoke

  /// Saves a pair whose two sides are as given; their values become the bases.
  func saveLink(
    _ pair: Pair, entity: Entity, item: Item, baseEntity: Base? = nil, baseItem: Base? = nil, operation: OperationID? = nil,
    origin: SystemSide,
    at now: Timestamp, _ transaction: any RecordTransaction
  ) throws {
    let known = pair.link
    var link = Link(
      id: known?.id ?? 0, mailbox: spoke.mailbox, kind: spoke.kind, entityID: entity.id, itemID: item.version.id,
      baseEntity: baseEntity ?? Base(fields: entity.fields, version: entity.version),
      baseItem: baseItem ?? Base(fields: item.fields, version: item.version.changeKey), state: .linked, origin: known?.origin ?? origin,
      uid: known?.uid ?? entity.id.rawValue, operationID: operation ?? known?.operationID ?? item.operationID,
      moveKey: item.moveKey ?? known?.moveKey, syncedAt: now)
    // A message's contents are read after its link is made; until then its version is unknown.
    if spoke.kind == .emails { link.baseItem?.version = nil }
    let saved = try transaction.save(link)
    try putFile(saved, item: item, entity: entity, transaction)
    for subject in [Subject.entity(entity.id), Subject.item(item.version.id)] {
      try transaction.clearFailure(mailbox: spoke.mailbox, kind: spoke.kind, subject: subject)
    }
  }

  /// Forgets a pair and its file.
  func removeLink(_ pair: Pair, _ transaction: any RecordTransaction) throws {
    guard let link = pair.link else { return }
    try transaction.remove(link)
    try transaction.removeFile(uid: link.uid, folder: spoke.folderName, employee: spoke.employee.email)
    for subject in pair.subjects { try transaction.clearFailure(mailbox: spoke.mailbox, kind: spoke.kind, subject: subject) }
  }

  /// Keeps the pair as detached: known, but no longer synchronized nor shown.
  func detach(_ pair: Pair, _ transaction: any RecordTransaction) throws {
    guard var link = pair.link else { return }
    link.state = .detached
    _ = try transaction.save(link)
    try transaction.removeFile(uid: link.uid, folder: spoke.folderName, employee: spoke.employee.email)
  }

  /// Writes the record's file as the mailbox has the record. Bytes depend on the record alone, so that a rebuilt cache gives the same file.
  func putFile(_ link: Link, item: Item, entity: Entity, _ transaction: any RecordTransaction) throws {
    let modified = item.modified ?? entity.modified ?? Timestamp(milliseconds: 0)
    // A message's file has the bytes that Exchange has: whoever has read them puts it.
    guard let bytes = RecordFile.render(spoke.kind, uid: link.uid, fields: item.fields, revision: modified) else { return }
    try putFile(link, item: item, bytes: bytes, modified: modified, transaction)
  }

  /// Writes the record's file with these bytes.
  func putFile(_ link: Link, item: Item, bytes: [UInt8], modified: Timestamp, _ transaction: any RecordTransaction) throws {
    var attributes = ["exchange_id": item.version.id.rawValue, "change_key": item.version.changeKey]
    attributes["erp_id"] = link.entityID?.rawValue
    attributes["origin"] = link.origin.rawValue
    attributes["synced_at"] = link.syncedAt?.iso8601
    _ = try transaction.putFile(
      TreeFile(
        uid: link.uid, wishedName: FileName.make(for: spoke.kind, fields: item.fields), bytes: bytes, modified: modified,
        attributes: attributes),
      folder: spoke.folderName, employee: spoke.employee.email)
  }
}
