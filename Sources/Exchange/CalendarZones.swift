import Model
import TimeZones
import XMLStream

/// Times of calendar items: instants on the wire, dates for whole days, zones by their Windows names.
enum CalendarZones {
  /// The IANA zone of `t:StartTimeZone`: by its name, else by the rules that it brings along, as a customized one does. Nil where neither is
  /// known: then only instants are.
  /// - Parameter time: when the event is, as the item has it.
  static func zone(_ element: XMLElement?, at time: String?) -> String? {
    guard let element else { return nil }
    if let known = element.attribute("Id").flatMap({ WindowsZones.iana(of: $0) }) { return known }
    guard let year = time.flatMap({ Timestamp(iso8601: $0) })?.utcDate.year else { return nil }
    return ZoneDefinition(element)?.zone(in: year)
  }

  /// The Windows id to send for a zone; UTC where there is none.
  static func windows(_ iana: String?) -> String { iana.flatMap { WindowsZones.windows(of: $0) } ?? "UTC" }

  /// A day as whole-day events have it. Of an unknown zone the nearest midnight is meant.
  static func date(_ instant: Timestamp, zone: String?) -> CivilDate {
    guard let offset = zone.flatMap({ ZoneDatabase.offset(of: $0, at: instant.seconds) }) else {
      return instant.advanced(milliseconds: 12 * 3_600_000).utcDate
    }
    return Timestamp(seconds: instant.seconds + Int64(offset)).utcDate
  }

  /// The instant of a clock's time in a zone; one that a change of the clocks skips counts from before the change, one that comes twice is
  /// the first (RFC 5545 section 3.3.5).
  static func instant(_ date: CivilDate, second: Int, zone: String?) -> Timestamp {
    let local = Int64(date.dayNumber) * 86_400 + Int64(second)
    guard let zone, let before = ZoneDatabase.offset(of: zone, at: local - 86_400) else { return Timestamp(seconds: local) }
    let first = local - Int64(before)
    guard let after = ZoneDatabase.offset(of: zone, at: first), after != before else { return Timestamp(seconds: first) }
    let second = local - Int64(after)
    return Timestamp(seconds: ZoneDatabase.offset(of: zone, at: second) == after ? second : first)
  }

  /// The second of the day on a zone's clocks.
  static func second(_ instant: Timestamp, zone: String?) -> Int {
    let offset = zone.flatMap { ZoneDatabase.offset(of: $0, at: instant.seconds) } ?? 0
    let local = instant.seconds + Int64(offset)
    return Int(local - Int64(Timestamp(seconds: local).utcDate.dayNumber) * 86_400)
  }
}
