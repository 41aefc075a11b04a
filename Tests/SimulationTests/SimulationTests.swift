import Model
import Synchronization
import Testing

import struct Simulation.Schedule

@testable import Simulation

/// The engine on rails: the same seed does the same, over either cache, and no seed breaks an invariant.
@Suite struct SimulationTests {
  @Test(arguments: [UInt64](1...40))
  func `the same seed leaves the same trace`(seed: UInt64) {
    let schedule = Simulator.schedule(seed: seed)
    #expect(schedule.events == Simulator.schedule(seed: seed).events)
    #expect(Simulator.run(schedule).hash == Simulator.run(schedule).hash)
  }

  @Test(arguments: [UInt64](1...25))
  func `the cache in memory and the one in SQLite give the same trace`(seed: UInt64) {
    // Caches that are exchanged exist in memory alone.
    let schedule = Simulator.schedule(seed: seed)
    let exchanges = schedule.events.contains { event in
      if case .admin(let act, _) = event { return [.wipeCache, .keepCache, .restoreCache].contains(act) }
      return false
    }
    guard !exchanges else { return }
    #expect(Simulator.run(schedule, cache: .memory).hash == Simulator.run(schedule, cache: .sqlite).hash)
  }

  @Test func `other seeds do other things`() {
    let hashes = Set((1...20).map { Simulator.run(Simulator.schedule(seed: UInt64($0))).hash })
    #expect(hashes.count > 15)
  }

  @Test(arguments: [[RecordKind.contacts], [.tasks], [.events], [.emails], [.contacts, .tasks, .events]], Schedule.Flavour.allCases)
  func `what goes on where a process ended does what the whole history does from its beginning`(
    kinds: [RecordKind], flavour: Schedule.Flavour
  ) throws {
    // Only calendars have series.
    if flavour == .series && kinds != [.events] { return }
    for seed in UInt64(1)...10 {
      let schedule = Simulator.schedule(seed: seed, kinds: kinds, flavour: flavour)
      let branches = Branches(of: schedule, limit: 4)
      #expect(branches.whole.hash == Simulator.run(schedule).hash)
      for (number, verdict) in branches.others.enumerated() {
        let whole = Simulator.run(try #require(Branches.schedule(of: schedule, number: number, limit: 4)))
        #expect(verdict.hash == whole.hash, "seed \(seed) branch \(number) of \(kinds) \(flavour)")
        #expect(verdict.violations.map(\.text) == whole.violations.map(\.text) && verdict.calls == whole.calls)
      }
    }
  }

  @Test func `hundreds of random histories lose and double nothing`() {
    let outcome = Campaign(first: 1, count: 400).run(jobs: 2)
    #expect(outcome.failing.isEmpty, "replay with: concordfs-sim --narrate \(outcome.failing)")
    #expect(outcome.done == 400)
  }

  @Test(arguments: [[RecordKind.tasks], [.events], [.emails], [.contacts, .tasks, .events]])
  func `random histories of the other types lose and double nothing, and tell nobody unasked`(kinds: [RecordKind]) {
    let outcome = Campaign(first: 1, count: 100, kinds: kinds).run(jobs: 2)
    let names = kinds.map(\.rawValue).joined(separator: ",")
    #expect(outcome.failing.isEmpty, "replay with: concordfs-sim --narrate --kinds \(names) \(outcome.failing)")
    #expect(outcome.done == 100)
  }

  @Test(arguments: [[RecordKind.contacts], [.tasks], [.events], [.contacts, .tasks, .events]])
  func `mailboxes that told of changes are turned side by side, and lose and double nothing`(kinds: [RecordKind]) {
    for seed in UInt64(1)...150 {
      let schedule = Simulator.schedule(seed: seed, kinds: kinds, flavour: .told)
      let verdict = Simulator.run(schedule)
      #expect(verdict.violations.isEmpty, "seed \(seed) of \(kinds): \(verdict.violations.map(\.text))")
      if seed <= 5 { #expect(verdict.hash == Simulator.run(schedule).hash, "seed \(seed) of \(kinds)") }
    }
  }

  @Test func `series and their occurrences are carried once each, and whoever changes one changes that alone`() {
    let outcome = Campaign(first: 1, count: 100, kinds: [.events], flavour: .series).run(jobs: 2)
    #expect(outcome.failing.isEmpty, "replay with: concordfs-sim --narrate --kinds events --series \(outcome.failing)")
    #expect(outcome.done == 100)
  }

  @Test(
    arguments: [
      809, 10695, 481706, 14206, 16595, 17174, 17733, 20565, 22018, 22597, 23039, 113109, 409443, 413850, 417944, 419753, 734098, 801571,
      815150, 826903,
    ] as [UInt64])
  func `a history of series that failed once passes`(seed: UInt64) {
    #expect(Simulator.run(Simulator.schedule(seed: seed, kinds: [.events], flavour: .series)).violations.isEmpty)
  }

  @Test(arguments: [[RecordKind.contacts], [.tasks], [.events], [.contacts, .tasks, .events]])
  func `what meets often around one record loses and doubles nothing`(kinds: [RecordKind]) {
    let outcome = Campaign(first: 1, count: 100, kinds: kinds, flavour: .dense).run(jobs: 2)
    let names = kinds.map(\.rawValue).joined(separator: ",")
    #expect(outcome.failing.isEmpty, "replay with: concordfs-sim --narrate --kinds \(names) --dense \(outcome.failing)")
    #expect(outcome.done == 100)
  }

  @Test(
    arguments: [609, 621, 956, 100442, 100603, 100858, 100875, 101101, 103701, 202596, 206651, 509391, 518104, 522857] as [UInt64],
    [RecordKind.contacts, .tasks, .events])
  func `a dense history that failed once passes`(seed: UInt64, kind: RecordKind) {
    #expect(Simulator.run(Simulator.schedule(seed: seed, kinds: [kind], flavour: .dense)).violations.isEmpty)
  }

  @Test func `a dense history of all types that failed once passes`() {
    let schedule = Simulator.schedule(seed: 421162, kinds: [.contacts, .tasks, .events], flavour: .dense)
    #expect(Simulator.run(schedule).violations.isEmpty)
  }

  @Test func `a history that is narrated is the same, also where its process ends at a commit`() throws {
    let whole = Simulator.schedule(seed: 413727, kinds: [.events], flavour: .dense)
    let schedule = try #require(Branches.schedule(of: whole, number: 9, limit: 12))
    let lines = Mutex<[String]>([])
    let narrated = Simulator.run(schedule, narrate: { line in lines.withLock { $0.append(line) } })
    #expect(narrated.hash == Simulator.run(schedule).hash)
    #expect(lines.withLock { $0 }.contains { $0.contains("crash after commit") })
  }

  /// Of the kinds and flavour of a campaign: the seed and number of each branch that failed once.
  private static let branches: [([RecordKind], Schedule.Flavour, [(UInt64, Int)])] = [
    ([.contacts], .usual, [(411367, 2), (411367, 5), (416570, 3)]),
    ([.contacts], .rare, [(405120, 3), (411367, 2), (413846, 3), (416429, 1), (420143, 2), (420803, 4), (616699, 4)]),
    ([.events], .usual, [(403076, 0)]),
    ([.tasks], .usual, [(406420, 10), (417942, 1)]),
    ([.contacts], .told, [(400496, 3)]),
    ([.tasks], .rare, [(413403, 5)]),
    ([.events], .rare, [(410659, 10), (417372, 1), (418624, 10)]),
    (
      [.contacts], .dense,
      [
        (405624, 7), (407569, 6), (409348, 5), (411488, 4), (408768, 0), (408768, 9), (513523, 5), (601987, 4), (603563, 7), (608075, 8),
        (622113, 6),
      ]
    ),
    ([.tasks], .dense, [(401362, 4), (410528, 6), (411318, 9), (431547, 5), (511080, 6), (519926, 9), (602974, 10)]),
    ([.events], .dense, [(403705, 3), (410616, 7), (410616, 10), (413727, 9), (505727, 7), (401256, 5)]),
    ([.contacts, .tasks, .events], .dense, [(406518, 2)]),
    ([.events], .series, [(400356, 9), (405222, 8), (405273, 1), (422062, 7), (605969, 8)]),
    ([.emails], .usual, [(600514, 3), (601314, 0)]),
    ([.emails], .dense, [(700813, 2), (704699, 0), (705958, 1)]),
    ([.emails], .rare, [(600212, 4), (603734, 10)]),
  ]

  @Test func `a branch that failed once passes`() {
    for (kinds, flavour, names) in Self.branches {
      for (seed, number) in names {
        let branches = Branches(of: Simulator.schedule(seed: seed, kinds: kinds, flavour: flavour), limit: 12)
        #expect(branches.others.indices.contains(number))
        let broken = branches.others.enumerated().filter { !$0.element.violations.isEmpty }.map(\.offset)
        #expect(broken.isEmpty, "\(kinds) \(flavour) seed \(seed)")
      }
    }
  }

  /// Seeds that failed once, each with what it found: they stay right.
  @Test(
    arguments: [
      103, 138, 149, 415, 606, 677, 824, 1362, 1392, 1590, 1613, 1740, 2184, 2212, 2292, 2393, 2470, 3545, 3741, 3806, 3869, 7229, 7670,
      8092, 9713, 10164, 12183, 12184, 12837, 15042, 15755, 16358, 17320, 18516, 19540, 21944, 26560,
      32524, 35439, 56080, 61170, 63076, 77322, 78814, 83457, 97309, 300198, 302348, 320525, 414443, 416949, 516986,
      1114546, 1114718, 1114719, 2028002, 2034531, 2053797, 3043782,
    ] as [UInt64])
  func `a seed that failed once passes`(seed: UInt64) {
    #expect(Simulator.run(Simulator.schedule(seed: seed)).violations.isEmpty)
  }

  @Test(
    arguments: [
      8532, 14891, 15478, 16582, 16922, 23782, 24460, 25352, 29000, 32695, 36806, 38040, 50586, 59796, 323144, 407764, 413758,
      415415, 429606, 502271, 1000914, 1020011, 1034228, 1105821, 1122645, 1133761, 1136569, 1149065, 2035416, 2058866, 3020641, 3023272,
      3072295, 5015258,
    ] as [UInt64])
  func `a rare seed that failed once passes`(seed: UInt64) {
    #expect(Simulator.run(Simulator.schedule(seed: seed, flavour: .rare)).violations.isEmpty)
  }

  @Test(
    arguments: [
      275, 1297, 1434, 3914, 4087, 4617, 7442, 10622, 15109, 15514, 16198, 17532, 31581, 31780, 39259, 43896, 60130, 500702, 1000770,
      2000882,
      1030389, 1131400,
    ]
      as [UInt64],
    [RecordKind.tasks, .events])
  func `a seed of tasks or events that failed once passes`(seed: UInt64, kind: RecordKind) {
    #expect(Simulator.run(Simulator.schedule(seed: seed, kinds: [kind])).violations.isEmpty)
  }

  @Test(
    arguments: [
      3687, 7190, 8105, 10447, 11975, 14554, 16492, 16740, 19460, 20690, 32286, 37656, 71104, 301926, 310864, 323398, 413004, 614274,
      1052856, 1092658, 1132524, 2006663, 2075720, 3056975, 3090812,
    ] as [UInt64], [RecordKind.tasks, .events])
  func `a rare history of tasks or events that failed once passes`(seed: UInt64, kind: RecordKind) {
    #expect(Simulator.run(Simulator.schedule(seed: seed, kinds: [kind], flavour: .rare)).violations.isEmpty)
  }

  @Test(
    arguments: [104672, 314369, 401044, 426131, 413413, 415127, 438666, 470666, 490130, 499704, 613194] as [UInt64],
    [RecordKind.contacts, .emails])
  func `a seed of mailboxes that told of changes that failed once passes`(seed: UInt64, kind: RecordKind) {
    #expect(Simulator.run(Simulator.schedule(seed: seed, kinds: [kind], flavour: .told)).violations.isEmpty)
  }

  @Test(
    arguments: [12, 60, 817, 2508, 3227, 3291, 3686, 3894, 4016, 7365, 8493, 21303, 23135, 30823, 45379, 95032, 424972, 3085082] as [UInt64]
  )
  func `a seed of all types together that failed once passes`(seed: UInt64) {
    #expect(Simulator.run(Simulator.schedule(seed: seed, kinds: [.contacts, .tasks, .events])).violations.isEmpty)
  }

  @Test(arguments: [[RecordKind.contacts], [.tasks], [.events], [.emails], [.contacts, .tasks, .events]])
  func `wherever the process ends in a round, both sides come to hold the same`(kinds: [RecordKind]) {
    var ends = 0
    for seed in UInt64(1)...12 {
      let outcome = CrashComparison(seed: seed, kinds: kinds).run()
      ends += outcome.ends
      #expect(outcome.violations.isEmpty, "seed \(seed) of \(kinds): \(outcome.violations.prefix(1))")
    }
    #expect(ends > 400)
  }

  /// Messages that moved away while their creation in the ERP was in doubt, copies of a message, half of an activity's files.
  @Test(
    arguments: [
      96, 123, 138, 780, 1912, 2519, 2893, 4245, 8610, 104813, 110999, 115821, 116659, 116680, 117458, 602159,
    ] as [UInt64], [false, true])
  func `a seed of emails that failed once passes`(seed: UInt64, isRare: Bool) {
    #expect(Simulator.run(Simulator.schedule(seed: seed, kinds: [.emails], flavour: isRare ? .rare : .usual)).violations.isEmpty)
  }

  @Test func `a schedule is cut to the events that its failure needs`() {
    // A schedule that does not fail keeps all of them.
    let schedule = Simulator.schedule(seed: 1)
    #expect(Shrinker(schedule: schedule).shrink() == Array(schedule.events.indices))
    #expect(schedule.keeping([0, 2]).events == [schedule.events[0], schedule.events[2]])
  }
}
