import Foundation

/// A change of a zone's offset from UTC.
public struct ZoneChange: Sendable, Hashable {
  /// When, in seconds since the POSIX epoch.
  public let seconds: Int64
  /// Seconds east of UTC until then.
  public let offsetBefore: Int
  /// Seconds east of UTC from then on.
  public let offsetAfter: Int
  /// Whether daylight saving time holds from then on.
  public let isDaylight: Bool
}

/// The zone database (tzdata, as Foundation has it): offsets and their changes.
public enum ZoneDatabase {
  /// Between two samples no zone changes and changes back: the shortest stays are a few days, around Ramadan.
  private static let sample: Int64 = 86_400

  /// Whether the database has a zone of that IANA name.
  public static func has(_ iana: String) -> Bool { zone(iana) != nil }

  /// Seconds east of UTC at an instant (seconds since the POSIX epoch); nil for an unknown zone.
  public static func offset(of iana: String, at seconds: Int64) -> Int? { zone(iana).map { offset($0, seconds) } }

  /// The changes after one instant and up to another (seconds since the POSIX epoch), in order; nil for an unknown zone.
  public static func changes(of iana: String, after start: Int64, through end: Int64) -> [ZoneChange]? {
    guard let zone = zone(iana) else { return nil }
    var found: [ZoneChange] = []
    var place = start
    var known = offset(zone, start)
    while place < end {
      let next = min(place + sample, end)
      let offset = offset(zone, next)
      if offset != known {
        let change = firstChange(in: zone, after: place, through: next, from: known)
        let after = Self.offset(zone, change)
        found.append(
          ZoneChange(
            seconds: change, offsetBefore: known, offsetAfter: after,
            isDaylight: zone.isDaylightSavingTime(for: Date(timeIntervalSince1970: Double(change)))))
        known = after
        place = change
      } else {
        place = next
      }
    }
    return found
  }

  /// The first second with another offset, by halving.
  private static func firstChange(in zone: TimeZone, after start: Int64, through end: Int64, from known: Int) -> Int64 {
    var (low, high) = (start, end)
    while high - low > 1 {
      let middle = (low + high) / 2
      if offset(zone, middle) == known { low = middle } else { high = middle }
    }
    return high
  }

  private static func offset(_ zone: TimeZone, _ seconds: Int64) -> Int {
    zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
  }

  /// Foundation also takes abbreviations and offsets for names: those are no zones of the database.
  private static func zone(_ iana: String) -> TimeZone? {
    guard iana.contains("/") || iana == "UTC" || iana == "GMT", !iana.hasPrefix("/"), !iana.contains(".."),
      iana.utf8.allSatisfy({ $0 < 128 }), iana.utf8.count < 64
    else { return nil }
    return TimeZone(identifier: iana)
  }
}
