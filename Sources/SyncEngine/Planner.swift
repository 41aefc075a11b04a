import Model
import Reconcile
import Store

/// Finds what changed since the last cycle and asks the reconciler about each. Reads the store; writes nothing.
struct Planner: Sendable {
  let parts: EngineParts
  let spoke: Spoke
  let employee: ERPEmployee?
  let exchange: any ExchangePort
  let isRebuild: Bool
  let today: CivilDate
  /// Of events on a first run: which occurrence and which record are one.
  var occurrences: OccurrenceMatches?
  /// On a first run: records whose items were not marked yet when the cache was lost.
  var orphans = Orphans()
  var former = FormerMarks()
  /// Deleted records that another mailbox's item was being made anew from when its process ended, by that creation.
  var beingRemade: [OperationID: EntityID] = [:]
  /// Steps of discarded holds.
  var discarded = Discarded()
  /// The policy's folder; nil: a plan for one that is not there yet.
  var folder: FolderID?
  /// How long a server may still be carrying out a request whose client is gone, in milliseconds.
  var settlingMilliseconds: Int64 = 0

  /// Observations read from the store at once.
  static let page = 500

  /// Candidates and the revisions that they cover.
  struct Agenda: Sendable {
    var candidates: [Candidate] = []
    var entityRevision: Int64 = 0
    var itemRevision: Int64 = 0
  }

  /// What is to be looked at: everything observed since the last cycle, and failures whose pause is over.
  /// - Parameter entitiesOnly: only what other mailboxes brought into the ERP in this round.
  func agenda(entitiesOnly: Bool = false) throws(SyncError) -> Agenda {
    try parts.store.read { reader in
      var agenda = Agenda()
      var seen: Set<Candidate> = []
      var places: [Candidate: Place] = [:]
      func add(_ candidate: Candidate) { if seen.insert(candidate).inserted { agenda.candidates.append(candidate) } }
      func place(_ candidate: Candidate, by entity: EntityID?, else id: String) throws {
        guard isRebuild else { return }
        places[candidate] = Place(key: try entity.flatMap { try reader.entityKey($0, kind: spoke.kind) }, id: id)
      }
      agenda.itemRevision = Int64(try reader.cursor(spoke.progressCursor(.exchange)) ?? "") ?? 0
      while true {
        let page = try reader.itemMarks(kind: spoke.kind, mailbox: spoke.mailbox, after: agenda.itemRevision, limit: Self.page)
        for mark in page {
          agenda.itemRevision = mark.revision
          let candidate: Candidate
          if let link = mark.link {
            candidate = .link(link)
          } else if mark.presence == .present {
            candidate = .item(mark.id)
          } else {
            continue
          }
          add(candidate)
          try place(candidate, by: mark.linkedEntity ?? mark.foreignID, else: mark.id.rawValue)
        }
        if page.count < Self.page { break }
      }
      agenda.entityRevision = Int64(try reader.cursor(spoke.progressCursor(.erp)) ?? "") ?? 0
      while true {
        let page = try reader.entityMarks(
          kind: spoke.kind, after: agenda.entityRevision, mailbox: spoke.mailbox, limit: Self.page)
        for mark in page {
          agenda.entityRevision = mark.revision
          let candidate: Candidate
          if let link = mark.link { candidate = .link(link) } else if !mark.isDeleted { candidate = .entity(mark.id) } else { continue }
          add(candidate)
          try place(candidate, by: mark.id, else: mark.id.rawValue)
        }
        if page.count < Self.page { break }
      }
      for retry in try reader.retries(mailbox: spoke.mailbox, kind: spoke.kind, dueAt: parts.surroundings.now()) {
        try candidate(for: retry.subject, reader).map(add)
      }
      if isRebuild { agenda.candidates.sort { places[$0, default: Place()] < places[$1, default: Place()] } }
      return agenda
    }
  }

  /// The order of a first run: that in which the ERP numbered its records, so that a rebuilt cache gives the same names to files whose
  /// records are called the same.
  private struct Place: Comparable {
    var key: String?
    var id = ""

    static func < (left: Place, right: Place) -> Bool {
      switch (left.key, right.key) {
      case (let one?, let other?) where one != other: (one.utf8.count, one) < (other.utf8.count, other)
      case (nil, _?): false
      case (_?, nil): true
      default: left.id < right.id
      }
    }
  }

  private func candidate(for subject: String, _ reader: any RecordReader) throws -> Candidate? {
    let parts = subject.split(separator: ":", maxSplits: 1)
    guard parts.count == 2 else { return nil }
    if parts[0] == "item" {
      let id = ItemID(rawValue: String(parts[1]))
      return try reader.link(item: id, kind: spoke.kind, mailbox: spoke.mailbox).map { .link($0.id) } ?? .item(id)
    }
    let id = EntityID(rawValue: String(parts[1]))
    return try reader.link(entity: id, kind: spoke.kind, mailbox: spoke.mailbox).map { .link($0.id) } ?? .entity(id)
  }

  /// Decides about one candidate, as the store stands now. nil: nothing is left to decide.
  func decide(_ candidate: Candidate, _ reader: any RecordReader) throws -> Decided? {
    try judge(candidate, reader).map(discarded.filtered)
  }

  private func judge(_ candidate: Candidate, _ reader: any RecordReader) throws -> Decided? {
    guard let pair = try pair(candidate, reader) else { return nil }
    if let reason = unsynchronizedOrphan(pair) { return Decided(pair: pair, actions: [Action(.detach, reason: reason)]) }
    if let obstacle = pair.obstacle { return Decided(pair: pair, actions: [Action(.leave, reason: obstacle)]) }
    if pair.isOrphan { return Decided(pair: pair, actions: [Action(.link, reason: "the ERP's activity is gone, the message stays")]) }
    if let twin = pair.item, pair.isTwin {
      guard spoke.section.direction.carries(from: .erp) else { return nil }
      if isRebuild { return Decided(pair: pair, actions: [Action(.leave, reason: "made twice: the next cycle decides which one stays")]) }
      let losers = twin.item.fields.names.map { Loser(side: .exchange, field: $0, lost: twin.item.fields[$0], kept: nil) }
      let reason = "made twice by a write that was taken for lost: one stays"
      return Decided(pair: pair, actions: [Action(.deleteItem, reason: reason, losers: losers)])
    }
    var input = ReconcileInput(
      policy: spoke.policy, kind: spoke.kind, erpSupport: parts.erp.support(for: spoke.kind),
      exchangeSupport: exchange.support(for: spoke.kind),
      link: pair.link.map { LinkBases(baseEntity: $0.baseEntity, baseItem: $0.baseItem, isDetached: $0.state == .detached) },
      entity: observed(pair.entity), item: observed(pair.item),
      entityIsInScope: pair.entity.map { isInScope($0.entity) } ?? false,
      itemIsInScope: pair.item.map {
        Scope.item(
          $0.item, policy: spoke.policy, kind: spoke.kind, isInPolicyFolder: isInPolicyFolder($0.item), isLinked: pair.link != nil,
          former: former)
      } ?? false,
      isRebuild: isRebuild, isMatched: pair.isMatched, today: today)
    input.former = former
    return Decided(pair: pair, actions: reconcile(input), notices: try notices(pair, reader))
  }

  /// A record that was made from an item just before the cache was lost, one of which is no longer synchronized: the two stay known as a pair,
  /// or a later cycle, which cannot tell any more, would make the record once more.
  private func unsynchronizedOrphan(_ pair: Pair) -> String? {
    guard pair.link == nil, let entity = pair.entity?.entity, let item = pair.item?.item, orphans.entity(of: item.version.id) == entity.id,
      !isInScope(entity) || !isAcceptable(item)
    else { return nil }
    return "made from the item before the cache was lost, and out of the policy's scope since"
  }

  private func notices(_ pair: Pair, _ reader: any RecordReader) throws -> NoticeContext {
    let doubt = spoke.kind == .events ? try pair.entity.flatMap { try reader.meta(Doubt.key($0.entity.id, spoke.mailbox)) } : nil
    return NoticeContext(isRebuild: isRebuild || spoke.kind != .events, isRetry: doubt != nil, now: parts.surroundings.now())
  }

  private func observed(_ stored: StoredEntity?) -> Observed<Entity> {
    guard let stored else { return .none }
    return stored.isDeleted ? .deleted : .present(stored.entity)
  }

  private func observed(_ stored: StoredItem?) -> Observed<Item> {
    guard let stored else { return .none }
    return stored.presence == .deleted ? .deleted : .present(stored.item)
  }

  private func pair(_ candidate: Candidate, _ reader: any RecordReader) throws -> Pair? {
    switch candidate {
    case .link(let id): try reader.link(id: id).flatMap { try linkedPair($0, reader) }
    case .entity(let id): try entityPair(id, reader)
    case .item(let id): try itemPair(id, reader)
    }
  }

  private func linkedPair(_ link: Link, _ reader: any RecordReader) throws -> Pair? {
    let entity = try link.entityID.flatMap { try reader.entity($0, kind: spoke.kind) }
    let item = try link.itemID.flatMap { try reader.item($0, kind: spoke.kind, mailbox: spoke.mailbox) }
    // An item that left its folder and is not explained yet is no evidence of anything.
    if item?.presence == .left { return nil }
    if link.state == .linked, item?.presence == .deleted, let id = entity?.entity.id, entity?.isDeleted == false, spoke.kind != .emails {
      // Brought back under a new id before anything was decided about its absence.
      for other in try unlinked(reader.items(kind: spoke.kind, mailbox: spoke.mailbox, foreignID: id), reader) {
        if let pair = try restamped(other, link, reader), pair.link != nil { return pair }
      }
    }
    if link.state == .linked, let gone = entity, gone.isDeleted, let heir = try Successors.heir(of: gone.entity.id, spoke.kind, reader),
      try reader.link(entity: heir.entity.id, kind: spoke.kind, mailbox: spoke.mailbox) == nil
    {
      var link = link
      link.entityID = heir.entity.id
      link.baseEntity?.version = nil
      return Pair(link: link, entity: heir, item: item, isMatched: true)
    }
    if link.state == .linked, let gone = entity, gone.isDeleted, beingRemade.values.contains(gone.entity.id) {
      return Pair(link: link, entity: gone, item: item, obstacle: Self.mayHaveHeir)
    }
    // Neither is a side that was never read again after its contents were lost.
    if link.state == .linked, entity == nil && spoke.kind != .emails || item == nil { return nil }
    return Pair(link: link, entity: entity, item: item)
  }

  private static let mayHaveHeir =
    "deleted in the ERP, and whether another mailbox's item has become a record in its place is not known yet: waits for that"

  private func entityPair(_ id: EntityID, _ reader: any RecordReader) throws -> Pair? {
    guard let entity = try reader.entity(id, kind: spoke.kind), !entity.isDeleted else { return nil }
    if let link = try reader.link(entity: id, kind: spoke.kind, mailbox: spoke.mailbox) { return try linkedPair(link, reader) }
    if let link = try Successors.link(before: id, spoke, reader), link.state == .linked { return try linkedPair(link, reader) }
    if let former = entity.entity.operationID.flatMap({ beingRemade[$0] }),
      try reader.link(entity: former, kind: spoke.kind, mailbox: spoke.mailbox) != nil
    {
      return Pair(entity: entity, obstacle: Self.mayHaveHeir)
    }
    if let operation = entity.entity.operationID, try reader.meta(Recovery.abandoned(operation)) != nil {
      return Pair(entity: entity, obstacle: "made by a write that was taken for lost and done again: delete one of the two in the ERP")
    }
    let stamped = try unlinked(reader.items(kind: spoke.kind, mailbox: spoke.mailbox, foreignID: id), reader)
    if let item = stamped.first { return Pair(entity: entity, item: item, isMatched: true) }
    if let source = orphans.item(of: id), let item = try reader.item(source, kind: spoke.kind, mailbox: spoke.mailbox),
      item.presence == .present, try reader.link(item: source, kind: spoke.kind, mailbox: spoke.mailbox) == nil
    {
      return Pair(entity: entity, item: item, isMatched: true)
    }
    if spoke.kind == .emails { return try messagePair(of: entity, reader) }
    if let item = try matchedOccurrence(entity.entity, reader) { return Pair(entity: entity, item: item, isMatched: true) }
    guard spoke.section.mergeByEmail, let email = entity.entity.fields.text(.email1) else { return Pair(entity: entity) }
    let byEmail = try unlinked(reader.items(kind: spoke.kind, mailbox: spoke.mailbox, email: email.lowercased()), reader)
      .filter { $0.item.foreignID == nil && isAcceptable($0.item) }
    // The rule is about the item: a contact whose match is not unique is exported like any other.
    let sameAddress = try reader.entities(kind: spoke.kind, email: email.lowercased())
    guard case .unique = matchByEmail(entities: sameAddress.map(\.entity), items: byEmail.map(\.item)) else { return Pair(entity: entity) }
    return Pair(entity: entity, item: byEmail.first, isMatched: true)
  }

  private func itemPair(_ id: ItemID, _ reader: any RecordReader) throws -> Pair? {
    guard let item = try reader.item(id, kind: spoke.kind, mailbox: spoke.mailbox), item.presence == .present else { return nil }
    if let link = try reader.link(item: id, kind: spoke.kind, mailbox: spoke.mailbox) { return try linkedPair(link, reader) }
    if item.item.form == .occurrence { return try occurrencePair(item, reader) }
    if try isAnothersMeeting(item.item, reader) { return nil }
    if let stamp = item.item.foreignID {
      guard let entity = try reader.entity(stamp, kind: spoke.kind), !entity.isDeleted else {
        if spoke.kind == .emails { return try orphan(item, stamp, reader) }
        return Pair(item: item, obstacle: "the item names a record that the ERP does not have: left as it is")
      }
      guard let link = try reader.link(entity: stamp, kind: spoke.kind, mailbox: spoke.mailbox) else {
        return Pair(entity: entity, item: item, isMatched: true)
      }
      return try restamped(item, link, reader)
    }
    if spoke.kind == .emails { return try activityPair(of: item, reader) }
    if let made = orphans.entity(of: id), let entity = try reader.entity(made, kind: spoke.kind), !entity.isDeleted,
      try reader.link(entity: made, kind: spoke.kind, mailbox: spoke.mailbox) == nil
    {
      return Pair(entity: entity, item: item, isMatched: true)
    }
    if try Unmarked.isKnown(item.item, spoke.mailbox, reader) {
      return Pair(item: item, obstacle: "it was moved away before it could be marked, and its record is in the ERP: both stay as they are")
    }
    guard spoke.section.mergeByEmail, let email = item.item.fields.text(.email1), isAcceptable(item.item) else { return Pair(item: item) }
    let entities = try reader.entities(kind: spoke.kind, email: email.lowercased())
    if entities.isEmpty { return Pair(item: item) }
    let items = try unlinked(reader.items(kind: spoke.kind, mailbox: spoke.mailbox, email: email.lowercased()), reader)
      .filter { $0.item.foreignID == nil && isAcceptable($0.item) }
    switch matchByEmail(entities: entities.map(\.entity), items: items.map(\.item)) {
    case .none: return Pair(item: item)
    case .ambiguous(let count):
      return Pair(item: item, obstacle: "\(count) records share this item's address: nothing is guessed, left as it is")
    case .unique:
      guard let entity = entities.first, try reader.link(entity: entity.entity.id, kind: spoke.kind, mailbox: spoke.mailbox) == nil else {
        return Pair(item: item, obstacle: "the contact with this item's address is linked to another item already: left as it is")
      }
      return Pair(entity: entity, item: item, isMatched: true)
    }
  }

  /// A second item with the stamp of a linked record: the linked one come back under a new id; one that the engine made, by its creation's
  /// mark; or a user's copy, which has the mark of the linked one and is left alone.
  func restamped(_ item: StoredItem, _ link: Link, _ reader: any RecordReader) throws -> Pair? {
    let linkedItem = try link.itemID.flatMap { try reader.item($0, kind: spoke.kind, mailbox: spoke.mailbox) }
    if let other = linkedItem, isNextOccurrence(item.item, of: other.item) { return Pair(item: item) }
    if link.state == .linked, let other = linkedItem, other.presence == .present, other.item.version.id != item.item.version.id,
      Self.isTwin(item.item, of: other.item), isOfItsCreation(item.item, beside: other.item),
      link.itemID == other.item.version.id
    {
      if try Twins.isCopied(item.item, spoke, reader) { return nil }
      // Of a message the link remembers no values: the linked one is as it was made.
      let agreed = spoke.kind == .emails ? nil : link.baseItem?.fields
      // The linked one may have moved on before this one was read.
      let isAsMade = item.item.isAsMade || item.item.fields.differences(from: agreed ?? other.item.fields).isEmpty
      let isUntouched = !item.item.isPrivate && isAsMade
      return isUntouched
        ? Pair(item: item, isTwin: true)
        : Pair(item: item, obstacle: "made twice by a write that was taken for lost, and edited since: both stay")
    }
    // A message that comes back is shown again, whatever had become of its pair.
    let isGone = spoke.kind == .emails ? linkedItem?.presence ?? .deleted == .deleted : linkedItem?.presence == .deleted
    guard isGone, link.state == .linked || spoke.kind == .emails else { return nil }
    let repointed = try link.repointed(to: item.item.version.id).agreed(as: item.item, parts.erp.support(for: spoke.kind), reader)
    return Pair(link: repointed, entity: try link.entityID.flatMap { try reader.entity($0, kind: spoke.kind) }, item: item)
  }

  /// Exchange completes a recurring task by finishing its item and making the next one as a copy, stamps and all: a new record.
  private func isNextOccurrence(_ item: Item, of finished: Item) -> Bool {
    spoke.kind == .tasks && finished.fields.text(.status) == TaskStatus.completed.rawValue && finished.fields[.recurrence] == nil
      && item.fields[.recurrence] != nil
  }

  private func isInScope(_ entity: Entity) -> Bool {
    if spoke.kind == .emails { return Scope.email(entity, employee: employee, mailbox: spoke.mailbox) }
    return Scope.entity(entity, policy: spoke.policy, kind: spoke.kind, employee: employee)
  }

  /// Whether the engine made both: by two creations, or by one that the server carried out twice. A user's copy has the creation's mark and
  /// the search key of what it was copied from.
  private static func isTwin(_ item: Item, of linked: Item) -> Bool {
    guard let mark = item.operationID, let linkedMark = linked.operationID else { return false }
    if mark != linkedMark { return true }
    guard let key = item.moveKey, let linkedKey = linked.moveKey else { return false }
    return key != linkedKey
  }

  /// Whether an item came into being while the request whose mark it bears may have been under way; a user's copy mostly comes later. How far
  /// the server's clock is from ours the linked one tells.
  private func isOfItsCreation(_ item: Item, beside linked: Item) -> Bool {
    guard let age = Self.age(item), let linkedAge = Self.age(linked) else { return true }
    return age <= linkedAge + settlingMilliseconds
  }

  /// From the beginning of the creation to the item, in milliseconds.
  private static func age(_ item: Item) -> Int64? {
    guard let begun = item.operationID?.time, let created = item.created else { return nil }
    return created.milliseconds - begun.milliseconds
  }

  private func isInPolicyFolder(_ item: Item) -> Bool { spoke.isInPolicyFolder(item, folder) }

  func isAcceptable(_ item: Item) -> Bool {
    Scope.item(item, policy: spoke.policy, kind: spoke.kind, isInPolicyFolder: isInPolicyFolder(item), isLinked: false)
  }

  func unlinked(_ items: [StoredItem], _ reader: any RecordReader) throws -> [StoredItem] {
    try items.filter {
      try $0.presence == .present && reader.link(item: $0.item.version.id, kind: spoke.kind, mailbox: spoke.mailbox) == nil
    }
  }
}

extension Item {
  /// Whether nobody has changed it since it was made: no person is as fast as a server that completes what it has just made. A copy was often
  /// last changed before it was made.
  var isAsMade: Bool {
    guard let created, let modified else { return false }
    return (0..<1000).contains(modified.milliseconds - created.milliseconds)
  }
}

extension Link {
  /// The same, now that it leads to another item. One that another creation of the engine made, or that a server made of the same one, was as it
  /// was sent then, where that is known: what the record has become since is the record's change, and what the item has its user's.
  func agreed(as item: Item, _ erp: FieldSupport, _ reader: any RecordReader) throws -> Link {
    guard kind != .emails, let creation = item.operationID else { return self }
    let isDoubled = if let moveKey, let key = item.moveKey { moveKey != key } else { false }
    guard creation != operationID || isDoubled, let made = try Twins.baseline(item, mailbox, reader) else { return self }
    var copy = self
    copy.baseItem = Base(fields: made, version: nil)
    copy.baseEntity = Base(fields: erp.projected(made), version: nil)
    return copy
  }
}
