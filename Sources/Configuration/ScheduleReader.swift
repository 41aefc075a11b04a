import Foundation
import Model
import Yams

/// Reads the `schedules` section.
struct ScheduleReader {
  let collector: FaultCollector

  private static let keys = ["name", "every", "cron", "from", "to", "days", "zone", "employees", "types", "full"]

  func read(_ top: Section, employees: [Employee]) -> [Schedule] {
    var schedules: [Schedule] = []
    for (index, node) in top.list("schedules").enumerated() {
      let section = Section(node, path: "schedules[\(index)]", known: Self.keys, collector)
      guard let schedule = schedule(section, employees) else { continue }
      if schedules.contains(where: { $0.name == schedule.name }) {
        section.fault("name", "'\(schedule.name)' is used twice", allowed: "a name of its own")
      }
      schedules.append(schedule)
    }
    return schedules
  }

  private func schedule(_ section: Section, _ employees: [Employee]) -> Schedule? {
    let name = section.text("name", required: true, allowed: "a name of its own")
    let timing = timing(section)
    let from = Units.minuteOfDay("from", section, last: 1439)
    let to = Units.minuteOfDay("to", section, last: 1440)
    if let from, let to, from >= to { section.fault("to", "is not after 'from'", allowed: "a later time of the same day, up to 24:00") }
    let zone = section.text("zone")
    if let zone, TimeZone(identifier: zone) == nil {
      section.fault("zone", "'\(zone)' is not a time zone", allowed: "an IANA name, as Europe/Zurich")
    }
    let (days, people, kinds, isFull) = (days(section), people(section, employees), kinds(section), section.flag("full", default: false))
    guard let name, let timing else { return nil }
    return Schedule(
      name: name, timing: timing, fromMinute: from, toMinute: to, days: days, zone: zone, employees: people, kinds: kinds, isFull: isFull)
  }

  private func timing(_ section: Section) -> Schedule.Timing? {
    let seconds = Units.seconds("every", section, in: 10...604_800)
    let cron = section.text("cron")
    if let cron {
      if section.mentions("every") { section.fault("cron", "stands beside 'every'", allowed: "one of the two") }
      if let fault = CronSyntax.fault(of: cron) {
        section.fault(
          "cron", "'\(cron)': \(fault)",
          allowed: "five fields: minute 0-59, hour 0-23, day 1-31, month 1-12 or jan-dec, weekday 0-7 or sun-sat; with * , - /")
      }
      return .cron(cron)
    }
    if let seconds { return .every(seconds: seconds) }
    if !section.mentions("every") { section.fault("every", "is missing", allowed: "every: 5m, or cron: \"30 2 * * *\"") }
    return nil
  }

  private func people(_ section: Section, _ employees: [Employee]) -> [String]? {
    guard let node = section["employees"] else { return nil }
    if node.scalar?.string == "all" { return nil }
    guard let list = node.sequence else {
      section.fault("employees", "is neither 'all' nor a list", allowed: "all, or [alice@example.test, …]")
      return nil
    }
    return list.compactMap { entry in
      let address = (entry.scalar?.string ?? "").lowercased()
      if employees.contains(where: { $0.email == address }) { return address }
      collector.add(
        entry, section.key("employees"), "there is no employee '\(address)'", allowed: employees.map(\.email).joined(separator: ", "))
      return nil
    }
  }

  private func kinds(_ section: Section) -> Set<RecordKind>? {
    guard let node = section["types"] else { return nil }
    let entries = node.sequence.map(Array.init) ?? [node]
    var kinds: Set<RecordKind> = []
    for entry in entries {
      for word in (entry.scalar?.string ?? "").split(whereSeparator: { $0 == "," || $0 == " " }) {
        guard let kind = RecordKind(rawValue: String(word)) else {
          collector.add(
            entry, section.key("types"), "'\(word)' is not a record type",
            allowed: RecordKind.allCases.map(\.rawValue).joined(separator: ", "))
          continue
        }
        kinds.insert(kind)
      }
    }
    return kinds
  }

  private static let dayNames = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

  /// `mon-fri`, `sat`, `mon,wed`, or a list of them.
  private func days(_ section: Section) -> Set<Int> {
    guard let node = section["days"] else { return [] }
    let texts = node.sequence?.compactMap { $0.scalar?.string } ?? [node.scalar?.string ?? ""]
    var days: Set<Int> = []
    for part in texts.flatMap({ $0.lowercased().split(separator: ",").map(String.init) }) {
      let ends = part.split(separator: "-").map { $0.trimmingCharacters(in: .whitespaces) }.map { name in
        Self.dayNames.firstIndex { name.hasPrefix($0) }
      }
      switch (ends.count, ends.first ?? nil, ends.last ?? nil) {
      case (1, let day?, _): days.insert(day + 1)
      case (2, let first?, let last?):
        for step in 0...((last - first + 7) % 7) { days.insert((first + step) % 7 + 1) }
      default: section.fault("days", "'\(part)' is not a day", allowed: "mon, tue, wed, thu, fri, sat, sun, ranges as mon-fri, or a list")
      }
    }
    return days
  }
}

/// Checks the form of cron expressions.
enum CronSyntax {
  private static let fields: [(name: String, range: ClosedRange<Int>, names: [String], firstName: Int)] = [
    ("minute", 0...59, [], 0), ("hour", 0...23, [], 0), ("day of month", 1...31, [], 0),
    ("month", 1...12, ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1),
    ("day of week", 0...7, ["sun", "mon", "tue", "wed", "thu", "fri", "sat"], 0),
  ]

  /// What is wrong with an expression; nil: nothing.
  static func fault(of expression: String) -> String? {
    let parts = expression.split(separator: " ", omittingEmptySubsequences: true)
    guard parts.count == fields.count else { return "has \(parts.count) fields instead of 5" }
    for (part, field) in zip(parts, fields) {
      for item in part.split(separator: ",", omittingEmptySubsequences: false) where !isValid(item.lowercased(), field) {
        return "'\(item)' is not a \(field.name)"
      }
    }
    return nil
  }

  private static func isValid(_ item: String, _ field: (name: String, range: ClosedRange<Int>, names: [String], firstName: Int)) -> Bool {
    let steps = item.split(separator: "/", omittingEmptySubsequences: false)
    guard (1...2).contains(steps.count) else { return false }
    if steps.count == 2, Int(steps[1]).map({ $0 >= 1 && $0 <= field.range.upperBound }) != true { return false }
    if steps[0] == "*" { return true }
    let ends = steps[0].split(separator: "-", omittingEmptySubsequences: false).map { text in
      Int(text) ?? field.names.firstIndex(of: String(text)).map { $0 + field.firstName }
    }
    guard (1...2).contains(ends.count) else { return false }
    if ends.count == 2, let first = ends[0], let last = ends[1], first > last { return false }
    return ends.allSatisfy { $0.map(field.range.contains) ?? false }
  }
}
