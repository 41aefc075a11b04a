import Control
import Synchronization

/// A write to a control file whose answer is still due: an interrupted writer gets it at once.
final class PendingWrite: Sendable {
  private struct State {
    var handle: (any ControlWriteHandle)?
    var isDone = false
    var isInterrupted = false
  }

  private let state = Mutex(State())

  /// The write goes on; from now on it can be given up.
  func wait(for handle: any ControlWriteHandle) {
    let giveUp = state.withLock { state in
      if !state.isDone { state.handle = handle }
      return state.isInterrupted && !state.isDone
    }
    if giveUp { handle.cancel() }
  }

  /// The writer was interrupted.
  func interrupt() {
    let handle = state.withLock { state in
      state.isInterrupted = true
      return state.isDone ? nil : state.handle
    }
    handle?.cancel()
  }

  /// The write was answered.
  func finish() {
    state.withLock { state in
      state.isDone = true
      state.handle = nil
    }
  }
}
