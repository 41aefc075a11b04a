import Model
import TimeZones

extension Zones {
  /// The zone database of the system.
  static let system = Zones(
    offset: { zone, instant in ZoneDatabase.offset(of: zone, at: instant.seconds) },
    transitions: { zone, start, end in
      ZoneDatabase.changes(of: zone, after: start.seconds, through: end.seconds)?.map {
        ZoneTransition(
          instant: Timestamp(seconds: $0.seconds), offsetBefore: $0.offsetBefore, offsetAfter: $0.offsetAfter, isDaylight: $0.isDaylight)
      }
    })
}
