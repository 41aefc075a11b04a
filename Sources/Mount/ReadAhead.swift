import Store
import Synchronization

/// Notices reads that run through neighbouring files and says how far ahead to push.
final class ReadAhead: Sendable {
  private struct State {
    var last: Int64 = 0
    var streak = 0
    var window = ReadAhead.firstWindow
  }

  private let state = Mutex(State())

  /// Files pushed at first, and at most.
  private static let firstWindow = 16
  private static let largestWindow = 512
  /// Reads in order before anything is pushed.
  private static let patience = 2

  /// How many files after this one to push; 0: none.
  func advice(onRead ino: Int64) -> Int {
    state.withLock { state in
      defer { state.last = ino }
      // The same directory, further on: the high bits of the number are the directory's.
      let isNext = ino > state.last && (ino ^ state.last) >> 49 == 0
      guard isNext else {
        if ino != state.last { (state.streak, state.window) = (0, Self.firstWindow) }
        return 0
      }
      state.streak += 1
      guard state.streak >= Self.patience else { return 0 }
      state.window = min(state.window * 2, Self.largestWindow)
      return state.window
    }
  }
}
