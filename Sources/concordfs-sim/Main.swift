import ArgumentParser
import Foundation
import Model
import Simulation
import Synchronization

@main
struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "concordfs-sim", abstract: "Runs the engine through random histories and checks that nothing is lost or doubled.")

  @Option(help: "The first seed.") var seed: UInt64 = 1
  @Option(help: "How many schedules.") var count: UInt64 = 1
  @Option(help: "Ends a campaign after so many seconds.") var seconds: Double?
  @Option(help: "Record types: contacts, tasks, events, or several with commas.") var kinds: String = "contacts"
  @Flag(help: "Histories with many events that seldom meet by chance.") var rare = false
  @Flag(help: "Histories whose mailboxes tell of their changes and are turned side by side.") var told = false
  @Flag(help: "Histories in which nearly every round has something go wrong.") var faulty = false
  @Flag(help: "Histories whose calendars have series; of events, over servers of objects.") var series = false
  @Flag(help: "Histories of few kinds of events around one or two records.") var dense = false
  @Flag(help: "Ends the process at each call and commit of each history's last round, and compares what both sides come to hold.")
  var ends = false
  @Option(
    help:
      "How many others each history has, which are the same up to a moment at which the process ends; over servers of objects, in memory.")
  var branches: Int = 0
  @Option(help: "With --count 1: runs this one of them alone, from its beginning.") var branch: Int?
  @Option(help: "Threads.") var jobs: Int = 2
  @Option(help: "objects: servers of objects; wire: the real adapters over the sandbox, SQLite on a disk that loses what was not synced.")
  var layer: String = "objects"
  @Option(help: "The cache under the engine over servers of objects: memory or sqlite.") var cache: String = "memory"
  @Option(help: "Only these events of the schedule, by number: 0,2,5.") var keep: String?
  @Option(help: "Stop after so many failing schedules.") var failures: Int = 1
  @Flag(help: "Tell everything that happens.") var narrate = false
  @Flag(help: "Print each schedule's trace hash.") var hashes = false
  @Flag(help: "Do not cut failing schedules to their few events.") var whole = false

  mutating func run() throws {
    guard ["objects", "wire"].contains(layer) else { throw ValidationError("--layer is objects or wire") }
    guard let cache = Simulator.Cache(rawValue: layer == "wire" ? layer : cache), layer == cache.rawValue || cache != .wire else {
      throw ValidationError("--cache is memory or sqlite")
    }
    let names = kinds.split(separator: ",").map(String.init)
    let wanted = names.compactMap(RecordKind.init(rawValue:)).filter(Simulator.kinds.contains)
    guard wanted.count == names.count, !wanted.isEmpty else {
      throw ValidationError("--kinds is one or several of \(Simulator.kinds.map(\.rawValue).joined(separator: ", "))")
    }
    if wanted.contains(.emails) && layer == "wire" { throw ValidationError("emails are simulated with --layer objects alone") }
    if series && (layer == "wire" || !wanted.contains(.events)) {
      throw ValidationError("--series needs --kinds events and --layer objects")
    }
    guard branches == 0 || layer == "objects" && cache == .memory && !ends else {
      throw ValidationError("--branches needs --layer objects and --cache memory, without --ends")
    }
    if ends && count == 1 { return try compareEnds(wanted, cache) }
    if count == 1 && (branches == 0 || branch != nil) { return try single(wanted, cache) }
    var campaign = Campaign(
      first: seed, count: count, kinds: wanted, flavour: flavour, cache: cache, failureLimit: failures, seconds: seconds,
      printsHashes: hashes)
    campaign.endsProcesses = ends
    campaign.branches = branches
    let outcome = campaign.run(jobs: jobs)
    print(outcome.summary)
    for failing in outcome.failing.sorted() {
      let options = (layer == "wire" ? " --layer wire" : "") + " --kinds \(kinds)" + (flavour == .usual ? "" : " --\(flavour.rawValue)")
      if ends {
        print("\(failing), replay: concordfs-sim --ends --narrate\(options) --seed \(failing.seed)")
        continue
      }
      let schedule = try schedule(of: failing.seed, branch: failing.branch, wanted)
      let kept = whole ? Array(schedule.events.indices) : Shrinker(schedule: schedule, cache: cache).shrink()
      let verdict = Simulator.run(schedule.keeping(kept), cache: cache)
      print("\(failing): \(verdict.violations.first?.description ?? "passes when run alone")")
      let events = kept.map(String.init).joined(separator: ",")
      print("  replay: concordfs-sim --narrate\(options) \(failing.options(branches)) --keep \(events)")
    }
    if !outcome.failing.isEmpty { throw ExitCode.failure }
  }

  private var flavour: Simulation.Schedule.Flavour {
    series ? .series : told ? .told : rare ? .rare : faulty ? .faulty : dense ? .dense : .usual
  }

  private func compareEnds(_ kinds: [RecordKind], _ cache: Simulator.Cache) throws {
    let comparison = CrashComparison(seed: seed, kinds: kinds, flavour: flavour, cache: cache)
    let outcome = comparison.run()
    if narrate, let first = outcome.violations.first {
      _ = Simulator.run(comparison.interrupted(by: first.place), cache: cache) { line in print(line) }
    }
    print("seed \(seed): \(outcome.ends) ends of the process, \(outcome.violations.count) change what is there at last")
    for (interruption, violation) in outcome.violations { print("\(interruption.place), \(interruption.fault): \(violation)") }
    if !outcome.violations.isEmpty { throw ExitCode.failure }
  }

  private func schedule(of seed: UInt64, branch: Int?, _ kinds: [RecordKind]) throws -> Simulation.Schedule {
    let whole = Simulator.schedule(seed: seed, kinds: kinds, flavour: flavour)
    guard let number = branch else { return whole }
    guard let schedule = Branches.schedule(of: whole, number: number, limit: branches) else {
      throw ValidationError("with --branches \(branches) the history of seed \(seed) has no branch \(number)")
    }
    return schedule
  }

  private func single(_ kinds: [RecordKind], _ cache: Simulator.Cache) throws {
    var schedule = try schedule(of: seed, branch: branch, kinds)
    if let keep { schedule = schedule.keeping(keep.split(separator: ",").compactMap { Int($0) }) }
    if narrate {
      print(schedule.setupText)
      for (index, event) in schedule.events.enumerated() { print("\(index): \(event)") }
    }
    var teller: (@Sendable (String) -> Void)?
    if narrate { teller = { line in print(line) } }
    let verdict = Simulator.run(schedule, cache: cache, narrate: teller)
    print("seed \(seed): hash \(String(verdict.hash, radix: 16)), \(verdict.calls) calls, calm after \(verdict.roundsToCalm) rounds")
    for violation in verdict.violations { print(violation) }
    if !verdict.violations.isEmpty { throw ExitCode.failure }
  }
}

extension Campaign.Failing {
  /// What replays it.
  fileprivate func options(_ branches: Int) -> String {
    "--seed \(seed)" + (branch.map { " --branches \(branches) --branch \($0)" } ?? "")
  }
}
