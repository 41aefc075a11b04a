import ArgumentParser
import Daemon
import Glibc

/// The command: one file a subcommand, nothing else here.
@main
struct Concordfs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "concordfs", abstract: "Keeps an ERP and Exchange mailboxes reconciled, and mounts what they hold.",
    version: Service.version,
    subcommands: [
      Mount.self, Sync.self, Plan.self, Check.self, Test.self, Status.self, Log.self, Holds.self, Journal.self, Why.self,
      PolicyCommand.self,
      EmployeeCommand.self, AccountCommand.self, Init.self, SandboxCommand.self,
    ])

  /// Lines go out as they are written, also into a pipe.
  static func main() async {
    setvbuf(stdout, nil, _IOLBF, 0)
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      exit(withError: error)
    }
  }
}
