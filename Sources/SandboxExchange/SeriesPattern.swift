import Foundation
import XMLStream

/// The recurrence of a series as Exchange has it: one pattern and one range ([MS-OXWSCDATA] RecurrenceType).
struct SeriesPattern: Sendable, Hashable, Codable {
  enum Rule: Sendable, Hashable, Codable {
    case daily(interval: Int)
    /// Days 0 Sunday to 6 Saturday; the week begins on `first`.
    case weekly(interval: Int, days: Set<Int>, first: Int)
    case monthly(interval: Int, day: Int)
    /// The `index`th (5: last) of these days of a month.
    case relativeMonthly(interval: Int, days: Set<Int>, index: Int)
    case yearly(month: Int, day: Int)
    case relativeYearly(month: Int, days: Set<Int>, index: Int)
  }

  var rule: Rule
  /// Day of the first occurrence, counted from 1970-01-01.
  var start: Int
  /// Last day; nil: no end by date.
  var end: Int?
  /// Number of occurrences; nil: no end by number.
  var count: Int?

  /// Occurrences looked at in one expansion at most.
  private static let limit = 20_000

  /// Days of the occurrences in order, up to a last day or a number of them.
  func days(through last: Int, upTo number: Int = .max) -> [Int] {
    var found: [Int] = []
    var period = 0
    while found.count < Self.limit, period < Self.limit {
      guard let (first, candidates) = days(ofPeriod: period), first <= min(last, end ?? last) else { break }
      for day in candidates where day >= start {
        if day > min(last, end ?? last) { return found }
        found.append(day)
        if found.count == count || found.count == number { return found }
      }
      period += 1
    }
    return found
  }

  /// The first day of a period counted from the series' start, and its days that match.
  private func days(ofPeriod period: Int) -> (first: Int, days: [Int])? {
    let parts = ServerDay.parts(start)
    func month(_ months: Int) -> (year: Int, month: Int) {
      let count = parts.year * 12 + parts.month - 1 + months
      return (count / 12, count % 12 + 1)
    }
    switch rule {
    case .daily(let interval):
      let day = start + period * interval
      return (day, [day])
    case .weekly(let interval, let days, let first):
      let week = start - (ServerDay.weekday(start) - first + 7) % 7 + 7 * period * interval
      return (week, (week..<week + 7).filter { days.contains(ServerDay.weekday($0)) })
    case .monthly(let interval, let day):
      let place = month(period * interval)
      return Self.absolute(place.year, place.month, day)
    case .relativeMonthly(let interval, let days, let index):
      let place = month(period * interval)
      return Self.relative(place.year, place.month, days, index)
    case .yearly(let month, let day): return Self.absolute(parts.year + period, month, day)
    case .relativeYearly(let month, let days, let index): return Self.relative(parts.year + period, month, days, index)
    }
  }

  /// A day that a month does not have is its last.
  private static func absolute(_ year: Int, _ month: Int, _ day: Int) -> (Int, [Int]) {
    let first = ServerDay.number(year: year, month: month, day: 1)
    return (first, [first + min(day, ServerDay.count(year: year, month: month)) - 1])
  }

  private static func relative(_ year: Int, _ month: Int, _ days: Set<Int>, _ index: Int) -> (Int, [Int]) {
    let first = ServerDay.number(year: year, month: month, day: 1)
    let matching = (first..<first + ServerDay.count(year: year, month: month)).filter { days.contains(ServerDay.weekday($0)) }
    return (first, index == 5 ? matching.suffix(1) : Array(matching.dropFirst(index - 1).prefix(1)))
  }

  // MARK: XML

  private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
  ]
  private static let indexes = ["First", "Second", "Third", "Fourth", "Last"]

  init(_ element: XMLElement) throws {
    guard element.children.count == 2 else { throw Refusal.schema("Recurrence needs a pattern and a range.") }
    let (pattern, range) = (element.children[0], element.children[1])
    let invalid = Refusal("ErrorCalendarInvalidRecurrence", "The recurrence is not valid.")
    let interval = pattern.text("Interval").flatMap(Int.init) ?? 1
    guard (1...999).contains(interval) else { throw invalid }
    func month() throws -> Int {
      guard let index = Self.months.firstIndex(of: pattern.text("Month") ?? "") else { throw invalid }
      return index + 1
    }
    func day() throws -> Int {
      guard let day = pattern.text("DayOfMonth").flatMap(Int.init), (1...31).contains(day) else { throw invalid }
      return day
    }
    func index() throws -> Int {
      guard let index = Self.indexes.firstIndex(of: pattern.text("DayOfWeekIndex") ?? "") else { throw invalid }
      return index + 1
    }
    func daysOfWeek() throws -> Set<Int> {
      var days: Set<Int> = []
      for name in (pattern.text("DaysOfWeek") ?? "").split(separator: " ").map(String.init) {
        switch name {
        case "Day": days.formUnion(0...6)
        case "Weekday": days.formUnion(1...5)
        case "WeekendDay": days.formUnion([0, 6])
        default:
          guard let day = Self.weekdays.firstIndex(of: name) else { throw invalid }
          days.insert(day)
        }
      }
      guard !days.isEmpty else { throw invalid }
      return days
    }
    switch pattern.name {
    case "DailyRecurrence": rule = .daily(interval: interval)
    case "WeeklyRecurrence":
      rule = .weekly(
        interval: interval, days: try daysOfWeek(), first: Self.weekdays.firstIndex(of: pattern.text("FirstDayOfWeek") ?? "Sunday") ?? 0)
    case "AbsoluteMonthlyRecurrence": rule = .monthly(interval: interval, day: try day())
    case "RelativeMonthlyRecurrence": rule = .relativeMonthly(interval: interval, days: try daysOfWeek(), index: try index())
    case "AbsoluteYearlyRecurrence": rule = .yearly(month: try month(), day: try day())
    case "RelativeYearlyRecurrence": rule = .relativeYearly(month: try month(), days: try daysOfWeek(), index: try index())
    default: throw invalid
    }
    guard let first = range.text("StartDate").flatMap(ServerDay.number) else { throw invalid }
    start = first
    switch range.name {
    case "NoEndRecurrence": break
    case "EndDateRecurrence":
      guard let last = range.text("EndDate").flatMap(ServerDay.number), last >= first else { throw invalid }
      end = last
    case "NumberedRecurrence":
      guard let number = range.text("NumberOfOccurrences").flatMap(Int.init), (1...999).contains(number) else { throw invalid }
      count = number
    default: throw invalid
    }
    // The range begins with the first day that the pattern has.
    guard let actual = self.days(through: first + 366 * 110).first else { throw invalid }
    start = actual
  }
}
