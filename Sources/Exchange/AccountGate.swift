import Model

/// Lets only so many requests of an account go at once, and none before a back-off has ended: all mailboxes of a delegate share its budget.
actor AccountGate {
  private let limit: Int
  private let surroundings: Surroundings
  private var running = 0
  private var waiting: [CheckedContinuation<Void, Never>] = []
  private var pauseEnds: Timestamp?

  init(limit: Int, surroundings: Surroundings) {
    self.limit = limit
    self.surroundings = surroundings
  }

  /// Runs one request when its turn has come.
  func pass<Answer: Sendable>(_ request: @Sendable () async throws(SyncError) -> Answer) async throws(SyncError) -> Answer {
    await enter()
    defer { leave() }
    while let end = pauseEnds {
      let left = end.milliseconds - surroundings.now().milliseconds
      if left <= 0 {
        pauseEnds = nil
        break
      }
      do { try await surroundings.sleep(left) } catch { throw SyncError(.cancelled, "cancelled while Exchange asked for a pause") }
    }
    do throws(SyncError) {
      return try await request()
    } catch {
      pause(for: error)
      throw error
    }
  }

  /// Lets no request go before the time that an error names.
  func pause(for error: SyncError) {
    guard case .afterBackOff(let milliseconds) = error.retry else { return }
    let end = surroundings.now().advanced(milliseconds: milliseconds)
    pauseEnds = max(pauseEnds ?? end, end)
  }

  private func enter() async {
    if running >= limit { await withCheckedContinuation { waiting.append($0) } } else { running += 1 }
  }

  private func leave() {
    if waiting.isEmpty { running -= 1 } else { waiting.removeFirst().resume() }
  }
}
