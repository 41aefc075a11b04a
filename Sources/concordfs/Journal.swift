import ArgumentParser
import Control
import Daemon
import Model
import Store

struct Journal: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows every value that a conflict or a delete overwrote, with both versions and the rule that decided.")

  @OptionGroup var file: ConfigurationOption
  @Option(name: .short, help: "Entries shown, the latest first.") var number = 50
  @Argument(help: "A file of the mount, or an employee's address; none: everything.") var subject: String?

  mutating func run() throws {
    let settings = try file.read()
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
}
