import Model
import Store
import SyncEngine

/// Decides which cycles run when: one round at a time, requests join a round that covers them, paused employees wait.
actor Coordinator {
  /// Why a round is asked for.
  enum Origin: Sendable {
    /// A schedule or a person: whatever is under way serves as well.
    case request
    /// Mailboxes told of changes: a round that runs may have passed them already.
    case mailboxes
    /// The ERP told of a change: it is read, and carried to the mailboxes without asking them what changed there.
    case erp
  }

  /// What a request asks for.
  struct Demand: Sendable {
    /// Addresses; nil: all whose synchronization is on.
    var employees: [String]?
    var kinds: Set<RecordKind>?
    var isFull: Bool
    /// Somebody asks for these employees by name: what is left alone after many failures is tried too.
    var isUrged = false
    /// What is done before the cycles.
    var errand: Errand?
    var origin = Origin.request
    /// The record types that each mailbox told of, by the employee's address.
    var told: [String: Set<RecordKind>] = [:]

    /// To look at what mailboxes told of.
    static func look(at told: [String: Set<RecordKind>]) -> Demand {
      Demand(employees: told.keys.sorted(), kinds: nil, isFull: false, origin: .mailboxes, told: told)
    }
  }

  /// What a person wants back.
  enum Errand: Sendable {
    /// The values of an entry of the journal.
    case restore(Int64)
    /// What a run wrote, by the plan that was shown.
    case undo(run: String, plan: String)
  }

  private struct Round {
    var employees: Set<String>
    var kinds: Set<RecordKind>?
    var isFull: Bool
    var origin: Origin
    var task: Task<Result<[CycleReport], SyncError>, Never>

    /// Whether waiting for this round serves the demand for an employee.
    func covers(_ demand: Demand, _ employee: String) -> Bool {
      guard demand.origin == .request, origin != .erp, employees.contains(employee), isFull || !demand.isFull, demand.errand == nil else {
        return false
      }
      guard let kinds else { return true }
      return demand.kinds.map { $0.isSubset(of: kinds) } ?? false
    }
  }

  /// The configuration of the next round.
  private(set) var settings: Settings
  private let makeEngine: @Sendable (Settings) -> SyncEngine
  private var round: Round?
  private(set) var paused: Set<String> = []
  private(set) var allPaused = false

  init(settings: Settings, makeEngine: @escaping @Sendable (Settings) -> SyncEngine) {
    self.settings = settings
    self.makeEngine = makeEngine
  }

  /// Takes effect with the next round; who is left out is noted now.
  func reload(_ settings: Settings) throws(SyncError) {
    try makeEngine(settings).noteParticipants()
    self.settings = settings
  }

  /// Where the record types lie in the mailboxes, as far as the cache knows.
  func knownFolders() throws(SyncError) -> [(employee: Employee, kind: RecordKind, folder: FolderID)] {
    try makeEngine(settings).knownFolders()
  }

  /// Addresses of the employees that are being synchronized now.
  var running: Set<String> { round?.employees ?? [] }

  /// No new rounds for an employee, or for everybody (nil). A round that runs is finished.
  func pause(_ employee: String?) { if let employee { paused.insert(employee) } else { allPaused = true } }

  /// Ends a pause.
  func resume(_ employee: String?) {
    if let employee {
      paused.remove(employee)
    } else {
      allPaused = false
      paused = []
    }
  }

  /// Whether no round may start for the employee.
  func isPaused(_ employee: String) -> Bool { allPaused || paused.contains(employee) }

  /// Synchronizes, or joins the round that does it already. Returns when every employee asked for has been turned.
  func synchronize(_ demand: Demand) async -> Result<[CycleReport], SyncError> {
    if allPaused { return .failure(SyncError(.held, "synchronization is paused: write 'resume all' to .control/ctl first")) }
    if let name = demand.employees?.first(where: { paused.contains($0) }) {
      return .failure(SyncError(.held, "\(name) is paused: write 'resume \(name)' to .control/ctl first"))
    }
    var wanted = Set(demand.employees ?? settings.employees.filter(\.isSynchronized).map(\.email)).subtracting(paused)
    var reports: [CycleReport] = []
    while let current = round {
      let joined = wanted.filter { current.covers(demand, $0) }
      switch await current.task.value {
      case .success(let done) where !joined.isEmpty: reports += done.filter { joined.contains($0.employee) }
      case .failure(let error) where !joined.isEmpty: return .failure(error)
      default: break
      }
      wanted.subtract(joined)
      end(current.task)
      // Others may have started a round meanwhile: then it is waited for, and joined where it serves.
    }
    if wanted.isEmpty { return .success(reports) }
    let engine = makeEngine(settings)
    let turned = wanted
    let employees = turned.sorted()
    let task = Task { () async -> Result<[CycleReport], SyncError> in
      let result: Result<[CycleReport], SyncError>
      do throws(SyncError) {
        switch demand.errand {
        case .restore(let entry): _ = try await engine.restore(entry: entry)
        case .undo(let run, let plan): _ = try await engine.undo(run: run, approved: plan)
        case nil: break
        }
        switch demand.origin {
        case .request:
          result = .success(
            try await engine.synchronize(employees: employees, kinds: demand.kinds, full: demand.isFull, isUrged: demand.isUrged))
        case .mailboxes: result = .success(try await engine.attend(demand.told.filter { turned.contains($0.key) }))
        case .erp: result = .success(try await engine.carry(employees: employees, kinds: demand.kinds))
        }
      } catch {
        result = .failure(error)
      }
      await engine.close()
      return result
    }
    round = Round(employees: wanted, kinds: demand.kinds, isFull: demand.isFull, origin: demand.origin, task: task)
    let result = await task.value
    end(task)
    return result.map { reports + $0 }
  }

  /// The round has ended. Whoever hears of it first says so: waiting for it again would come back at once, and never let another job in.
  private func end(_ task: Task<Result<[CycleReport], SyncError>, Never>) { if round?.task == task { round = nil } }

  /// Ends the round that runs, between two writes.
  func cancel() async {
    round?.task.cancel()
    _ = await round?.task.value
  }
}
