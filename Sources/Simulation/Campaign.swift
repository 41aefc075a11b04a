import Foundation
public import Model
import Synchronization

/// Many schedules, one after the other on each of some threads.
public struct Campaign: Sendable {
  /// The first seed.
  public var first: UInt64
  /// How many schedules.
  public var count: UInt64
  /// The record types in them.
  public var kinds: [RecordKind]
  /// Which events they have many of.
  public var flavour: Schedule.Flavour
  /// The cache under the engine.
  public var cache: Simulator.Cache
  /// Stops after so many failing schedules.
  public var failureLimit: Int
  /// Ends it after so much wall-clock time; nil: after all schedules.
  public var seconds: Double?
  /// Prints each schedule's trace hash.
  public var printsHashes: Bool
  /// Compares each history with the same one whose process ends in its last round (`CrashComparison`).
  public var endsProcesses = false
  /// How many others each history has, whose process ends at a moment of it (`Branches`).
  public var branches = 0

  /// A campaign over these seeds.
  public init(
    first: UInt64, count: UInt64, kinds: [RecordKind] = [.contacts], flavour: Schedule.Flavour = .usual, cache: Simulator.Cache = .memory,
    failureLimit: Int = 1,
    seconds: Double? = nil, printsHashes: Bool = false
  ) {
    self.seconds = seconds
    self.kinds = kinds
    self.flavour = flavour
    self.first = first
    self.count = count
    self.cache = cache
    self.failureLimit = failureLimit
    self.printsHashes = printsHashes
  }

  /// A schedule that broke an invariant.
  public struct Failing: Sendable, Comparable, CustomStringConvertible {
    /// What it was drawn from.
    public var seed: UInt64
    /// Its number among the branches of the seed's history; nil: it is that history.
    public var branch: Int?

    /// Seed and branch, for people.
    public var description: String { branch.map { "seed \(seed) branch \($0)" } ?? "seed \(seed)" }

    /// By seed, a history before its branches.
    public static func < (one: Failing, other: Failing) -> Bool { (one.seed, one.branch ?? -1) < (other.seed, other.branch ?? -1) }
  }

  /// What a campaign showed.
  public struct Outcome: Sendable {
    /// Schedules run.
    public var done: UInt64 = 0
    /// Seeds that they are of: fewer where histories have branches.
    public var seeds: UInt64 = 0
    /// Those that broke an invariant.
    public var failing: [Failing] = []
    /// Requests that the engine made.
    public var calls = 0
    /// Ends of the process that were compared.
    public var ends = 0
    /// The most rounds that a schedule took to come to rest.
    public var longestCalm = 0
    /// How many schedules broke which invariant first.
    public var byInvariant: [String: Int] = [:]
    /// Wall-clock time in seconds.
    public var seconds = 0.0

    mutating func note(_ seed: UInt64, branch: Int? = nil, _ violation: Violation?) {
      done += 1
      if branch == nil { seeds += 1 }
      guard let violation else { return }
      failing.append(Failing(seed: seed, branch: branch))
      byInvariant[violation.invariant, default: 0] += 1
    }

    mutating func note(_ seed: UInt64, branch: Int? = nil, _ verdict: Verdict) {
      calls += verdict.calls
      longestCalm = max(longestCalm, verdict.roundsToCalm)
      note(seed, branch: branch, verdict.violations.first)
    }

    /// One line for people.
    public var summary: String {
      let rate = seconds > 0 ? Int(Double(done) / seconds) : 0
      let broken = byInvariant.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
      let what = ends > 0 ? "\(ends) ends of the process" : "\(calls) calls, at rest after at most \(longestCalm) rounds"
      return "\(done) schedules, \(failing.count) failing\(broken.isEmpty ? "" : " (\(broken))"), \(what), of \(seeds) seeds, \(rate)/s"
    }
  }

  /// Runs the campaign on so many threads.
  public func run(jobs: Int) -> Outcome {
    let outcome = Mutex(Outcome())
    let next = Mutex(first)
    let started = Date()
    let end = seconds.map { started.addingTimeInterval($0) } ?? .distantFuture
    let workers = (0..<max(1, jobs)).map { _ in
      Worker {
        while Date() < end, let seed = take(next, outcome) {
          if endsProcesses {
            let compared = CrashComparison(seed: seed, kinds: kinds, flavour: flavour, cache: cache).run()
            outcome.withLock { outcome in
              outcome.ends += compared.ends
              outcome.note(seed, compared.violations.first?.violation)
            }
            continue
          }
          let schedule = Simulator.schedule(seed: seed, kinds: kinds, flavour: flavour)
          let run = Branches(of: schedule, limit: branches, cache: cache)
          if printsHashes {
            for (name, verdict) in zip(["\(seed)"] + run.others.indices.map { "\(seed) branch \($0)" }, [run.whole] + run.others) {
              print(name, String(verdict.hash, radix: 16))
            }
          }
          outcome.withLock { outcome in
            outcome.note(seed, run.whole)
            for (number, verdict) in run.others.enumerated() { outcome.note(seed, branch: number, verdict) }
          }
        }
      }
    }
    for worker in workers { worker.start() }
    for worker in workers { worker.join() }
    return outcome.withLock {
      $0.seconds = Date().timeIntervalSince(started)
      return $0
    }
  }

  private func take(_ next: borrowing Mutex<UInt64>, _ outcome: borrowing Mutex<Outcome>) -> UInt64? {
    if outcome.withLock({ $0.failing.count >= failureLimit }) { return nil }
    return next.withLock { seed in
      guard seed < first + count else { return nil }
      defer { seed += 1 }
      return seed
    }
  }
}

/// A thread that can be waited for.
private final class Worker: Sendable {
  private let body: @Sendable () -> Void
  private let done = DispatchSemaphore(value: 0)

  init(_ body: @escaping @Sendable () -> Void) { self.body = body }

  func start() {
    let thread = Thread { [self] in
      body()
      done.signal()
    }
    thread.stackSize = 8 << 20
    thread.start()
  }

  func join() { done.wait() }
}
