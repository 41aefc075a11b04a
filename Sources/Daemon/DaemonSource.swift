import Configuration
import Control
import Foundation
import Model
import Store
import SyncEngine
import Synchronization

/// The daemon behind the control files.
final class DaemonSource: ControlSource {
  private struct State {
    var settings: Settings
    var configurationChanged: Timestamp
    var running: Set<String> = []
    var paused: Set<String> = []
    var allPaused = false
    var next: [String: Timestamp] = [:]
  }

  let store: Store
  let coordinator: Coordinator
  let log: LogBuffer
  private let mountPoint: String
  private let configurationPath: String
  private let state: Mutex<State>
  private let onChange: @Sendable () -> Void
  private let wakes: WakeService

  init(
    settings: Settings, configurationPath: String, store: Store, coordinator: Coordinator, log: LogBuffer, mountPoint: String,
    wakes: WakeService, onChange: @escaping @Sendable () -> Void
  ) {
    self.store = store
    self.coordinator = coordinator
    self.log = log
    self.mountPoint = mountPoint
    self.configurationPath = configurationPath
    self.onChange = onChange
    self.wakes = wakes
    state = Mutex(State(settings: settings, configurationChanged: Self.changeTime(configurationPath)))
  }

  private static func changeTime(_ path: String) -> Timestamp {
    var status = stat()
    guard stat(path, &status) == 0 else { return Timestamp(milliseconds: 0) }
    return Timestamp(milliseconds: Int64(status.st_mtim.tv_sec) * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000)
  }

  var settings: Settings { state.withLock { $0.settings } }

  /// Whether no round may start for anybody.
  var isPaused: Bool { state.withLock { $0.allPaused } }

  /// Whether no round may start for an employee.
  func isPaused(_ employee: String) -> Bool { state.withLock { $0.allPaused || $0.paused.contains(employee) } }

  func note(next: [String: Timestamp]) { state.withLock { $0.next = next } }

  // MARK: What the files show

  func employees() -> Set<String> { Set(settings.employees.map(\.email)) }

  func statusReport(employee: String?) -> StatusReport {
    var now = state.withLock { $0 }
    if let employee { now.settings.employees.removeAll { $0.email != employee } }
    let reporting = Reporting(settings: now.settings, store: store)
    var report = try? reporting.status(
      isRunning: true, mountPoint: mountPoint, running: now.running, paused: now.paused, allPaused: now.allPaused, next: now.next)
    let listeners = employee == nil ? wakes.lines : []
    if !listeners.isEmpty { report?.notifications = listeners }
    return report ?? StatusReport(version: Service.version, isRunning: true, mountPoint: mountPoint, isPaused: now.allPaused, employees: [])
  }

  func configurationText() -> String { ConfigurationWriter.text(settings) }

  func policyTexts() -> [(name: String, text: String)] { settings.policies.map { ($0.name, ConfigurationWriter.text($0)) } }

  func errorLines(employee: String?) -> [String] {
    do { return try Reporting(settings: settings, store: store).errorLines(employee: employee) } catch {
      return ["the cache cannot be read: \(error)"]
    }
  }

  func logText(employee: String?) -> (bytes: [UInt8], modified: Timestamp) { log.text(employee: employee) }

  func holdTexts() -> [(id: String, text: String)] {
    ((try? store.read { try $0.holds(open: true) }) ?? []).map { ($0.id, Reporting.text($0)) }
  }

  /// Those that were discarded can be approved after all.
  func decidableHolds() -> Set<String> {
    let holds = (try? store.read { try $0.holds(open: false) }) ?? []
    return Set(holds.filter { $0.state == .open || $0.state == .discarded }.map(\.id))
  }

  func now() -> Timestamp { Surroundings.system.now() }

  func lastChange() -> Timestamp {
    let run = try? store.read { try $0.runs(mailbox: nil, limit: 1).first?.ended }
    return max(state.withLock { $0.configurationChanged }, run ?? Timestamp(milliseconds: 0))
  }

  func history(of file: String) -> [String] {
    let text = try? store.read { try $0.meta("history \(file)") }
    return text.map { $0.split(separator: "\n").map(String.init) } ?? []
  }

  func keep(_ lines: [String], of file: String) {
    // A history that is not kept costs nothing but itself.
    try? store.write { try $0.setMeta("history \(file)", lines.joined(separator: "\n")) }
  }

  func mayControl(user: UInt32, employee: String?) -> Bool {
    if user == 0 || user == getuid() { return true }
    guard let employee, let name = settings.employees.first(where: { $0.email == employee })?.unixUser, let entry = getpwnam(name) else {
      return false
    }
    return entry.pointee.pw_uid == user
  }

  // MARK: What the lines set off

  func perform(_ request: SyncRequest) async -> Result<String, SyncError> {
    let demand = Coordinator.Demand(
      employees: request.employee.map { [$0] }, kinds: request.kinds, isFull: request.isFull, isUrged: request.employee != nil)
    return await synchronize(demand)
  }

  func synchronize(_ demand: Coordinator.Demand) async -> Result<String, SyncError> {
    switch await reports(demand) {
    case .failure(let error): return .failure(error)
    case .success(let reports):
      if let error = reports.compactMap(\.error).first { return .failure(error) }
      if let hold = reports.compactMap(\.hold).first { return .failure(SyncError(.held, "held for a decision: \(hold)")) }
      return .success(Self.summary(reports))
    }
  }

  /// Runs a round, or joins one; gives what each employee and type came to.
  func reports(_ demand: Coordinator.Demand) async -> Result<[CycleReport], SyncError> {
    let turned = Set(demand.employees ?? settings.employees.filter(\.isSynchronized).map(\.email))
    state.withLock { $0.running.formUnion(turned) }
    let result = await coordinator.synchronize(demand)
    let running = await coordinator.running
    state.withLock { $0.running = running }
    onChange()
    // What notifications set off finds no folder that is not listened to.
    if demand.origin == .request { wakes.refresh() }
    return result
  }

  /// What a round did, in one line.
  static func summary(_ reports: [CycleReport]) -> String {
    var counts: [String: Int] = [:]
    for report in reports where report.wroteAnything { counts.merge(report.counts, uniquingKeysWith: +) }
    counts = counts.filter { !$0.key.hasPrefix("read-") && $0.value > 0 }
    let failures = reports.reduce(0) { $0 + $1.failures }
    let parts = counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" } + (failures > 0 ? ["\(failures) records failed"] : [])
    return parts.isEmpty ? "nothing to do" : parts.joined(separator: ", ")
  }

  func perform(_ command: ControlCommand) async -> Result<String, SyncError> {
    switch command {
    case .reload: return await reload()
    case .pause(let employee):
      await coordinator.pause(employee)
      await notePauses()
      return .success("paused")
    case .resume(let employee):
      await coordinator.resume(employee)
      do throws(SyncError) {
        try CircuitBreaker.reset(employee.flatMap { name in settings.employees.first { $0.email == name } }, CacheRecords(store))
      } catch { return .failure(error) }
      await notePauses()
      return .success("resumed")
    case .takeOver(let employee):
      do throws(SyncError) { return .success(try TakeOver.request(employee.map { [$0] }, settings, store)) } catch {
        return .failure(error)
      }
    case .approve(let id): return decide(id, .approved)
    case .discard(let id): return decide(id, .discarded)
    case .logLevel(let level):
      do { try await coordinator.reload(settings.logging(level)) } catch { return .failure(error) }
      return .success("log level \(level.rawValue) until the configuration is read again")
    case .restore(let entry): return await restore(entry)
    case .undo(let run, let plan):
      guard let mailbox = try? store.read({ try $0.writes(run: run).first?.mailbox.address }) else {
        return .failure(SyncError(.notFound, "no run '\(run)' wrote anything; 'concordfs journal --runs' lists those that did"))
      }
      let errand = Coordinator.Errand.undo(run: run, plan: plan)
      return await synchronize(Coordinator.Demand(employees: [mailbox], kinds: nil, isFull: false, isUrged: true, errand: errand))
    }
  }

  /// Puts the values back and synchronizes the employee concerned, so that both sides have them.
  private func restore(_ entry: Int64) async -> Result<String, SyncError> {
    let mailbox = try? store.read { try $0.journalEntry(entry)?.mailbox.address }
    guard let mailbox else {
      return .failure(SyncError(.notFound, "there is no entry #\(entry) in the journal; 'concordfs journal' lists them"))
    }
    return await synchronize(Coordinator.Demand(employees: [mailbox], kinds: nil, isFull: false, isUrged: true, errand: .restore(entry)))
  }

  private func notePauses() async {
    let (paused, all) = (await coordinator.paused, await coordinator.allPaused)
    state.withLock { ($0.paused, $0.allPaused) = (paused, all) }
    onChange()
  }

  private func decide(_ id: String, _ decision: Hold.State) -> Result<String, SyncError> {
    do throws(SyncError) {
      guard try HoldDecision.decide(id, decision, CacheRecords(store)) else {
        return .failure(SyncError(.notFound, "there is no hold '\(id)' to decide about; 'concordfs holds' lists them"))
      }
      onChange()
      return .success(decision == .approved ? "approved: the next cycle carries it out" : "discarded: its records stay as they are")
    } catch {
      return .failure(error)
    }
  }

  /// Reads the configuration again. A file with faults changes nothing and says why.
  func reload() async -> Result<String, SyncError> {
    let reading: ConfigurationReading
    do {
      reading = try ConfigurationReader.read(path: configurationPath)
    } catch {
      return .failure(
        SyncError(.configuration, "the configuration was not taken over: \(error.faults.map(\.description).joined(separator: "; "))"))
    }
    var fresh = reading.settings
    guard fresh.store == settings.store else {
      return .failure(SyncError(.configuration, "the configuration was not taken over: another 'store' takes effect only with a new start"))
    }
    do throws(SyncError) {
      fresh = try await Service.completed(fresh)
      _ = try Connections(fresh)
      try MountedTree.prune(store, fresh)
    } catch {
      return .failure(error)
    }
    let completed = fresh
    state.withLock {
      $0.settings = completed
      $0.configurationChanged = Self.changeTime(configurationPath)
    }
    do { try await coordinator.reload(completed) } catch { return .failure(error) }
    onChange()
    wakes.refresh()
    return .success("configuration taken over")
  }
}

extension Settings {
  /// The same with every account logging at this level.
  func logging(_ level: LogEntry.Level) -> Settings {
    var changed = self
    for index in changed.accounts.indices {
      changed.accounts[index].logging =
        switch level {
        case .critical, .error, .warning: .default
        case .informational: .informational
        case .verbose: .verbose
        }
    }
    return changed
  }
}
