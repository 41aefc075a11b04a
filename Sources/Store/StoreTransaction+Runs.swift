internal import GRDB
public import Model

extension StoreTransaction {
  /// Records what is about to be written, before it is.
  public func open(_ intent: Intent) throws {
    try db.run(
      "INSERT OR REPLACE INTO intent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      [
        intent.id.rawValue, intent.run, intent.mailbox.address, intent.kind.rawValue, intent.side.rawValue, intent.action, intent.link,
        intent.entityID?.rawValue, intent.itemID?.rawValue, try Coding.recordText(intent.payload), intent.sends, intent.time.milliseconds,
        intent.cleared.map(\.rawValue).sorted().joined(separator: "\n"),
      ])
  }

  /// Notes that the write is about to be sent.
  public func markSent(_ id: OperationID) throws { try db.run("UPDATE intent SET sends = sends + 1 WHERE id = ?", [id.rawValue]) }

  /// The outcome is recorded.
  public func close(_ id: OperationID) throws { try db.run("DELETE FROM intent WHERE id = ?", [id.rawValue]) }

  /// Counts a failure of one record: it is tried again after growing pauses, and set aside after eight tries.
  public func noteFailure(mailbox: Mailbox, kind: RecordKind, subject: String, error: String, at now: Timestamp) throws -> Retry {
    let known = try reader.retry(mailbox: mailbox, kind: kind, subject: subject)
    let retry = Retry.next(after: known, mailbox: mailbox, kind: kind, subject: subject, error: error, at: now)
    try db.run(
      "INSERT OR REPLACE INTO retry VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      [
        mailbox.address, kind.rawValue, subject, retry.tries, retry.since.milliseconds, retry.nextAt.milliseconds, retry.isSetAside, error,
      ])
    return retry
  }

  /// The record succeeded, or is gone.
  public func clearFailure(mailbox: Mailbox, kind: RecordKind, subject: String) throws {
    try db.run("DELETE FROM retry WHERE mailbox = ? AND kind = ? AND subject = ?", [mailbox.address, kind.rawValue, subject])
  }

  /// Records the start of a cycle.
  public func start(_ run: Run) throws { try finish(run) }

  /// How long a run can be undone, in milliseconds: 30 days.
  private static let writesAreKept: Int64 = 30 * 86_400_000

  /// Records a cycle as it ended.
  public func finish(_ run: Run) throws {
    try db.run(
      "INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      [
        run.id, run.mailbox.address, run.kinds.sorted().map(\.rawValue).joined(separator: ","), run.started.milliseconds,
        run.ended?.milliseconds,
        run.outcome, try Coding.text(run.counts), run.message,
      ])
    // A run's id begins with its time (UUID version 7).
    let oldest = String(max(run.started.milliseconds - Self.writesAreKept, 0), radix: 16)
    try db.run(
      "DELETE FROM journal WHERE action IS NOT NULL AND run < ?", [String(repeating: "0", count: max(12 - oldest.count, 0)) + oldest])
  }

  /// Forgets all but the latest cycles.
  public func trimRuns(keeping count: Int) throws {
    try db.run("DELETE FROM run WHERE id NOT IN (SELECT id FROM run ORDER BY started DESC LIMIT ?)", [count])
  }

  /// Keeps values before they are overwritten. An entry with a number is replaced.
  public func journal(_ entry: JournalEntry) throws {
    try db.run(
      """
      INSERT OR REPLACE INTO journal
        (id, time, run, mailbox, kind, uid, name, entity_id, item_id, losers, rule, restored_at, side, action)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """,
      [
        entry.id == 0 ? nil : entry.id, entry.time.milliseconds, entry.run, entry.mailbox.address, entry.kind.rawValue, entry.uid,
        entry.name,
        entry.entityID?.rawValue, entry.itemID?.rawValue, try Coding.text(entry.losers), entry.rule, entry.restoredAt?.milliseconds,
        entry.write?.side.rawValue, entry.write?.action,
      ])
  }

  /// Saves a held cycle.
  public func save(_ hold: Hold) throws {
    try db.run(
      "INSERT OR REPLACE INTO hold VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      [
        hold.id, hold.mailbox.address, hold.kind.rawValue, hold.created.milliseconds, hold.reason, try Coding.text(hold.plan), hold.hash,
        hold.state.rawValue,
      ])
  }

  /// Adds a line to the log.
  public func append(_ entry: LogEntry) throws {
    try db.run(
      "INSERT INTO log (time, level, employee, kind, message) VALUES (?, ?, ?, ?, ?)",
      [entry.time.milliseconds, entry.level.rawValue, entry.employee, entry.kind?.rawValue, entry.message])
  }

  /// Forgets all but the latest lines of the log.
  public func trimLog(keeping count: Int) throws {
    try db.run("DELETE FROM log WHERE id <= (SELECT max(id) FROM log) - ?", [count])
  }
}
