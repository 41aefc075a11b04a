/// How many records go into one request: half as many after each time-out, slowly more again while all goes well.
struct BatchSize: Sendable, Equatable {
  /// The configured size, which is never passed.
  let most: Int
  private(set) var current: Int

  init(most: Int) {
    self.most = max(most, 1)
    current = self.most
  }

  mutating func shrink() { current = max(1, current / 2) }

  mutating func grow() { current = min(most, current + max(1, current / 4)) }
}
