import ArgumentParser
import Control
import Daemon
import Foundation
import Model
import Store
import SyncEngine
import Synchronization

struct Sync: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Synchronizes now.", discussion: "With a daemon running on the same store it asks the daemon and waits for it.")

  @OptionGroup var file: ConfigurationOption
  @Option(help: "Record types, separated by commas: contacts,tasks,events,emails.") var types: String?
  @Flag(help: "Forget the cursors and compare everything.") var full = false
  @Argument(help: "Addresses of employees; none: all.") var employees: [String] = []

  mutating func run() async throws {
    let service = try file.service()
    let kinds = try recordKinds(types)
    if let mountPoint = StoreLock.owner(path: service.settings.store)?.mountPoint { return try ask(mountPoint, kinds) }
    let bar = ProgressLine()
    let reports = try await attempt { () async throws(SyncError) in
      try await service.synchronize(
        employees: addresses(employees), kinds: kinds, full: full, progress: { bar.show($0) },
        log: { entry in if entry.level <= .warning { bar.say(LogText.line(entry)) } })
    }
    bar.end()
    for report in reports {
      let what = report.counts.filter { $0.value > 0 && !$0.key.hasPrefix("read-") }.sorted { $0.key < $1.key }.map {
        "\($0.value) \($0.key)"
      }
      let hold = report.hold.map { "held for a decision: \($0)" }
      let text = report.error?.description ?? hold ?? (what.isEmpty ? "nothing to do" : what.joined(separator: ", "))
      print("\(report.employee) \(report.kind.rawValue): \(text)\(report.failures > 0 ? ", \(report.failures) failed" : "")")
    }
    if let error = reports.compactMap(\.error).first { throw ExitCode(exitStatus(of: error)) }
    if reports.contains(where: { $0.hold != nil }) { throw ExitCode(75) }
    if reports.contains(where: { $0.failures > 0 }) { throw ExitCode(1) }
  }

  /// One way to ask a daemon: its control file.
  private func ask(_ mountPoint: String, _ kinds: Set<RecordKind>?) throws {
    let requests = (addresses(employees) ?? []).map { SyncRequest(employee: $0, kinds: kinds, isFull: full, waits: true) }
    let all = requests.isEmpty ? [SyncRequest(employee: nil, kinds: kinds, isFull: full, waits: true)] : requests
    let path = mountPoint + "/.control/sync"
    for request in all {
      let code = ControlWriting.write(request.line + "\n", to: path)
      let said = (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n").first.map(String.init) ?? ""
      print(said)
      if code != 0 { throw ExitCode(code == ENOENT || code == EINVAL ? 64 : code == EACCES ? 77 : 1) }
    }
  }
}

/// Writes to control files of a running daemon.
enum ControlWriting {
  /// Writes one text in one write(2). Returns 0 or an errno value.
  static func write(_ text: String, to path: String) -> Int32 {
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return errno }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    return Glibc.write(descriptor, bytes, bytes.count) == bytes.count ? 0 : errno
  }
}

extension ControlWriting {
  /// Gives one command to the daemon that mounts there; its refusal ends this program.
  static func command(_ line: String, _ mountPoint: String) throws {
    let path = mountPoint + "/.control/ctl"
    let code = write(line + "\n", to: path)
    guard code != 0 else { return }
    let said = (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n").first ?? ""
    throw failed(SyncError(code == EACCES ? .accessDenied : .notFound, "the daemon at \(mountPoint) did not take '\(line)': \(said)"))
  }
}

/// Progress: a line that rewrites itself on a terminal, nothing elsewhere.
final class ProgressLine: Sendable {
  private let isTerminal = isatty(2) != 0
  private let shown = Mutex("")

  func show(_ progress: CycleProgress) {
    guard isTerminal else { return }
    let total = progress.total.map { " of \($0)" } ?? ""
    put("\(progress.employee ?? "ERP") \(progress.kind.rawValue): \(progress.phase) \(progress.done)\(total)")
  }

  /// A line that stays.
  func say(_ line: String) {
    end()
    FileHandle.standardError.write(Data((line + "\n").utf8))
  }

  func end() { if isTerminal, shown.withLock({ !$0.isEmpty }) { put("") } }

  private func put(_ text: String) {
    shown.withLock { shown in
      FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
      shown = text
    }
  }
}
