import Model

/// Lets only so many requests of an account go at once, and none before a back-off has ended: all mailboxes of a delegate share its budget.
///
/// A request that the server refused for being busy was not carried out: it waits as long as it was told and goes again. Each refusal
/// halves how many go at once; they grow again, one for each full round that went well.
actor AccountGate {
  /// How often one request is refused before its caller hears of it.
  private static let patience = 6
  /// The longest pause that is waited out, in milliseconds; a longer one is the caller's to know.
  private static let longestWait: Int64 = 300_000

  private let limit: Int
  private let surroundings: Surroundings
  private var width: Int
  private var running = 0
  private var wentWell = 0
  private var waiting: [CheckedContinuation<Void, Never>] = []
  private var pauseEnds: Timestamp?

  init(limit: Int, surroundings: Surroundings) {
    self.limit = limit
    self.surroundings = surroundings
    width = limit
  }

  /// How many may go at once now.
  var currentWidth: Int { width }

  /// Runs one request when its turn has come, again when the server was too busy for it.
  /// - Parameter mayRepeat: whether a request refused so may go again.
  func pass<Answer: Sendable>(
    mayRepeat: @Sendable (SyncError) -> Bool = { _ in true }, _ request: @Sendable () async throws(SyncError) -> Answer
  ) async throws(SyncError) -> Answer {
    var refusals = 0
    while true {
      do throws(SyncError) {
        return try await once(request)
      } catch {
        guard case .afterBackOff(let milliseconds) = error.retry else { throw error }
        refusals += 1
        guard milliseconds <= Self.longestWait, refusals < Self.patience, mayRepeat(error) else { throw error }
      }
    }
  }

  private func once<Answer: Sendable>(_ request: @Sendable () async throws(SyncError) -> Answer) async throws(SyncError) -> Answer {
    await enter()
    defer { leave() }
    try await waitForPause()
    do throws(SyncError) {
      let answer = try await request()
      widen()
      return answer
    } catch {
      pause(for: error)
      throw error
    }
  }

  /// Waits until no back-off runs.
  /// - Throws: `throttled` where that would take too long.
  func waitForPause() async throws(SyncError) {
    while let end = pauseEnds {
      let left = end.milliseconds - surroundings.now().milliseconds
      if left <= 0 {
        pauseEnds = nil
        return
      }
      guard left <= Self.longestWait else {
        throw SyncError(
          .throttled, "Exchange asked this account for a pause until \(end.iso8601)", retry: .afterBackOff(milliseconds: left))
      }
      do { try await surroundings.sleep(left) } catch { throw SyncError(.cancelled, "cancelled while Exchange asked for a pause") }
    }
  }

  /// Lets no request go before the time that an error names, and fewer at once afterwards.
  func pause(for error: SyncError) {
    guard case .afterBackOff(let milliseconds) = error.retry else { return }
    let end = surroundings.now().advanced(milliseconds: milliseconds)
    // Refusals of requests that went together are one.
    if pauseEnds == nil { width = max(1, width / 2) }
    pauseEnds = max(pauseEnds ?? end, end)
    wentWell = 0
  }

  private func widen() {
    guard width < limit else { return }
    wentWell += 1
    guard wentWell >= width else { return }
    wentWell = 0
    width += 1
    while running < width, !waiting.isEmpty {
      running += 1
      waiting.removeFirst().resume()
    }
  }

  private func enter() async {
    if running >= width { await withCheckedContinuation { waiting.append($0) } } else { running += 1 }
  }

  private func leave() {
    if waiting.isEmpty || running > width { running -= 1 } else { waiting.removeFirst().resume() }
  }
}
