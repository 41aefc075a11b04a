import Synchronization
import Testing

@testable import SyncEngine

/// How much of messages is held at once.
@Suite(.timeLimit(.minutes(1))) struct MessageBytesTests {
  private struct Seen {
    var (held, most, messages, mostMessages) = (0, 0, 0, 0)
  }

  private final class Shared: Sendable { let value = Mutex(Seen()) }

  /// Many at once hold messages of these sizes for a moment.
  private func crowd(_ sizes: [Int]) async -> Seen {
    let (bytes, seen) = (MessageBytes(), Shared())
    await withTaskGroup(of: Void.self) { group in
      for size in sizes {
        group.addTask {
          await bytes.enter(size)
          seen.value.withLock { seen in
            (seen.held, seen.messages) = (seen.held + size, seen.messages + 1)
            (seen.most, seen.mostMessages) = (max(seen.most, seen.held), max(seen.mostMessages, seen.messages))
          }
          for _ in 0..<10 { await Task.yield() }
          seen.value.withLock { ($0.held, $0.messages) = ($0.held - size, $0.messages - 1) }
          bytes.leave(size)
        }
      }
    }
    return seen.value.withLock { $0 }
  }

  @Test func `batches go together up to the limit, and never beyond`() async {
    let seen = await crowd((0..<200).map { _ in MessageBytes.ofBatch })
    #expect(seen.most == MessageBytes.limit && seen.held == 0)
  }

  @Test func `a message that is larger than the limit goes alone, and everybody gets a turn`() async {
    let seen = await crowd((0..<200).map { _ in 40 << 20 })
    #expect(seen.mostMessages == 1 && seen.held == 0)
    let mixed = await crowd((0..<200).map { $0 % 9 == 0 ? 40 << 20 : 1 << 20 })
    #expect(mixed.most == 40 << 20 && mixed.held == 0)
  }

  @Test func `messages are put together by number and by bytes; a large one and one of unknown size go alone`() {
    let sizes: [Int?] = [100, 200, 300, 4 << 20, 100, 5 << 20, nil, 100, 3 << 20, 2 << 20]
    let batches = MessageBatch.batches(sizes, most: 2) { $0 }
    #expect(batches.map(\.elements) == [[100, 200], [300], [4 << 20], [100], [5 << 20], [nil], [100, 3 << 20], [2 << 20]])
    #expect(batches.map(\.bytes) == [300, 300, 4 << 20, 100, 5 << 20, 4 << 20, 100 + (3 << 20), 2 << 20])
  }
}
