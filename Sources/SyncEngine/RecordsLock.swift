import Synchronization

/// A readers-writer lock over what all mailboxes share: the ERP's records. Cycles that write to their mailboxes alone go together; one that
/// writes to the ERP goes alone, so that what is decided rests on what is there when it is written. Who comes first goes first.
final class RecordsLock: Sendable {
  enum Mode: Sendable { case shared, exclusive }

  private struct Waiter: Sendable {
    let mode: Mode
    let continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var sharers = 0
    var isExclusive = false
    var waiting: [Waiter] = []

    mutating func admit(_ mode: Mode) -> Bool {
      guard !isExclusive, mode == .shared || sharers == 0 else { return false }
      if mode == .shared { sharers += 1 } else { isExclusive = true }
      return true
    }
  }

  private let state = Mutex(State())

  /// Waits for its turn, also when the task is cancelled: whoever holds the lock comes to an end soon then.
  func enter(_ mode: Mode) async {
    if state.withLock({ $0.waiting.isEmpty && $0.admit(mode) }) { return }
    await withCheckedContinuation { continuation in
      let isIn = state.withLock { state in
        if state.waiting.isEmpty, state.admit(mode) { return true }
        state.waiting.append(Waiter(mode: mode, continuation: continuation))
        return false
      }
      if isIn { continuation.resume() }
    }
  }

  func leave(_ mode: Mode) {
    let admitted = state.withLock { state in
      if mode == .shared { state.sharers -= 1 } else { state.isExclusive = false }
      var admitted: [Waiter] = []
      while let next = state.waiting.first, state.admit(next.mode) { admitted.append(state.waiting.removeFirst()) }
      return admitted
    }
    for waiter in admitted { waiter.continuation.resume() }
  }

  /// Whether anybody waits for a turn.
  var isWaitedFor: Bool { state.withLock { !$0.waiting.isEmpty } }

  /// Makes the only sharer's hold exclusive, before those who wait.
  /// - Returns: false where there are other sharers, and nothing has changed.
  func promote() -> Bool {
    state.withLock { state in
      guard state.sharers == 1 else { return false }
      (state.sharers, state.isExclusive) = (0, true)
      return true
    }
  }
}

/// One cycle's hold of the lock: shared at first, exclusive from the moment at which it has something to write to the ERP.
struct RecordsHold {
  private let lock: RecordsLock
  private var mode = RecordsLock.Mode.shared

  init(_ lock: RecordsLock) async {
    self.lock = lock
    await lock.enter(.shared)
  }

  /// - Returns: whether others held the lock meanwhile: then all has to be decided anew.
  mutating func makeExclusive() async -> Bool {
    if mode == .exclusive { return false }
    let isAlone = lock.promote()
    if !isAlone {
      lock.leave(.shared)
      await lock.enter(.exclusive)
    }
    mode = .exclusive
    return !isAlone
  }

  func end() { lock.leave(mode) }
}
