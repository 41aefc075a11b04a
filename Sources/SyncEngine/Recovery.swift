import Model
import Reconcile
import Store

/// Looks up on the remote what open intents brought about, before anything is tried again.
struct Recovery: Sendable {
  let executor: Executor
  private var parts: EngineParts { executor.parts }
  private var spoke: Spoke { executor.spoke }
  private var exchange: any ExchangePort { executor.exchange }

  /// How long a server may still be carrying out a request whose client is gone, in milliseconds.
  private let settlingMilliseconds: Int64

  init(executor: Executor, guards: Guards) {
    self.executor = executor
    settlingMilliseconds = guards.settlingMilliseconds
  }

  /// A write that was under way when its process ended may be carried out after the look-up, and would then be taken for a user's: it is given
  /// its time first, from when its sender can have given up at the latest. An update too, though it names the version that it changes: where
  /// nothing else is to be written, that version stays.
  private func letSettle(_ open: [Intent]) async throws(SyncError) {
    var ends: [Int64] = []
    for intent in open where intent.sends > 0 {
      // A creation whose record is linked already is only to be marked.
      if try linkedEntity(intent) != nil { continue }
      let patience = intent.side == .erp ? parts.erp.requestSeconds : exchange.requestSeconds
      ends.append(intent.time.milliseconds + Int64(patience) * 1000)
    }
    guard let latest = ends.max() else { return }
    let left = latest + settlingMilliseconds - parts.surroundings.now().milliseconds
    // A clock that was set back must not stop the mailbox.
    guard left > 0 else { return }
    try await parts.letSettle(milliseconds: min(left, settlingMilliseconds))
  }

  /// Settles every open intent of this spoke, alone of all cycles, for that may write to the ERP. Throws when a side cannot be asked: then
  /// nothing else may be tried either.
  func settleOpenIntents(_ lock: RecordsLock) async throws(SyncError) {
    let open = try parts.store.read { try $0.openIntents(mailbox: spoke.mailbox) }.filter { $0.kind == spoke.kind }
    guard !open.isEmpty else { return }
    executor.log.write(.informational, "\(open.count) writes of an interrupted cycle are looked up", spoke)
    try await letSettle(open)
    await lock.enter(.exclusive)
    defer { lock.leave(.exclusive) }
    let creates = open.filter { $0.side == .exchange && ($0.action == "create" || $0.action == Forking.action) }
    if !creates.isEmpty {
      // In an order that a replay has again.
      let stamped = try await exchange.stampedItems(Set(creates.compactMap(\.entityID)).sorted(), kind: spoke.kind, in: spoke.mailbox)
      for intent in creates { try await settleItemCreate(intent, stamped) }
    }
    for intent in open where intent.side == .exchange && (intent.action == "delete" || intent.action == "withdraw") {
      try await settleItemDelete(intent)
    }
    for intent in open where intent.side == .exchange && intent.action == "update" { try await settleItemUpdate(intent) }
    for intent in open where intent.side == .erp { try await settleERP(intent) }
  }

  private func settleItemCreate(_ intent: Intent, _ stamped: [StampedItem]) async throws(SyncError) {
    let made = stamped.first { $0.operationID == intent.id && !$0.isInDeletedItems }
    let known = try parts.store.read { reader in
      (
        try intent.entityID.flatMap { try reader.entity($0, kind: spoke.kind) },
        try intent.entityID.flatMap { try livingLink(of: $0, reader) }
      )
    }
    guard let entity = known.0, !entity.isDeleted else { return try close(intent) }
    if let made, known.1 == nil {
      if intent.action == Forking.action {
        return try await Forking(executor: executor).adopt(made.version, for: entity.entity, intent, isLate: true)
      }
      return try await adopt(made, entity.entity, intent)
    }
    if made == nil, known.1 == nil, intent.action == Forking.action, isWanted(entity.entity) {
      return try await Forking(executor: executor).copyToExchange(intent, entity: entity.entity, isLate: true)
    }
    try closeInDoubt(intent, isDone: made != nil || known.1 != nil)
  }

  /// Whether the second item of a conflict's copies is still to be made: the policy may be another since it was decided.
  private func isWanted(_ entity: Entity) -> Bool {
    spoke.section.direction.carries(from: .erp)
      && Scope.entity(entity, policy: spoke.policy, kind: spoke.kind, employee: executor.employee)
  }

  /// The link of an entity, unless its item is gone: then the creation was to replace that.
  private func livingLink(of entity: EntityID, _ reader: any RecordReader) throws -> Link? {
    guard let link = try reader.link(entity: entity, kind: spoke.kind, mailbox: spoke.mailbox) else { return nil }
    let item = try link.itemID.flatMap { try reader.item($0, kind: spoke.kind, mailbox: spoke.mailbox) }
    return link.state == .linked && item?.presence == .deleted ? nil : link
  }

  private func adopt(_ made: StampedItem, _ entity: Entity, _ intent: Intent) async throws(SyncError) {
    let read = try await exchange.items([made.version.id], kind: spoke.kind, in: spoke.mailbox)
    // Where it cannot be read, what was sent is what is known: the record must not be made once more.
    let sent = Item(
      version: made.version, folder: made.folder, fields: exchange.support(for: spoke.kind).projected(intent.payload),
      foreignID: entity.id, operationID: intent.id)
    let current: Item? = if case .success(let item)? = read.first { item } else { nil }
    let item = current ?? sent
    let now = parts.surroundings.now()
    try parts.store.write { transaction in
      _ = try transaction.observe(item, kind: spoke.kind, mailbox: spoke.mailbox, isCreated: true)
      // What was sent is what both sides agreed on; if either moved on since, the next comparison sees it.
      let (erp, mailbox) = (parts.erp.support(for: spoke.kind), exchange.support(for: spoke.kind))
      let replaced = try transaction.reader.link(entity: entity.id, kind: spoke.kind, mailbox: spoke.mailbox)
      try executor.outcome.saveLink(
        Pair(link: replaced), entity: entity, item: item, baseEntity: Base(fields: intent.payload.restricted(to: erp.fields), version: nil),
        baseItem: Base(fields: mailbox.projected(intent.payload), version: nil), operation: intent.id, origin: .erp, at: now, transaction)
      if current == nil { try transaction.reportUnread(item, kind: spoke.kind, mailbox: spoke.mailbox) }
      // Its user moved it to another folder meanwhile, of which no listing tells: the reading that follows looks for it.
      if let place = item.folder, place != executor.folder {
        try transaction.reportRemoved(item.version.id, kind: spoke.kind, mailbox: spoke.mailbox)
      }
      try transaction.close(intent.id)
    }
  }

  private func settleItemUpdate(_ intent: Intent) async throws(SyncError) {
    guard let id = intent.itemID else { return try close(intent) }
    let read = try await exchange.items([id], kind: spoke.kind, in: spoke.mailbox)
    guard case .success(let item)? = read.first else { return try closeInDoubt(intent, isDone: false) }
    if !intent.written.allSatisfy({ item.fields.same($0, in: intent.payload) }) { try noteDoubt(intent) }
    try parts.store.write { transaction in
      _ = try transaction.observe(item, kind: spoke.kind, mailbox: spoke.mailbox)
      if var link = try transaction.reader.link(item: id, kind: spoke.kind, mailbox: spoke.mailbox), var base = link.baseItem?.fields {
        for field in intent.written where item.fields.same(field, in: intent.payload) {
          try takeForAgreed(field, intent, since: base, &link, transaction.reader)
          base[field] = item.fields[field]
        }
        link.baseItem = Base(fields: base, version: nil)
        _ = try transaction.save(link)
      }
      try keepMatch(intent, item, transaction)
      try transaction.close(intent.id)
    }
  }

  /// What reached an item is what its record had when that was decided, whatever the record has become since.
  private func takeForAgreed(
    _ field: Field, _ intent: Intent, since base: Fields, _ link: inout Link, _ reader: any RecordReader
  ) throws {
    guard let former = link.baseEntity?.fields, let entity = try link.entityID.flatMap({ try reader.entity($0, kind: spoke.kind) }) else {
      return
    }
    let sent = parts.erp.support(for: spoke.kind).projected(intent.payload)
    if field == .attendees {
      link.baseEntity?.fields[field] = peopleAgreed(written: intent.payload, since: base, other: former)
    } else if sent[field] != nil || intent.cleared.contains(field) {
      let inItem = exchange.support(for: spoke.kind).projected(entity.entity.fields)
      link.baseEntity?.fields[field] = inItem.same(field, in: intent.payload) ? entity.entity.fields[field] : sent[field]
    }
  }

  /// An item that is gone from its place by our own hand: the pair is forgotten, so that its absence is not taken for a user's delete.
  private func settleItemDelete(_ intent: Intent) async throws(SyncError) {
    guard let id = intent.itemID else { return try close(intent) }
    let neighbours = try parts.store.read { reader in
      try reader.neighbours(kind: spoke.kind, mailbox: spoke.mailbox, excluding: [id], limit: MailboxFeed.canaries).compactMap(\.itemID)
    }
    let read = try await exchange.items([id] + neighbours, kind: spoke.kind, in: spoke.mailbox)
    if case .success? = read.first { try noteDoubt(intent) }
    let isMissing = if case .failure(let error)? = read.first { error.code == .notFound } else { false }
    if isMissing {
      // Nor is this absence evidence by itself: a neighbour was read, or it lies in Deleted Items.
      let isSeen = read.dropFirst().contains { if case .success = $0 { true } else { false } }
      let stamped = isSeen ? [] : try await exchange.stampedItems(intent.entityID.map { [$0] } ?? [], kind: spoke.kind, in: spoke.mailbox)
      // Its user may have brought it back, and those invited were told already.
      if !isSeen && !stamped.contains(where: \.isInDeletedItems) { return try noteDoubt(intent) }
    }
    try parts.store.write { transaction in
      if isMissing,
        let link = try transaction.reader.link(item: id, kind: spoke.kind, mailbox: spoke.mailbox)
      {
        try transaction.observeDeleted(item: id, kind: spoke.kind, mailbox: spoke.mailbox)
        try executor.outcome.removeLink(Pair(link: link), transaction)
        // It may be wanted again since: it was let alone while nothing was known of its item.
        if let entity = link.entityID { try transaction.reconsider(entity: entity, kind: spoke.kind) }
      }
      try transaction.close(intent.id)
    }
  }

  private func settleERP(_ intent: Intent) async throws(SyncError) {
    switch intent.action {
    case "create" where spoke.kind == .emails: try await EmailImporter(executor: executor).settle(intent)
    case "create", Forking.action: try await settleEntityCreate(intent)
    case "update": try await settleEntityUpdate(intent)
    default: try await settleEntityDelete(intent)
    }
  }

  /// A delete may have been carried out after the round read the ERP. A record that is gone by our own hand is no reason to delete an item that
  /// its user brought back meanwhile.
  private func settleEntityDelete(_ intent: Intent) async throws(SyncError) {
    guard let id = intent.entityID, intent.sends > 0 else { return try close(intent) }
    try await ERPFeed(parts: parts, log: executor.log).confirmDelete(of: id, kind: spoke.kind)
    try parts.store.write { transaction in
      if try transaction.reader.entity(id, kind: spoke.kind)?.isDeleted ?? false,
        let link = try transaction.reader.link(entity: id, kind: spoke.kind, mailbox: spoke.mailbox)
      {
        try executor.outcome.removeLink(Pair(link: link), transaction)
      }
      try transaction.close(intent.id)
    }
  }

  private func settleEntityCreate(_ intent: Intent) async throws(SyncError) {
    let item = try intent.itemID.flatMap { id throws(SyncError) in
      try parts.store.read { try $0.item(id, kind: spoke.kind, mailbox: spoke.mailbox) }
    }
    // Where an item is that left its folder, the reading that follows tells: until then nothing is known of its creation's end.
    if item?.presence == .left { return }
    if try hasLeft(intent) { return }
    // A record that was made and linked, and is gone since: what follows from that the cycle decides.
    if try isGone(intent) { return try close(intent) }
    var made = try linkedEntity(intent)
    if made == nil {
      if let (record, moved) = try linked(by: intent) { return try await Forking(executor: executor).adopt(record, for: moved, intent) }
      let candidates = try await parts.erp.created(by: intent.id, like: intent.payload, kind: spoke.kind)
      made = try Adoption(executor: executor).made(by: intent, among: candidates)
    }
    guard let item, item.presence == .present else {
      if let made { try parts.store.write { _ = try $0.observe(made, kind: spoke.kind) } }
      return try close(intent)
    }
    if let made { return try await Forking(executor: executor).adopt(made, for: item.item, intent) }
    if intent.action == Forking.action, spoke.section.direction.carries(from: .exchange) {
      let id = item.item.version.id
      guard let takesPart = try await executor.stillTakesPart(id) else {
        // What became of it the reading that follows tells: the intent stays open until then.
        return try parts.store.write { try $0.reportRemoved(id, kind: spoke.kind, mailbox: spoke.mailbox) }
      }
      if takesPart { return try await Forking(executor: executor).copyToERP(intent, item: item.item) }
    }
    try parts.store.write { transaction in
      try transaction.setMeta(Self.abandoned(intent.id), intent.time.iso8601)
      try transaction.close(intent.id)
    }
  }

  /// Whether the item of a pair that a creation made has left its folder, under whatever id.
  private func hasLeft(_ intent: Intent) throws(SyncError) -> Bool {
    try parts.store.read { reader in
      try reader.leftItems(kind: spoke.kind, mailbox: spoke.mailbox).contains {
        try reader.link(item: $0.item.version.id, kind: spoke.kind, mailbox: spoke.mailbox)?.operationID == intent.id
      }
    }
  }

  private func isGone(_ intent: Intent) throws(SyncError) -> Bool {
    try parts.store.read { reader in
      guard let id = intent.itemID, let link = try reader.link(item: id, kind: spoke.kind, mailbox: spoke.mailbox),
        link.operationID == intent.id
      else { return false }
      return try link.entityID.flatMap { try reader.entity($0, kind: spoke.kind) }?.isDeleted ?? false
    }
  }

  /// The record that a creation is known to have made: its item has only to be marked.
  private func linkedEntity(_ intent: Intent) throws(SyncError) -> Entity? {
    try parts.store.read { reader in
      guard let id = intent.itemID, let link = try reader.link(item: id, kind: spoke.kind, mailbox: spoke.mailbox),
        link.operationID == intent.id, let stored = try link.entityID.flatMap({ try reader.entity($0, kind: spoke.kind) }),
        !stored.isDeleted
      else { return nil }
      return stored.entity
    }
  }

  /// The record that a creation made and that is linked since, with its item, which has another id by now: it was moved before it could be
  /// marked. The link alone tells: a record without a place for the creation's mark may have changed since.
  private func linked(by intent: Intent) throws(SyncError) -> (Entity, Item)? {
    try parts.store.read { reader in
      let links = try reader.neighbours(kind: spoke.kind, mailbox: spoke.mailbox, excluding: [], limit: Relocation.limit)
      guard let link = links.first(where: { $0.operationID == intent.id }),
        let stored = try link.entityID.flatMap({ try reader.entity($0, kind: spoke.kind) }), !stored.isDeleted,
        let item = try link.itemID.flatMap({ try reader.item($0, kind: spoke.kind, mailbox: spoke.mailbox) })
      else { return nil }
      return (stored.entity, item.item)
    }
  }

  /// Where it is noted that a creation was taken for lost: should its record show up after all, it is not carried on.
  static func abandoned(_ operation: OperationID) -> String { "abandoned \(operation.rawValue)" }

  private func settleEntityUpdate(_ intent: Intent) async throws(SyncError) {
    guard let id = intent.entityID, case .success(let entity)? = try await parts.erp.entities([id], kind: spoke.kind).first else {
      return try close(intent)
    }
    let support = parts.erp.support(for: spoke.kind)
    try parts.store.write { transaction in
      _ = try transaction.observe(entity, kind: spoke.kind)
      if var link = try transaction.reader.link(entity: id, kind: spoke.kind, mailbox: spoke.mailbox), var base = link.baseEntity?.fields {
        // As it was when the write was decided: a user may have put the item back to what it was before that.
        let item = try link.itemID.flatMap { try transaction.reader.item($0, kind: spoke.kind, mailbox: spoke.mailbox) }?.item.fields
        let source = item.map(support.projected)
        for field in intent.written where entity.fields.same(field, in: intent.payload) {
          if field == .attendees {
            // May have been merged from both sides, and the item not have it yet: what it did itself is what both agree on.
            guard let source, let before = link.baseItem?.fields else { continue }
            base[field] = peopleAgreed(written: source, since: support.projected(before), other: base)
            link.baseItem?.fields[field] = item?[field]
            continue
          }
          base[field] = entity.fields[field]
          if let source, source.same(field, in: intent.payload) { link.baseItem?.fields[field] = item?[field] }
        }
        link.baseEntity = Base(fields: base, version: nil)
        _ = try transaction.save(link)
      }
      try keepMatch(intent, entity, transaction)
      try transaction.close(intent.id)
    }
  }

  /// A matched pair whose first write arrived is a pair, though its link could not be kept.
  private func keepMatch(_ intent: Intent, _ entity: Entity, _ transaction: any RecordTransaction) throws {
    guard intent.link == nil, let agreed = arrived(intent, in: entity.fields), let id = intent.itemID,
      let item = try transaction.reader.item(id, kind: spoke.kind, mailbox: spoke.mailbox), item.presence == .present
    else { return }
    try executor.outcome.noteMatch(entity, item.item, agreed: agreed, transaction)
  }

  /// What of a write arrived, for a user may have changed the rest since; nil: nothing did. Who changed what did not arrive is
  /// not known: a status may be the same by chance.
  private func arrived(_ intent: Intent, in fields: Fields) -> Fields? {
    let names = intent.payload.names.filter { fields.same($0, in: intent.payload) }
    return names.isEmpty ? nil : parts.erp.support(for: spoke.kind).projected(intent.payload.restricted(to: Set(names)))
  }

  private func keepMatch(_ intent: Intent, _ item: Item, _ transaction: any RecordTransaction) throws {
    guard intent.link == nil, let agreed = arrived(intent, in: item.fields), let id = intent.entityID,
      let entity = try transaction.reader.entity(id, kind: spoke.kind),
      !entity.isDeleted
    else { return }
    try executor.outcome.noteMatch(entity.entity, item, agreed: agreed, transaction)
  }

  /// A write that will be tried again, though it may have told others already.
  private func noteDoubt(_ intent: Intent) throws(SyncError) {
    guard intent.sends > 0 else { return }
    try parts.store.write { try $0.noteDoubt(intent.entityID, kind: intent.kind, mailbox: intent.mailbox, at: intent.time) }
  }

  private func closeInDoubt(_ intent: Intent, isDone: Bool) throws(SyncError) {
    if !isDone { try noteDoubt(intent) }
    try close(intent)
  }

  private func close(_ intent: Intent) throws(SyncError) { try parts.store.write { try $0.close(intent.id) } }
}

extension Intent {
  /// What the write fills and empties.
  fileprivate var written: [Field] { payload.names + cleared.sorted() }
}
