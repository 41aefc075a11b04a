import Model

/// Writes time zones as iCalendar has them (RFC 5545 section 3.6.5), from the transitions of the zone database.
enum VTimeZone {
  /// How long after its start a series without end is looked at, in seconds: 40 years. From then on the last rule holds.
  private static let horizon: Int64 = 40 * 366 * 86_400
  /// Before the first time and after the last one of a file, in seconds: a year, so that both of its offsets are there.
  private static let margin: Int64 = 366 * 86_400
  /// So many transitions of one form in consecutive years are taken for a rule.
  private static let ruleLength = 3

  /// Whether the zone is UTC: times are then written with Z.
  static func isUTC(_ zone: String) -> Bool { ["Etc/UTC", "UTC", "Etc/GMT", "GMT"].contains(zone) }

  /// One VTIMEZONE a zone, in the order of names.
  /// - Parameter times: every time of the file that names a zone.
  static func write(_ times: [(zone: String, instant: Timestamp)], isSeries: Bool, _ zones: Zones, _ lines: inout ContentLines) {
    for name in Set(times.map(\.zone)).sorted() where !isUTC(name) {
      let instants = times.filter { $0.zone == name }.map(\.instant.seconds)
      guard let first = instants.min(), let last = instants.max() else { continue }
      let begin = Timestamp(seconds: first - margin)
      let end = Timestamp(seconds: last + (isSeries ? horizon : margin))
      guard let initial = zones.offset(name, begin), let transitions = zones.transitions(name, begin, end) else { continue }
      lines.add("BEGIN", "VTIMEZONE")
      lines.add("TZID", ContentLines.text(name))
      // What holds before the first transition.
      let start = String(Timestamp(seconds: begin.seconds + Int64(initial)).basicFormat.dropLast())
      let before = Observance(isDaylight: false, offsetBefore: initial, offsetAfter: initial, second: 0)
      write(before, start: start, rule: nil, more: [], &lines)
      let openEnds = isSeries ? Set(transitions.suffix(2).map(\.instant)) : []
      for (observance, days) in grouped(transitions) { write(observance, days, openEnds: openEnds, &lines) }
      lines.add("END", "VTIMEZONE")
    }
  }

  /// What transitions of one form have in common.
  private struct Observance: Hashable {
    var isDaylight: Bool
    var offsetBefore: Int
    var offsetAfter: Int
    /// Second of the day on the clocks before the change.
    var second: Int
  }

  /// A transition by the calendar.
  private struct Day {
    var instant: Timestamp
    /// `YYYYMMDDTHHMMSS` on the clocks before the change.
    var local: String
    var date: CivilDate
    /// 0 Sunday to 6 Saturday.
    var weekday: Int
    /// Which one of its weekday in the month, 1 to 5, and whether it is the last.
    var number: Int
    var isLast: Bool
  }

  private static func grouped(_ transitions: [ZoneTransition]) -> [(Observance, [Day])] {
    var order: [Observance] = []
    var groups: [Observance: [Day]] = [:]
    for transition in transitions {
      let local = Timestamp(seconds: transition.instant.seconds + Int64(transition.offsetBefore))
      let date = local.utcDate
      let observance = Observance(
        isDaylight: transition.isDaylight, offsetBefore: transition.offsetBefore, offsetAfter: transition.offsetAfter,
        second: Int(local.seconds - Int64(date.dayNumber) * 86_400))
      let isLast = CivilDate(year: date.year, month: date.month, day: date.day + 7) == nil
      let day = Day(
        instant: transition.instant, local: String(local.basicFormat.dropLast()), date: date,
        weekday: ((date.dayNumber + 4) % 7 + 7) % 7, number: (date.day - 1) / 7 + 1, isLast: isLast)
      if groups[observance] == nil { order.append(observance) }
      groups[observance, default: []].append(day)
    }
    return order.map { ($0, groups[$0] ?? []) }
  }

  /// Runs of consecutive years by a rule, everything else date by date.
  private static func write(_ observance: Observance, _ days: [Day], openEnds: Set<Timestamp>, _ lines: inout ContentLines) {
    var single: [Day] = []
    var index = 0
    while index < days.count {
      let run = run(days[index...])
      if run.days.count >= ruleLength, let last = run.days.last {
        let until = openEnds.contains(last.instant) ? "" : ";UNTIL=\(last.instant.basicFormat)"
        write(
          observance, start: days[index].local, rule: "FREQ=YEARLY;BYMONTH=\(last.date.month);BYDAY=\(run.day)\(until)", more: [], &lines)
        index += run.days.count
      } else {
        single.append(days[index])
        index += 1
      }
    }
    if let first = single.first { write(observance, start: first.local, rule: nil, more: single.dropFirst().map(\.local), &lines) }
  }

  /// The longest run from the first day on: one a year, on the same weekday of the month, counted from its beginning or its end.
  private static func run(_ days: ArraySlice<Day>) -> (days: [Day], day: String) {
    guard let first = days.first else { return ([], "") }
    func length(_ isSame: (Day) -> Bool) -> Int {
      var count = 0
      for day in days {
        guard day.date.year == first.date.year + count, day.date.month == first.date.month, day.weekday == first.weekday, isSame(day) else {
          break
        }
        count += 1
      }
      return count
    }
    let weekday = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"][first.weekday]
    let (fromBegin, fromEnd) = (length { $0.number == first.number }, first.isLast ? length(\.isLast) : 0)
    return fromEnd >= fromBegin
      ? (Array(days.prefix(fromEnd)), "-1\(weekday)") : (Array(days.prefix(fromBegin)), "\(first.number)\(weekday)")
  }

  private static func write(_ observance: Observance, start: String, rule: String?, more: [String], _ lines: inout ContentLines) {
    let component = observance.isDaylight ? "DAYLIGHT" : "STANDARD"
    lines.add("BEGIN", component)
    lines.add("DTSTART", start)
    lines.add("TZOFFSETFROM", offset(observance.offsetBefore))
    lines.add("TZOFFSETTO", offset(observance.offsetAfter))
    if let rule { lines.add("RRULE", rule) }
    if !more.isEmpty { lines.add("RDATE", more.joined(separator: ",")) }
    lines.add("END", component)
  }

  /// RFC 5545 section 3.3.14.
  private static func offset(_ seconds: Int) -> String {
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
    let absolute = abs(seconds)
    let text = (seconds < 0 ? "-" : "+") + two(absolute / 3600) + two(absolute / 60 % 60)
    return absolute % 60 == 0 ? text : text + two(absolute % 60)
  }
}
