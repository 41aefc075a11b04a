import ArgumentParser
import Control
import Daemon
import Model
import SyncEngine

struct Plan: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prints what the next cycle would do, and why, without writing anywhere.",
    discussion: "Works on a copy of the cache, beside a running daemon too.")

  @OptionGroup var file: ConfigurationOption
  @Option(help: "Record types, separated by commas.") var types: String?
  @Flag(help: "As JSON, documented in docs/json.md.") var json = false
  @Argument(help: "Addresses of employees; none: all.") var employees: [String] = []

  mutating func run() async throws {
    let service = try file.service()
    let kinds = try recordKinds(types)
    let lines = try await attempt { () async throws(SyncError) in try await service.plan(employees: addresses(employees), kinds: kinds) }
    if json { return print(StatusReport.json(lines), terminator: "") }
    Self.show(lines)
  }

  /// A plan for people.
  static func show(_ lines: [PlanLine]) {
    for line in lines {
      let place = line.side.map { " \($0 == .erp ? "in the ERP" : "in the mailbox")" } ?? ""
      print(ControlGrammar.printable("\(line.employee) \(line.kind.rawValue): \(line.action)\(place): \(line.name) (\(line.reason))"))
      for change in line.changes where line.action != "create" {
        print(ControlGrammar.printable("    \(change.field): '\(change.old ?? "")' -> '\(change.new ?? "")'"))
      }
    }
    let writes = lines.filter { $0.side != nil }
    print(lines.isEmpty ? "nothing to do" : "\(writes.count) writes planned, \(lines.count - writes.count) without a write")
  }
}
