internal import GRDB
public import Model

extension StoreReader {
  private static let intentColumns =
    "SELECT id, run, mailbox, kind, side, action, link, entity_id, item_id, payload, sends, time, cleared FROM intent "

  /// Writes whose outcome is not known, oldest first.
  /// - Parameter mailbox: nil: of all mailboxes.
  public func openIntents(mailbox: Mailbox?) throws -> [Intent] {
    try db.rows(Self.intentColumns + "WHERE ?1 IS NULL OR mailbox = ?1 ORDER BY id", [mailbox?.address]) { row in
      Intent(
        id: OperationID(rawValue: row[0]), run: row[1], mailbox: Mailbox(address: row[2]), kind: try row.kind(3), side: row.side(4),
        action: row[5],
        link: row[6], entityID: (row[7] as String?).map(EntityID.init), itemID: (row[8] as String?).map(ItemID.init),
        payload: try Coding.record(Fields.self, row[9]), cleared: Self.fields(row[12]), sends: row[10], time: row.time(11))
    }
  }

  private static func fields(_ text: String) -> Set<Field> { Set(text.split(separator: "\n").map { Field(rawValue: String($0)) }) }

  private static let retryColumns = "SELECT mailbox, kind, subject, tries, since, next_at, set_aside, reason FROM retry "

  func retry(_ row: StatementRow) throws -> Retry {
    Retry(
      mailbox: Mailbox(address: row[0]), kind: try row.kind(1), subject: row[2], tries: row[3], since: row.time(4), nextAt: row.time(5),
      isSetAside: row[6], reason: row[7])
  }

  /// Failed records whose pause is over.
  public func retries(mailbox: Mailbox, kind: RecordKind?, dueAt time: Timestamp) throws -> [Retry] {
    try db.rows(
      Self.retryColumns + "WHERE mailbox = ? AND (?2 IS NULL OR kind = ?2) AND set_aside = 0 AND next_at <= ?3",
      [mailbox.address, kind?.rawValue, time.milliseconds], retry)
  }

  /// One failed record.
  public func retry(mailbox: Mailbox, kind: RecordKind, subject: String) throws -> Retry? {
    try db.row(Self.retryColumns + "WHERE mailbox = ? AND kind = ? AND subject = ?", [mailbox.address, kind.rawValue, subject], retry)
  }

  /// Failed records, those set aside and those that are tried again.
  /// - Parameter mailbox: nil: of all mailboxes.
  public func failures(mailbox: Mailbox?) throws -> [Retry] {
    try db.rows(Self.retryColumns + "WHERE ?1 IS NULL OR mailbox = ?1 ORDER BY mailbox, kind, since", [mailbox?.address], retry)
  }

  private static let runColumns = "SELECT id, mailbox, kinds, started, ended, outcome, counts, message FROM run "

  private func run(_ row: StatementRow) throws -> Run {
    let kinds = Set((row[2] as String).split(separator: ",").compactMap { RecordKind(rawValue: String($0)) })
    return Run(
      id: row[0], mailbox: Mailbox(address: row[1]), kinds: kinds, started: row.time(3), ended: row.optionalTime(4), outcome: row[5],
      counts: try Coding.value([String: Int].self, row[6]), message: row[7])
  }

  /// The latest cycles, latest first.
  public func runs(mailbox: Mailbox?, limit: Int) throws -> [Run] {
    try db.rows(
      Self.runColumns + "WHERE ?1 IS NULL OR mailbox = ?1 ORDER BY started DESC, id DESC LIMIT ?2", [mailbox?.address, limit], run)
  }

  /// The latest cycle of a mailbox and type that ended.
  public func lastRun(mailbox: Mailbox, kind: RecordKind) throws -> Run? {
    try db.row(
      Self.runColumns + "WHERE mailbox = ? AND instr(kinds, ?) > 0 AND ended IS NOT NULL ORDER BY started DESC, id DESC LIMIT 1",
      [mailbox.address, kind.rawValue], run)
  }

  private static let journalColumns =
    "SELECT id, time, run, mailbox, kind, uid, name, entity_id, item_id, losers, rule, restored_at, side, action FROM journal "

  private func journalEntry(_ row: StatementRow) throws -> JournalEntry {
    JournalEntry(
      id: row[0], time: row.time(1), run: row[2], mailbox: Mailbox(address: row[3]), kind: try row.kind(4), uid: row[5], name: row[6],
      entityID: (row[7] as String?).map(EntityID.init), itemID: (row[8] as String?).map(ItemID.init),
      losers: try Coding.value([Loser].self, row[9]),
      rule: row[10], restoredAt: row.optionalTime(11),
      write: (row[13] as String?).map { JournalEntry.Write(side: row.side(12), action: $0) })
  }

  /// Overwritten values, latest first.
  public func journal(mailbox: Mailbox?, uid: String?, limit: Int) throws -> [JournalEntry] {
    try db.rows(
      Self.journalColumns + "WHERE (?1 IS NULL OR mailbox = ?1) AND (?2 IS NULL OR uid = ?2) AND action IS NULL ORDER BY id DESC LIMIT ?3",
      [mailbox?.address, uid, limit], journalEntry)
  }

  /// What a run wrote, the last first.
  public func writes(run: String) throws -> [JournalEntry] {
    try db.rows(Self.journalColumns + "WHERE run = ? AND action IS NOT NULL ORDER BY id DESC", [run], journalEntry)
  }

  /// Whether a later run wrote to a record.
  public func isWrittenAgain(uid: String, mailbox: Mailbox, after run: String) throws -> Bool {
    try db.row(
      "SELECT 1 FROM journal WHERE uid = ? AND mailbox = ? AND action IS NOT NULL AND run > ? LIMIT 1", [uid, mailbox.address, run]
    ) { _ in true } ?? false
  }

  /// One entry of the journal.
  public func journalEntry(_ id: Int64) throws -> JournalEntry? { try db.row(Self.journalColumns + "WHERE id = ?", [id], journalEntry) }

  private static let holdColumns = "SELECT id, mailbox, kind, created, reason, plan, hash, state FROM hold "

  private func hold(_ row: StatementRow) throws -> Hold {
    Hold(
      id: row[0], mailbox: Mailbox(address: row[1]), kind: try row.kind(2), created: row.time(3), reason: row[4],
      plan: try Coding.value([String].self, row[5]), hash: row[6], state: Hold.State(rawValue: row[7]) ?? .done)
  }

  /// Held cycles, latest first.
  /// - Parameter open: only those that wait for a decision.
  public func holds(open: Bool) throws -> [Hold] {
    try db.rows(Self.holdColumns + "WHERE ? = 0 OR state = 'open' ORDER BY created DESC, id", [open], hold)
  }

  /// One held cycle.
  public func hold(_ id: String) throws -> Hold? { try db.row(Self.holdColumns + "WHERE id = ?", [id], hold) }

  private func logLine(_ row: StatementRow) throws -> (id: Int64, entry: LogEntry) {
    (
      row[0],
      LogEntry(
        time: row.time(1), level: LogEntry.Level(rawValue: row[2]) ?? .error, employee: row[3],
        kind: (row[4] as String?).flatMap(RecordKind.init), message: row[5])
    )
  }

  /// Lines of the log after a number, oldest first.
  /// - Parameter level: the least serious level wanted; nil: all.
  public func log(after id: Int64, limit: Int, employee: String?, level: LogEntry.Level?) throws -> [(id: Int64, entry: LogEntry)] {
    try db.rows(
      "SELECT id, time, level, employee, kind, message FROM log WHERE id > ?1 AND (?2 IS NULL OR employee = ?2) AND instr(?3, level) > 0 ORDER BY id LIMIT ?4",
      [id, employee, Self.levels(level), limit], logLine)
  }

  /// The last lines of the log, oldest first.
  public func logTail(limit: Int, employee: String?, level: LogEntry.Level?) throws -> [(id: Int64, entry: LogEntry)] {
    try db.rows(
      "SELECT id, time, level, employee, kind, message FROM log WHERE (?1 IS NULL OR employee = ?1) AND instr(?2, level) > 0 ORDER BY id DESC LIMIT ?3",
      [employee, Self.levels(level), limit], logLine
    ).reversed()
  }

  /// The names of the levels down to one, for a search by containment.
  private static func levels(_ least: LogEntry.Level?) -> String {
    LogEntry.Level.allCases.filter { level in least.map { level <= $0 } ?? true }.map(\.rawValue).joined(separator: " ")
  }
}
