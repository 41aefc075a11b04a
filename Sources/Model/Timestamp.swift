/// An instant on the UTC time line, in whole milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored (POSIX time).
public struct Timestamp: Hashable, Comparable, Sendable, Codable {
  /// Milliseconds since the POSIX epoch; negative before 1970.
  public var milliseconds: Int64

  /// An instant from milliseconds since the POSIX epoch.
  public init(milliseconds: Int64) { self.milliseconds = milliseconds }

  /// An instant from whole seconds since the POSIX epoch.
  public init(seconds: Int64) { milliseconds = seconds * 1000 }

  /// Whole seconds since the POSIX epoch, rounded down.
  public var seconds: Int64 { milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000 }

  /// Milliseconds past `seconds`, 0 to 999.
  public var millisecondOfSecond: Int64 { milliseconds - seconds * 1000 }

  /// Whether the left one comes first.
  public static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }

  /// The instant this many milliseconds later (or earlier, when negative).
  public func advanced(milliseconds delta: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds + delta) }

  /// Encoded as the bare number of milliseconds.
  public init(from decoder: any Decoder) throws { milliseconds = try decoder.singleValueContainer().decode(Int64.self) }

  /// Encoded as the bare number of milliseconds.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(milliseconds)
  }
}

extension Timestamp {
  /// Reads an ISO 8601 / XML Schema dateTime: `YYYY-MM-DDTHH:MM:SS`, 0 to 9 fraction digits, then `Z`, `±HH:MM`, or nothing.
  ///
  /// - Parameter assumedOffsetMinutes: the offset of a value that names none, east positive.
  /// - Returns: nil when the text is not of that form or a part is out of range.
  public init?(iso8601 text: some StringProtocol, assumedOffsetMinutes: Int = 0) {
    var scanner = DigitScanner(text.utf8)
    guard let date = scanner.civilDate(),
      scanner.skip(UInt8(ascii: "T")) || scanner.skip(UInt8(ascii: "t")) || scanner.skip(UInt8(ascii: " ")),
      let hour = scanner.number(digits: 2), scanner.skip(UInt8(ascii: ":")), let minute = scanner.number(digits: 2),
      hour <= 24, minute < 60
    else { return nil }
    var second = 0
    var fraction = 0
    if scanner.skip(UInt8(ascii: ":")) {
      guard let value = scanner.number(digits: 2), value <= 60 else { return nil }
      second = min(value, 59)
      if scanner.skip(UInt8(ascii: ".")) {
        guard let value = scanner.fractionMilliseconds() else { return nil }
        fraction = value
      }
    }
    guard let offset = scanner.offsetMinutes(otherwise: assumedOffsetMinutes), scanner.isAtEnd else { return nil }
    let daySeconds = Int64(hour * 3600 + minute * 60 + second) - Int64(offset) * 60
    milliseconds = (Int64(date.dayNumber) * 86_400 + daySeconds) * 1000 + Int64(fraction)
  }

  /// `YYYY-MM-DDTHH:MM:SSZ`: the form that EWS gives and that iCalendar tools and people read; fractions are cut.
  public var iso8601: String { "\(utcDate)T\(clock(separator: ":"))Z" }

  /// `YYYY-MM-DDTHH:MM:SS.mmm+00:00`: the form of ERP filter literals.
  public var iso8601Milliseconds: String { "\(utcDate)T\(clock(separator: ":")).\(padded(millisecondOfSecond, 3))+00:00" }

  /// `YYYYMMDDTHHMMSSZ`: RFC 5545 section 3.3.5 form 2, also valid in vCard 3.0 (RFC 2426 section 3.6.4).
  public var basicFormat: String {
    let date = utcDate
    return "\(padded(Int64(date.year), 4))\(padded(Int64(date.month), 2))\(padded(Int64(date.day), 2))T\(clock(separator: ""))Z"
  }

  /// The calendar date of this instant in UTC.
  public var utcDate: CivilDate { CivilDate(dayNumber: Int(seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400)) }

  private func clock(separator: String) -> String {
    let inDay = seconds - Int64(utcDate.dayNumber) * 86_400
    return [inDay / 3600, inDay / 60 % 60, inDay % 60].map { padded($0, 2) }.joined(separator: separator)
  }
}

/// Decimal digits padded with zeros on the left.
func padded(_ number: Int64, _ width: Int) -> String {
  let digits = String(number)
  return digits.count >= width ? digits : String(repeating: "0", count: width - digits.count) + digits
}
