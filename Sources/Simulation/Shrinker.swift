import Model

/// Cuts a failing schedule to few events: it leaves out ever smaller parts as long as the same invariant breaks (delta debugging, Zeller
/// and Hildebrandt 2002).
public struct Shrinker: Sendable {
  private let schedule: Schedule
  private let cache: Simulator.Cache

  /// A shrinker for a schedule that fails.
  public init(schedule: Schedule, cache: Simulator.Cache = .memory) {
    self.schedule = schedule
    self.cache = cache
  }

  /// The numbers of the events that are left. All, where the schedule does not fail.
  public func shrink() -> [Int] {
    var kept = Array(schedule.events.indices)
    guard let broken = Simulator.run(schedule, cache: cache).violations.first?.invariant else { return kept }
    var size = kept.count / 2
    while size >= 1 {
      var start = 0
      while start < kept.count {
        var fewer = kept
        fewer.removeSubrange(start..<min(start + size, kept.count))
        if Simulator.run(schedule.keeping(fewer), cache: cache).violations.first?.invariant == broken {
          kept = fewer
        } else {
          start += size
        }
      }
      size /= 2
    }
    return kept
  }
}

extension Schedule {
  /// The same without the other events.
  public func keeping(_ numbers: [Int]) -> Schedule {
    var copy = self
    copy.events = numbers.filter(events.indices.contains).map { events[$0] }
    return copy
  }

  /// How the world looks at first, for people.
  public var setupText: String {
    let policies = setup.policies.map { policy in
      let sections = policy.sections.sorted { $0.key < $1.key }.map { kind, section in
        "\(kind.rawValue) \(section.direction.rawValue) \(section.filter.rawValue)\(section.folder == nil ? "" : " own folder")"
          + "\(section.mergeByEmail ? " merge" : "")\(section.withoutCategory ? " without category" : "")"
      }
      return "\(policy.name): conflict \(policy.conflict.rawValue), \(sections.joined(separator: "; "))"
    }
    return policies.joined(separator: "\n") + "\nguards \(setup.guards), page \(setup.pageSize)"
  }
}
