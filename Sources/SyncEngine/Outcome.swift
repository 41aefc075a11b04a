import Model
import Reconcile
import Render
import Store

/// Saves what a remote write brought about: link, bases, observation, file, all in the transaction of the caller.
struct Outcome: Sendable {
  let spoke: Spoke
  let parts: EngineParts

  /// Saves a pair whose two sides are as given; their values become the bases.
  /// - Parameter written: fields that the engine has just written.
  func saveLink(
    _ pair: Pair, entity: Entity, item: Item, baseEntity: Base? = nil, baseItem: Base? = nil, operation: OperationID? = nil,
    origin: SystemSide, written: Set<Field> = [],
    at now: Timestamp, _ transaction: any RecordTransaction
  ) throws {
    let known = pair.link
    var link = Link(
      id: known?.id ?? 0, mailbox: spoke.mailbox, kind: spoke.kind, entityID: entity.id, itemID: item.version.id,
      baseEntity: keepingDrift(
        baseEntity ?? Base(fields: entity.fields, version: entity.version), .erp, pair.entity?.entity.fields, known?.baseEntity,
        other: item.fields, written),
      baseItem: keepingDrift(
        baseItem ?? Base(fields: item.fields, version: item.version.changeKey), .exchange, pair.item?.item.fields, known?.baseItem,
        other: entity.fields, written), state: .linked, origin: known?.origin ?? origin,
      uid: known?.uid ?? entity.id.rawValue, operationID: operation ?? known?.operationID ?? item.operationID,
      moveKey: item.moveKey ?? known?.moveKey, syncedAt: now)
    // A message's contents are read after its link is made; until then its version is unknown.
    if spoke.kind == .emails { link.baseItem?.version = nil }
    let saved = try transaction.save(link)
    // The series that an occurrence belongs to is shown as one.
    if item.form != .occurrence { try putFile(saved, item: item, entity: entity, transaction) }
    try transaction.clearDoubt(entity.id, kind: spoke.kind, mailbox: spoke.mailbox)
    for subject in [Subject.entity(entity.id), Subject.item(item.version.id)] {
      try transaction.clearFailure(mailbox: spoke.mailbox, kind: spoke.kind, subject: subject)
    }
  }

  /// A change that the policy's direction does not carry stays one: its base does not move on, so that another direction carries it later. Of a
  /// match, of which nothing was known, that is what differs from the other side's value.
  private func keepingDrift(
    _ base: Base, _ side: SystemSide, _ read: Fields?, _ known: Base?, other: Fields, _ written: Set<Field>
  ) -> Base {
    guard let read, spoke.kind != .emails, !spoke.section.direction.carries(from: side) else { return base }
    var base = base
    for field in known.map({ read.differences(from: $0.fields) }) ?? copied where !written.contains(field) && !read.same(field, in: other) {
      base.fields[field] = known == nil ? other[field] : known?.fields[field]
    }
    return base
  }

  /// The fields in which two records that agree are equal.
  private var copied: [Field] {
    let exchange = parts.exchange[spoke.account.name] ?? MissingAccount(name: spoke.account.name)
    let (erp, mailbox) = (parts.erp.support(for: spoke.kind), exchange.support(for: spoke.kind))
    return Translation(policy: spoke.policy, kind: spoke.kind, erp: erp, exchange: mailbox).copied
  }

  /// Keeps a matched pair of which only a part is written: what matched may change before the rest is, and then the item would be taken for a
  /// new one. In the fields that were written the two agree; for the rest the next comparison is that of a match.
  /// - Parameter agreed: the ERP's values in these fields.
  func noteMatch(_ entity: Entity, _ item: Item, agreed: Fields, _ transaction: any RecordTransaction) throws {
    guard try transaction.reader.link(item: item.version.id, kind: spoke.kind, mailbox: spoke.mailbox) == nil,
      try transaction.reader.link(entity: entity.id, kind: spoke.kind, mailbox: spoke.mailbox) == nil
    else { return }
    var link = Link(unagreed: entity.id, item.version.id, spoke, .linked, origin: .exchange, moveKey: item.moveKey)
    link.baseEntity = Base(fields: agreed, version: nil)
    _ = try transaction.save(link)
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
    guard var link = pair.link ?? newLink(of: pair) else { return }
    link.state = .detached
    _ = try transaction.save(link)
    try transaction.removeFile(uid: link.uid, folder: spoke.folderName, employee: spoke.employee.email)
  }

  private func newLink(of pair: Pair) -> Link? {
    guard let entity = pair.entity?.entity, let item = pair.item?.item else { return nil }
    return Link(
      unagreed: entity.id, item.version.id, spoke, .detached, origin: .exchange, operationID: entity.operationID, moveKey: item.moveKey)
  }

  /// Writes the record's file as the mailbox has the record. Bytes depend on the record alone, so that a rebuilt cache gives the same file.
  func putFile(_ link: Link, item: Item, entity: Entity, _ transaction: any RecordTransaction) throws {
    guard transaction.keepsFiles else { return }
    let modified = item.modified ?? entity.modified ?? Timestamp(milliseconds: 0)
    // A message's file has the bytes that Exchange has: whoever has read them puts it.
    guard let bytes = RecordFile.render(spoke.kind, uid: link.uid, fields: item.fields, revision: modified, zones: parts.zones) else {
      return
    }
    try putFile(link, item: item, bytes: bytes, modified: modified, transaction)
  }

  /// Writes the record's file with these bytes.
  func putFile(_ link: Link, item: Item, bytes: [UInt8], modified: Timestamp, _ transaction: any RecordTransaction) throws {
    var attributes = ["origin": link.origin.rawValue]
    attributes["erp_id"] = link.entityID?.rawValue
    attributes["synced_at"] = link.syncedAt?.iso8601
    try putFile(uid: link.uid, item, bytes, modified, attributes, transaction)
  }

  /// Shows an item that has no partner in the ERP: a series, whose occurrences have, or an attendee's copy of a meeting.
  func show(_ item: Item, _ transaction: any RecordTransaction) throws {
    let modified = item.modified ?? Timestamp(milliseconds: 0)
    guard transaction.keepsFiles, let uid = item.moveKey,
      let bytes = RecordFile.render(spoke.kind, uid: uid, fields: item.fields, revision: modified, zones: parts.zones)
    else { return }
    try putFile(uid: uid, item, bytes, modified, ["origin": SystemSide.exchange.rawValue], transaction)
  }

  /// Takes the file of such an item away.
  func hide(_ item: Item, _ transaction: any RecordTransaction) throws {
    guard let uid = item.moveKey else { return }
    try transaction.removeFile(uid: uid, folder: spoke.folderName, employee: spoke.employee.email)
  }

  private func putFile(
    uid: String, _ item: Item, _ bytes: [UInt8], _ modified: Timestamp, _ attributes: [String: String],
    _ transaction: any RecordTransaction
  ) throws {
    var attributes = attributes
    attributes["exchange_id"] = item.version.id.rawValue
    attributes["change_key"] = item.version.changeKey
    _ = try transaction.putFile(
      TreeFile(
        uid: uid, wishedName: FileName.make(for: spoke.kind, fields: item.fields, zones: parts.zones), bytes: bytes, modified: modified,
        attributes: attributes),
      folder: spoke.folderName, employee: spoke.employee.email)
  }
}

extension Link {
  /// A pair whose sides have not agreed on any values.
  init(
    unagreed entity: EntityID, _ item: ItemID, _ spoke: Spoke, _ state: State, origin: SystemSide, operationID: OperationID? = nil,
    moveKey: String? = nil
  ) {
    self.init(
      id: 0, mailbox: spoke.mailbox, kind: spoke.kind, entityID: entity, itemID: item, baseEntity: nil, baseItem: nil, state: state,
      origin: origin, uid: entity.rawValue, operationID: operationID, moveKey: moveKey, syncedAt: nil)
  }
}

/// A write to a calendar that may have been carried out: should it be tried again, nobody is told a second time.
extension RecordTransaction {
  func noteDoubt(_ entity: EntityID?, kind: RecordKind, mailbox: Mailbox, at now: Timestamp) throws {
    guard kind == .events, let entity else { return }
    try setMeta(Doubt.key(entity, mailbox), now.iso8601)
  }

  func clearDoubt(_ entity: EntityID, kind: RecordKind, mailbox: Mailbox) throws {
    guard kind == .events else { return }
    try setMeta(Doubt.key(entity, mailbox), nil)
  }
}

/// Where doubt about a write is noted.
enum Doubt {
  static func key(_ entity: EntityID, _ mailbox: Mailbox) -> String { "doubt \(mailbox.address) \(entity.rawValue)" }
}
