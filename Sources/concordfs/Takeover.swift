import ArgumentParser
import Daemon
import Model
import Store
import SyncEngine

struct Takeover: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Takes mailboxes over from another installation that is gone for good.",
    discussion:
      "A mailbox is served by one installation alone, for a day beyond its last sign of life. Make sure that the other one never runs again: it would be refused, but what it had under way could come a second time."
  )

  @OptionGroup var file: ConfigurationOption
  @Flag(help: "Every employee of the configuration.") var all = false
  @Argument(help: "Addresses of employees.") var employees: [String] = []

  mutating func validate() throws {
    if all == !employees.isEmpty { throw ValidationError("name the employees, or give --all") }
  }

  mutating func run() throws {
    let service = try file.service()
    let settings = service.settings
    let named = addresses(employees)
    try attempt { () throws(SyncError) in try service.check(named) }
    if let mountPoint = StoreLock.owner(path: settings.store)?.mountPoint {
      for name in named ?? ["all"] { try ControlWriting.command("takeover \(name)", mountPoint) }
      return
    }
    let lock = try attempt { () throws(SyncError) in try StoreLock.acquire(path: settings.store) }
    defer { lock.release() }
    let store = try attempt { () throws(SyncError) in try Store(path: settings.store) }
    print(try attempt { () throws(SyncError) in try TakeOver.request(named, settings, store) })
  }
}
