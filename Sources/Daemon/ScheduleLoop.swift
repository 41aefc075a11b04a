import Foundation
import Model
import Store

/// Starts the cycles that the schedules ask for.
struct ScheduleLoop: Sendable {
  let source: DaemonSource

  /// The loop looks at the clock at least this often, in milliseconds, so that a set clock or a suspended machine is noticed.
  private static let longestSleep: Int64 = 30_000
  /// How soon the end of a pause is noticed, in milliseconds.
  private static let pausedSleep: Int64 = 1000
  private static let key = "schedules"

  func run() async {
    var table = known()
    while !Task.isCancelled {
      let settings = source.settings
      let now = source.now()
      let before = table
      let look = table.look(at: now, settings.schedules, isPaused: source.isPaused)
      if table != before { keep(table) }
      for schedule in look.due {
        let demand = Coordinator.Demand(employees: schedule.employees, kinds: schedule.kinds, isFull: schedule.isFull)
        Task { await source.synchronize(demand) }
      }
      source.note(next: Self.byEmployee(look.next, settings))
      let longest = now.advanced(milliseconds: source.isPaused ? Self.pausedSleep : Self.longestSleep)
      let wake = min(look.next.values.min() ?? longest, longest)
      do { try await Task.sleep(for: .milliseconds(max(wake.milliseconds - source.now().milliseconds, 50))) } catch { return }
    }
  }

  /// The next time of each employee, whichever schedule brings it.
  static func byEmployee(_ times: [String: Timestamp], _ settings: Settings) -> [String: Timestamp] {
    var next: [String: Timestamp] = [:]
    for schedule in settings.schedules {
      guard let time = times[schedule.name] else { continue }
      for employee in settings.employees where employee.isSynchronized && schedule.employees?.contains(employee.email) ?? true {
        next[employee.email] = min(next[employee.email] ?? time, time)
      }
    }
    return next
  }

  private func known() -> ScheduleTable {
    let text = try? source.store.read { try $0.meta(Self.key) }
    return text.flatMap { try? JSONDecoder().decode(ScheduleTable.self, from: Data($0.utf8)) } ?? ScheduleTable()
  }

  /// Times that are not kept cost a run more or less after a restart.
  private func keep(_ table: ScheduleTable) {
    guard let data = try? JSONEncoder().encode(table) else { return }
    try? source.store.write { try $0.setMeta(Self.key, String(decoding: data, as: UTF8.self)) }
  }
}
