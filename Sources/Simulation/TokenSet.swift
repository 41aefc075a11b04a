/// A set of small whole numbers: of texts that users wrote.
struct TokenSet: Sendable {
  private var words: [UInt64] = []

  func contains(_ number: Int) -> Bool { number >> 6 < words.count && words[number >> 6] >> UInt64(number & 63) & 1 == 1 }

  mutating func insert(_ number: Int) {
    while number >> 6 >= words.count { words.append(0) }
    words[number >> 6] |= 1 << UInt64(number & 63)
  }
}
