import Model
import Store

/// Watches every request that the engine makes: the invariants that hold at any moment.
final class Oracle {
  unowned let world: World
  let cache: any RecordStore
  var seen = Evidence()

  init(world: World, cache: any RecordStore) {
    self.world = world
    self.cache = cache
  }

  func report(_ invariant: String, _ text: @autoclosure () -> String) {
    let violation = Violation(invariant: invariant, text: text())
    world.tell("!! \(violation)")
    seen.violations.append(violation)
  }

  func noteDoubt() { seen.doubts += 1 }

  /// Intents that a round left open: the engine does not know what became of their writes. What it wrote, should it have arrived, and what a
  /// user wrote over it before the look-up, look as if both had written at once: a conflict, by the policy, with the journal.
  func noteInterruptedWrites() {
    let open = (try? cache.read { try $0.openIntents(mailbox: nil) }) ?? []
    for (id, intent) in seen.creationsInDoubt where !open.contains(where: { $0.id == id }) {
      seen.creationsInDoubt[id] = nil
      let link = try? cache.read { reader in
        try intent.entityID.flatMap { try reader.link(entity: $0, kind: intent.kind, mailbox: intent.mailbox) }
      }
      if link?.operationID != id { seen.takenForLost.insert(id) }
    }
    for intent in open where intent.sends > 0 && seen.interrupted.insert(intent.id).inserted {
      seen.doubts += 1
      if intent.side == .exchange && intent.action == "create" { seen.creationsInDoubt[intent.id] = intent }
      // An occurrence whose record was changed before the look-up is matched with it: a conflict too.
      guard intent.action == "update" || world.setup.hasSeries && intent.action == "create" else { continue }
      for field in intent.payload.names { if let token = Token(intent.payload[field]) { seen.inDoubt.insert(token.number) } }
    }
  }

  /// A reading lies, or all do from here to the end of the round.
  func noteBlindness() {
    let isFirst = world.mailboxes.indices.contains { mailbox in world.setup.kinds.contains { isFirstRun($0, mailbox) } }
    if seen.cacheWasExchanged && isFirst { seen.wasBlindAfterLoss = true }
  }

  // MARK: What users do

  func userDeleted(_ entity: SimEntity) {
    // Gone before its creation was looked up: it is taken for lost and done again, though another mailbox may have got it meanwhile.
    guard let birth = birth(entity.fields, entity.kind), let creation = entity.operationID,
      (try? cache.read { try $0.openIntents(mailbox: nil) })?.contains(where: { $0.id == creation }) ?? false
    else { return }
    seen.unknowable[birth, default: 0] += 1
  }

  func userMovedAway(_ item: SimItem, in mailbox: Int) {
    if let stamp = item.foreignID { seen.movedAway[stamp, default: []].insert(mailbox) }
  }

  func beginRound() { (seen.movedAway, seen.restoredNow) = ([:], []) }

  func userDeleted(_ item: SimItem, in mailbox: Int) {
    if let birth = birth(item.fields, item.kind) { seen.deletedInMailbox[birth, default: []].insert(mailbox) }
    if let stamp = item.foreignID { seen.itemsDeleted[stamp, default: []].insert(mailbox) }
  }

  /// It comes back with the values that it had.
  func userRestored(_ item: SimItem) {
    if let birth = birth(item.fields, item.kind) { seen.restored.insert(birth) }
    seen.restoredNow.insert(item.moveKey)
  }

  func isInDoubt(_ value: Value?) -> Bool { Token(value).map { seen.inDoubt.contains($0.number) } ?? false }

  func wasRestored(_ item: SimItem) -> Bool { birth(item.fields, item.kind).map(seen.restored.contains) ?? false }

  func scopeMayHaveChanged(_ entity: SimEntity) { seen.mayHaveLeft.insert(entity.id) }

  func policyChanged() { for entity in world.entities { seen.mayHaveLeft.insert(entity.id) } }

  /// The mailbox's linked items bear no mark yet, or need none any more.
  func marksChanged(in mailbox: Int) { seen.mayBearNoMark.insert(mailbox) }

  /// Of an item whose creation was taken for lost nothing is known to have been agreed on.
  private func wasTakenForLost(_ item: SimItem) -> Bool { item.operationID.map(seen.takenForLost.contains) ?? false }

  /// An item that was linked without a mark gets one once the policy wants it, or the ERP's id before that.
  private func isMarkedAnew(_ item: SimItem, _ update: ItemUpdate, _ mailbox: Int) -> Bool {
    // A match whose first half was written when the policy changed goes on with its values.
    let isHalfMatched = item.foreignID == nil && update.foreignID != nil
    guard seen.mayBearNoMark.contains(mailbox),
      let categories = update.changes.isEmpty || isHalfMatched ? .set(["ERP"]) : update.changes[.categories]
    else { return false }
    var marked = item
    marked.fields[.categories] = categories
    return CalmOracle(oracle: self).isInScope(marked, mailbox, isLinked: true)
  }

  // MARK: What the engine does

  func engineCreated(_ entity: SimEntity, by operation: OperationID, again: Bool) {
    checkDirection(.erp, entity.kind, what: "creates \(entity.id)")
    checkIntent("creates \(entity.id)") { $0.id == operation }
    checkWithheld(entity.fields, entity.kind, "\(entity.id)")
    guard let birth = birth(entity.fields, entity.kind) else { return }
    for entry in entity.fields.entries { if let token = Token(entry.value) { world.ledger.wasInERP.insert(token.number) } }
    if isConflictCopy(entity.fields) { seen.forks[birth, default: 0] += 1 }
    if again {
      seen.late[birth, default: 0] += 1
      // Nothing tells an event that a server doubled from one that a user made.
      world.mail.cause(entity.id)
    }
    noteUnknowable(entity, of: birth)
    let twins = world.entities.filter { self.birth($0.fields, $0.kind) == birth && !isConflictCopy($0.fields) }.count
    if twins > 1 + seen.doubts + copies(of: birth) + forks(of: birth) && !isConflictCopy(entity.fields) && !seen.cacheWasExchanged {
      report("I3", "\(twins) records in the ERP of birth \(birth)")
    }
  }

  func engineUpdates(_ entity: SimEntity, changes: [Field: Value?]) {
    if entity.kind == .emails { report("I6", "the engine changes the email \(entity.id)") }
    checkDirection(.erp, entity.kind, what: "updates \(entity.id)")
    checkIntent("updates \(entity.id)") { $0.side == .erp && $0.entityID == entity.id }
    if !entity.fields.hasStatusCounterpart && !world.isLanding {
      report("I6", "the engine writes to \(entity.id), whose status has no counterpart")
    }
    checkWithheld(Fields(changes.compactMapValues { $0 }), entity.kind, "\(entity.id)")
    let items = seen.takenForLost.isEmpty ? [] : world.mailboxes.flatMap(\.items)
    let isTakenForLost = items.contains { $0.foreignID == entity.id && wasTakenForLost($0) }
    for (field, value) in changes {
      if let token = Token(value) { world.ledger.wasInERP.insert(token.number) }
      checkOverwrite(entity.fields[field], by: value, "\(entity.id).\(field)")
      if !isTakenForLost { checkUndone(entity.fields, entity.kind, field, by: value, "\(entity.id).\(field)") }
    }
  }

  func engineDeletes(_ entity: SimEntity) {
    if entity.kind == .emails { report("I9", "the engine deletes the email \(entity.id)") }
    checkDirection(.erp, entity.kind, what: "deletes \(entity.id)")
    checkIntent("deletes \(entity.id)") { $0.side == .erp && $0.entityID == entity.id }
    if let birth = birth(entity.fields, entity.kind), seen.deletedInMailbox[birth] == nil, seen.itemsDeleted[entity.id] == nil {
      report("I9", "the engine deletes \(entity.id) that nobody deleted in a mailbox")
    }
    for entry in entity.fields.entries { checkOverwrite(entry.value, by: nil, "\(entity.id).\(entry.field), deleted") }
    noteLeftByAddress(entity)
  }

  func engineCreates(_ item: SimItem, in mailbox: Int) {
    checkDirection(.exchange, item.kind, mailbox, what: "creates \(item.id)")
    checkIntent("creates \(item.id)") { $0.id == item.operationID }
    checkIsolation(item.fields, mailbox)
    noteMade(item, in: mailbox)
    if isConflictCopy(item.fields), let birth = birth(item.fields, item.kind) { seen.itemForks[birth, default: 0] += 1 }
    let others = world.mailboxes[mailbox].items.filter {
      $0.foreignID == item.foreignID && $0.place == item.place && !$0.isUserCopy && $0.kind == item.kind
        && !seen.restoredNow.contains($0.moveKey)
    }
    if others.count > seen.doubts && !isConflictCopy(item.fields) && !isConflictCopy(others[0].fields) && !seen.cacheWasExchanged {
      report("I3", "\(item.id) doubles \(others.map(\.id.rawValue)) in mailbox \(mailbox)")
    }
  }

  func engineUpdates(_ item: SimItem, _ update: ItemUpdate, in mailbox: Int) {
    if !update.changes.isEmpty { checkDirection(.exchange, item.kind, mailbox, what: "updates \(item.id)") }
    // Of a message only the mark is written; the id alone, which may be written at any time, changes nothing that people see.
    if item.kind == .emails {
      if update.changes.isEmpty { return }
      if update.changes.keys.contains(where: { $0 != .categories }) { report("I6", "the engine changes the email \(item.id)") }
    }
    checkSeries(item, update)
    // What marks an item with a new record's id belongs to that record's creation, under whatever id the item had then.
    checkIntent("updates \(item.id)") { $0.itemID == item.id || update.changes.isEmpty && $0.side == .erp && $0.kind == item.kind }
    // One whose status has no counterpart is left as it is, but for the ERP's id.
    let isFrozen = update.changes.isEmpty && !item.fields.hasStatusCounterpart
    if !CalmOracle(oracle: self).isInScope(item, mailbox, isLinked: true), !isMarkedAnew(item, update, mailbox), !isFrozen {
      report("I6", "the engine writes to \(item.id), which is private or out of the policy's scope")
    }
    if !update.changes.isEmpty { checkFrozen("writes to \(item.id)", item, mailbox) }
    let shape = RecordShape.of(item.kind)
    for (field, value) in update.changes {
      if field == shape.mailboxOnly { report("I6", "the engine writes \(field), which the ERP does not hold") }
      if field == .categories {
        let kept = Set(value?.elements ?? [])
        let lost = (item.fields[.categories]?.elements ?? []).filter { !kept.contains($0) && $0 == "Friends" }
        if !lost.isEmpty { report("I6", "the engine takes away the user's categories \(lost) from \(item.id)") }
      }
      checkOverwrite(item.fields[field], by: value, "\(item.id).\(field)")
      if !wasTakenForLost(item) { checkUndone(item.fields, item.kind, field, by: value, "\(item.id).\(field)") }
    }
    checkIsolation(Fields(update.changes.compactMapValues { $0 }), mailbox, except: item.fields)
  }

  func engineDeletes(_ item: SimItem, in mailbox: Int) {
    checkDirection(.exchange, item.kind, mailbox, what: "deletes \(item.id)", isDelete: true)
    checkIntent("deletes \(item.id)") { $0.side == .exchange && $0.itemID == item.id }
    checkFrozen("deletes \(item.id)", item, mailbox)
    // One that lands late was asked for by the cycle before the cache was lost.
    if isFirstRun(item.kind, mailbox), !world.isLanding { report("I9", "the engine deletes \(item.id) in a first run or rebuild") }
    // What is under way cannot be called back.
    if item.isPrivate && item.seenByEngine == item.changeKey && !world.isLanding {
      report("I6", "the engine deletes the private item \(item.id)")
    }
    checkSeries(item)
    // What it was copied from was not known, or is gone.
    let isDeleted = item.foreignID.map { seen.itemsDeleted[$0]?.contains(mailbox) ?? false } ?? false
    let isOfGone =
      isDeleted
      || world.mailboxes[mailbox].items.contains {
        $0.moveKey == item.moveKey && [.elsewhere, .trash].contains($0.place) && !$0.isUserCopy
      }
    let isWanted = world.entities.contains { $0.id == item.foreignID && CalmOracle(oracle: self).isInScope($0, mailbox) }
    // A copy takes the place of what it was copied from, and leaves with a record that left the filter.
    let takesPlace = isDeleted && !isWanted
    let isUnknowable = item.isLikeTwin && (item.isOfUnread || seen.cacheWasExchanged || isOfGone)
    if item.isUserCopy && link(of: item, in: mailbox) == nil {
      if !isUnknowable && !takesPlace { report("I6", "the engine deletes the user's copy \(item.id)") }
      if let stamp = item.foreignID { seen.copiesTaken[stamp, default: []].insert(mailbox) }
    }
    if item.foreignID != nil, !isUnknowable, !world.isLanding, link(of: item, in: mailbox) == nil { checkTwin(item, in: mailbox) }
    guard let stamp = item.foreignID else {
      let (birth, record) = (birth(item.fields, item.kind), link(of: item, in: mailbox)?.entityID)
      let isKnown = world.entities.contains { entity in
        let isItsOwn = record.map { entity.id == $0 } ?? (self.birth(entity.fields, entity.kind) == birth)
        return isItsOwn && !seen.mayHaveLeft.contains(entity.id)
      }
      if isKnown { report("I9", "the engine deletes the unmarked item \(item.id) whose record is in the ERP") }
      return
    }
    let hasTwin = world.mailboxes[mailbox].items.contains {
      $0.foreignID == stamp && $0.id != item.id && $0.place == item.place && $0.kind == item.kind
    }
    // The other of the two may have been deleted, or moved away, by its user just now.
    let isUsersDoing = (seen.itemsDeleted[stamp] ?? []).union(seen.movedAway[stamp] ?? []).contains(mailbox)
    if isWanted && !seen.mayHaveLeft.contains(stamp) && !hasTwin && !isUsersDoing {
      report("I9", "the engine deletes \(item.id) though \(stamp) is in the ERP and in scope")
    }
  }

  /// I10: mail is sent only for what a user of the ERP changed, once a change, and none in a first run or rebuild.
  func engineTells(_ item: SimItem, _ people: Int, in mailbox: Int) {
    guard people > 0, !world.isLanding else { return }
    if isFirstRun(.events, mailbox) { report("I10", "\(people) people are told of \(item.id) in a first run or rebuild") }
    // Of an item that a conflict gave another record, the mark may still be the former one's.
    let event = link(of: item, in: mailbox)?.entityID ?? item.foreignID
    // A round that mailboxes set off does not ask what was deleted in the ERP.
    let isInformed = !world.hadFault && world.order == nil
    if !world.mail.tell(event, people, from: mailbox, isInformed: isInformed) && !seen.cacheWasExchanged {
      report("I10", "\(people) people are told of \(item.id) once more than users of the ERP changed \(event?.rawValue ?? "it")")
    }
  }

  // MARK: Rules

  func birth(_ fields: Fields, _ kind: RecordKind) -> Int? { Token(fields[RecordShape.of(kind).birth])?.number }

  func link(of item: SimItem, in mailbox: Int) -> Link? {
    let box = Mailbox(address: world.mailboxes[mailbox].address)
    return try? cache.read { try $0.link(item: item.id, kind: item.kind, mailbox: box) }
  }

  /// Whether a mailbox has had no whole cycle since the cache was new.
  func isFirstRun(_ kind: RecordKind, _ mailbox: Int) -> Bool {
    let cursor = "engine/\(world.mailboxes[mailbox].address)/\(kind.rawValue)/initialised"
    return (try? cache.read { try $0.cursor(cursor) }) == nil
  }

  func isConflictCopy(_ fields: Fields) -> Bool {
    guard let name = fields.text(.familyName) ?? fields.text(.subject), name.utf8.last == UInt8(ascii: ")") else { return false }
    return name.contains("(conflict copy")
  }

  func isConflictCopy(_ entity: SimEntity, or item: SimItem) -> Bool { isConflictCopy(entity.fields) || isConflictCopy(item.fields) }

  func userCopied(_ item: SimItem) {
    // Two messages of one Message-ID are one email of the ERP.
    if item.kind != .emails, let birth = birth(item.fields, item.kind) { seen.copiesMade[birth, default: 0] += 1 }
  }

  /// Items of a birth that users made by copying, each a record of its own where nothing tells it from a new one.
  func copies(of birth: Int) -> Int { seen.copiesMade[birth] ?? 0 }

  /// Records that a conflict made two of. Where its item got another id before its copy was made, that is made like any new one's.
  private func forks(of birth: Int) -> Int { max(seen.forks[birth] ?? 0, seen.itemForks[birth] ?? 0) }

  func allowance(of birth: Int) -> Int {
    1 + forks(of: birth) + (seen.late[birth] ?? 0) + (seen.unknowable[birth] ?? 0) + copies(of: birth)
  }

  /// I5: no request against the direction of any policy in force.
  private func checkDirection(_ side: SystemSide, _ kind: RecordKind, _ mailbox: Int? = nil, what: String, isDelete: Bool = false) {
    // What was under way when the policy changed belongs to the one before.
    if world.isLanding { return }
    let policies = mailbox.map { [world.policies[$0]] } ?? world.policies
    let isCarried = policies.contains { $0.sections[kind]?.direction.carries(from: side.other) ?? false }
    if !isCarried { report("I5", "the engine \(what) against the policy's direction") }
  }

  /// I6: where the engine knows that the record's status has no counterpart, its item stays as it is.
  private func checkFrozen(_ what: @autoclosure () -> String, _ item: SimItem, _ mailbox: Int) {
    guard item.kind == .tasks, !world.isLanding, let id = link(of: item, in: mailbox)?.entityID,
      let stored = try? cache.read({ try $0.entity(id, kind: item.kind) })
    else { return }
    if !stored.isDeleted && !stored.entity.fields.hasStatusCounterpart {
      report("I6", "the engine \(what()), though the status of \(id) has no counterpart")
    }
  }

  /// I15: an intent, committed earlier, for each mutating request.
  private func checkIntent(_ what: String, _ isWanted: (Intent) -> Bool) {
    guard let open = try? cache.read({ try $0.openIntents(mailbox: nil) }) else { return }
    if !open.contains(where: isWanted) && world.delayed.isEmpty && !world.isLanding {
      report("I15", "the engine \(what) without an intent in the cache")
    }
  }

  /// I2, at the moment of the write: what is overwritten was seen by who replaced it, or is in the journal, or stands elsewhere.
  func checkOverwrite(_ old: Value?, by new: Value?, _ place: @autoclosure () -> String) {
    guard let token = Token(old), token != Token(new), !world.ledger.isAccounted(token) else { return }
    readJournal()
    if world.ledger.isAccounted(token) { return }
    let copies = world.count(of: token) - 1
    if copies < 1 { report("I2", "\(place()): the engine overwrites t\(token.number) that nobody saw and the journal does not have") }
  }

  /// I2: what a user replaced, knowing it, does not come back, unless somebody brought a record back or nothing is known of what was agreed on.
  private func checkUndone(_ fields: Fields, _ kind: RecordKind, _ field: Field, by new: Value?, _ place: @autoclosure () -> String) {
    // An address may be in several records from the start.
    guard field != .email1, let old = Token(fields[field]), let new = Token(new), old != new, !seen.hadRebuild, !world.isLanding,
      world.ledger.isSuccessor(old, of: new), !seen.inDoubt.contains(new.number)
    else { return }
    // Gone with its record, which another mailbox's change brought back as it has it.
    if world.ledger.wasDeleted(old) { return }
    if let birth = birth(fields, kind), seen.restored.contains(birth) || copies(of: birth) > 0 { return }
    report("I2", "\(place()): the engine puts t\(new.number) back, which a user replaced by t\(old.number)")
  }

  /// I12: what a mailbox gets was in the ERP.
  private func checkIsolation(_ fields: Fields, _ mailbox: Int, except own: Fields = Fields()) {
    for entry in fields.entries {
      guard let token = Token(entry.value), !world.ledger.wasInERP.contains(token.number), !own.holds(token) else { continue }
      report("I12", "mailbox \(mailbox) gets t\(token.number), which was never in the ERP")
    }
  }

  /// Takes over what the journal has by now: a cache may be lost later.
  func readJournal() {
    while let entry = try? cache.read({ try $0.journalEntry(seen.nextJournalEntry) }) {
      if entry.write == nil { world.ledger.journal(entry.losers) }
      seen.nextJournalEntry += 1
    }
  }

  /// The cache is another: its journal is read from the start.
  func cacheIsExchanged() {
    seen.nextJournalEntry = 1
    seen.cacheWasExchanged = true
    seen.hadRebuild = true
    // One that was moved away before it was marked: nothing tells it from a new one should it come back.
    for (mailbox, box) in world.mailboxes.enumerated() {
      for item in box.items where item.foreignID == nil && item.place != world.place(mailbox, item.kind) {
        guard let birth = birth(item.fields, item.kind), seen.unknowable[birth] == nil,
          world.entities.contains(where: { $0.kind == item.kind && self.birth($0.fields, $0.kind) == birth })
        else { continue }
        seen.unknowable[birth] = 1
      }
    }
  }
}
