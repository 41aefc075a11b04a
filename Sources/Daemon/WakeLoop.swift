import Model
import SyncEngine
import Synchronization

/// What was told to have changed and has not been looked at yet.
struct Wakes: Sendable, Equatable {
  /// Record types by the address of the employee whose mailbox told.
  var mailboxes: [String: Set<RecordKind>] = [:]
  /// Record types of the ERP.
  var erp: Set<RecordKind> = []

  var isEmpty: Bool { mailboxes.isEmpty && erp.isEmpty }

  mutating func add(_ other: Wakes) {
    mailboxes.merge(other.mailboxes) { $0.union($1) }
    erp.formUnion(other.erp)
  }

  /// The rounds that look at all of it: the mailboxes first, then the ERP, which their changes have reached by then.
  /// - Parameter isPaused: whether an employee's wakes are for nothing; the schedule looks when the pause has ended.
  func demands(isPaused: (String) -> Bool) -> [Coordinator.Demand] {
    let awake = mailboxes.filter { !isPaused($0.key) }
    var demands = awake.isEmpty ? [] : [Coordinator.Demand.look(at: awake)]
    if !erp.isEmpty { demands.append(Coordinator.Demand(employees: nil, kinds: erp, isFull: false, origin: .erp)) }
    return demands
  }
}

/// Gathers wakes from any thread until they are taken.
final class WakeBox: Sendable {
  private let wakes = Mutex((held: Wakes(), since: ContinuousClock.Instant?.none))
  private let signal: AsyncStream<Void>.Continuation
  /// Says that there is something to take.
  let signals: AsyncStream<Void>

  init() { (signals, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

  func add(_ new: Wakes) {
    wakes.withLock { wakes in
      wakes.held.add(new)
      wakes.since = wakes.since ?? .now
    }
    signal.yield()
  }

  func add(mailbox: String, _ kinds: Set<RecordKind>) { add(Wakes(mailboxes: [mailbox: kinds])) }

  func add(erp kinds: Set<RecordKind>) { add(Wakes(erp: kinds)) }

  /// When the oldest of what waits came.
  var since: ContinuousClock.Instant? { wakes.withLock { $0.since } }

  func take() -> Wakes {
    wakes.withLock { wakes in
      defer { wakes = (Wakes(), nil) }
      return wakes.held
    }
  }
}

/// Runs the rounds that mailboxes and the ERP ask for by telling of changes. What comes while a round runs waits for the next.
struct WakeLoop: Sendable {
  let source: DaemonSource
  let box: WakeBox

  /// One action of a user is several events: so much time is given to them to come together.
  private static let gathering = Duration.milliseconds(250)
  /// The first pause before a round that failed is tried again, and the longest, in seconds.
  private static let pauses = (first: 30, longest: 1800)

  func run() async {
    var failures = 0
    for await _ in box.signals {
      // What came while the last round ran has waited long enough.
      if let since = box.since { do { try await Task.sleep(until: since + Self.gathering) } catch { return } }
      var again = Wakes()
      for demand in box.take().demands(isPaused: source.isPaused) { again.add(Self.failed(demand, await source.reports(demand))) }
      if Task.isCancelled { return }
      failures = again.isEmpty ? 0 : failures + 1
      if !again.isEmpty { later(again, failures) }
    }
  }

  /// What has to be looked at once more after a round.
  static func failed(_ demand: Coordinator.Demand, _ result: Result<[CycleReport], SyncError>) -> Wakes {
    func isWorthIt(_ error: SyncError) -> Bool { error.code != .held && error.code != .cancelled }
    var again = Wakes()
    switch result {
    case .failure(let error):
      guard isWorthIt(error) else { break }
      if demand.origin == .erp { again.erp = demand.kinds ?? [] }
      again.mailboxes = demand.told
    case .success(let reports):
      for report in reports where report.error.map(isWorthIt) ?? false {
        if demand.origin == .erp {
          again.erp.insert(report.kind)
        } else {
          again.mailboxes[report.employee, default: []].insert(report.kind)
        }
      }
    }
    return again
  }

  /// The events do not come again: what failed is looked at once more, after a pause that grows.
  private func later(_ wakes: Wakes, _ failures: Int) {
    let seconds = min(Self.pauses.first << min(failures - 1, 8), Self.pauses.longest)
    Task { [box] in
      try? await Task.sleep(for: .seconds(seconds))
      box.add(wakes)
    }
  }
}
