import ArgumentParser
import Daemon
import Foundation
import Model

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Checks the configuration: every fault with file, line, key and what is allowed; status 78 if any.")

  @OptionGroup var file: ConfigurationOption

  mutating func run() throws {
    let settings = try file.read()
    print(
      "\(file.path): \(settings.policies.count) policies, \(settings.employees.count) employees, \(settings.schedules.count) schedules, no faults"
    )
  }
}

struct Test: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tests the servers: one line a step, ok or what to do about it. Writes nothing.")

  @OptionGroup var file: ConfigurationOption
  @Argument(help: "Name of an account; none: all.") var account: String?

  mutating func run() async throws {
    let service = try file.service()
    if let account, !service.settings.accounts.contains(where: { $0.name == account }) {
      throw ValidationError("there is no account '\(account)'; there are: \(service.settings.accounts.map(\.name).joined(separator: ", "))")
    }
    var failures = 0
    for await step in service.test(account: account) {
      print("\(step.isOK ? "ok    " : "FAILED") \(step.name): \(step.detail)")
      fflush(nil)
      if !step.isOK { failures += 1 }
    }
    if failures > 0 { throw ExitCode(69) }
  }
}
