import Foundation
import Model

/// When a schedule is due. Pure functions over instants.
enum ScheduleTimes {
  /// The furthest that is looked ahead, in days: 29 February comes within eight years.
  private static let horizonDays = 8 * 366

  /// The first time after an instant at which the schedule is due; nil: never.
  static func next(_ schedule: Schedule, after instant: Timestamp) -> Timestamp? {
    let calendar = calendar(schedule)
    switch schedule.timing {
    case .every(let seconds):
      return firstInWindow(schedule, from: instant.advanced(milliseconds: Int64(seconds) * 1000), calendar)
    case .cron(let expression):
      guard let cron = CronExpression(expression) else { return nil }
      return cron.next(after: instant, calendar, horizonDays: horizonDays) { isInWindow(schedule, $0, calendar) }
    }
  }

  /// When a schedule that last ran at an instant runs next, seen from now: a time that was missed is made up once, at once where the window
  /// allows it, else when the window next begins.
  static func run(_ schedule: Schedule, last: Timestamp, now: Timestamp) -> Timestamp? {
    // A clock that was set back must not stop a schedule.
    guard let due = next(schedule, after: min(last, now)) else { return nil }
    return due > now ? due : firstInWindow(schedule, from: now, calendar(schedule))
  }

  private static func calendar(_ schedule: Schedule) -> Calendar {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = schedule.zone.flatMap(TimeZone.init(identifier:)) ?? .current
    return calendar
  }

  private static func date(_ instant: Timestamp) -> Date { Date(timeIntervalSince1970: Double(instant.milliseconds) / 1000) }

  private static func isInWindow(_ schedule: Schedule, _ instant: Timestamp, _ calendar: Calendar) -> Bool {
    let parts = calendar.dateComponents([.weekday, .hour, .minute], from: date(instant))
    // Foundation counts Sunday as 1; here Monday is 1 and Sunday 7.
    let day = ((parts.weekday ?? 1) + 5) % 7 + 1
    let minute = (parts.hour ?? 0) * 60 + (parts.minute ?? 0)
    return (schedule.days.isEmpty || schedule.days.contains(day)) && minute >= schedule.fromMinute ?? 0
      && minute < schedule.toMinute ?? 1440
  }

  /// The instant itself if it lies in the window of hours and days, else the window's next beginning.
  private static func firstInWindow(_ schedule: Schedule, from instant: Timestamp, _ calendar: Calendar) -> Timestamp? {
    if isInWindow(schedule, instant, calendar) { return instant }
    let from = schedule.fromMinute ?? 0
    for day in 0...8 {
      guard let start = calendar.date(byAdding: .day, value: day, to: calendar.startOfDay(for: date(instant))),
        let begins = calendar.date(bySettingHour: from / 60, minute: from % 60, second: 0, of: start)
      else { continue }
      let candidate = Timestamp(milliseconds: Int64((begins.timeIntervalSince1970 * 1000).rounded()))
      if candidate > instant, isInWindow(schedule, candidate, calendar) { return candidate }
    }
    return nil
  }
}

/// When each schedule last ran, kept over restarts so that what was missed in between is made up.
struct ScheduleTable: Codable, Equatable {
  /// Times of the last run by the schedule's name; of one that never ran the time at which it was first seen.
  private(set) var last: [String: Timestamp] = [:]

  /// What a look at the clock decides.
  struct Look {
    var due: [Schedule] = []
    /// Next times by the schedule's name.
    var next: [String: Timestamp] = [:]
  }

  /// Looks at the clock: what is due counts as run now. While everything is paused nothing runs, and is due when the pause ends.
  mutating func look(at now: Timestamp, _ schedules: [Schedule], isPaused: Bool) -> Look {
    var look = Look()
    last = last.filter { name, _ in schedules.contains { $0.name == name } }
    for schedule in schedules {
      let before = last[schedule.name] ?? now
      last[schedule.name] = before
      guard let time = ScheduleTimes.run(schedule, last: before, now: now) else { continue }
      if time > now {
        look.next[schedule.name] = time
      } else if !isPaused {
        look.due.append(schedule)
        last[schedule.name] = now
        look.next[schedule.name] = ScheduleTimes.next(schedule, after: now)
      }
    }
    return look
  }
}
