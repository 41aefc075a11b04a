import Synchronization
import Testing

@testable import SyncEngine

@Suite(.timeLimit(.minutes(1))) struct RecordsLockTests {
  /// Who is in now, and what was seen so far.
  private struct Seen {
    var (sharers, exclusives) = (0, 0)
    var mostSharers = 0
    var hasMixed = false

    mutating func enter(_ mode: RecordsLock.Mode) {
      if mode == .shared { sharers += 1 } else { exclusives += 1 }
      mostSharers = max(mostSharers, sharers)
      if exclusives > 1 || exclusives == 1 && sharers > 0 { hasMixed = true }
    }

    mutating func leave(_ mode: RecordsLock.Mode) { if mode == .shared { sharers -= 1 } else { exclusives -= 1 } }
  }

  private final class Shared: Sendable { let value = Mutex(Seen()) }

  /// Many at once hold the lock for a moment.
  private func crowd(_ mode: @escaping @Sendable (Int) -> RecordsLock.Mode) async -> Seen {
    let lock = RecordsLock()
    let seen = Shared()
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<200 {
        group.addTask {
          let mode = mode(number)
          await lock.enter(mode)
          seen.value.withLock { $0.enter(mode) }
          for _ in 0..<10 { await Task.yield() }
          seen.value.withLock { $0.leave(mode) }
          lock.leave(mode)
        }
      }
    }
    return seen.value.withLock { $0 }
  }

  @Test func `sharers go together`() async {
    let seen = await crowd { _ in .shared }
    #expect(seen.mostSharers > 1)
  }

  @Test func `who needs all goes alone, and everybody gets a turn`() async {
    let seen = await crowd { $0 % 3 == 0 ? .exclusive : .shared }
    #expect(!seen.hasMixed && seen.sharers == 0 && seen.exclusives == 0)
  }

  @Test func `a hold becomes exclusive at once where nobody shares it, else after the others`() async {
    let lock = RecordsLock()
    var alone = await RecordsHold(lock)
    #expect(await alone.makeExclusive() == false)
    #expect(await alone.makeExclusive() == false)
    alone.end()
    let first = await RecordsHold(lock)
    let second = await RecordsHold(lock)
    let hasGone = Mutex(false)
    async let mustDecideAnew = {
      var hold = second
      let result = await hold.makeExclusive()
      #expect(hasGone.withLock { $0 })
      hold.end()
      return result
    }()
    while !lock.isWaitedFor { await Task.yield() }
    hasGone.withLock { $0 = true }
    first.end()
    #expect(await mustDecideAnew)
    await lock.enter(.exclusive)
    lock.leave(.exclusive)
  }
}
