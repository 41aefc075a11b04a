import Foundation
import Model

/// A cron expression of five fields: minute, hour, day of month, month, day of week (crontab(5)).
///
/// Where both day fields are restricted, a day that matches either is taken; with a `*` in one (also with a step, as `*/2`) both have to
/// match. A local time that a change of the clock skips is made up at the first minute after the gap. One that comes twice is taken once,
/// the first time, unless every hour is meant: then the hour that comes twice counts as two.
struct CronExpression {
  private let minutes: Set<Int>
  private let hours: Set<Int>
  private let days: Set<Int>
  private let months: Set<Int>
  private let weekdays: Set<Int>
  private let eitherDay: Bool
  private let everyHour: Bool

  private static let monthNames = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
  private static let weekdayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

  /// Nil when the text is no such expression.
  init?(_ text: String) {
    let fields = text.lowercased().split(separator: " ").map(String.init)
    guard fields.count == 5, let minutes = Self.values(fields[0], 0...59), let hours = Self.values(fields[1], 0...23),
      let days = Self.values(fields[2], 1...31), let months = Self.values(fields[3], 1...12, Self.monthNames, first: 1),
      let weekdays = Self.values(fields[4], 0...7, Self.weekdayNames, first: 0)
    else { return nil }
    self.minutes = minutes
    self.hours = hours
    self.days = days
    self.months = months
    self.weekdays = Set(weekdays.map { $0 % 7 })
    eitherDay = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
    everyHour = hours.count == 24
  }

  private static func values(_ field: String, _ range: ClosedRange<Int>, _ names: [String] = [], first: Int = 0) -> Set<Int>? {
    var result: Set<Int> = []
    for item in field.split(separator: ",", omittingEmptySubsequences: false) {
      let parts = item.split(separator: "/", omittingEmptySubsequences: false)
      guard let base = parts.first, parts.count <= 2 else { return nil }
      let step = parts.count == 2 ? Int(parts[1]) ?? 0 : 1
      guard step >= 1 else { return nil }
      func value(_ text: Substring) -> Int? { Int(text) ?? names.firstIndex(of: String(text)).map { $0 + first } }
      let ends = base.split(separator: "-", omittingEmptySubsequences: false)
      let bounds: ClosedRange<Int>
      if base == "*" {
        bounds = range
      } else if ends.count == 1, let only = value(ends[0]), range.contains(only) {
        bounds = parts.count == 2 ? only...range.upperBound : only...only
      } else if ends.count == 2, let low = value(ends[0]), let high = value(ends[1]), range.contains(low), range.contains(high), low <= high
      {
        bounds = low...high
      } else {
        return nil
      }
      result.formUnion(stride(from: bounds.lowerBound, through: bounds.upperBound, by: step))
    }
    return result
  }

  /// The first matching minute after an instant that is accepted; nil: none within the horizon.
  func next(after instant: Timestamp, _ calendar: Calendar, horizonDays: Int, accepts: (Timestamp) -> Bool) -> Timestamp? {
    let start = calendar.startOfDay(for: Date(timeIntervalSince1970: Double(instant.milliseconds) / 1000))
    for offset in 0...horizonDays {
      guard let day = calendar.date(byAdding: .day, value: offset, to: start) else { return nil }
      let parts = calendar.dateComponents([.month, .day, .weekday], from: day)
      guard let month = parts.month, months.contains(month), matches(day: parts.day ?? 0, weekday: (parts.weekday ?? 1) - 1) else {
        continue
      }
      for hour in hours.sorted() {
        // Of an hour that comes twice all minutes of the first pass before those of the second.
        for policy in everyHour ? [Calendar.RepeatedTimePolicy.first, .last] : [.first] {
          for minute in minutes.sorted() {
            guard
              let date = calendar.date(
                bySettingHour: hour, minute: minute, second: 0, of: day, matchingPolicy: .nextTime, repeatedTimePolicy: policy)
            else { continue }
            let found = Timestamp(milliseconds: Int64((date.timeIntervalSince1970 * 1000).rounded()))
            if found > instant, accepts(found) { return found }
          }
        }
      }
    }
    return nil
  }

  private func matches(day: Int, weekday: Int) -> Bool {
    eitherDay ? days.contains(day) || weekdays.contains(weekday) : days.contains(day) && weekdays.contains(weekday)
  }
}
