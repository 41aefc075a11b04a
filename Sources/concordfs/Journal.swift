import ArgumentParser
import Control
import Daemon
import Model
import Store

struct Journal: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows every value that a conflict or a delete overwrote, with both versions and the rule that decided.",
    discussion: "--restore puts an entry's values back on the side that lost them, and synchronizes: the policy carries them on.")

  @OptionGroup var file: ConfigurationOption
  @Option(name: .short, help: "Entries shown, the latest first.") var number = 50
  @Flag(help: "As JSON, documented in docs/json.md.") var json = false
  @Option(help: "Number of an entry whose values are put back.") var restore: Int64?
  @Argument(help: "A file of the mount, or an employee's address; none: everything.") var subject: String?

  mutating func run() async throws {
    let settings = try file.read()
    if let restore { return try await putBack(restore, settings) }
    let store = try file.store(settings)
    var mailbox: Mailbox?
    var uid: String?
    if let subject, let employee = settings.employees.first(where: { $0.email == subject.lowercased() }) {
      mailbox = employee.mailbox
    } else if let subject {
      let found = try attempt { () throws(SyncError) in try FilePath.find(subject, settings, store) }
      mailbox = Mailbox(address: found.employee)
      uid = found.uid
    }
    let entries = try attempt { () throws(SyncError) in try store.read { try $0.journal(mailbox: mailbox, uid: uid, limit: number) } }
    if json { return print(StatusReport.json(entries.map(JournalLine.init)), terminator: "") }
    for entry in entries {
      print(
        ControlGrammar.printable(
          "#\(entry.id) \(entry.time.iso8601) \(entry.mailbox.address) \(entry.kind.rawValue) '\(entry.name)': \(entry.rule)\(entry.restoredAt == nil ? "" : " (restored)")"
        ))
      for loser in entry.losers {
        print(
          ControlGrammar.printable(
            "    \(loser.field) of \(loser.side == .erp ? "the ERP" : "the mailbox"): '\(loser.lost?.display ?? "")' gave way to '\(loser.kept?.display ?? "")'"
          ))
      }
    }
    if entries.isEmpty { print("nothing was overwritten") }
  }

  /// One way to ask a daemon: its control file.
  private func putBack(_ entry: Int64, _ settings: Settings) async throws {
    if let mountPoint = StoreLock.owner(path: settings.store)?.mountPoint {
      return try ControlWriting.command("restore \(entry)", mountPoint)
    }
    let service = try file.service()
    _ = try await attempt { () async throws(SyncError) in try await service.restore(entry: entry) { complain(LogText.line($0)) } }
  }
}

/// An entry of the journal as `--json` shows it.
private struct JournalLine: Encodable {
  struct Value: Encodable {
    var side: SystemSide
    var field: String
    var lost: String?
    var kept: String?
  }

  var id: Int64
  var time: String
  var run: String
  var employee: String
  var kind: RecordKind
  var name: String
  var uid: String
  var rule: String
  var restored: String?
  var values: [Value]

  init(_ entry: JournalEntry) {
    (id, time, run, employee, kind) = (entry.id, entry.time.iso8601, entry.run, entry.mailbox.address, entry.kind)
    (name, uid, rule, restored) = (entry.name, entry.uid, entry.rule, entry.restoredAt?.iso8601)
    values = entry.losers.map { Value(side: $0.side, field: $0.field.rawValue, lost: $0.lost?.display, kept: $0.kept?.display) }
  }
}
