/// What the engine takes from outside: time and randomness, passed in so that a seed replays a run exactly.
public struct Surroundings: Sendable {
  /// The wall clock.
  public var now: @Sendable () -> Timestamp
  /// 64 random bits.
  public var random: @Sendable () -> UInt64
  /// Waits; throws when the task is cancelled.
  public var sleep: @Sendable (_ milliseconds: Int64) async throws -> Void

  /// Creates the value from its parts.
  public init(
    now: @escaping @Sendable () -> Timestamp, random: @escaping @Sendable () -> UInt64,
    sleep: @escaping @Sendable (Int64) async throws -> Void
  ) {
    self.now = now
    self.random = random
    self.sleep = sleep
  }

  /// A new operation id: UUID version 7 (RFC 9562 section 5.7) without dashes, so that ids are ordered by time.
  public func operationID() -> OperationID {
    let time = UInt64(bitPattern: now().milliseconds) & 0xFFFF_FFFF_FFFF
    let high = time << 16 | 0x7000 | (random() & 0x0FFF)
    let low = 0x8000_0000_0000_0000 | (random() >> 2)
    return OperationID(rawValue: Self.hexadecimal(high, low))
  }

  private static func hexadecimal(_ high: UInt64, _ low: UInt64) -> String {
    String(unsafeUninitializedCapacity: 32) { buffer in
      for place in 0..<32 {
        let digit = UInt8((place < 16 ? high : low) >> UInt64(60 - place % 16 * 4) & 15)
        buffer[place] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
      }
      return 32
    }
  }
}
