import Model
import Testing

@testable import Simulation

/// The engine with its real adapters over the sandbox's servers, and SQLite on a disk that loses what was not synced.
@Suite struct WireTests {
  @Test func `histories over the real protocols and the real cache break no invariant`() {
    var calls = 0
    for seed in 1...40 as ClosedRange<UInt64> {
      let verdict = Simulator.run(Simulator.schedule(seed: seed), cache: .wire)
      #expect(verdict.violations.isEmpty, "seed \(seed): \(verdict.violations)")
      calls += verdict.calls
    }
    #expect(calls > 1000)
  }

  @Test func `a creation that is carried out after its sender gave up is not made twice`() {
    let verdict = Simulator.run(Simulator.schedule(seed: 177), cache: .wire)
    #expect(verdict.violations.isEmpty, "\(verdict.violations)")
  }

  /// A meeting that is cancelled before it was marked with its record's id, and a record that is made anew.
  @Test(arguments: [174, 220] as [UInt64])
  func `a faulty seed of events that failed once passes`(seed: UInt64) {
    let verdict = Simulator.run(Simulator.schedule(seed: seed, kinds: [.events], flavour: .faulty), cache: .wire)
    #expect(verdict.violations.isEmpty, "\(verdict.violations)")
  }

  /// Batches that go side by side, a copy that its user moves, two events of one UID.
  @Test(arguments: [RecordKind.contacts, .events], [303, 319, 563] as [UInt64])
  func `a seed that failed once for a wrong check passes`(kind: RecordKind, seed: UInt64) {
    for isRare in [false, true] {
      let schedule = Simulator.schedule(seed: seed, kinds: [kind], flavour: isRare ? .rare : .faulty)
      let violations = Simulator.run(schedule, cache: .wire).violations
      #expect(violations.isEmpty, "\(violations)")
    }
  }

  /// Caches lost before an item was marked, in an ERP that fills in what it takes for granted; a user's copy of a doubled item.
  @Test(arguments: [402_297, 402_830, 403_254] as [UInt64])
  func `a faulty seed of contacts that failed once passes`(seed: UInt64) {
    let violations = Simulator.run(Simulator.schedule(seed: seed, flavour: .faulty), cache: .wire).violations
    #expect(violations.isEmpty, "\(violations)")
  }

  @Test func `what a user of the ERP changes in a record that is being written reaches the mailbox`() {
    let violations = Simulator.run(Simulator.schedule(seed: 401_322, kinds: [.events], flavour: .faulty), cache: .wire).violations
    #expect(violations.isEmpty, "\(violations)")
  }

  @Test func `a seed replays every byte of every request`() {
    for seed in 41...44 as ClosedRange<UInt64> {
      let verdicts = (0..<2).map { _ in Simulator.run(Simulator.schedule(seed: seed), cache: .wire) }
      #expect(verdicts[0].hash == verdicts[1].hash, "seed \(seed)")
    }
  }

  @Test func `a request that waits for its turn is under way when its server asks another one for a pause`() {
    let verdict = Simulator.run(Simulator.schedule(seed: 401_210, flavour: .faulty), cache: .wire)
    #expect(verdict.violations.isEmpty, "\(verdict.violations)")
  }
}
