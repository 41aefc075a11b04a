import FaultyDisk
import Model
import Store

/// The engine's cache on the disk of a `Wire`, with what the schedule has in store for its commits.
struct WireCache: RecordStore {
  let wire: Wire
  private var world: World { wire.world }

  /// Where the cache counts its commits, so that a lost one is noticed.
  static let counter = "simulated commits"
  /// Writes of a commit that a fault may pick: more than a small one has.
  private static let picks = 6

  init(wire: Wire) { self.wire = wire }

  func read<Answer>(_ body: (any RecordReader) throws -> Answer) throws(SyncError) -> Answer {
    try wire.store.read { reader in try body(reader) }
  }

  func write<Answer>(_ body: (any RecordTransaction) throws -> Answer) throws(SyncError) -> Answer {
    if world.isCrashed { throw World.crash }
    let fault = wire.isInRound ? world.faultOfCommit() : nil
    switch fault {
    case .crash(after: false):
      wire.disk.arm(.powerCut, after: wire.random.below(Self.picks), count: 1)
      _ = try? commit(body)
      world.isCrashed = true
      throw World.crash
    case .crash(after: true):
      _ = try? commit(body)
      world.isCrashed = true
      throw World.crash
    case .diskFull:
      wire.disk.arm(wire.random.chance(50) ? .full : .writeError, after: wire.random.below(Self.picks), count: wire.random.below(3))
      defer { wire.disk.disarm() }
      return try commit(body)
    case .edit(let event, _):
      wire.waiting.append(event)
      return try commit(body)
    default: return try commit(body)
    }
  }

  private func commit<Answer>(_ body: (any RecordTransaction) throws -> Answer) throws(SyncError) -> Answer {
    let number = wire.acknowledged + 1
    let answer = try wire.store.write { transaction in
      let answer = try body(transaction)
      try transaction.setMeta(Self.counter, String(number))
      return answer
    }
    wire.acknowledged = number
    return answer
  }
}
