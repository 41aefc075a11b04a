import Model
import Store

/// The keys, which a move and a copy keep, of the items that the engine made of each record.
struct MadeItems {
  private var keys: [EntityID: Set<String>] = [:]

  mutating func note(_ item: SimItem) {
    if let stamp = item.foreignID { keys[stamp, default: []].insert(item.moveKey) }
  }

  func hasOther(than item: SimItem) -> Bool { item.foreignID.flatMap { keys[$0] }?.contains { $0 != item.moveKey } ?? false }
}

extension Oracle {
  /// I3: what its user moved to another folder is not made anew beside it, be the cache that knew of it lost.
  func noteMade(_ item: SimItem, in mailbox: Int) {
    seen.madeItems.note(item)
    // A first run to which the mailbox seemed empty after that cannot know of it.
    guard isFirstRun(item.kind, mailbox), !world.isLanding, !world.isBlind, !seen.wasBlindAfterLoss else { return }
    // The item of a conflict that keeps both goes to the copy, wherever it is.
    if isConflictCopy(item.fields) { return }
    let moved = world.mailboxes[mailbox].items.filter {
      $0.foreignID == item.foreignID && $0.kind == item.kind && $0.place == .elsewhere && !$0.isUserCopy
        && $0.arrival <= world.sequenceBefore
    }
    if !moved.isEmpty { report("I3", "\(item.id) is made though its user moved \(moved.map(\.id.rawValue)) elsewhere") }
  }

  /// Items that were left alone since their address is that of a record with another item: that it is gone only comparing everything finds.
  func noteLeftByAddress(_ entity: SimEntity) {
    guard let address = entity.fields.text(.email1)?.lowercased() else { return }
    for (mailbox, box) in world.mailboxes.enumerated() where world.policies[mailbox].sections[entity.kind]?.mergeByEmail ?? false {
      let isLeft = box.items.contains {
        $0.kind == entity.kind && $0.fields.text(.email1)?.lowercased() == address && link(of: $0, in: mailbox) == nil
      }
      if isLeft { world.needsFullRound = true }
    }
  }

  /// A cache that is lost before the item was marked, whose record is changed before the rebuild: nothing tells the two apart. Where the ERP has
  /// no place for the creation's mark, nor does anything tell them apart while the cache is there. By their difference now: users may make
  /// the two equal later.
  func noteUnknowable(_ entity: SimEntity, of birth: Int) {
    guard seen.cacheWasExchanged || !RecordShape.of(entity.kind).isMarkedInERP && seen.doubts > 0 else { return }
    let others = world.entities.filter { $0.id != entity.id && $0.kind == entity.kind && self.birth($0.fields, $0.kind) == birth }
    let unknown = others.filter { $0.differs(from: entity) }
    // Nor is anything paired with an item that lies in another folder or in Deleted Items, or is left out where the record does not name its
    // creation.
    let isUnmarkedOutside: (SimItem) -> Bool = { [self] item in
      (item.wasElsewhere || wasRestored(item) || !item.hasStayed && !RecordShape.of(item.kind).isMarkedInERP) && item.foreignID == nil
        && item.kind == entity.kind && self.birth(item.fields, item.kind) == birth
    }
    let isOutside = seen.cacheWasExchanged && world.mailboxes.contains { $0.items.contains(where: isUnmarkedOutside) }
    if unknown.isEmpty, !isOutside || others.isEmpty { return }
    seen.unknowable[birth, default: 0] += 1
    // Nor does anything tell the other event from one that a user of the ERP made.
    for other in unknown { world.mail.cause(other.id) }
  }

  /// I9: an item that is not linked goes only where it is one of several that were made of its record: a copy, and what it was copied from, have
  /// one key.
  func checkTwin(_ item: SimItem, in mailbox: Int) {
    let others = world.mailboxes[mailbox].items.filter { $0.foreignID == item.foreignID && $0.kind == item.kind }
    let box = Mailbox(address: world.mailboxes[mailbox].address)
    let linked = item.foreignID.flatMap { stamp in try? cache.read { try $0.link(entity: stamp, kind: item.kind, mailbox: box) } }?.itemID
    // Else it takes the linked one's place, and goes with its record.
    guard let linked, others.contains(where: { $0.id == linked && $0.place == item.place }) else { return }
    if !seen.madeItems.hasOther(than: item), !others.contains(where: { $0.moveKey != item.moveKey }) {
      report("I9", "the engine deletes \(item.id) beside its user's copy, as if it had been made twice")
    }
  }
}

extension CalmOracle {
  /// I1: a pair of which nobody took either side out goes on, whatever id a server gave the item meanwhile.
  func checkDetached(_ entity: SimEntity, _ link: Link, _ mailbox: Int) {
    guard !oracle.seen.hadRebuild, !oracle.seen.mayHaveLeft.contains(entity.id), let key = link.moveKey,
      let item = world.mailboxes[mailbox].items.first(where: { $0.kind == entity.kind && $0.moveKey == key && !$0.isUserCopy }),
      // The pair may have been a copy's.
      !world.mailboxes[mailbox].items.contains(where: { $0.isUserCopy && $0.moveKey == key }),
      oracle.copies(of: Token(item.fields[RecordShape.of(item.kind).birth])?.number ?? 0) == 0, item.hasStayed,
      item.place == world.place(mailbox, item.kind), isInScope(item, mailbox, isLinked: true), isInScope(entity, mailbox)
    else { return }
    oracle.report("I1", "\(entity.id) and \(item.id) are no longer synchronized, though nobody took either out")
  }
}
