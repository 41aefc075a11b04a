import Model
import Store

/// The days of which series are carried to the ERP, occurrence by occurrence.
struct OccurrenceWindow: Sendable {
  /// Days before today and after it.
  static let (daysBack, daysAhead) = (30, 180)
  /// The longest range asked for at once, in seconds: a view takes two years at most.
  private static let piece: Int64 = 365 * 86_400

  let start: Timestamp
  let end: Timestamp

  init(around today: CivilDate) {
    start = Timestamp(seconds: Int64(today.dayNumber - Self.daysBack) * 86_400)
    end = Timestamp(seconds: Int64(today.dayNumber + Self.daysAhead + 1) * 86_400)
  }

  /// Whether an event lies in the window in part: it ends after its start and begins before its end.
  func contains(_ fields: Fields) -> Bool {
    guard let (first, last) = span(fields) else { return false }
    return first < end && last > start
  }

  /// When an event begins; a whole day at midnight UTC.
  static func start(of fields: Fields) -> Timestamp? { instant(fields[.start]) }

  private static func instant(_ value: Value?) -> Timestamp? {
    switch value {
    case .instant(let instant, _): instant
    case .date(let date): Timestamp(seconds: Int64(date.dayNumber) * 86_400)
    default: nil
    }
  }

  private func span(_ fields: Fields) -> (Timestamp, Timestamp)? {
    Self.start(of: fields).map { ($0, max(Self.instant(fields[.end]) ?? $0, $0)) }
  }

  /// The window in ranges that a view takes, from an earlier start on where that is asked for.
  func pieces(from earlier: Timestamp?) -> [(start: Timestamp, end: Timestamp)] {
    let first = min(earlier ?? start, start).seconds
    return stride(from: first, to: end.seconds, by: Int(Self.piece)).map {
      (Timestamp(seconds: $0), Timestamp(seconds: min($0 + Self.piece, end.seconds)))
    }
  }
}

/// Keeps the occurrences of a mailbox's own series as items of their own, in a window that slides with the days.
struct OccurrenceFeed: Sendable {
  let parts: EngineParts
  let spoke: Spoke
  let exchange: any ExchangePort

  /// How far back a first run looks for occurrences that the ERP has already, in days: five years.
  private static let farthestLook = 5 * 366

  /// What the window was last listed for: the day, and the series as they were.
  private var cursor: String { spoke.occurrencesCursor }

  /// Lists the window when the day or a series has changed since.
  /// - Returns: true when occurrences have to be read.
  func refresh(folder: FolderID, full: Bool) async throws(SyncError) -> Bool {
    guard spoke.kind == .events else { return false }
    let today = parts.surroundings.now().utcDate
    let (known, isFirstRun, listedFor) = try parts.store.read { reader in
      (
        // Also what a write found gone just before: its series may have got other occurrences.
        try
          (reader.presentItems(kind: spoke.kind, mailbox: spoke.mailbox)
          + reader.leftItems(kind: spoke.kind, mailbox: spoke.mailbox).filter { $0.item.form == .occurrence })
          .filter { $0.item.form == .series || $0.item.form == .occurrence },
        try reader.cursor(spoke.initialisedCursor) == nil, try reader.cursor(cursor)
      )
    }
    // Where nothing of the mailbox is carried to the ERP, its series are shown and that is all.
    let isCarried = spoke.section.direction != .toExchange || known.contains { $0.item.form == .occurrence }
    guard isCarried, !known.isEmpty else { return false }
    let series = known.filter { $0.item.form == .series }
    let state = Guarding.fingerprint(
      series.map { "\($0.item.version.id.rawValue) \($0.item.version.changeKey)" }.sorted() + [today.description])
    guard full || isFirstRun || state != listedFor else { return false }
    let window = OccurrenceWindow(around: today)
    let earlier = isFirstRun ? try earliestEntity(notBefore: today) : nil
    let uids = Set(series.compactMap(\.item.moveKey))
    let listed = try await list(window.pieces(from: earlier), of: uids, in: folder)
    let occurrences = known.filter { $0.item.form == .occurrence }
    let outside = try await list(try strayed(occurrences, listed, window), of: uids, in: folder)
    let found = listed.merging(outside) { inWindow, _ in inWindow }
    try parts.store.write { transaction in
      try note(found, known: occurrences, window, folder, transaction)
      // After a look beyond the window it is listed again, so that what lies outside is let go.
      try transaction.setCursor(cursor, isFirstRun || !outside.isEmpty ? nil : state)
    }
    return true
  }

  private func list(
    _ pieces: [(start: Timestamp, end: Timestamp)], of series: Set<String>, in folder: FolderID
  ) async throws(SyncError) -> [ItemID: OccurrenceVersion] {
    var listed: [ItemID: OccurrenceVersion] = [:]
    for piece in pieces {
      for found in try await exchange.occurrences(in: folder, of: spoke.mailbox, from: piece.start, to: piece.end)
      where series.contains(found.uid) {
        listed[found.version.id] = found
      }
    }
    return listed
  }

  /// The days outside the window on which the pattern has linked occurrences that were moved into it alone and are gone: a new pattern puts them
  /// back there, which is no delete.
  private func strayed(
    _ known: [StoredItem], _ listed: [ItemID: OccurrenceVersion], _ window: OccurrenceWindow
  ) throws(SyncError) -> [(start: Timestamp, end: Timestamp)] {
    let days = try parts.store.read { reader in
      try known.filter { stored in
        let id = stored.item.version.id
        return try listed[id] == nil && window.contains(stored.item.fields)
          && reader.link(item: id, kind: spoke.kind, mailbox: spoke.mailbox) != nil
      }.compactMap { OccurrenceHeirs.original($0.item) }.filter { $0 < window.start || $0 >= window.end }.map(\.utcDate.dayNumber)
    }
    return Set(days).sorted().map { (Timestamp(seconds: Int64($0) * 86_400), Timestamp(seconds: Int64($0 + 1) * 86_400)) }
  }

  private func note(
    _ listed: [ItemID: OccurrenceVersion], known: [StoredItem], _ window: OccurrenceWindow, _ folder: FolderID,
    _ transaction: any RecordTransaction
  ) throws {
    let (kind, mailbox) = (spoke.kind, spoke.mailbox)
    let knownIDs = Set(known.map(\.item.version.id))
    let gone = known.filter { listed[$0.item.version.id] == nil }
    let heirs = OccurrenceHeirs(
      fresh: listed.values.filter { !knownIDs.contains($0.version.id) },
      gone: try gone.filter { try transaction.reader.link(item: $0.item.version.id, kind: kind, mailbox: mailbox) != nil }.map(\.item))
    for stored in gone {
      let id = stored.item.version.id
      let link = try transaction.reader.link(item: id, kind: kind, mailbox: mailbox)
      if var link, let heir = heirs[id] {
        // Until it is read it is as the one whose place it took: should it be gone before that, it is missed.
        var item = stored.item
        item.version = ItemVersion(id: heir, changeKey: "")
        _ = try transaction.observe(item, kind: kind, mailbox: mailbox)
        link.itemID = heir
        link.baseItem?.version = nil
        try transaction.observeDeleted(item: id, kind: kind, mailbox: mailbox)
        _ = try transaction.save(link)
      } else if !window.contains(stored.item.fields) {
        // Its days are over: the ERP keeps its record, and it is not made anew.
        if let link { try Outcome(spoke: spoke, parts: parts).detach(Pair(link: link), transaction) }
        try transaction.observeDeleted(item: id, kind: kind, mailbox: mailbox)
      } else {
        try transaction.reportRemoved(id, kind: kind, mailbox: mailbox)
      }
    }
    for found in listed.values { _ = try transaction.report(found.version, foreignID: nil, folder: folder, kind: kind, mailbox: mailbox) }
  }

  /// The earliest event of this employee in the ERP: on a first run it may be an occurrence's, from before the cache was lost.
  private func earliestEntity(notBefore today: CivilDate) throws(SyncError) -> Timestamp? {
    let limit = Timestamp(seconds: Int64(today.dayNumber - Self.farthestLook) * 86_400)
    let starts = try parts.store.read { reader in
      try reader.presentEntities(kind: spoke.kind).compactMap { stored -> Timestamp? in
        switch stored.entity.fields[.start] {
        case .instant(let start, _): start
        case .date(let date): Timestamp(seconds: Int64(date.dayNumber - 1) * 86_400)
        default: nil
        }
      }
    }
    return starts.min().map { max($0, limit) }
  }
}

/// On a first run: which occurrence and which record of the ERP are one, by subject, start and end. An occurrence carries no stamp: that would
/// make it an exception of its series.
struct OccurrenceMatches: Sendable {
  private struct Key: Hashable {
    var subject: String
    var start: Value?
    var end: Value?

    init(_ fields: Fields) {
      subject = (fields.text(.subject) ?? "").lowercased()
      (start, end) = (Self.bare(fields[.start]), Self.bare(fields[.end]))
    }

    /// Without the zone, which the ERP does not keep.
    private static func bare(_ value: Value?) -> Value? {
      if case .instant(let instant, _)? = value { .instant(instant, zone: nil) } else { value }
    }
  }

  private var entities: [Key: [EntityID]] = [:]
  private var items: [Key: [ItemID]] = [:]

  init(spoke: Spoke, employee: ERPEmployee?, _ reader: any RecordReader) throws {
    for stored in try reader.presentItems(kind: spoke.kind, mailbox: spoke.mailbox) where stored.item.form == .occurrence {
      items[Key(stored.item.fields), default: []].append(stored.item.version.id)
    }
    if items.isEmpty { return }
    for stored in try reader.presentEntities(kind: spoke.kind) {
      guard let owner = stored.entity.owner, employee?.ownerCodes.contains(owner) ?? false else { continue }
      entities[Key(stored.entity.fields), default: []].append(stored.entity.id)
    }
  }

  func entities(like fields: Fields) -> [EntityID] { entities[Key(fields)] ?? [] }
  func items(like fields: Fields) -> [ItemID] { items[Key(fields)] ?? [] }
}

extension RecordReader {
  /// Rows read at once.
  private var page: Int { 500 }

  /// Every item of a mailbox that is in its folder and whose contents were read.
  func presentItems(kind: RecordKind, mailbox: Mailbox) throws -> [StoredItem] {
    var found: [StoredItem] = []
    var revision: Int64 = 0
    while true {
      let rows = try items(kind: kind, mailbox: mailbox, after: revision, limit: page)
      found += rows.filter { $0.presence == .present }
      guard rows.count == page, let last = rows.last else { return found }
      revision = last.revision
    }
  }

  /// Every entity of a type that is not deleted.
  func presentEntities(kind: RecordKind) throws -> [StoredEntity] {
    var found: [StoredEntity] = []
    var revision: Int64 = 0
    while true {
      let rows = try entities(kind: kind, after: revision, limit: page)
      found += rows.filter { !$0.isDeleted }
      guard rows.count == page, let last = rows.last else { return found }
      revision = last.revision
    }
  }
}
