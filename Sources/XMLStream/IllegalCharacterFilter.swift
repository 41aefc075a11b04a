/// Takes out of a UTF-8 document, piece by piece, what XML 1.0 forbids though Exchange sends it: raw control bytes, U+FFFE and U+FFFF, and
/// numeric references to forbidden characters (`&#x0;`, `&#31;`, `&#xFFFF;`). Everything else passes untouched, also what a strict parser
/// then refuses. What looks like a reference inside a CDATA section is plain text and passes.
///
/// State is carried over the borders of pieces: however a document is cut, the same bytes come out.
struct IllegalCharacterFilter {
  /// Bytes a reference may have before it is taken for something else and passed on: room for seven digits and some leading zeros.
  static let maximumReferenceBytes = 24

  private enum Decision {
    /// This many bytes are well.
    case keep(Int)
    /// This many bytes are to go.
    case drop(Int)
    /// The next piece decides.
    case undecided
  }

  private enum Match { case yes, no, undecided }

  private static let sectionStart = Array("<![CDATA[".utf8)
  private static let sectionEnd = Array("]]>".utf8)

  /// Bit n stands for byte n < 64: control bytes other than tab, line feed and carriage return.
  private static let controlBytes: UInt64 = 0xFFFF_FFFF & ~(1 << 0x09 | 1 << 0x0A | 1 << 0x0D)
  /// The same with `&` and `<`.
  private static let markupBytes: UInt64 = controlBytes | 1 << 0x26 | 1 << 0x3C

  /// The bytes at the end of a piece about which the next one decides.
  private var held: [UInt8] = []
  private var inSection = false

  /// Calls `pass` with what remains of `piece`, in runs as long as possible.
  mutating func filter(_ piece: UnsafeBufferPointer<UInt8>, _ pass: (UnsafeBufferPointer<UInt8>) -> Void) {
    var position = 0
    while !held.isEmpty, position < piece.count {
      let bytes = held + [piece[position]]
      position += 1
      held = []
      bytes.withUnsafeBufferPointer { filterFresh($0, pass) }
    }
    filterFresh(UnsafeBufferPointer(rebasing: piece[position...]), pass)
  }

  /// Passes what was held back; to be called once, after the last piece.
  mutating func finish(_ pass: (UnsafeBufferPointer<UInt8>) -> Void) {
    held.withUnsafeBufferPointer { if !$0.isEmpty { pass($0) } }
    held = []
  }

  private mutating func filterFresh(_ piece: UnsafeBufferPointer<UInt8>, _ pass: (UnsafeBufferPointer<UInt8>) -> Void) {
    var runStart = 0
    var position = 0
    func passRun() {
      if runStart < position { pass(UnsafeBufferPointer(rebasing: piece[runStart..<position])) }
    }
    while true {
      position = nextNoteworthy(in: piece, from: position)
      if position == piece.count { break }
      switch decide(piece, at: position) {
      case .keep(let count):
        position += count
      case .drop(let count):
        passRun()
        position += count
        runStart = position
      case .undecided:
        passRun()
        held = Array(piece[position...])
        return
      }
    }
    passRun()
  }

  /// The position of the next byte about which ``decide(_:at:)`` has to be asked, or the end.
  private func nextNoteworthy(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    let low = inSection ? Self.controlBytes : Self.markupBytes
    let bracket: UInt8 = inSection ? 0x5D : 0xEF
    var position = start
    while position < bytes.count {
      let byte = bytes[position]
      if byte < 64 ? (low >> UInt64(byte)) & 1 == 1 : byte == 0xEF || byte == bracket { return position }
      position += 1
    }
    return position
  }

  private mutating func decide(_ bytes: UnsafeBufferPointer<UInt8>, at position: Int) -> Decision {
    switch bytes[position] {
    case 0xEF: return Self.decideNoncharacter(bytes, at: position)
    case 0x26: return Self.decideReference(bytes, at: position)
    case 0x3C: return decideSection(bytes, at: position, border: Self.sectionStart, enters: true)
    case 0x5D: return decideSection(bytes, at: position, border: Self.sectionEnd, enters: false)
    default: return .drop(1)
    }
  }

  private mutating func decideSection(
    _ bytes: UnsafeBufferPointer<UInt8>, at position: Int, border: [UInt8], enters: Bool
  ) -> Decision {
    switch Self.match(bytes, at: position, border) {
    case .undecided: return .undecided
    case .no: return .keep(1)
    case .yes:
      inSection = enters
      return .keep(border.count)
    }
  }

  private static func match(_ bytes: UnsafeBufferPointer<UInt8>, at position: Int, _ pattern: [UInt8]) -> Match {
    for (offset, expected) in pattern.enumerated() {
      if position + offset == bytes.count { return .undecided }
      if bytes[position + offset] != expected { return .no }
    }
    return .yes
  }

  /// U+FFFE and U+FFFF are EF BF BE and EF BF BF; the byte order mark EF BB BF and all others pass.
  private static func decideNoncharacter(_ bytes: UnsafeBufferPointer<UInt8>, at position: Int) -> Decision {
    guard position + 1 < bytes.count else { return .undecided }
    guard bytes[position + 1] == 0xBF else { return .keep(1) }
    guard position + 2 < bytes.count else { return .undecided }
    return bytes[position + 2] >= 0xBE && bytes[position + 2] <= 0xBF ? .drop(3) : .keep(1)
  }

  private static func decideReference(_ bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> Decision {
    var position = start + 1
    guard position < bytes.count else { return .undecided }
    guard bytes[position] == 0x23 else { return .keep(1) }
    position += 1
    guard position < bytes.count else { return .undecided }
    var radix: UInt32 = 10
    if bytes[position] == 0x78 {
      radix = 16
      position += 1
    }
    var value: UInt32 = 0
    var digits = 0
    while position < bytes.count {
      let byte = bytes[position]
      if byte == 0x3B {
        let count = position + 1 - start
        return digits == 0 || isAllowed(value) ? .keep(count) : .drop(count)
      }
      guard let digit = digitValue(byte, radix: radix), position - start < maximumReferenceBytes else { return .keep(1) }
      // Saturates far above the last code point, so that a number too great stays forbidden.
      value = min(value * radix + digit, 0x0100_0000)
      digits += 1
      position += 1
    }
    return .undecided
  }

  private static func digitValue(_ byte: UInt8, radix: UInt32) -> UInt32? {
    switch byte {
    case 0x30...0x39: UInt32(byte) - 0x30
    case 0x41...0x46 where radix == 16: UInt32(byte) - 0x41 + 10
    case 0x61...0x66 where radix == 16: UInt32(byte) - 0x61 + 10
    default: nil
    }
  }

  /// The Char production of XML 1.0, section 2.2.
  static func isAllowed(_ codePoint: UInt32) -> Bool {
    switch codePoint {
    case 0x09, 0x0A, 0x0D, 0x20...0xD7FF, 0xE000...0xFFFD, 0x1_0000...0x10_FFFF: true
    default: false
    }
  }
}
