import ArgumentParser
import Daemon
import Foundation
import Model
import Store
import SyncEngine

struct Holds: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows and decides cycles that a guard stopped.", subcommands: [List.self, Show.self, Approve.self, Discard.self],
    defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "The holds that wait for a decision, and those that were discarded.")
    @OptionGroup var file: ConfigurationOption

    mutating func run() throws {
      let store = try file.store(try file.read())
      let holds = try attempt { () throws(SyncError) in try store.read { try $0.holds(open: false) } }
      for hold in holds.filter({ $0.state == .open }) + holds.filter({ $0.state == .discarded }) {
        let state = hold.state == .discarded ? " (discarded: its records stay as they are)" : ""
        print("\(hold.id) \(hold.created.iso8601) \(hold.mailbox.address) \(hold.kind.rawValue): \(hold.reason)\(state)")
      }
      if !holds.contains(where: { $0.state == .open }) { print("no holds") }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "The plan of a hold and why it was held.")
    @OptionGroup var file: ConfigurationOption
    @Argument var id: String

    mutating func run() throws {
      let store = try file.store(try file.read())
      guard let hold = try attempt({ () throws(SyncError) in try store.read { try $0.hold(id) } }) else {
        throw failed(SyncError(.notFound, "there is no hold '\(id)'; 'concordfs holds' lists them"))
      }
      print(Reporting.text(hold), terminator: "")
    }
  }

  struct Approve: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "The next cycle carries the held plan out, if it is still the same; a discarded one too.")
    @OptionGroup var file: ConfigurationOption
    @Argument var id: String
    mutating func run() throws { try Holds.decide(file, id, "approve", .approved) }
  }

  struct Discard: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Nothing of the held plan is done: its records stay as they are, all else goes on. It can be approved later.")
    @OptionGroup var file: ConfigurationOption
    @Argument var id: String
    mutating func run() throws { try Holds.decide(file, id, "discard", .discarded) }
  }

  private static func decide(_ file: ConfigurationOption, _ id: String, _ word: String, _ state: Hold.State) throws {
    let settings = try file.read()
    if let mountPoint = StoreLock.owner(path: settings.store)?.mountPoint {
      return try ControlWriting.command("\(word) \(id)", mountPoint)
    }
    let lock = try attempt { () throws(SyncError) in try StoreLock.acquire(path: settings.store) }
    defer { lock.release() }
    let store = try attempt { () throws(SyncError) in try Store(path: settings.store) }
    let found = try attempt { () throws(SyncError) in
      try HoldDecision.decide(id, state, CacheRecords(store))
    }
    guard found else { throw failed(SyncError(.notFound, "there is no hold '\(id)' to decide about; 'concordfs holds' lists them")) }
  }
}
