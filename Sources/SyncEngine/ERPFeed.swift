import Model
import Store

/// Reads what changed in the ERP into the store, once for all employees.
struct ERPFeed: Sendable {
  let parts: EngineParts
  let log: SyncLog

  /// Records asked for by id at once when deletes are confirmed.
  static let confirmationBatch = 50

  /// Reads changed records, then finds what the cursor missed and what was deleted by comparing ids and versions.
  /// - Parameter comparesAll: false: without that comparison, which lists everything.
  /// - Returns: how many records were fetched.
  func refresh(
    _ kind: RecordKind, full: Bool, comparesAll: Bool = true, progress: @Sendable (CycleProgress) -> Void
  ) async throws(SyncError) -> Int {
    let cursorName = "erp/\(kind.rawValue)"
    let cursor = full ? nil : try parts.store.read { try $0.cursor(cursorName) }
    var fetched = 0
    var latest = cursor ?? ""
    let known = try parts.store.read { (owners: try OwnerCodes.known($0), count: full ? try $0.entityVersions(kind: kind).count : 0) }
    var (merged, fresh) = (known.owners, OwnerCodes())
    var answer = try await parts.erp.changes(of: kind, since: cursor, page: nil)
    while true {
      let isLast = answer.nextPage == nil
      // Pages come in no order: the cursor is the latest of all, stored once all are.
      latest = max(latest, answer.cursor)
      let reached = latest
      merged.learn(from: answer.entities)
      fresh.learn(from: answer.entities)
      fetched += answer.entities.count
      // What records no longer show is forgotten only where all were read.
      let learned = full && kind == .contacts && fetched >= known.count ? fresh : merged
      let (entities, done) = (answer.entities, fetched)
      func keep() throws(SyncError) {
        try parts.store.write { transaction in
          for entity in entities { _ = try transaction.observe(entity, kind: kind) }
          guard isLast else { return }
          try transaction.setCursor(cursorName, reached)
          if learned != known.owners { try learned.save(transaction) }
        }
        progress(CycleProgress(employee: nil, kind: kind, phase: "reading", done: done, total: nil))
      }
      guard let page = answer.nextPage else {
        try keep()
        break
      }
      // While a page is stored, the next one is on its way.
      async let following = pageAhead(page, kind, cursor)
      try keep()
      answer = try await following.get()
    }
    return comparesAll ? fetched + (try await sweep(kind)) : fetched
  }

  private func pageAhead(_ page: String, _ kind: RecordKind, _ cursor: String?) async -> Result<EntityChangePage, SyncError> {
    do throws(SyncError) {
      return .success(try await parts.erp.changes(of: kind, since: cursor, page: page))
    } catch { return .failure(error) }
  }

  /// Compares the listing of ids and versions with what is known. A listing that failed throws; absence is confirmed record by record.
  private func sweep(_ kind: RecordKind) async throws(SyncError) -> Int {
    let listed = try await parts.erp.versions(of: kind)
    let known = try parts.store.read { try $0.entityVersions(kind: kind) }
    let missing = known.keys.filter { listed[$0] == nil }.sorted()
    let differing = listed.compactMap { id, version in known[id] == version ? nil : id }.sorted()
    if listed.isEmpty && !known.isEmpty {
      throw SyncError(
        .malformedAnswer, "the ERP lists no \(kind.rawValue) at all though \(known.count) are known: check the rights of the sign-in user",
        retry: .later)
    }
    var fetched = 0
    for batch in differing.inBatches(of: Self.confirmationBatch) {
      let answers = try await parts.erp.entities(batch, kind: kind)
      try parts.store.write { transaction in
        for answer in answers {
          if case .success(let entity) = answer { _ = try transaction.observe(entity, kind: kind) }
        }
      }
      fetched += batch.count
    }
    try await confirmDeletes(missing, among: listed, kind: kind)
    return fetched
  }

  /// Looks whether a record is gone.
  func confirmDelete(of id: EntityID, kind: RecordKind) async throws(SyncError) {
    let others = try parts.store.read { try $0.entities(kind: kind, after: 0, limit: Self.confirmationBatch) }
    let living = others.filter { !$0.isDeleted && $0.entity.id != id }.map { ($0.entity.id, $0.entity.version) }
    try await confirmDeletes([id], among: Dictionary(living, uniquingKeysWith: { first, _ in first }), kind: kind)
  }

  /// A delete needs the record's own NotFound beside a found neighbour in the same reading.
  private func confirmDeletes(_ missing: [EntityID], among listed: [EntityID: String], kind: RecordKind) async throws(SyncError) {
    guard !missing.isEmpty else { return }
    guard let neighbour = listed.keys.min() else { return }
    for batch in missing.inBatches(of: Self.confirmationBatch) {
      let answers = try await parts.erp.entities(batch + [neighbour], kind: kind)
      guard answers.count == batch.count + 1, case .success = answers[batch.count] else {
        log.write(
          .warning,
          "\(batch.count) \(kind.rawValue) are missing from the ERP's listing, but a known neighbour is not readable either: not taken for deleted"
        )
        continue
      }
      try parts.store.write { transaction in
        for (id, answer) in zip(batch, answers) {
          switch answer {
          case .success(let entity): _ = try transaction.observe(entity, kind: kind)
          case .failure(let error) where error.code == .notFound: try transaction.observeDeleted(entity: id, kind: kind)
          case .failure: break
          }
        }
      }
    }
  }
}

extension Array {
  /// The elements in order, at most so many at once.
  func inBatches(of size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: Swift.max(size, 1)).map { Array(self[$0..<Swift.min($0 + Swift.max(size, 1), count)]) }
  }
}
