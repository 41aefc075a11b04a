/// Lets the requests of mailboxes that are turned at once, and of batches that go side by side, to the servers one after the other: what each has
/// changed is looked at before the next one comes. `@unchecked Sendable`: as `World`.
final class WireTurns: @unchecked Sendable {
  private var isTaken = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  func enter() async {
    if isTaken { await withCheckedContinuation { waiting.append($0) } } else { isTaken = true }
  }

  func leave() {
    if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
  }
}
