import Foundation
import Model
import Synchronization
import TimeZones
import XMLStream

/// A zone as an item itself describes it (`t:TimeZoneDefinitionType`): what there is of one whose name CLDR does not know, as that of
/// `Customized Time Zone`. It is shown as the zone of the database that keeps the same clocks in the year of the event.
struct ZoneDefinition: Hashable, Sendable {
  /// A yearly change of the clocks.
  struct Change: Hashable, Sendable {
    var month: Int
    /// 0 Sunday to 6 Saturday.
    var weekday: Int
    /// Which one of that weekday in the month, 1 to 4; -1 the last.
    var occurrence: Int
    /// Seconds after midnight, on the clocks until then.
    var second: Int
    /// Seconds east of UTC from then on.
    var offset: Int
  }

  /// Seconds east of UTC where nothing changes.
  private var standard: Int
  /// The changes of a year in their order; none: it has one offset.
  private var changes: [Change]

  private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
  private static let day: Int64 = 86_400

  /// The rules that hold last; nil where the element has none, or such as do not recur by weekday.
  init?(_ element: XMLElement) {
    var offsets: [String: Int] = [:]
    for period in element.child("Periods")?.children("Period") ?? [] {
      guard let id = period.attribute("Id"), let bias = period.attribute("Bias").flatMap(Self.seconds) else { return nil }
      // A bias is what has to be added to get UTC.
      offsets[id] = -bias
    }
    let transitions = element.child("Transitions")?.children ?? []
    let groups = element.child("TransitionsGroups")?.children("TransitionsGroup") ?? []
    let last = transitions.last { $0.child("To")?.attribute("Kind") == "Group" }?.text("To")
    guard let group = groups.last(where: { $0.attribute("Id") == last }) ?? (last == nil ? groups.last : nil) else { return nil }
    var standard: Int?
    changes = []
    for rule in group.children {
      guard let offset = rule.text("To").flatMap({ offsets[$0] }) else { return nil }
      switch rule.name {
      case "Transition": standard = offset
      case "RecurringDayTransition":
        guard let month = rule.text("Month").flatMap(Int.init), (1...12).contains(month),
          let weekday = rule.text("DayOfWeek").flatMap({ Self.weekdays.firstIndex(of: $0) }),
          let occurrence = rule.text("Occurrence").flatMap(Int.init), occurrence == -1 || (1...5).contains(occurrence),
          let second = rule.text("TimeOffset").flatMap(Self.seconds), (0...86_400).contains(second)
        else { return nil }
        changes.append(Change(month: month, weekday: weekday, occurrence: occurrence, second: second, offset: offset))
      default: return nil
      }
    }
    changes.sort { ($0.month, $0.occurrence) < ($1.month, $1.occurrence) }
    guard let first = standard ?? changes.last?.offset else { return nil }
    self.standard = first
  }

  /// A duration of XML Schema in seconds, as `-PT60M`; nil for one with months or years.
  static func seconds(_ text: String) -> Int? {
    guard let parts = text.wholeMatch(of: #/(-?)P(?:(\d{1,4})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})(?:\.\d+)?S)?)?/#) else {
      return nil
    }
    func number(_ part: Substring?, times unit: Int) -> Int { (part.flatMap { Int($0) } ?? 0) * unit }
    let total = number(parts.2, times: 86_400) + number(parts.3, times: 3600) + number(parts.4, times: 60) + number(parts.5, times: 1)
    return parts.1.isEmpty ? total : -total
  }

  // MARK: The zone of the database

  private struct Key: Hashable {
    var definition: ZoneDefinition
    var year: Int
  }

  private static let known = Mutex<[Key: String?]>([:])
  private static let memoryLimit = 256

  /// The IANA zone that keeps the same clocks in a year; nil: the database has none.
  func zone(in year: Int) -> String? {
    let key = Key(definition: self, year: year)
    if let answer = Self.known.withLock({ $0[key] }) { return answer }
    let answer = find(year)
    Self.known.withLock { memory in
      // What a hostile server sends must not grow without end.
      if memory.count >= Self.memoryLimit { memory.removeAll() }
      memory[key] = .some(answer)
    }
    return answer
  }

  private func find(_ year: Int) -> String? {
    guard let begin = CivilDate(year: year, month: 1, day: 1), let end = CivilDate(year: year + 1, month: 1, day: 1) else { return nil }
    let (from, to) = (Int64(begin.dayNumber) * Self.day, Int64(end.dayNumber) * Self.day)
    let expected = instants(year)
    if expected.isEmpty, standard % 3600 == 0, abs(standard) <= 12 * 3600 {
      return standard == 0 ? WindowsZones.utc : "Etc/GMT\(standard > 0 ? "-" : "+")\(abs(standard) / 3600)"
    }
    return Self.candidates.first { zone in
      guard ZoneDatabase.offset(of: zone, at: from) == standard,
        expected.allSatisfy({ ZoneDatabase.offset(of: zone, at: $0.seconds) == $0.offset })
      else { return false }
      let found = ZoneDatabase.changes(of: zone, after: from, through: to - 1) ?? []
      return found.map(\.seconds) == expected.map(\.seconds) && found.map(\.offsetAfter) == expected.map(\.offset)
    }
  }

  /// When the clocks change in a year, in seconds since the POSIX epoch; what changes nothing is left out.
  private func instants(_ year: Int) -> [(seconds: Int64, offset: Int)] {
    var (found, current): ([(seconds: Int64, offset: Int)], Int) = ([], standard)
    for change in changes {
      defer { current = change.offset }
      guard change.offset != current, let day = Self.day(of: change, year) else { continue }
      found.append((Int64(day) * Self.day + Int64(change.second - current), change.offset))
    }
    return found
  }

  private static func day(of change: Change, _ year: Int) -> Int? {
    let (nextYear, nextMonth) = change.month == 12 ? (year + 1, 1) : (year, change.month + 1)
    guard let first = CivilDate(year: year, month: change.month, day: 1)?.dayNumber,
      let next = CivilDate(year: nextYear, month: nextMonth, day: 1)?.dayNumber
    else { return nil }
    func weekday(_ day: Int) -> Int { ((day + 4) % 7 + 7) % 7 }
    if change.occurrence < 0 { return next - 1 - (weekday(next - 1) - change.weekday + 7) % 7 }
    var day = first + (change.weekday - weekday(first) + 7) % 7 + (change.occurrence - 1) * 7
    // A fifth one that the month does not have is its last.
    while day >= next { day -= 7 }
    return day
  }

  /// The main places of Windows' zones, those with the most places first: of several that keep the same clocks the best known is shown.
  private static let candidates: [String] = {
    var places: [String: Int] = [:]
    for name in TimeZone.knownTimeZoneIdentifiers {
      if let windows = WindowsZones.windows(of: name), let main = WindowsZones.iana(of: windows) { places[main, default: 0] += 1 }
    }
    return places.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
  }()
}
