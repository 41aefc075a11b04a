import ArgumentParser
import Foundation
import Model
import Sandbox

struct SandboxCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sandbox", abstract: "Runs a local Exchange server and a local ERP on loopback, filled with believable data.",
    discussion: "For trying policies, for the demo and for tests. Nothing outside this machine is reached. It runs until it is stopped.")

  @Option(help: "Address and port on loopback; port 0: any free one.") var listen = "127.0.0.1:8025"
  @Option(help: "People with a mailbox.") var employees = 3
  @Option(help: "Contacts in the ERP.") var contacts = 60
  @Option(help: "Tasks in the ERP, spread over the people.") var tasks = 15
  @Option(help: "Events in the ERP, spread over the people; with any, each mailbox keeps a series of its own too.") var events = 12
  @Option(help: "Emails, half of them in the ERP and half in the mailboxes.") var emails = 12
  @Option(help: "Seed: the same seed gives the same data.") var seed: UInt64 = 1
  @Option(help: "Keep everything in this SQLite file over restarts; a file that is filled already keeps its own data.") var store: String?
  @Option(help: "Write a configuration for concordfs that works as it is, with its secrets beside it.") var writeConfig: String?

  func validate() throws {
    guard (0...10_000).contains(employees), (0...1_000_000).contains(contacts), (0...1_000_000).contains(emails),
      (0...100_000).contains(tasks), (0...100_000).contains(events)
    else {
      throw ValidationError("that many are not made up here")
    }
  }

  mutating func run() async throws {
    let parts = listen.split(separator: ":").map(String.init)
    guard parts.count == 2, let port = UInt16(parts[1]) else { throw ValidationError("--listen takes ADDRESS:PORT, as 127.0.0.1:8025") }
    var options = SandboxOptions()
    (options.address, options.port, options.employees, options.contacts, options.seed) = (parts[0], port, employees, contacts, seed)
    (options.tasks, options.events, options.emails, options.store) = (tasks, events, emails, store)
    let sandbox: Sandbox
    do { sandbox = try await Sandbox(options: options) } catch { throw failed(SyncError(.failed, "\(error)")) }
    let path = writeConfig
    let address = parts[0]
    do {
      try await sandbox.run { port in
        if let path { try Self.write(path, sandbox, port) }
        print("sandbox: Exchange at http://\(address):\(port)/EWS/Exchange.asmx, ERP at http://\(address):\(port)/entity")
        print(
          "sandbox: delegate \(Sandbox.delegate.address) / \(Sandbox.delegate.password), ERP \(Sandbox.erpUser.name) / \(Sandbox.erpUser.password)"
        )
        print("sandbox: every mailbox has the password \(Sandbox.mailboxPassword); stop it with Ctrl-C")
        fflush(nil)
      }
    } catch is CancellationError {
      return
    } catch {
      throw failed(SyncError(.failed, "the sandbox cannot listen on \(listen): \(error)"))
    }
  }

  /// Secrets first, each for its owner alone; then the configuration that names them.
  private static func write(_ path: String, _ sandbox: Sandbox, _ port: UInt16) throws {
    let file = URL(fileURLWithPath: path).standardizedFileURL
    let directory = file.deletingLastPathComponent().path
    let (yaml, secrets) = sandbox.configuration(port: port, directory: directory, store: directory + "/cache.db")
    for entry in secrets + [(path: file.path, value: yaml)] {
      guard FileManager.default.createFile(atPath: entry.path, contents: Data(entry.value.utf8), attributes: [.posixPermissions: 0o600])
      else {
        throw SyncError(.failed, "\(entry.path) cannot be written")
      }
    }
  }
}
