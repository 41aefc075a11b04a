import ArgumentParser
import Configuration
import Control
import Daemon
import Model

struct PolicyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "policy", abstract: "Shows the configured policies.", subcommands: [List.self, Show.self], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "One line a policy.")
    @OptionGroup var file: ConfigurationOption

    mutating func run() throws {
      let settings = try file.read()
      let rows = settings.policies.map { policy in
        [
          policy.name, policy.conflict.rawValue, policy.sections.keys.sorted().map(\.rawValue).joined(separator: ","),
          "\(settings.employees.count { $0.policy == policy.name }) employees", policy.description,
        ]
      }
      for line in TextTable.render(rows) { print(line) }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "A policy with its defaults filled in.")
    @OptionGroup var file: ConfigurationOption
    @Argument var name: String

    mutating func run() throws {
      let settings = try file.read()
      guard let policy = settings.policies.first(where: { $0.name == name }) else {
        throw failed(
          SyncError(.notFound, "there is no policy '\(name)'; there are: \(settings.policies.map(\.name).joined(separator: ", "))"))
      }
      print(ConfigurationWriter.text(policy), terminator: "")
    }
  }
}

struct EmployeeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "employee", abstract: "Shows the configured employees.", subcommands: [List.self, Show.self], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "One line an employee.")
    @OptionGroup var file: ConfigurationOption

    mutating func run() throws {
      let rows = try file.read().employees.map {
        [$0.id, $0.email, $0.account, $0.policy ?? "no policy", $0.isSynchronized ? "on" : "off", $0.unixUser ?? ""]
      }
      for line in TextTable.render(rows) { print(line) }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "An employee with account and policy.")
    @OptionGroup var file: ConfigurationOption
    @Argument var email: String

    mutating func run() throws {
      guard let employee = try file.read().employees.first(where: { $0.email == email.lowercased() || $0.id == email }) else {
        throw failed(SyncError(.notFound, "there is no employee '\(email)'; 'concordfs employee list' shows all"))
      }
      print(
        "id: \(employee.id)\nemail: \(employee.email)\naccount: \(employee.account)\npolicy: \(employee.policy ?? "none: nothing is synchronized")"
      )
      print("sync: \(employee.isSynchronized)\nunix_user: \(employee.unixUser ?? "the mount's owner")")
    }
  }
}

struct AccountCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "account", abstract: "Shows the Exchange accounts and the system email accounts that they imply; finds their servers.",
    subcommands: [List.self, Find.self],
    defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "One line an account, and one for each synchronized employee's email account.")
    @OptionGroup var file: ConfigurationOption

    mutating func run() throws {
      let settings = try file.read()
      var rows = [["name", "email", "type", "state"]]
      for account in settings.accounts {
        rows.append([
          account.name, account.email, "server account", account.isActive ? (account.isTestOnly ? "test only" : "active") : "off",
        ])
        for employee in settings.employees where employee.account == account.name && employee.isSynchronized {
          rows.append(["  \(employee.id)", employee.email, "Exchange", account.isActive ? "active" : "off"])
        }
      }
      for line in TextTable.render(rows) { print(line) }
    }
  }

  struct Find: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Looks for an account's server by Autodiscover and prints the line for the configuration; changes nothing.",
      discussion:
        "The password goes to the address's domain, to 'autodiscover.' before it and to the account's autodiscover_hosts alone, over https."
    )
    @OptionGroup var file: ConfigurationOption
    @Argument(help: "Name of the account; may be left out where there is one.") var account: String?

    mutating func run() async throws {
      let service = try file.service()
      guard let name = account ?? (service.settings.accounts.count == 1 ? service.settings.accounts.first?.name : nil) else {
        throw ValidationError("name one of: \(service.settings.accounts.map(\.name).joined(separator: ", "))")
      }
      let found = try await attempt { () async throws(SyncError) in try await service.findServer(account: name) }
      for step in found.steps { complain(ControlGrammar.printable(step)) }
      print("    server: \(ControlGrammar.printable(found.url))")
    }
  }
}
