import Model
import Synchronization

@testable import Control

/// A daemon that notes what is asked of it; requests wait at a gate where a test closes it.
final class FakeSource: ControlSource {
  struct State {
    var requests: [SyncRequest] = []
    var commands: [ControlCommand] = []
    var kept: [String: [String]] = [:]
    var failure: SyncError?
    var holds: [(id: String, text: String)] = [("h1", "plan\n")]
    var seconds: Int64 = 1_793_612_000
    var isClosed = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  let state = Mutex(State())
  /// Who may write to the mount's files; 1000 also to the ones of alice.
  static let owner: UInt32 = 0

  /// Lets the requests that wait go on, and those to come.
  func open() {
    let waiting = state.withLock { state in
      state.isClosed = false
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  private func pass() async {
    await withCheckedContinuation { continuation in
      let goesOn = state.withLock { state in
        if state.isClosed { state.waiting.append(continuation) }
        return !state.isClosed
      }
      if goesOn { continuation.resume() }
    }
  }

  func employees() -> Set<String> { ["alice@example.test", "bob@example.test"] }

  func statusReport(employee: String?) -> StatusReport {
    var report = Reports.report
    if let employee { report.employees.removeAll { $0.employee != employee } }
    return report
  }

  func configurationText() -> String { "store: \"/x\"\n" }

  func policyTexts() -> [(name: String, text: String)] { [("Sales", "name: \"Sales\"\n"), ("Plain", "name: \"Plain\"\n")] }

  func errorLines(employee: String?) -> [String] { [employee ?? "all", "bad\u{1B}[2J"] }

  func logText(employee: String?) -> (bytes: [UInt8], modified: Timestamp) { (Array("log of \(employee ?? "all")\n".utf8), now()) }

  func holdTexts() -> [(id: String, text: String)] { state.withLock { $0.holds } }

  func perform(_ request: SyncRequest) async -> Result<String, SyncError> {
    state.withLock { $0.requests.append(request) }
    await pass()
    return state.withLock { $0.failure }.map { .failure($0) } ?? .success("2 created")
  }

  func perform(_ command: ControlCommand) async -> Result<String, SyncError> {
    state.withLock { $0.commands.append(command) }
    await pass()
    return state.withLock { $0.failure }.map { .failure($0) } ?? .success("ok")
  }

  func mayControl(user: UInt32, employee: String?) -> Bool { user == Self.owner || user == 1000 && employee == "alice@example.test" }

  func now() -> Timestamp { Timestamp(seconds: state.withLock { $0.seconds }) }

  func lastChange() -> Timestamp { Timestamp(seconds: 1_700_000_000) }

  func history(of file: String) -> [String] { state.withLock { $0.kept[file] ?? [] } }

  func keep(_ lines: [String], of file: String) { state.withLock { $0.kept[file] = lines } }
}

/// Reports that tests show.
enum Reports {
  static let contacts = StatusReport.Kind(
    kind: .contacts, linked: 1200, lastStart: "2026-11-02T09:30:00Z", lastEnd: "2026-11-02T09:31:00Z", outcome: "ok",
    counts: ["created": 2], message: nil)
  static let tasks = StatusReport.Kind(
    kind: .tasks, linked: 3, lastStart: "2026-11-02T09:30:00Z", lastEnd: "2026-11-02T09:31:01Z", outcome: "failed", counts: [:],
    message: "the server\u{1B}[31m is gone\nnext line")
  static let events = StatusReport.Kind(
    kind: .events, linked: 0, lastStart: nil, lastEnd: nil, outcome: nil, counts: [:], message: nil)

  static let report = StatusReport(
    version: "1.2.3", isRunning: true, mountPoint: "/mnt/x", isPaused: false,
    employees: [
      StatusReport.Person(
        employee: "alice@example.test", policy: "Sales", account: "HQ", state: "idle", next: "2026-11-02T09:36:00Z",
        kinds: [contacts, tasks, events], errors: 4, holds: ["h1"]),
      StatusReport.Person(
        employee: "bob@example.test", policy: nil, account: "HQ", state: "off", next: nil, kinds: [], errors: 0, holds: []),
    ])
}
