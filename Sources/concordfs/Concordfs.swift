import ArgumentParser
import Daemon

/// The command: one file a subcommand, nothing else here.
@main
struct Concordfs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "concordfs", abstract: "Keeps an ERP and Exchange mailboxes reconciled, and mounts what they hold.",
    version: Service.version,
    subcommands: [
      Mount.self, Sync.self, Plan.self, Check.self, Test.self, Status.self, Log.self, Holds.self, Journal.self, Why.self, Takeover.self,
      PolicyCommand.self,
      EmployeeCommand.self, AccountCommand.self, Init.self, SandboxCommand.self,
    ])

  static func main() async {
    let names = Set(configuration.subcommands.compactMap { $0.configuration.commandName ?? "\($0)".lowercased() } + ["help"])
    await runToTheEnd(MountHelper.arguments(Array(CommandLine.arguments.dropFirst()), subcommands: names))
  }
}
