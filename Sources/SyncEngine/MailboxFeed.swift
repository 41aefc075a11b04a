import Model
import Store

/// Reads what changed in one folder of a mailbox into the store, and explains what left it.
struct MailboxFeed: Sendable {
  let parts: EngineParts
  let log: SyncLog
  let spoke: Spoke
  let exchange: any ExchangePort

  /// Changes asked for a page: the most that EWS gives (SyncFolderItems MaxChangesReturned).
  static let pageLimit = 512
  /// Known neighbours asked for beside records that may be gone.
  static let canaries = 3

  /// Reads changes and contents.
  /// - Returns: how many items were fetched.
  func refresh(folder: FolderID, full: Bool, progress: @Sendable (CycleProgress) -> Void) async throws(SyncError) -> Int {
    let stored = full ? nil : try parts.store.read { try $0.cursor(spoke.folderCursor(folder)) }
    do {
      try await readChanges(folder, since: stored)
    } catch  where error.code == .cursorInvalid && stored != nil {
      log.write(.warning, "Exchange no longer knows how far this folder was read; it is read again from the start and compared", spoke)
      try await readChanges(folder, since: nil)
    }
    var fetched = try await fetchContents(progress)
    if try await OccurrenceFeed(parts: parts, spoke: spoke, exchange: exchange).refresh(folder: folder, full: full) {
      fetched += try await fetchContents(progress)
    }
    try await explainLeft(folder)
    return fetched
  }

  private func readChanges(_ folder: FolderID, since stored: String?) async throws(SyncError) {
    var page = try await exchange.changes(in: folder, of: spoke.mailbox, since: stored, limit: Self.pageLimit)
    var isFirst = true
    while !page.isLast {
      let cursor = page.cursor
      // While a page is stored, the next one is on its way.
      async let following = pageAhead(after: cursor, folder)
      try keep(page, of: folder, isFirst: isFirst, since: stored)
      page = try await following.get()
      isFirst = false
    }
    try keep(page, of: folder, isFirst: isFirst, since: stored)
  }

  private func keep(_ page: ItemChangePage, of folder: FolderID, isFirst: Bool, since stored: String?) throws(SyncError) {
    try parts.store.write { transaction in
      if isFirst && stored == nil {
        try transaction.forgetItems(kind: spoke.kind, mailbox: spoke.mailbox)
        // Should it end early, what it had not named yet must not be taken for gone by a reading of changes: the next begins anew.
        try transaction.setCursor(spoke.folderCursor(folder), nil)
        // A folder does not list occurrences: those that were found and not read yet are forgotten with the rest.
        try transaction.setCursor(spoke.occurrencesCursor, nil)
      }
      for change in page.changes {
        switch change {
        case .present(let version, let foreignID):
          _ = try transaction.report(version, foreignID: foreignID, folder: folder, kind: spoke.kind, mailbox: spoke.mailbox)
        case .removed(let id):
          try transaction.reportRemoved(id, kind: spoke.kind, mailbox: spoke.mailbox)
        }
      }
      if page.isLast {
        for id in try transaction.unlistedItems(kind: spoke.kind, mailbox: spoke.mailbox) {
          try transaction.reportRemoved(id, kind: spoke.kind, mailbox: spoke.mailbox)
        }
      }
      // A first listing is only worth its end: a cursor in its middle would hide what was not listed.
      if page.isLast || stored != nil { try transaction.setCursor(spoke.folderCursor(folder), page.cursor) }
    }
  }

  private func pageAhead(after cursor: String, _ folder: FolderID) async -> Result<ItemChangePage, SyncError> {
    do throws(SyncError) {
      return .success(try await exchange.changes(in: folder, of: spoke.mailbox, since: cursor, limit: Self.pageLimit))
    } catch { return .failure(error) }
  }

  private func fetchContents(_ progress: @Sendable (CycleProgress) -> Void) async throws(SyncError) -> Int {
    var fetched = 0
    var failed: Set<ItemID> = []
    while true {
      let (batch, width) = (spoke.account.selectBatch, spoke.account.concurrency)
      let limit = batch * width + failed.count
      let wanted = try parts.store.read { try $0.itemsToFetch(kind: spoke.kind, mailbox: spoke.mailbox, limit: limit) }
        .filter { !failed.contains($0) }
      if wanted.isEmpty { return fetched }
      for missed in try await sideBySide(wanted.inBatches(of: batch), width: width, { ids throws(SyncError) in try await fetch(ids) }) {
        failed.formUnion(missed)
      }
      fetched += wanted.count
      progress(CycleProgress(employee: spoke.mailbox.address, kind: spoke.kind, phase: "reading", done: fetched, total: nil))
    }
  }

  /// Reads these items whole. Returns those that failed; one bad item never stops the others.
  func fetch(_ ids: [ItemID]) async throws(SyncError) -> Set<ItemID> {
    let answers = try await exchange.items(ids, kind: spoke.kind, in: spoke.mailbox)
    var failed: Set<ItemID> = []
    let now = parts.surroundings.now()
    try parts.store.write { transaction in
      for (id, answer) in zip(ids, answers) {
        switch answer {
        case .success(let item):
          _ = try transaction.observe(item, kind: spoke.kind, mailbox: spoke.mailbox)
          try Twins.noteMade(item, spoke, transaction)
        case .failure(let error) where error.code == .notFound:
          // One that was never read, or that nothing hangs on, stays wanted: if it is gone indeed, the folder's next listing says so.
          let isLinked = try transaction.reader.link(item: id, kind: spoke.kind, mailbox: spoke.mailbox) != nil
          let isRead = try transaction.reader.item(id, kind: spoke.kind, mailbox: spoke.mailbox) != nil
          if !isLinked || !isRead {
            failed.insert(id)
          } else {
            try transaction.reportRemoved(id, kind: spoke.kind, mailbox: spoke.mailbox)
          }
        case .failure(let error):
          failed.insert(id)
          _ = try transaction.noteFailure(
            mailbox: spoke.mailbox, kind: spoke.kind, subject: Subject.item(id), error: error.description, at: now)
        }
      }
    }
    return failed
  }

  /// For items that are no longer in their folder: moved elsewhere is unlink, Deleted Items or gone is delete; each by positive evidence.
  private func explainLeft(_ folder: FolderID) async throws(SyncError) {
    let left = try parts.store.read { try $0.leftItems(kind: spoke.kind, mailbox: spoke.mailbox) }
    guard !left.isEmpty else { return }
    let links = try parts.store.read { reader in
      try left.map { try reader.link(item: $0.item.version.id, kind: spoke.kind, mailbox: spoke.mailbox) }
    }
    let linked = zip(left, links).compactMap { item, link in link.map { (item: item.item, link: $0) } }
    let unlinked = zip(left, links).filter { $0.1 == nil }.map(\.0.item)
    // Nothing hangs on an unlinked item: it is forgotten. A record that it kept from having another one is looked at again.
    try parts.store.write { transaction in
      for item in unlinked {
        try transaction.observeDeleted(item: item.version.id, kind: spoke.kind, mailbox: spoke.mailbox)
        if let stamp = item.foreignID, spoke.kind != .emails { try transaction.reconsider(entity: stamp, kind: spoke.kind) }
        if item.form != nil { try Outcome(spoke: spoke, parts: parts).hide(item, transaction) }
      }
    }
    guard !linked.isEmpty else { return }
    let arrivals = try arrivals()
    let back = linked.reduce(into: [ItemID: Item]()) { back, entry in
      guard let key = entry.link.moveKey ?? entry.item.moveKey else { return }
      // A move keeps the time of creation, a copy does not.
      back[entry.item.version.id] = arrivals[key]?.first { $0.created == entry.item.created }
    }
    for batch in linked.inBatches(of: ERPFeed.confirmationBatch) { try await explain(batch, folder, back) }
  }

  /// Unlinked items that came into the folder since the last cycle, by the key that a move keeps.
  private func arrivals() throws(SyncError) -> [String: [Item]] {
    try parts.store.read { reader in
      var found: [String: [Item]] = [:]
      var revision = Int64(try reader.cursor(spoke.progressCursor(.exchange)) ?? "") ?? 0
      while true {
        let page = try reader.items(kind: spoke.kind, mailbox: spoke.mailbox, after: revision, limit: Planner.page)
        for stored in page {
          revision = stored.revision
          guard stored.presence == .present, let key = stored.item.moveKey,
            try reader.link(item: stored.item.version.id, kind: spoke.kind, mailbox: spoke.mailbox) == nil
          else { continue }
          found[key, default: []].append(stored.item)
        }
        if page.count < Planner.page { return found }
      }
    }
  }

  /// - Parameter back: items that came back under new ids, as their keys tell, by their former ids.
  private func explain(
    _ batch: [(item: Item, link: Link)], _ folder: FolderID, _ back: [ItemID: Item]
  ) async throws(SyncError) {
    let stamps = batch.compactMap(\.link.entityID)
    let known = Set(back.values.map(\.version.id))
    // Each is one link's: what bears the id of a record that it was the item of before is no other's.
    let found = try unclaimed(await exchange.stampedItems(stamps, kind: spoke.kind, in: spoke.mailbox))
      .filter { !known.contains($0.version.id) }
    let ids = batch.map(\.item.version.id)
    let neighbours = try parts.store.read { reader in
      try reader.neighbours(kind: spoke.kind, mailbox: spoke.mailbox, excluding: Set(ids), limit: Self.canaries).compactMap(\.itemID)
    }
    let answers = try await exchange.items(ids + neighbours, kind: spoke.kind, in: spoke.mailbox)
    let canaries = answers.dropFirst(ids.count)
    let canaryAnswered = canaries.contains { if case .success = $0 { true } else { false } }
    try noteRead(canaries, folder)
    let unread = zip(batch, answers).filter { if case .success = $1 { false } else { true } }.map(\.0.item)
    let moved = try await MovedSeries(parts: parts, spoke: spoke, exchange: exchange).uids(of: unread, folder: folder)
    for (index, entry) in batch.enumerated() {
      if let series = entry.item.seriesUID, moved.contains(series) {
        try leaveMoved(entry.item, entry.link)
        continue
      }
      // The item's own copy elsewhere.
      let elsewhere = found.filter { $0.foreignID == entry.link.entityID && $0.version.id != entry.item.version.id }
      try settle(
        entry.item, entry.link, answer: answers[index], elsewhere: elsewhere, back: back[entry.item.version.id], folder: folder,
        canaryAnswered: canaryAnswered)
    }
  }

  /// Those that no other record's link knows: after a conflict that keeps both, an item may bear the former record's id until it can be marked.
  private func unclaimed(_ found: [StampedItem]) throws(SyncError) -> [StampedItem] {
    try parts.store.read { reader in
      try found.filter { stamped in
        let link = try reader.link(item: stamped.version.id, kind: spoke.kind, mailbox: spoke.mailbox)
        return link == nil || link?.entityID == stamped.foreignID
      }
    }
  }

  /// Known items that were read beside others: what a listing left out about them, that they are private by now for one, is known so.
  private func noteRead(_ answers: ArraySlice<Result<Item, SyncError>>, _ folder: FolderID) throws(SyncError) {
    try parts.store.write { transaction in
      for case .success(let item) in answers where item.folder == nil || item.folder == folder {
        _ = try transaction.observe(item, kind: spoke.kind, mailbox: spoke.mailbox)
      }
    }
  }

  private func settle(
    _ item: Item, _ link: Link, answer: Result<Item, SyncError>, elsewhere: [StampedItem], back: Item?, folder: FolderID,
    canaryAnswered: Bool
  ) throws(SyncError) {
    let (kind, mailbox) = (spoke.kind, spoke.mailbox)
    if case .success(let current) = answer {
      // Readable under its old id: in this folder after all, or moved without a new id.
      try parts.store.write { transaction in
        if current.folder == nil || current.folder == folder {
          _ = try transaction.observe(current, kind: kind, mailbox: mailbox)
        } else {
          try detach(link, item: current.version.id, transaction)
        }
      }
      return
    }
    // The stamp alone may be that of a copy, or of a twin.
    let here = elsewhere.filter { $0.folder == folder }
    if let back {
      try parts.store.write { try repoint(link, from: item, to: back.version.id, $0) }
    } else if let back = here.first(where: { $0.operationID == link.operationID }) ?? here.first {
      try parts.store.write { transaction in
        // One that was not read yet, or that a listing left out, may be gone again before it is read: it is waited for.
        guard let found = try transaction.reader.item(back.version.id, kind: kind, mailbox: mailbox), found.presence == .present else {
          return
        }
        let agreed = try link.agreed(as: found.item, parts.erp.support(for: kind), transaction.reader)
        try Twins.noteReplaced(item, by: found.item, link, transaction)
        try repoint(agreed, from: item, to: back.version.id, transaction)
      }
    } else if let moved = elsewhere.first(where: { !$0.isInDeletedItems }) {
      log.write(.informational, "an item was moved to another folder and is no longer synchronized", spoke)
      try parts.store.write { try detach(link, item: item.version.id, movedTo: moved.version.id, $0) }
    } else if !elsewhere.isEmpty {
      try parts.store.write { try $0.observeDeleted(item: item.version.id, kind: kind, mailbox: mailbox) }
    } else if case .failure(let error) = answer, error.code == .notFound {
      // Absence is no evidence while nothing else can be read.
      guard canaryAnswered else {
        return log.write(
          .warning, "an item is gone, but no other item of the mailbox could be read beside it: not taken for deleted yet", spoke)
      }
      // An occurrence is never marked and cannot be moved alone.
      if kind != .emails, item.form != .occurrence, item.foreignID != link.entityID {
        log.write(
          .warning, "an item is gone before it could be marked: whether it was moved or deleted cannot be told, both records stay", spoke)
        return try parts.store.write { transaction in
          try detach(link, item: item.version.id, transaction)
          try Unmarked.note(item, mailbox, transaction)
        }
      }
      try parts.store.write { transaction in
        try transaction.observeDeleted(item: item.version.id, kind: kind, mailbox: mailbox)
        // Taken out while its owner was switched off: that is carried to nobody, and its record stays.
        if item.form == .occurrence, link.baseEntity == nil, link.baseItem == nil {
          try Outcome(spoke: spoke, parts: parts).detach(Pair(link: link), transaction)
        }
      }
    }
  }

  /// An occurrence went with its series: should it come back, only its key tells that it has a record already.
  private func leaveMoved(_ item: Item, _ link: Link) throws(SyncError) {
    log.write(.informational, "an occurrence went to another calendar with its series and is no longer synchronized", spoke)
    try parts.store.write { transaction in
      try detach(link, item: item.version.id, transaction)
      try Unmarked.note(item, spoke.mailbox, transaction)
    }
  }

  /// Keeps the pair as known but no longer synchronized nor shown, so that neither side is created again.
  private func detach(_ link: Link, item: ItemID, movedTo new: ItemID? = nil, _ transaction: any RecordTransaction) throws {
    var detached = link
    detached.state = .detached
    if let new { detached.itemID = new }
    _ = try transaction.save(detached)
    try transaction.removeFile(uid: link.uid, folder: spoke.folderName, employee: spoke.employee.email)
    try transaction.observeDeleted(item: item, kind: link.kind, mailbox: link.mailbox)
  }
}

extension MailboxFeed {
  /// The item of a pair has another id since it was moved.
  private func repoint(_ link: Link, from item: Item, to id: ItemID, _ transaction: any RecordTransaction) throws {
    var moved = link
    moved.itemID = id
    moved.baseItem?.version = nil
    try transaction.observeDeleted(item: item.version.id, kind: spoke.kind, mailbox: spoke.mailbox)
    _ = try transaction.save(moved)
    // It may differ from what the pair agreed on: a copy that takes the place of what it was copied from.
    try transaction.reconsider(item: id, kind: spoke.kind, mailbox: spoke.mailbox)
  }
}

/// The names under which failures of single records are counted.
enum Subject {
  static func item(_ id: ItemID) -> String { "item:\(id.rawValue)" }
  static func entity(_ id: EntityID) -> String { "entity:\(id.rawValue)" }
}
