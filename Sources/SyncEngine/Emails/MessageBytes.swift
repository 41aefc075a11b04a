import Synchronization

/// Bounds what messages are held in memory at once, in bytes, over all mailboxes. A message is held several times over on its way: as it
/// came, taken apart, and encoded for the other side.
final class MessageBytes: Sendable {
  /// Bytes of the messages that go in one request; a larger one goes alone.
  static let ofBatch = 4 << 20
  /// Bytes of all messages that are under way.
  static let limit = 4 * ofBatch

  private struct Waiter: Sendable {
    let bytes: Int
    let continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var held = 0
    var waiting: [Waiter] = []

    /// One that is larger than everything together goes when nothing else is under way.
    mutating func admit(_ bytes: Int) -> Bool {
      guard held == 0 || held + bytes <= MessageBytes.limit else { return false }
      held += bytes
      return true
    }
  }

  private let state = Mutex(State())

  /// Waits until there is room. Who comes first goes first, so that a large one gets its turn.
  func enter(_ bytes: Int) async {
    if state.withLock({ $0.waiting.isEmpty && $0.admit(bytes) }) { return }
    await withCheckedContinuation { continuation in
      let isIn = state.withLock { state in
        if state.waiting.isEmpty, state.admit(bytes) { return true }
        state.waiting.append(Waiter(bytes: bytes, continuation: continuation))
        return false
      }
      if isIn { continuation.resume() }
    }
  }

  func leave(_ bytes: Int) {
    let admitted = state.withLock { state in
      state.held -= bytes
      var admitted: [Waiter] = []
      while let next = state.waiting.first, state.admit(next.bytes) { admitted.append(state.waiting.removeFirst()) }
      return admitted
    }
    for waiter in admitted { waiter.continuation.resume() }
  }
}

/// Messages of a mailbox that are read together.
struct MessageBatch<Element: Sendable>: Sendable {
  var elements: [Element] = []
  var bytes = 0

  /// Puts messages together, at most so many, and as many as `MessageBytes.ofBatch` allows. One whose size the server did not say goes alone.
  static func batches(_ elements: [Element], most: Int, size: (Element) -> Int?) -> [MessageBatch] {
    var batches: [MessageBatch] = []
    for element in elements {
      let bytes = size(element) ?? MessageBytes.ofBatch
      let fits = batches.last.map { $0.elements.count < most && $0.bytes + bytes <= MessageBytes.ofBatch } ?? false
      if !fits { batches.append(MessageBatch()) }
      batches[batches.count - 1].elements.append(element)
      batches[batches.count - 1].bytes += bytes
    }
    return batches
  }
}
