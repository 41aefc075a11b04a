import Foundation
import Model
import Store

/// Starts the cycles that the schedules ask for.
struct ScheduleLoop: Sendable {
  let source: DaemonSource

  /// The loop looks at the clock at least this often, in milliseconds, so that a set clock or a suspended machine is noticed.
  private static let longestSleep: Int64 = 30_000

  func run() async {
    var last: [String: Timestamp] = [:]
    let started = source.now()
    while !Task.isCancelled {
      let settings = source.settings
      let now = source.now()
      var next: [String: Timestamp] = [:]
      var wake = now.advanced(milliseconds: Self.longestSleep)
      for schedule in settings.schedules {
        guard let due = ScheduleTimes.next(schedule, after: last[schedule.name] ?? started) else { continue }
        if due <= now {
          // A missed time is made up once, however many were missed.
          last[schedule.name] = now
          let demand = Coordinator.Demand(employees: schedule.employees, kinds: schedule.kinds, isFull: schedule.isFull)
          Task { await source.synchronize(demand) }
          if let following = ScheduleTimes.next(schedule, after: now) { note(schedule, following, settings, &next) }
        } else {
          note(schedule, due, settings, &next)
          wake = min(wake, due)
        }
      }
      source.note(next: next)
      do { try await Task.sleep(for: .milliseconds(max(wake.milliseconds - source.now().milliseconds, 50))) } catch { return }
    }
  }

  private func note(_ schedule: Schedule, _ time: Timestamp, _ settings: Settings, _ next: inout [String: Timestamp]) {
    for employee in settings.employees where employee.isSynchronized && schedule.employees?.contains(employee.email) ?? true {
      next[employee.email] = min(next[employee.email] ?? time, time)
    }
  }
}

/// When a schedule is due.
enum ScheduleTimes {
  /// The furthest that is looked ahead, in days: a cron expression for 29 February comes within eight years.
  private static let horizonDays = 8 * 366

  /// The first time after an instant at which the schedule is due; nil: never.
  static func next(_ schedule: Schedule, after instant: Timestamp) -> Timestamp? {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = schedule.zone.flatMap(TimeZone.init(identifier:)) ?? .current
    switch schedule.timing {
    case .every(let seconds):
      let due = instant.advanced(milliseconds: Int64(seconds) * 1000)
      return firstInWindow(schedule, from: due, calendar)
    case .cron(let expression):
      guard let cron = CronExpression(expression) else { return nil }
      return cron.next(after: instant, calendar, horizonDays: horizonDays) { isInWindow(schedule, $0, calendar) }
    }
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
