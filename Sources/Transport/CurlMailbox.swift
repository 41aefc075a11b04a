import CurlShim
import Model
import Synchronization

/// What other threads tell the loop thread.
enum CurlCommand: Sendable {
  case start(HTTPJob)
  case cancel(identifier: UInt64)
}

/// The way into the loop thread, and the only thing that it shares with others.
final class CurlMailbox: Sendable {
  private struct State {
    var commands: [CurlCommand] = []
    var isClosing = false
    /// The address of the multi handle as long as it may be woken. A number, since pointers do not cross threads in Swift's eyes; only
    /// `curlshim_multi_wakeup`, which may be called from any thread, is done with it, under this lock.
    var multiAddress: UInt?
  }

  private let state = Mutex(State())

  /// Puts a command in and wakes the loop. False when the loop is closing: it will not be carried out.
  func post(_ command: CurlCommand) -> Bool {
    state.withLock { state in
      guard !state.isClosing else { return false }
      state.commands.append(command)
      if state.commands.count == 1 { Self.wake(state) }
      return true
    }
  }

  /// Makes the loop break off everything and end.
  func close() {
    state.withLock { state in
      state.isClosing = true
      Self.wake(state)
    }
  }

  /// All commands since the last call, and whether to end.
  func take() -> (commands: [CurlCommand], isClosing: Bool) {
    state.withLock { state in
      defer { state.commands = [] }
      return (state.commands, state.isClosing)
    }
  }

  /// To be called by the loop: with the handle's address when it exists, with nil before it is freed.
  func setMulti(address: UInt?) {
    state.withLock { $0.multiAddress = address }
  }

  private static func wake(_ state: State) {
    if let multi = state.multiAddress.flatMap({ OpaquePointer(bitPattern: $0) }) { curlshim_multi_wakeup(multi) }
  }
}
