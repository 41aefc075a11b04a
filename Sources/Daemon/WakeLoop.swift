import Model
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
    let groups = Dictionary(grouping: awake.keys, by: { awake[$0] ?? [] }).sorted {
      $0.key.sorted().lexicographicallyPrecedes($1.key.sorted())
    }
    var demands = groups.map {
      Coordinator.Demand(employees: $0.value.sorted(), kinds: $0.key, isFull: false, origin: .mailbox)
    }
    if !erp.isEmpty { demands.append(Coordinator.Demand(employees: nil, kinds: erp, isFull: false, origin: .erp)) }
    return demands
  }
}

/// Gathers wakes from any thread until they are taken.
final class WakeBox: Sendable {
  private let wakes = Mutex(Wakes())
  private let signal: AsyncStream<Void>.Continuation
  /// Says that there is something to take.
  let signals: AsyncStream<Void>

  init() { (signals, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

  func add(_ new: Wakes) {
    wakes.withLock { $0.add(new) }
    signal.yield()
  }

  func add(mailbox: String, _ kinds: Set<RecordKind>) { add(Wakes(mailboxes: [mailbox: kinds])) }

  func add(erp kinds: Set<RecordKind>) { add(Wakes(erp: kinds)) }

  func take() -> Wakes {
    wakes.withLock { wakes in
      defer { wakes = Wakes() }
      return wakes
    }
  }
}

/// Runs the rounds that mailboxes and the ERP ask for by telling of changes. What comes while a round runs waits for the next.
struct WakeLoop: Sendable {
  let source: DaemonSource
  let box: WakeBox

  /// One action of a user is several events: so many milliseconds are given to them to come together.
  private static let gathering = 250
  /// The first pause before a round that failed is tried again, and the longest, in seconds.
  private static let pauses = (first: 30, longest: 1800)

  func run() async {
    var failures = 0
    for await _ in box.signals {
      do { try await Task.sleep(for: .milliseconds(Self.gathering)) } catch { return }
      let wakes = box.take()
      var again = Wakes()
      for demand in wakes.demands(isPaused: source.isPaused) {
        guard case .failure(let error) = await source.synchronize(demand), error.code != .held, error.code != .cancelled else { continue }
        if demand.origin == .erp { again.erp.formUnion(demand.kinds ?? []) }
        for employee in demand.employees ?? [] { again.mailboxes[employee] = demand.kinds }
      }
      if Task.isCancelled { return }
      failures = again.isEmpty ? 0 : failures + 1
      if !again.isEmpty { later(again, failures) }
    }
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
