import Model
import Store

/// What has to hold once faults and edits have ended and the engine had its rounds.
struct CalmOracle {
  let oracle: Oracle
  var world: World { oracle.world }

  /// - Parameter atRest: by record type, the mailboxes whose last cycle ended well.
  func check(_ kinds: [RecordKind], _ atRest: [RecordKind: Set<Int>]) {
    checkTokens()
    // An ERP that lists nothing where there was something is not believed: nothing is synchronized until a person looks.
    for kind in kinds where world.entities.contains(where: { $0.kind == kind }) {
      let spokesAtRest = atRest[kind] ?? []
      checkDuplicates(kind, spokesAtRest)
      for mailbox in world.mailboxes.indices where world.isEmployeeOn[mailbox] && spokesAtRest.contains(mailbox) {
        checkLinks(kind, mailbox)
        checkItems(kind, mailbox)
        if kind == .emails { checkMessages(mailbox) }
      }
    }
  }

  /// I2: every text is somewhere, or accounted for.
  private func checkTokens() {
    oracle.readJournal()
    let living = world.livingTokens
    for token in world.ledger.tokens where !world.ledger.isAccounted(token) && !living.contains(token.number) {
      oracle.report("I2", "t\(token.number) is nowhere: not in a record, not in Deleted Items, not in the journal")
    }
  }

  /// I3: each logical record once on each side, but for forks, users' copies and what servers doubled.
  private func checkDuplicates(_ kind: RecordKind, _ spokesAtRest: Set<Int>) {
    let shape = RecordShape.of(kind)
    let births = Dictionary(grouping: world.entities.filter { $0.kind == kind }, by: { Token($0.fields[shape.birth])?.number ?? 0 })
    for (birth, entities) in births.sorted(by: { $0.key < $1.key }) where birth > 0 && entities.count > oracle.allowance(of: birth) {
      // Nothing tells the two apart where the mailbox seemed empty to the first run after a lost cache: the record got an item of its own.
      if oracle.seen.wasBlindAfterLoss { continue }
      oracle.report("I3", "\(entities.map(\.id.rawValue)) are one record of birth \(birth)")
    }
    for (mailbox, box) in world.mailboxes.enumerated() where spokesAtRest.contains(mailbox) && world.isEmployeeOn[mailbox] {
      guard world.policies[mailbox].sections[kind]?.direction.carries(from: .erp) ?? false else { continue }
      let live = box.items.filter {
        $0.kind == kind && $0.place == world.place(mailbox, kind) && !$0.isUserCopy && $0.foreignID != nil && !$0.isPrivate
      }
      for (stamp, items) in Dictionary(grouping: live, by: { $0.foreignID }) where items.count > 1 && !differ(items) {
        // Of a record that is gone or out of the filter, what is left or brought back of its items stays as it is.
        if !world.entities.contains(where: { $0.id == stamp && isInScope($0, mailbox) }) { continue }
        // What is no longer synchronized stays as it is.
        if let stamp, isDetached(stamp, kind, Mailbox(address: box.address)) { continue }
        // Nor is one taken away whose delete was discarded with a held plan.
        if items.contains(where: { isDiscarded("item:\($0.id)", kind, mailbox) }) { continue }
        if let stamp, oracle.seen.copiesTaken[stamp]?.contains(mailbox) ?? false { continue }
        // Which one stays the cycle after a first run decides, which a failing record holds up.
        if world.setup.hasSeries, oracle.isFirstRun(kind, mailbox) { continue }
        // Both were edited alike: what was not linked stays since.
        let unlinked = items.filter { !isLinked($0, Mailbox(address: box.address)) }
        if !unlinked.isEmpty, unlinked.allSatisfy({ $0.modified - $0.created >= 1000 }) { continue }
        // Both were edited: their user took the category from each.
        if items.allSatisfy({ !($0.fields[.categories]?.elements ?? []).contains("ERP") && !$0.hasStayed }) { continue }
        oracle.report("I3", "\(items.map(\.id.rawValue)) in mailbox \(mailbox) are all \(stamp?.rawValue ?? "")")
      }
    }
  }

  private func isDetached(_ entity: EntityID, _ kind: RecordKind, _ mailbox: Mailbox) -> Bool {
    (try? oracle.cache.read { try $0.link(entity: entity, kind: kind, mailbox: mailbox) })?.state == .detached
  }

  /// What a user edited is a record of its own, though a server made it twice.
  func differ(_ items: [SimItem]) -> Bool { items.contains { !$0.fields.differences(from: items[0].fields).isEmpty } }

  /// Whether a step that concerns the record was discarded with a held plan: both sides stay as they are, by a person's decision.
  private func isDiscarded(_ subject: String, _ kind: RecordKind, _ mailbox: Int) -> Bool {
    let steps = try? oracle.cache.read { try $0.meta("discarded \(world.mailboxes[mailbox].address)/\(kind.rawValue)") }
    return steps?.split(whereSeparator: \.isWhitespace).contains(Substring(subject)) ?? false
  }

  /// Whether the record is left alone: until its next try, or as was decided.
  private func isLeft(_ subject: String, _ kind: RecordKind, _ mailbox: Int) -> Bool {
    if isDiscarded(subject, kind, mailbox) { return true }
    let box = Mailbox(address: world.mailboxes[mailbox].address)
    let far = Timestamp(milliseconds: .max)
    // Those set aside are not given: they are looked for by a failure's own record.
    let found = try? oracle.cache.read { try $0.retries(mailbox: box, kind: kind, dueAt: far) }
    return found?.contains { $0.subject == subject } ?? false
  }

  func isInScope(_ entity: SimEntity, _ mailbox: Int) -> Bool {
    guard entity.isActive, entity.fields.hasStatusCounterpart, let section = world.policies[mailbox].sections[entity.kind] else {
      return false
    }
    // Tasks, events and emails lie in their owner's mailbox.
    switch entity.kind == .contacts ? section.filter : .owner {
    case .all: return true
    case .owner, .workgroup: return entity.owner == World.ownerCodes[mailbox]
    }
  }

  func isInScope(_ item: SimItem, _ mailbox: Int, isLinked: Bool) -> Bool {
    guard item.place == world.place(mailbox, item.kind), !item.isPrivate, item.form == nil || item.form == .occurrence,
      item.fields.hasStatusCounterpart,
      let section = world.policies[mailbox].sections[item.kind]
    else { return false }
    if item.place == .policy { return true }
    let categories = item.fields[.categories]?.elements ?? []
    if categories.contains("ERP") { return true }
    return section.withoutCategory && (categories.isEmpty || isLinked)
  }

  /// I1: every entity in scope has its item, with the same values.
  private func checkLinks(_ kind: RecordKind, _ mailbox: Int) {
    let box = Mailbox(address: world.mailboxes[mailbox].address)
    guard let section = world.policies[mailbox].sections[kind] else { return }
    for entity in world.entities where entity.kind == kind {
      let link = try? oracle.cache.read { try $0.link(entity: entity.id, kind: kind, mailbox: box) }
      let isScoped = isInScope(entity, mailbox)
      guard let link else {
        guard isScoped, section.direction.carries(from: .erp) else { continue }
        let birth = Token(entity.fields[RecordShape.of(kind).birth])
        // Marked with its id, or what it was made from before that could be marked; of occurrences one that is no longer synchronized.
        let isKnownElsewhere = world.mailboxes[mailbox].items.contains {
          let isLeftOut = $0.form == nil || $0.form == .occurrence && !isInScope($0, mailbox, isLinked: false)
          let isSource = $0.foreignID == nil && isLeftOut && birth != nil && Token($0.fields[RecordShape.of(kind).birth]) == birth
          return $0.kind == kind && $0.place != .trash && ($0.foreignID == entity.id || isSource)
        }
        if isKnownElsewhere || isLeft("entity:\(entity.id)", kind, mailbox) || isAbandoned(entity) { continue }
        if isUnexplained(birth, kind, box) { continue }
        // A delete against the direction stands until its source changes, also where another mailbox's item made the record anew.
        if section.direction == .toExchange, let birth, oracle.seen.deletedInMailbox[birth.number]?.contains(mailbox) ?? false { continue }
        oracle.report("I1", "\(entity.id) is in scope of mailbox \(mailbox) and has no item there")
        continue
      }
      if link.state == .detached { checkDetached(entity, link, mailbox) }
      // A status without a counterpart: both stay as they are until it moves back, also where one is deleted meanwhile.
      if link.state == .detached || !entity.fields.hasStatusCounterpart { continue }
      guard let id = link.itemID, let item = world.mailboxes[mailbox].items.first(where: { $0.id == id }) else {
        // Without a neighbour that can be read, an absence is not believed.
        let hasNeighbour = world.mailboxes[mailbox].items.contains { other in
          other.kind == kind && other.place == world.place(mailbox, kind) && isLinked(other, box)
        }
        // Nor is anything deleted by a first run, which a failing record holds up.
        let isHeldUp = world.setup.hasSeries && oracle.isFirstRun(kind, mailbox)
        // Brought back under another id with a status that has no counterpart: both stay as they are.
        let isFrozen = world.mailboxes[mailbox].items.contains {
          $0.kind == kind && $0.foreignID == entity.id && $0.place != .trash && !$0.fields.hasStatusCounterpart
        }
        let isLeft = isHeldUp || isFrozen || isDiscarded("entity:\(entity.id)", kind, mailbox)
        if section.direction != .toExchange && hasNeighbour && entity.fields.hasStatusCounterpart && !isLeft {
          oracle.report("I1", "\(entity.id) is linked to \(link.itemID?.rawValue ?? "nothing"), which is gone")
        }
        continue
      }
      if !item.fields.hasStatusCounterpart { continue }
      if kind == .emails {
        // What happens to one side of a message changes nothing on the other.
        checkFiles(entity, item)
        continue
      }
      guard isScoped, isInScope(item, mailbox, isLinked: true) else {
        let isDecided = isDiscarded("entity:\(entity.id)", kind, mailbox)
        if section.direction == .both && !isDecided {
          oracle.report("I1", "\(entity.id) and \(item.id) are linked though one is out of scope")
        }
        continue
      }
      if isLeft("entity:\(entity.id)", kind, mailbox) || isLeft("item:\(id)", kind, mailbox) { continue }
      // A first run looks further back, and one that a failing record holds up is not over.
      if isOutsideWindow(item, margin: SimSeries.day), !oracle.isFirstRun(kind, mailbox) {
        oracle.report("I1", "\(entity.id) and \(item.id) are linked though the occurrence's day left the window")
        continue
      }
      checkValues(entity, item, section, mailbox)
      if item.form == .occurrence ? item.foreignID != nil : item.foreignID != entity.id {
        oracle.report("I1", "\(item.id) is linked to \(entity.id) and does not bear its id")
      }
    }
  }

  /// Whether the record's former item is gone, and nothing that can be read beside it proves that: until then nothing is made in its place.
  private func isUnexplained(_ birth: Token?, _ kind: RecordKind, _ mailbox: Mailbox) -> Bool {
    guard let birth, let left = try? oracle.cache.read({ try $0.leftItems(kind: kind, mailbox: mailbox) }) else { return false }
    return left.contains { Token($0.item.fields[RecordShape.of(kind).birth]) == birth }
  }

  /// Whether an occurrence lies outside the days of which series are carried to the ERP, by more than a margin.
  private func isOutsideWindow(_ item: SimItem, margin: Int64) -> Bool {
    guard item.form == .occurrence, let start = item.start else { return false }
    // The last round was that long ago.
    let today = (world.clock - Simulator.calmPause) / SimSeries.day * SimSeries.day
    return start < today - 30 * SimSeries.day - margin || start >= today + 181 * SimSeries.day + margin
  }

  private func isLinked(_ item: SimItem, _ mailbox: Mailbox) -> Bool {
    (try? oracle.cache.read { try $0.link(item: item.id, kind: item.kind, mailbox: mailbox) })?.state == .linked
  }

  private func isAbandoned(_ entity: SimEntity) -> Bool {
    guard let operation = entity.operationID else { return false }
    return (try? oracle.cache.read { try $0.meta("abandoned \(operation.rawValue)") }) != nil
  }

  /// Its record is in the ERP, by what the engine remembers of items that left before they could be marked.
  private func wasMovedUnmarked(_ item: SimItem, _ mailbox: Mailbox) -> Bool {
    (try? oracle.cache.read { try $0.meta("unmarked \(mailbox.address) \(item.moveKey)") }) != nil
  }

  private func checkValues(_ entity: SimEntity, _ item: SimItem, _ section: Policy.Section, _ mailbox: Int) {
    let shape = RecordShape.of(entity.kind)
    for field in shape.fields + [shape.birth] + (section.direction == .both ? shape.plainFields : []) {
      let inItem = shape.exchange.projected(entity.fields)
      let inEntity = shape.erp.projected(item.fields)
      if inItem.same(field, in: item.fields) || inEntity.same(field, in: entity.fields) { continue }
      // What the ERP cannot hold stays in the mailbox.
      if item.fields[field] != nil, inEntity[field] == nil { continue }
      // An occurrence that would cross its neighbours stays where it is.
      if field == .start, case .instant(let start, _)? = entity.fields[.start],
        !world.mayBegin(item, at: start.milliseconds, in: mailbox)
      {
        continue
      }
      // The two of a conflict copy differ by its mark.
      if Token(entity.fields[field]) == Token(item.fields[field]), oracle.isConflictCopy(entity, or: item) { continue }
      // Where nothing is known of what was agreed on, empty never overwrites filled, whatever the direction: after a rebuild, of an item whose
      // creation was taken for lost, and of one that came back after its record had left the filter.
      // And of an occurrence whose record was changed before its creation was looked up, with which it is matched; and of the address by which
      // two were matched, where the match's write was in doubt.
      let isUnagreed =
        oracle.seen.hadRebuild || oracle.wasRestored(item) || item.operationID.map(oracle.seen.interrupted.contains) ?? false
        || item.form == .occurrence && oracle.isInDoubt(entity.fields[field])
        || field == .email1 && section.mergeByEmail && !oracle.seen.interrupted.isEmpty
      let source = section.direction == .toExchange ? entity.fields[field] : item.fields[field]
      if section.direction != .both, isUnagreed, source == nil { continue }
      // A write that was on its way when the policy was both ways may arrive after that.
      if section.direction == .toERP, oracle.isInDoubt(entity.fields[field]) { continue }
      switch section.direction {
      case .both: break
      // A change against the direction stands until its source changes; so do old values of a copy, or of a former item, that a user put in
      // the item's place.
      case .toExchange:
        if item.fields[field] == nil || author(item.fields[field]) == mailbox || item.isUserCopy || oracle.wasRestored(item) { continue }
      case .toERP:
        if entity.fields[field] == nil || author(entity.fields[field]) != mailbox { continue }
        if gaveWay(item.fields[field], to: entity.fields[field], mailbox) { continue }
      }
      oracle.report(
        "I1",
        "\(entity.id).\(field) is \(entity.fields[field]?.display ?? "empty"), \(item.id)'s is \(item.fields[field]?.display ?? "empty")")
    }
  }

  /// Where nothing is known of what was agreed on, an older value that another mailbox still has may win by its policy over what a user wrote in its
  /// place, which is in the journal then. The user's own mailbox, which only fills the ERP, keeps it.
  private func gaveWay(_ new: Value?, to old: Value?, _ mailbox: Int) -> Bool {
    guard oracle.seen.hadRebuild, let new = Token(new), let old = Token(old) else { return false }
    let isElsewhere = world.mailboxes.indices.contains { other in
      other != mailbox && world.mailboxes[other].items.contains { $0.fields.holds(old) }
    }
    return isElsewhere && world.ledger.isSuccessor(new, of: old) && world.ledger.isJournalled(new)
  }

  private func author(_ value: Value?) -> Int? { Token(value).flatMap { world.ledger.author(of: $0) } }

  /// I1: every item in scope has its entity.
  private func checkItems(_ kind: RecordKind, _ mailbox: Int) {
    let box = Mailbox(address: world.mailboxes[mailbox].address)
    guard let section = world.policies[mailbox].sections[kind], section.direction.carries(from: .exchange) else { return }
    for item in world.mailboxes[mailbox].items where item.kind == kind && item.place == world.place(mailbox, kind) {
      let link = try? oracle.cache.read { try $0.link(item: item.id, kind: kind, mailbox: box) }
      if link != nil || item.isUserCopy || item.foreignID != nil || !isInScope(item, mailbox, isLinked: false) { continue }
      if isLeft("item:\(item.id)", kind, mailbox) || wasMovedUnmarked(item, box) || isOutsideWindow(item, margin: -SimSeries.day) {
        continue
      }
      let address = item.fields.text(.email1)?.lowercased()
      let sharesAddress =
        section.mergeByEmail && address != nil
        && world.entities.contains { $0.kind == kind && $0.fields.text(.email1)?.lowercased() == address }
      if sharesAddress || kind == .emails && isKnownMessage(item, mailbox) { continue }
      oracle.report("I1", "\(item.id) is in scope of mailbox \(mailbox) and has no record in the ERP")
    }
  }
}
