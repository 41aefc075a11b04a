import Foundation
import TimeZones
import XMLStream

/// A time on a wall clock: a day counted from 1970-01-01 and seconds after its midnight.
struct WallTime: Sendable, Hashable {
  var day: Int
  var seconds: Int
}

/// A time zone as a client named it, with Foundation's rules for it.
struct ServerZone: Sendable, Hashable, Codable {
  let id: String
  let zone: TimeZone

  static let utc = ServerZone(id: "UTC", zone: .gmt)

  private init(id: String, zone: TimeZone) {
    self.id = id
    self.zone = zone
  }

  /// By Windows id (or an IANA name, which real servers refuse and some clients send).
  init?(id: String) {
    guard let name = WindowsZones.iana(of: id), let zone = TimeZone(identifier: name) else { return nil }
    self.init(id: id, zone: zone)
  }

  /// A definition of an element `t:StartTimeZone`; one that brings its own rules counts with the bias of its first period.
  init(_ element: XMLElement) throws {
    let id = element.attribute("Id") ?? ""
    if let known = ServerZone(id: id) {
      self = known
    } else if let bias = element.child("Periods")?.children("Period").first?.attribute("Bias"), let minutes = Self.minutes(bias),
      let zone = TimeZone(secondsFromGMT: -minutes * 60)
    {
      self.init(id: id.isEmpty ? "Customized Time Zone" : id, zone: zone)
    } else {
      throw Refusal("ErrorInvalidTimeZone", "The time zone '\(id)' is not known.")
    }
  }

  /// `-PT60M`, `PT1H30M`.
  private static func minutes(_ duration: String) -> Int? {
    guard let match = duration.wholeMatch(of: #/(-?)PT(?:(\d+)H)?(?:(\d+)M)?(?:\d+(?:\.\d+)?S)?/#) else { return nil }
    let minutes = (match.2.flatMap { Int($0) } ?? 0) * 60 + (match.3.flatMap { Int($0) } ?? 0)
    return match.1.isEmpty ? minutes : -minutes
  }

  func wall(_ date: Date) -> WallTime {
    let local = Int(date.timeIntervalSince1970.rounded(.down)) + zone.secondsFromGMT(for: date)
    let day = local >= 0 ? local / 86_400 : (local - 86_399) / 86_400
    return WallTime(day: day, seconds: local - day * 86_400)
  }

  /// The instant of a wall clock's time; a time that a change of the clocks skips counts from before the change, one that comes twice is the first.
  func instant(_ wall: WallTime) -> Date {
    let local = Double(wall.day) * 86_400 + Double(wall.seconds)
    let before = zone.secondsFromGMT(for: Date(timeIntervalSince1970: local - 86_400))
    let candidate = Date(timeIntervalSince1970: local - Double(before))
    let after = zone.secondsFromGMT(for: candidate)
    if after == before { return candidate }
    let other = Date(timeIntervalSince1970: local - Double(after))
    return zone.secondsFromGMT(for: other) == after && self.wall(other) == wall ? other : candidate
  }

  /// A dateTime of a request: with an offset an instant, without one the time of this zone's clocks.
  func parse(_ text: String, _ element: String) throws -> Date {
    let invalid = Refusal.schema("The value '\(text)' of '\(element)' is no dateTime.")
    guard let match = text.wholeMatch(of: #/(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?(Z|[+-]\d{2}:\d{2})?/#) else { throw invalid }
    guard let given = try? Date("\(match.1)T\(match.2)\(match.3.map(String.init) ?? "Z")", strategy: .iso8601) else { throw invalid }
    return match.3 != nil ? given : instant(ServerZone.utc.wall(given))
  }
}

/// Days of the Gregorian calendar by their number from 1970-01-01.
enum ServerDay {
  private static let calendar: Calendar = {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    return calendar
  }()

  static func parts(_ day: Int) -> (year: Int, month: Int, day: Int) {
    let parts = calendar.dateComponents([.year, .month, .day], from: Date(timeIntervalSince1970: Double(day) * 86_400))
    return (parts.year ?? 1970, parts.month ?? 1, parts.day ?? 1)
  }

  static func number(year: Int, month: Int, day: Int) -> Int {
    let date = calendar.date(from: DateComponents(year: year, month: month, day: day)) ?? Date(timeIntervalSince1970: 0)
    return Int((date.timeIntervalSince1970 / 86_400).rounded())
  }

  static func count(year: Int, month: Int) -> Int {
    number(year: month == 12 ? year + 1 : year, month: month == 12 ? 1 : month + 1, day: 1) - number(year: year, month: month, day: 1)
  }

  /// 0 Sunday to 6 Saturday.
  static func weekday(_ day: Int) -> Int { ((day + 4) % 7 + 7) % 7 }

  /// `2026-03-02`, perhaps with an offset after it.
  static func number(_ text: String) -> Int? {
    guard let match = text.wholeMatch(of: #/(\d{4})-(\d{2})-(\d{2})(?:Z|[+-]\d{2}:\d{2})?/#), let year = Int(match.1),
      let month = Int(match.2), let day = Int(match.3), (1...12).contains(month), (1...31).contains(day)
    else { return nil }
    return number(year: year, month: month, day: day)
  }

  static func text(_ day: Int) -> String {
    let parts = parts(day)
    return String(format: "%04d-%02d-%02d", parts.year, parts.month, parts.day)
  }
}
