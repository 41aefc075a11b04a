/// A change of a zone's offset from UTC.
public struct ZoneTransition: Sendable, Hashable {
  /// When.
  public var instant: Timestamp
  /// Seconds east of UTC until then.
  public var offsetBefore: Int
  /// Seconds east of UTC from then on.
  public var offsetAfter: Int
  /// Whether daylight saving time holds from then on.
  public var isDaylight: Bool

  /// Creates the value from its parts.
  public init(instant: Timestamp, offsetBefore: Int, offsetAfter: Int, isDaylight: Bool) {
    self.instant = instant
    self.offsetBefore = offsetBefore
    self.offsetAfter = offsetAfter
    self.isDaylight = isDaylight
  }
}

/// The zone database as a value, so that what is pure stays so: offsets and their changes by IANA name.
public struct Zones: Sendable {
  /// Seconds east of UTC at an instant; nil for an unknown zone.
  public var offset: @Sendable (_ zone: String, _ at: Timestamp) -> Int?
  /// The transitions after one instant and up to another, in order; nil for an unknown zone.
  public var transitions: @Sendable (_ zone: String, _ after: Timestamp, _ through: Timestamp) -> [ZoneTransition]?

  /// A database.
  public init(
    offset: @escaping @Sendable (String, Timestamp) -> Int?,
    transitions: @escaping @Sendable (String, Timestamp, Timestamp) -> [ZoneTransition]?
  ) {
    self.offset = offset
    self.transitions = transitions
  }

  /// A database that knows no zone: every time is shown in UTC.
  public static let none = Zones(offset: { _, _ in nil }, transitions: { _, _, _ in nil })

  /// The date and the second of the day on the clocks of a zone; UTC's where the zone is unknown or not given.
  public func local(_ instant: Timestamp, zone: String?) -> (date: CivilDate, second: Int) {
    let offset = zone.flatMap { self.offset($0, instant) } ?? 0
    let shifted = Timestamp(seconds: instant.seconds + Int64(offset))
    let date = shifted.utcDate
    return (date, Int(shifted.seconds - Int64(date.dayNumber) * 86_400))
  }
}
