import Model
import XMLStream

/// `t:Recurrence` as the value of RFC 5545 RRULE.
enum RecurrenceRule {
  /// What the range of a rule is counted in.
  struct Start {
    var value: Value
    var zone: String?
  }

  private static let days = [
    "Sunday": "SU", "Monday": "MO", "Tuesday": "TU", "Wednesday": "WE", "Thursday": "TH", "Friday": "FR", "Saturday": "SA",
  ]
  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
  ]
  private static let indexes = ["First": 1, "Second": 2, "Third": 3, "Fourth": 4, "Last": -1]
  /// The shortest length of each month.
  private static let shortest = [28, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

  /// The rule; nil for a pattern that is not known.
  static func text(_ recurrence: XMLElement, start: Start) -> String? {
    guard recurrence.children.count >= 2, let pattern = pattern(recurrence.children[0]) else { return nil }
    return pattern + range(recurrence.children[1], start)
  }

  private static func pattern(_ element: XMLElement) -> String? {
    let interval = element.text("Interval").flatMap(Int.init) ?? 1
    let step = interval > 1 ? ";INTERVAL=\(interval)" : ""
    switch element.name {
    case "DailyRecurrence": return "FREQ=DAILY" + step
    case "WeeklyRecurrence":
      let names = (element.text("DaysOfWeek") ?? "").split(separator: " ").compactMap { days[String($0)] }
      guard !names.isEmpty else { return nil }
      // Exchange's week begins on Sunday where nothing else is said, iCalendar's on Monday.
      return "FREQ=WEEKLY\(step);BYDAY=\(names.joined(separator: ","));WKST=\(days[element.text("FirstDayOfWeek") ?? "Sunday"] ?? "SU")"
    case "AbsoluteMonthlyRecurrence":
      return element.text("DayOfMonth").flatMap(Int.init).map { "FREQ=MONTHLY" + step + dayOfMonth($0, shortest: 28) }
    case "RelativeMonthlyRecurrence": return relative(element).map { "FREQ=MONTHLY" + step + $0 }
    case "AbsoluteYearlyRecurrence":
      guard let month = month(element), let day = element.text("DayOfMonth").flatMap(Int.init) else { return nil }
      return "FREQ=YEARLY;BYMONTH=\(month)" + dayOfMonth(day, shortest: shortest[month - 1], isYearly: true)
    case "RelativeYearlyRecurrence":
      guard let month = month(element), let days = relative(element) else { return nil }
      return "FREQ=YEARLY;BYMONTH=\(month)" + days
    default: return nil
    }
  }

  private static func month(_ element: XMLElement) -> Int? {
    element.text("Month").flatMap { months.firstIndex(of: $0) }.map { $0 + 1 }
  }

  /// In Exchange a day that a month does not have is its last; in iCalendar there is none then.
  private static func dayOfMonth(_ day: Int, shortest: Int, isYearly: Bool = false) -> String {
    if day <= shortest { return ";BYMONTHDAY=\(day)" }
    if day >= 31 || isYearly { return ";BYMONTHDAY=-1" }
    return ";BYMONTHDAY=\((shortest...day).map(String.init).joined(separator: ","));BYSETPOS=-1"
  }

  private static func relative(_ element: XMLElement) -> String? {
    guard let index = indexes[element.text("DayOfWeekIndex") ?? ""] else { return nil }
    let names = (element.text("DaysOfWeek") ?? "").split(separator: " ").map(String.init)
    switch names.first {
    case "Day": return ";BYMONTHDAY=\(index)"
    case "Weekday": return ";BYDAY=MO,TU,WE,TH,FR;BYSETPOS=\(index)"
    case "WeekendDay": return ";BYDAY=SA,SU;BYSETPOS=\(index)"
    default:
      let codes = names.compactMap { days[$0] }
      if codes.count == 1 { return ";BYDAY=\(index)\(codes[0])" }
      return codes.isEmpty ? nil : ";BYDAY=\(codes.joined(separator: ","));BYSETPOS=\(index)"
    }
  }

  private static func range(_ element: XMLElement, _ start: Start) -> String {
    switch element.name {
    case "NumberedRecurrence": return element.text("NumberOfOccurrences").flatMap(Int.init).map { ";COUNT=\($0)" } ?? ""
    case "EndDateRecurrence":
      guard let last = element.text("EndDate").flatMap({ CivilDate(iso8601: $0) }) else { return "" }
      switch start.value {
      case .date: return ";UNTIL=\(last.description.replacing("-", with: ""))"
      case .instant(let instant, _):
        let second = CalendarZones.second(instant, zone: start.zone)
        return ";UNTIL=\(CalendarZones.instant(last, second: second, zone: start.zone).basicFormat)"
      default: return ""
      }
    default: return ""
    }
  }
}
