import Configuration
import Control
import Foundation
public import Model
import Store
public import SyncEngine

/// What the commands do, over one configuration.
public struct Service: Sendable {
  /// The version of this program, as `User-Agent`, `status` and `--version` show it.
  public static let version = "0.1.0"

  /// The configuration in force.
  public let settings: Settings
  let configurationPath: String

  /// A service over a configuration that was read from this path.
  public init(settings: Settings, configurationPath: String) {
    self.settings = settings
    self.configurationPath = configurationPath
  }

  /// Synchronizes now, in this process. Refused while a daemon owns the store: that one is asked by its control file instead.
  /// - Throws: `storage` when the store is in use; `configuration` for unknown employees.
  public func synchronize(
    employees: [String]?, kinds: Set<RecordKind>?, full: Bool, progress: @escaping @Sendable (CycleProgress) -> Void,
    log: @escaping @Sendable (LogEntry) -> Void
  ) async throws(SyncError) -> [CycleReport] {
    try check(employees)
    return try await withEngine(log: log) { engine throws(SyncError) in
      try await engine.synchronize(employees: employees, kinds: kinds, full: full, isUrged: employees != nil, progress: progress)
    }
  }

  /// Puts back what an entry of the journal lost, then synchronizes the employee concerned. Refused while a daemon owns the store.
  /// - Throws: `notFound` for an unknown entry; `storage` when the store is in use.
  public func restore(entry: Int64, log: @escaping @Sendable (LogEntry) -> Void) async throws(SyncError) -> [CycleReport] {
    try await withEngine(log: log) { engine throws(SyncError) in
      let employee = try await engine.restore(entry: entry)
      return try await engine.synchronize(employees: [employee], kinds: nil, full: false, isUrged: true)
    }
  }

  /// The reverse of a run as a plan. Writes nowhere; beside a running daemon too.
  public func undoPlan(run: String) async throws(SyncError) -> UndoPlan {
    let settings = try await Self.completed(settings)
    let store = try Store(path: settings.store, readOnly: true)
    defer { store.close() }
    let connections = try Connections(settings, isReadOnly: true)
    let engine = SyncEngine(settings: settings, parts: connections.parts(store: store, installation: .system(settings), echo: { _ in }))
    do throws(SyncError) {
      let plan = try await engine.undo(run: run, approved: nil)
      await connections.close()
      return plan
    } catch {
      await connections.close()
      throw error
    }
  }

  /// Takes back what a run wrote by the plan that was shown, then synchronizes the employee concerned. Refused while a daemon owns the store.
  public func undo(run: String, plan: String, log: @escaping @Sendable (LogEntry) -> Void) async throws(SyncError) -> [CycleReport] {
    try await withEngine(log: log) { engine throws(SyncError) in
      let done = try await engine.undo(run: run, approved: plan)
      return try await engine.synchronize(employees: [done.employee], kinds: nil, full: false, isUrged: true)
    }
  }

  /// Runs something with the store, the servers and an engine over them, and leaves all in order.
  private func withEngine<Answer>(
    log: @escaping @Sendable (LogEntry) -> Void, _ body: (SyncEngine) async throws(SyncError) -> Answer
  ) async throws(SyncError) -> Answer {
    let lock = try StoreLock.acquire(path: settings.store)
    defer { lock.release() }
    let store = try Store(path: settings.store)
    defer { store.close() }
    let settings = try await Self.completed(settings)
    let engine = SyncEngine(
      settings: settings, parts: try Connections(settings).parts(store: store, installation: .system(settings), echo: log))
    do throws(SyncError) {
      let answer = try await body(engine)
      await engine.close()
      return answer
    } catch {
      await engine.close()
      throw error
    }
  }

  /// What the next cycle would do. Works on a copy of the cache, beside a running daemon too, and writes nowhere.
  public func plan(employees: [String]?, kinds: Set<RecordKind>?) async throws(SyncError) -> [PlanLine] {
    try check(employees)
    let settings = try await Self.completed(settings)
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("concordfs-plan-\(UUID().uuidString)").path
    do {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch { throw SyncError(.storage, "no directory for the plan's copy of the cache: \(error.localizedDescription)") }
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/plan.db"
    if FileManager.default.fileExists(atPath: settings.store) {
      let original = try Store(path: settings.store, readOnly: true)
      defer { original.close() }
      try original.copy(to: path)
    }
    let copy = try Store(path: path)
    defer { copy.close() }
    let connections = try Connections(settings, isReadOnly: true)
    let engine = SyncEngine(settings: settings, parts: connections.parts(store: copy, installation: .system(settings), echo: { _ in }))
    do throws(SyncError) {
      let lines = try await engine.plan(employees: employees, kinds: kinds)
      await connections.close()
      return lines
    } catch {
      await connections.close()
      throw error
    }
  }

  /// Every employee named exists, else an error that lists those that do.
  public func check(_ employees: [String]?) throws(SyncError) {
    for name in employees ?? [] where !settings.employees.contains(where: { $0.email == name }) {
      let known = settings.employees.map(\.email).joined(separator: ", ")
      throw SyncError(.notFound, "there is no employee '\(name)' in \(configurationPath); there are: \(known)")
    }
  }
}
