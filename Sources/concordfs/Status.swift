import ArgumentParser
import Control
import Daemon
import Foundation
import Model
import Store

struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Shows employees, policies, last and next cycles, counts, errors and holds.")

  @OptionGroup var file: ConfigurationOption
  @Flag(help: "As JSON, documented in docs/json.md.") var json = false

  mutating func run() throws {
    let settings = try file.read()
    // The daemon knows more than the store: what is running and what comes next.
    if let mountPoint = StoreLock.owner(path: settings.store)?.mountPoint,
      let text = try? String(contentsOfFile: mountPoint + "/.control/status" + (json ? ".json" : ""), encoding: .utf8)
    {
      return print(text, terminator: "")
    }
    let store = try file.store(settings)
    let report = try attempt { () throws(SyncError) in
      try Reporting(settings: settings, store: store).status(isRunning: false, mountPoint: nil)
    }
    print(json ? report.json : report.text, terminator: "")
  }
}

struct Log: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Shows the synchronization log.")

  @OptionGroup var file: ConfigurationOption
  @Flag(name: .short, help: "Follow: new lines as they come.") var follow = false
  @Option(name: .short, help: "Lines of before.") var number = 100
  @Option(help: "Lines of one employee.") var employee: String?
  @Option(help: "The least serious level: \(LogEntry.Level.allCases.map(\.rawValue).joined(separator: ", ")).") var level: String?

  /// How often a followed log looks for new lines, in milliseconds.
  private static let pause = 500

  mutating func run() async throws {
    let settings = try file.read()
    let least = try level.map { name in
      guard let level = LogEntry.Level(rawValue: name) else { throw ValidationError("'\(name)' is no level") }
      return level
    }
    let store = try file.store(settings)
    let address = employee?.lowercased()
    var lines = try attempt { () throws(SyncError) in
      try store.read { try $0.logTail(limit: max(number, 0), employee: address, level: least) }
    }
    var last: Int64 = 0
    while true {
      for line in lines {
        print(LogText.line(line.entry))
        last = line.id
      }
      fflush(nil)
      guard follow else { return }
      try await Task.sleep(for: .milliseconds(Self.pause))
      let after = last
      lines = try attempt { () throws(SyncError) in
        try store.read { try $0.log(after: after, limit: 1000, employee: address, level: least) }
      }
    }
  }
}
