import ArgumentParser
import Control
import Daemon
import Model
import Store
import SyncEngine

struct Journal: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows every value that a conflict or a delete overwrote, with both versions and the rule that decided.",
    discussion:
      "--restore puts an entry's values back on the side that lost them, and synchronizes: the policy carries them on. --run shows all that a cycle wrote; with --undo the reverse of it, as a plan, which --approve PLAN carries out. Nobody is invited or told by any of these."
  )

  @OptionGroup var file: ConfigurationOption
  @Option(name: .short, help: "Entries shown, the latest first.") var number = 50
  @Flag(help: "As JSON, documented in docs/json.md.") var json = false
  @Option(help: "Number of an entry whose values are put back.") var restore: Int64?
  @Flag(help: "The cycles that wrote something, the latest first.") var runs = false
  @Option(name: .customLong("run"), help: "What a cycle wrote, by its id.") var cycle: String?
  @Flag(help: "With --run: the reverse of the cycle, as a plan.") var undo = false
  @Option(help: "With --undo: carries out this plan, if it is still the same.") var approve: String?
  @Argument(help: "A file of the mount, or an employee's address; none: everything.") var subject: String?

  mutating func validate() throws {
    if undo && cycle == nil || approve != nil && !undo { throw ValidationError("--undo needs --run, and --approve needs --undo") }
  }

  mutating func run() async throws {
    let settings = try file.read()
    if let run = cycle, undo { return try await takeBack(run, settings) }
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
    if runs { return try showRuns(store, mailbox) }
    let entries = try attempt { () throws(SyncError) in
      try store.read { reader in
        try cycle.map { try reader.writes(run: $0).filter { uid == nil || $0.uid == uid } }
          ?? reader.journal(mailbox: mailbox, uid: uid, limit: number)
      }
    }
    if json { return print(StatusReport.json(entries.map(JournalLine.init)), terminator: "") }
    for entry in entries {
      print(
        ControlGrammar.printable(
          "#\(entry.id) \(entry.time.iso8601) \(entry.mailbox.address) \(entry.kind.rawValue) '\(entry.name)': \(entry.write.map { "\($0.action) in \($0.side == .erp ? "the ERP" : "the mailbox"), " } ?? "")\(entry.rule)\(entry.restoredAt == nil ? "" : " (restored)")"
        ))
      for loser in entry.losers {
        print(
          ControlGrammar.printable(
            "    \(loser.field) of \(loser.side == .erp ? "the ERP" : "the mailbox"): '\(loser.lost?.display ?? "")' gave way to '\(loser.kept?.display ?? "")'"
          ))
      }
    }
    if entries.isEmpty { print(cycle == nil ? "nothing was overwritten" : "no such run of the last 30 days wrote anything") }
  }

  private func showRuns(_ store: Store, _ mailbox: Mailbox?) throws {
    let found = try attempt { () throws(SyncError) in
      try store.read { reader in
        try reader.runs(mailbox: mailbox, limit: Self.runsSearched).filter { try !reader.writes(run: $0.id).isEmpty }.prefix(number)
      }
    }
    for run in found {
      let counts = run.counts.filter { $0.value > 0 && !$0.key.hasPrefix("read-") }.sorted { $0.key < $1.key }
      print(
        "\(run.id) \(run.started.iso8601) \(run.mailbox.address) \(run.kinds.sorted().map(\.rawValue).joined(separator: ",")): \(counts.map { "\($0.value) \($0.key)" }.joined(separator: ", "))"
      )
    }
    if found.isEmpty { print("no run wrote anything") }
  }

  /// Cycles looked through for those that wrote something.
  private static let runsSearched = 10_000

  /// Shows the reverse of a run, or carries it out.
  private func takeBack(_ run: String, _ settings: Settings) async throws {
    let service = try file.service()
    if let approve {
      if let mountPoint = StoreLock.owner(path: settings.store)?.mountPoint {
        return try ControlWriting.command("undo \(run) \(approve)", mountPoint)
      }
      _ = try await attempt { () async throws(SyncError) in
        try await service.undo(run: run, plan: approve) { complain(LogText.line($0)) }
      }
      return
    }
    let plan = try await attempt { () async throws(SyncError) in try await service.undoPlan(run: run) }
    if json { return print(StatusReport.json(plan.lines), terminator: "") }
    Plan.show(plan.lines)
    if let warning = plan.warning { print(warning) }
    guard plan.lines.contains(where: { $0.side != nil }) else { return }
    print("carry it out with: concordfs journal --run \(run) --undo --approve \(plan.id)")
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

  struct Write: Encodable {
    var side: SystemSide
    var action: String
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
  var write: Write?
  var values: [Value]

  init(_ entry: JournalEntry) {
    (id, time, run, employee, kind) = (entry.id, entry.time.iso8601, entry.run, entry.mailbox.address, entry.kind)
    (name, uid, rule, restored) = (entry.name, entry.uid, entry.rule, entry.restoredAt?.iso8601)
    write = entry.write.map { Write(side: $0.side, action: $0.action) }
    values = entry.losers.map { Value(side: $0.side, field: $0.field.rawValue, lost: $0.lost?.display, kept: $0.kept?.display) }
  }
}
