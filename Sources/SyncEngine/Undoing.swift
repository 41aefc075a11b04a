import Model
import Store

/// The reverse of a run, as a plan.
public struct UndoPlan: Sendable, Hashable {
  /// The employee concerned.
  public var employee: String
  /// One line a write of the run, the last first.
  public var lines: [PlanLine]
  /// Names the plan: it is carried out only while it is the same.
  public var id: String
  /// What the guards of a cycle would say; nil: nothing.
  public var warning: String?
}

/// Takes back what a run wrote, the last first: values come back as if a user had typed them there again, what was created goes to Deleted
/// Items and stays apart, what was deleted is made anew in the ERP. What was changed since stays. Nobody is told.
struct Undoing: Sendable {
  let parts: EngineParts
  let log: SyncLog
  let guards: Guards
  let spoke: Spoke
  let employee: ERPEmployee?
  let exchange: any ExchangePort
  let run: String
  /// The run that the undo is.
  let undo: String

  /// What is to be done about one write.
  private enum Step {
    case putBack(Item, [Loser])
    case putBackEntity(Entity, [Loser])
    case take(Item, Link)
    case takeEntity(Entity, Link)
    case makeAnew
    case leave
  }

  private struct Found {
    var items: [ItemID: Item] = [:]
    var entities: [EntityID: Entity] = [:]
  }

  private var restoration: Restoration { Restoration(parts: parts, log: log, spoke: spoke, employee: employee, exchange: exchange) }

  /// The plan as things stand.
  func plan() async throws(SyncError) -> UndoPlan {
    var lines: [PlanLine] = []
    try await each { _, _, line throws(SyncError) in lines.append(line) }
    let id = Guarding.fingerprint(lines.map { "\($0.action) \($0.side?.rawValue ?? "") \($0.uid ?? "") \($0.name) \($0.changes)" })
    let deletes = lines.count { $0.action == "take away" }
    let linked = try parts.store.read { try $0.linkCount(kind: spoke.kind, mailbox: spoke.mailbox) }
    return UndoPlan(
      employee: spoke.employee.email, lines: lines, id: String(id.prefix(8)),
      warning: guards.deletes.isExceeded(by: deletes, of: linked)
        ? "\(deletes) deletes of \(linked) records are more than a cycle may do without a decision" : nil)
  }

  /// Carries it out.
  /// - Returns: what was done, by the names of the steps.
  func carryOut() async throws(SyncError) -> [String: Int] {
    var counts: [String: Int] = [:]
    try await each { entry, step, line throws(SyncError) in
      do throws(SyncError) {
        guard try await perform(step, entry) else { return }
      } catch  where !error.stopsAccount {
        log.write(.warning, "\(entry.name): not undone: \(error)", spoke)
        return
      }
      counts[line.action, default: 0] += 1
      let now = parts.surroundings.now()
      try parts.store.write { transaction in
        var undone = entry
        undone.restoredAt = now
        try transaction.journal(undone)
      }
    }
    return counts
  }

  private func each(_ body: (JournalEntry, Step, PlanLine) async throws(SyncError) -> Void) async throws(SyncError) {
    let entries = try parts.store.read { try $0.writes(run: run) }
    for batch in entries.inBatches(of: ERPFeed.confirmationBatch) {
      let links = try parts.store.read { reader in try batch.map { try link(of: $0, reader) } }
      var found = try await find(batch, links)
      for (entry, link) in zip(batch, links) {
        let (step, action, reason) = try decide(entry, link, found)
        try await body(entry, step, line(entry, link, step, action, reason))
        // The same record again, written earlier in the run: as it will be then.
        apply(step, &found)
      }
    }
  }

  private func link(of entry: JournalEntry, _ reader: any RecordReader) throws -> Link? {
    if !entry.uid.isEmpty, let link = try reader.link(uid: entry.uid, kind: spoke.kind, mailbox: spoke.mailbox) { return link }
    if let link = try entry.itemID.flatMap({ try reader.link(item: $0, kind: spoke.kind, mailbox: spoke.mailbox) }) { return link }
    return try entry.entityID.flatMap { try reader.link(entity: $0, kind: spoke.kind, mailbox: spoke.mailbox) }
  }

  private func find(_ batch: [JournalEntry], _ links: [Link?]) async throws(SyncError) -> Found {
    var found = Found()
    let items = Set(zip(batch, links).compactMap { $1?.itemID ?? $0.itemID }).sorted { $0.rawValue < $1.rawValue }
    for answer in items.isEmpty ? [] : try await exchange.items(items, kind: spoke.kind, in: spoke.mailbox) {
      if case .success(let item) = answer { found.items[item.version.id] = item }
    }
    let entities = Set(zip(batch, links).compactMap { $1?.entityID ?? $0.entityID }).sorted()
    for answer in entities.isEmpty ? [] : try await parts.erp.entities(entities, kind: spoke.kind) {
      if case .success(let entity) = answer { found.entities[entity.id] = entity }
    }
    return found
  }

  private func decide(_ entry: JournalEntry, _ link: Link?, _ found: Found) throws(SyncError) -> (Step, String, String) {
    func left(_ reason: String) -> (Step, String, String) { (.leave, "leave", reason) }
    guard let write = entry.write else { return left("no write") }
    if entry.restoredAt != nil { return left("undone already") }
    let item = (link?.itemID ?? entry.itemID).flatMap { found.items[$0] }
    let entity = (link?.entityID ?? entry.entityID).flatMap { found.entities[$0] }
    switch (write.action, write.side) {
    case ("update", .exchange):
      guard let item else { return left("the item is gone since") }
      let due = entry.losers.filter { Self.stands($0, in: item.fields) }
      return due.isEmpty ? left("changed since") : (.putBack(item, due), "put back", "the values of before")
    case ("update", .erp):
      guard let entity else { return left("the record is gone since") }
      let due = entry.losers.filter { Self.stands($0, in: entity.fields) }
      return due.isEmpty ? left("changed since") : (.putBackEntity(entity, due), "put back", "the values of before")
    case ("create", let side):
      guard let link, link.state == .linked else { return left("no longer synchronized") }
      let isAgain = try parts.store.read { try $0.isWrittenAgain(uid: link.uid, mailbox: spoke.mailbox, after: run) }
      let isChanged =
        item.map { !Self.same($0.fields, link.baseItem) } ?? false || entity.map { !Self.same($0.fields, link.baseEntity) } ?? false
      if isAgain || isChanged { return left("changed since") }
      if side == .exchange {
        guard let item, item.form != .occurrence else { return left("the item is gone since") }
        return (.take(item, link), "take away", "the run created it: to Deleted Items, nobody is told; the ERP's record stays apart")
      }
      guard let entity else { return left("the record is gone since") }
      return (.takeEntity(entity, link), "take away", "the run created it; the item stays apart")
    case ("delete", _):
      if entity != nil { return left("the ERP has the record again") }
      return (.makeAnew, "make anew", "the run deleted it: a new record of the ERP, carried on by the policies")
    default: return left("the record is still in the ERP: the policy's filter brings it back")
    }
  }

  /// Whether a record still has what the run wrote.
  private static func stands(_ loser: Loser, in current: Fields) -> Bool {
    var written = Fields()
    written[loser.field] = loser.kept
    return written.same(loser.field, in: current)
  }

  private static func same(_ fields: Fields, _ base: Base?) -> Bool { base.map { fields.differences(from: $0.fields).isEmpty } ?? false }

  private func line(_ entry: JournalEntry, _ link: Link?, _ step: Step, _ action: String, _ reason: String) -> PlanLine {
    let changes: [Loser]
    let side: SystemSide?
    switch step {
    case .putBack(_, let due): (changes, side) = (due, .exchange)
    case .putBackEntity(_, let due): (changes, side) = (due, .erp)
    case .take: (changes, side) = ([], .exchange)
    case .takeEntity, .makeAnew: (changes, side) = ([], .erp)
    case .leave: (changes, side) = ([], nil)
    }
    return PlanLine(
      employee: spoke.employee.email, kind: spoke.kind, side: side, action: action, name: entry.name, uid: link?.uid ?? entry.uid,
      changes: changes.map { PlanLine.Change(field: $0.field.rawValue, old: $0.kept?.display, new: $0.lost?.display) }, reason: reason)
  }

  private func apply(_ step: Step, _ found: inout Found) {
    switch step {
    case .putBack(let item, let due): for loser in due { found.items[item.version.id]?.fields[loser.field] = loser.lost }
    case .putBackEntity(let entity, let due): for loser in due { found.entities[entity.id]?.fields[loser.field] = loser.lost }
    case .take(let item, _): found.items[item.version.id] = nil
    case .takeEntity(let entity, _): found.entities[entity.id] = nil
    case .makeAnew, .leave: break
    }
  }
}

extension Undoing {
  /// Whether something was done.
  private func perform(_ step: Step, _ entry: JournalEntry) async throws(SyncError) -> Bool {
    switch step {
    case .leave: return false
    case .putBack(let item, let due): return try await restoration.putBack(part(entry, due), item: item.version.id)
    case .putBackEntity(let entity, let due): return try await restoration.putBack(part(entry, due), entity: entity.id)
    case .makeAnew: try await restoration.recreate(entry.entityID, entry)
    case .take(let item, let link):
      try setApart(link, item.fields, .exchange, entry)
      _ = try await exchange.moveToDeletedItems([item.version.id], kind: spoke.kind, in: spoke.mailbox).first?.get()
      try parts.store.write { try $0.observeDeleted(item: item.version.id, kind: spoke.kind, mailbox: spoke.mailbox) }
    case .takeEntity(let entity, let link):
      try setApart(link, entity.fields, .erp, entry)
      try await parts.erp.delete(entity.id, version: entity.version, kind: spoke.kind)
      try parts.store.write { try $0.observeDeleted(entity: entity.id, kind: spoke.kind) }
    }
    return true
  }

  private func part(_ entry: JournalEntry, _ due: [Loser]) -> JournalEntry {
    var part = entry
    part.losers = due
    part.write = nil
    return part
  }

  /// Before a record is taken away: the pair is no longer synchronized, so that its other side is not taken for deleted or created
  /// again, and the values are kept.
  private func setApart(_ link: Link, _ fields: Fields, _ side: SystemSide, _ entry: JournalEntry) throws(SyncError) {
    let now = parts.surroundings.now()
    let losers = fields.names.map { Loser(side: side, field: $0, lost: fields[$0], kept: nil) }
    let kept = JournalEntry(
      id: 0, time: now, run: undo, mailbox: spoke.mailbox, kind: spoke.kind, uid: link.uid, name: entry.name, entityID: link.entityID,
      itemID: link.itemID, losers: losers, rule: "taken away: the run \(run) was undone", restoredAt: nil)
    let outcome = Outcome(spoke: spoke, parts: parts)
    try parts.store.write { transaction in
      try transaction.journal(kept)
      try outcome.detach(Pair(link: link), transaction)
    }
  }
}
