import Store

/// Where the process of a history may end in the middle of a round, and everything that outlives it.
struct Moment: Sendable {
  /// The write that was carried out last, or the commit.
  let place: Interruption.Place
  /// The number of the round's event.
  let round: Int
  let world: World
  let evidence: Evidence
  let cache: MemoryState
  /// The copy that somebody keeps of an older cache.
  let kept: MemoryState?
  /// Requests of the rounds before.
  let calls: Int
}

/// Some of the moments of one history, each as likely as any other (reservoir sampling, Vitter 1985).
struct Moments: Sendable {
  let limit: Int
  private var random: SeededRandom
  private var offered = 0
  private(set) var all: [Moment] = []

  init(limit: Int, seed: UInt64) {
    self.limit = limit
    random = SeededRandom(seed: seed ^ 0xb0a7)
  }

  mutating func offer(_ make: () -> Moment) {
    offered += 1
    if all.count < limit { return all.append(make()) }
    let place = random.below(offered)
    if place < limit { all[place] = make() }
  }

  mutating func drop(round: Int) { all.removeAll { $0.round == round } }
}

extension Schedule {
  /// This one up to a round in which the process ends; then something else.
  /// - Parameter number: which of all that may come then.
  func branch(at moment: Moment, number: Int) -> Schedule {
    var copy = self
    var generator = Generator(continuing: self, number: number)
    copy.events = Array(events[..<moment.round])
    copy.events.append(.end(moment.place))
    copy.events.append(events[moment.round])
    copy.events += generator.aftermath()
    return copy
  }
}

/// A history, and others that are the same up to a moment in one of its rounds: there the process ends. What they share runs once.
public struct Branches: Sendable {
  /// What the history showed.
  public let whole: Verdict
  /// What each of the others showed; none where the history itself breaks an invariant.
  public let others: [Verdict]

  /// Runs a history and so many others, which only the cache in memory has.
  public init(of schedule: Schedule, limit: Int, cache: Simulator.Cache = .memory) {
    let (verdict, moments) = Self.whole(schedule, limit, cache)
    whole = verdict
    others =
      verdict.violations.isEmpty
      ? moments.enumerated().map { number, moment in
        InlineExecutor.run { await Simulation(schedule: schedule.branch(at: moment, number: number), after: moment).recover() } ?? .stuck
      } : []
  }

  /// One of the others, as a schedule of its own, to be run from its beginning.
  /// - Parameter number: its place in `others`.
  /// - Returns: nil: there is none with this number.
  public static func schedule(of schedule: Schedule, number: Int, limit: Int) -> Schedule? {
    let moments = whole(schedule, limit, .memory).moments
    return moments.indices.contains(number) ? schedule.branch(at: moments[number], number: number) : nil
  }

  private static func whole(
    _ schedule: Schedule, _ limit: Int, _ cache: Simulator.Cache
  ) -> (verdict: Verdict, moments: [Moment]) {
    InlineExecutor.run {
      let simulation = Simulation(schedule: schedule, cache: cache, moments: limit, narrate: nil)
      let verdict = await simulation.run()
      return (verdict, simulation.moments.all)
    } ?? (.stuck, [])
  }
}
