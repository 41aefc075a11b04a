import FakeTransport
import Model
import Testing

@testable import Exchange

/// How many requests of an account go at once.
@Suite struct AccountGateTests {
  private static let busy = SyncError(.throttled, "busy", retry: .afterBackOff(milliseconds: 100))

  @Test func `no more requests go at once than the account may have connections`() async throws {
    let gate = AccountGate(limit: 3, surroundings: FakeClock().surroundings)
    let seen = Seen()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<40 {
        group.addTask {
          try await gate.pass { () async throws(SyncError) in
            await seen.enter()
            for _ in 0..<10 { await Task.yield() }
            await seen.leave()
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(await seen.most == 3)
  }

  @Test func `a refusal halves how many go at once; they grow again`() async throws {
    let gate = AccountGate(limit: 8, surroundings: FakeClock().surroundings)
    for expected in [4, 2, 1, 1] {
      _ = try? await gate.pass(mayRepeat: { _ in false }) { () async throws(SyncError) in throw Self.busy }
      #expect(await gate.currentWidth == expected)
    }
    for expected in [2, 2, 3] {
      try await gate.pass { () async throws(SyncError) in }
      #expect(await gate.currentWidth == expected)
    }
    for _ in 0..<100 { try await gate.pass { () async throws(SyncError) in } }
    #expect(await gate.currentWidth == 8)
  }

  @Test func `batches halve and grow, never past the configured size nor below one`() {
    var size = BatchSize(most: 100)
    for expected in [50, 25, 12, 6, 3, 1, 1] {
      size.shrink()
      #expect(size.current == expected)
    }
    for _ in 0..<50 { size.grow() }
    #expect(size.current == 100)
  }
}

private actor Seen {
  private var running = 0
  private(set) var most = 0

  func enter() {
    running += 1
    most = max(most, running)
  }

  func leave() { running -= 1 }
}
