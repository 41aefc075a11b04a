import Model
import Reconcile
import Store

/// How events are paired that carry no stamp.
extension Planner {
  /// The planner of a cycle.
  /// - Parameter folder: the policy's folder; nil: a plan for one that is not there yet.
  static func make(_ cycle: Cycle, isFirstRun: Bool, folder: FolderID?) throws(SyncError) -> Planner {
    var planner = Planner(
      parts: cycle.parts, spoke: cycle.spoke, employee: cycle.employee, exchange: cycle.exchange, isRebuild: isFirstRun,
      today: cycle.parts.surroundings.now().utcDate)
    planner.former = try cycle.parts.store.write { try Marks.former(cycle.spoke, $0) }
    planner.folder = folder
    planner.settlingMilliseconds = cycle.guards.settlingMilliseconds
    planner.discarded = try cycle.parts.store.read { try Discarded(cycle.spoke, $0) }
    planner.beingRemade = try cycle.parts.store.read { try Successors.inDoubt(cycle.spoke, $0) }
    if isFirstRun && cycle.spoke.kind == .events {
      planner.occurrences = try cycle.parts.store.read { try OccurrenceMatches(spoke: cycle.spoke, employee: cycle.employee, $0) }
    }
    if isFirstRun && cycle.spoke.kind != .emails {
      let translation = Translation(
        policy: cycle.spoke.policy, kind: cycle.spoke.kind, erp: cycle.parts.erp.support(for: cycle.spoke.kind),
        exchange: cycle.exchange.support(for: cycle.spoke.kind))
      let acceptable = planner.isAcceptable
      planner.orphans = try cycle.parts.store.read {
        try Orphans(spoke: cycle.spoke, employee: cycle.employee, translation: translation, $0, isAcceptable: acceptable)
      }
    }
    return planner
  }

  /// An occurrence without a link: on a first run it may be one that the ERP has; outside the window only that.
  func occurrencePair(_ item: StoredItem, _ reader: any RecordReader) throws -> Pair? {
    for id in occurrences?.entities(like: item.item.fields) ?? [] {
      guard try reader.link(entity: id, kind: spoke.kind, mailbox: spoke.mailbox) == nil,
        let entity = try reader.entity(id, kind: spoke.kind), !entity.isDeleted
      else { continue }
      return Pair(entity: entity, item: item, isMatched: true)
    }
    if try Unmarked.isKnown(item.item, spoke.mailbox, reader) {
      return Pair(
        item: item, obstacle: "its series was in another calendar for a time, and its record is in the ERP: both stay as they are")
    }
    return OccurrenceWindow(around: today).contains(item.item.fields) ? Pair(item: item) : nil
  }

  /// The occurrence that an unlinked entity is, on a first run.
  func matchedOccurrence(_ entity: Entity, _ reader: any RecordReader) throws -> StoredItem? {
    guard let occurrences, entity.owner.map({ employee?.ownerCodes.contains($0) ?? false }) ?? false else { return nil }
    for id in occurrences.items(like: entity.fields) {
      guard try reader.link(item: id, kind: spoke.kind, mailbox: spoke.mailbox) == nil,
        let item = try reader.item(id, kind: spoke.kind, mailbox: spoke.mailbox), item.presence == .present
      else { continue }
      return item
    }
    return nil
  }

  /// A series is no partner of an entity; neither is what Exchange put into this calendar of a meeting that another mailbox holds.
  func isAnothersMeeting(_ item: Item, _ reader: any RecordReader) throws -> Bool {
    guard spoke.kind == .events else { return false }
    if item.form != nil { return true }
    guard let uid = item.moveKey else { return false }
    return try reader.isLinkedElsewhere(moveKey: uid, kind: spoke.kind, mailbox: spoke.mailbox)
  }

  /// Whether an item is shown that has no partner in the ERP: a series that the policy wants; of the copies of others' meetings those that the
  /// ERP has, and those that the policy wants.
  func isShown(_ item: Item, _ reader: any RecordReader) throws -> Bool {
    if item.isPrivate || item.isForeignClass { return false }
    if Scope.isWanted(item, policy: spoke.policy, kind: spoke.kind, isInPolicyFolder: spoke.section.folder != nil, isLinked: false) {
      return true
    }
    guard item.form == .attendeeCopy, let uid = item.moveKey else { return false }
    return try reader.isLinkedElsewhere(moveKey: uid, kind: spoke.kind, mailbox: spoke.mailbox)
  }
}
