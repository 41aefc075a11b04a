public import Model

/// I11: wherever the process ends in a round, both sides come to hold what they would have held otherwise.
///
/// The history of a seed runs without faults; then again for each end of its last round: before and after each call and each commit.
public struct CrashComparison: Sendable {
  /// What the comparison of one history showed.
  public struct Outcome: Sendable {
    /// Ends of the process that were tried.
    public var ends = 0
    /// What broke, and the place of the end that broke it.
    public var violations: [(place: Interruption, violation: Violation)] = []
  }

  private let schedule: Schedule
  private let cache: Simulator.Cache

  /// A comparison for the history of a seed.
  public init(seed: UInt64, kinds: [RecordKind] = [.contacts], flavour: Schedule.Flavour = .usual, cache: Simulator.Cache = .memory) {
    var schedule = Simulator.schedule(seed: seed, kinds: kinds, flavour: flavour)
    schedule.events.removeAll { if case .interrupt = $0 { true } else { false } }
    // Guards count by round, and an end makes two of one.
    schedule.setup.guards = Guards()
    self.schedule = schedule
    self.cache = cache
  }

  /// Tries each end.
  public func run() -> Outcome {
    var outcome = Outcome()
    guard let whole = end(of: schedule), whole.violations.isEmpty else { return outcome }
    let places = (0..<whole.calls).map { Interruption.Place.call($0 + 1) } + (0..<whole.commits).map { .commit($0 + 1) }
    for place in places {
      for isAfter in [false, true] {
        let interruption = Interruption(place: place, fault: .crash(after: isAfter))
        outcome.ends += 1
        guard let other = end(of: interrupted(by: interruption)) else { continue }
        if let violation = other.violations.first {
          outcome.violations.append((interruption, violation))
        } else if other.records != whole.records {
          let (before, now) = (whole.records.subtracting(other.records), other.records.subtracting(whole.records))
          outcome.violations.append((interruption, Violation(invariant: "I11", text: "\(before.described) became \(now.described)")))
        }
      }
    }
    return outcome
  }

  /// The history, with an interruption of its last round, for a person who replays it.
  public func interrupted(by interruption: Interruption) -> Schedule {
    var copy = schedule
    copy.events.insert(.interrupt(interruption), at: max(0, copy.events.count - 1))
    return copy
  }

  private struct End: Sendable {
    var records: Bag
    var violations: [Violation]
    var calls: Int
    var commits: Int
  }

  private func end(of schedule: Schedule) -> End? {
    InlineExecutor.run { [cache] in
      let simulation = Simulation(schedule: schedule, cache: cache, narrate: nil)
      let verdict = await simulation.run()
      return End(
        records: Bag(simulation.world), violations: verdict.violations, calls: simulation.lastRound.calls,
        commits: simulation.lastRound.commits)
    }
  }
}

/// What both sides hold, each as often as it is there: by values and partners, not by ids and times, which differ from run to run.
private struct Bag: Sendable, Equatable {
  private var counts: [String: Int] = [:]

  init(_ world: World) {
    var partners: [EntityID: String] = [:]
    for entity in world.entities {
      let text = "\(entity.kind) of \(entity.owner ?? "nobody")\(entity.isActive ? "" : ", inactive"): \(Self.text(entity.fields))"
      partners[entity.id] = text
      counts[text, default: 0] += 1
    }
    // An ERP that lists nothing of a kind is not believed until a person looks: which round it was read in decides.
    let kinds = Set(world.entities.map(\.kind))
    for box in world.mailboxes {
      // What those invited were sent: mail that may have gone is not sent again.
      for item in box.items where item.form != .attendeeCopy && kinds.contains(item.kind) {
        let partner = item.foreignID.map { partners[$0] ?? "one that is gone" } ?? "none"
        let place = "\(item.kind) of \(box.address), \(item.place)\(item.isPrivate ? ", private" : "")"
        counts["\(place): \(Self.text(item.fields)) with \(partner)", default: 0] += 1
      }
    }
  }

  private static func text(_ fields: Fields) -> String {
    fields.entries.sorted { $0.field < $1.field }.map { "\($0.field.rawValue)=\($0.value.display)" }.joined(separator: " ")
  }

  func subtracting(_ other: Bag) -> Bag {
    var rest = self
    rest.counts = counts.reduce(into: [:]) { left, entry in
      let more = entry.value - (other.counts[entry.key] ?? 0)
      if more > 0 { left[entry.key] = more }
    }
    return rest
  }

  var described: String {
    counts.isEmpty ? "nothing" : counts.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }.joined(separator: "; ")
  }
}
