import Foundation
import Model
import Testing

@testable import Daemon

@Suite struct CronExpressionTests {
  /// The next times of an expression as a zone's clocks show them, with the offset from UTC.
  private func times(_ expression: String, after start: String, in zone: String = "UTC", count: Int = 3) -> [String] {
    guard var instant = Timestamp(iso8601: start) else { return [] }
    let schedule = Schedule(name: "test", timing: .cron(expression), zone: zone)
    var found: [String] = []
    for _ in 0..<count {
      guard let next = ScheduleTimes.next(schedule, after: instant) else { break }
      found.append(Self.text(next, zone))
      instant = next
    }
    return found
  }

  private static func text(_ instant: Timestamp, _ zone: String) -> String {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: zone)
    formatter.dateFormat = "yyyy-MM-dd HH:mm xxx"
    return formatter.string(from: Date(timeIntervalSince1970: Double(instant.seconds)))
  }

  @Test func `every night at half past two`() {
    #expect(
      times("30 2 * * *", after: "2027-01-10T02:30:00Z", count: 2) == ["2027-01-11 02:30 +00:00", "2027-01-12 02:30 +00:00"])
  }

  @Test func `steps, ranges, lists and names`() {
    #expect(
      times("*/20 8-9 * jan,dec mon-fri", after: "2027-01-08T09:20:00Z", count: 3) == [
        "2027-01-08 09:40 +00:00", "2027-01-11 08:00 +00:00", "2027-01-11 08:20 +00:00",
      ])
    #expect(times("5/25 0 1 1 *", after: "2027-06-01T00:00:00Z", count: 2) == ["2028-01-01 00:05 +00:00", "2028-01-01 00:30 +00:00"])
  }

  @Test func `sunday is 0, 7 and sun`() {
    for name in ["0", "7", "sun", "5-7", "SUN"] {
      let found = times("0 12 * * \(name)", after: "2027-01-09T12:00:00Z", count: 1)
      #expect(found == ["2027-01-10 12:00 +00:00"], "\(name)")
    }
  }

  @Test func `where both days are restricted either is enough`() {
    #expect(
      times("0 0 13 * fri", after: "2027-08-10T00:00:00Z", count: 3) == [
        "2027-08-13 00:00 +00:00", "2027-08-20 00:00 +00:00", "2027-08-27 00:00 +00:00",
      ])
    #expect(times("0 0 13 * fri", after: "2027-09-10T00:00:00Z", count: 1) == ["2027-09-13 00:00 +00:00"])
  }

  @Test func `with a star in one of the days both have to match`() {
    #expect(times("0 0 * * mon", after: "2027-01-05T00:00:00Z", count: 1) == ["2027-01-11 00:00 +00:00"])
    #expect(
      times("0 0 */10 * *", after: "2027-01-02T00:00:00Z", count: 3) == [
        "2027-01-11 00:00 +00:00", "2027-01-21 00:00 +00:00", "2027-01-31 00:00 +00:00",
      ])
    #expect(times("0 0 */10 * mon", after: "2027-01-02T00:00:00Z", count: 1) == ["2027-01-11 00:00 +00:00"])
  }

  @Test func `29 February comes in leap years, 30 February never`() {
    #expect(
      times("0 6 29 2 *", after: "2027-03-01T00:00:00Z", count: 2) == ["2028-02-29 06:00 +00:00", "2032-02-29 06:00 +00:00"])
    #expect(times("0 6 29 2 *", after: "2096-03-01T00:00:00Z", count: 1) == ["2104-02-29 06:00 +00:00"], "2100 has none")
    #expect(times("0 6 30 2 *", after: "2027-03-01T00:00:00Z") == [])
  }

  @Test func `a time that the spring skips is made up right after the gap, once`() {
    // 28 March 2027: 02:00 to 03:00 do not exist in Zurich.
    #expect(
      times("30 2 * * *", after: "2027-03-27T12:00:00Z", in: "Europe/Zurich", count: 2) == [
        "2027-03-28 03:00 +02:00", "2027-03-29 02:30 +02:00",
      ])
    #expect(
      times("*/30 2 * * *", after: "2027-03-27T12:00:00Z", in: "Europe/Zurich", count: 2) == [
        "2027-03-28 03:00 +02:00", "2027-03-29 02:00 +02:00",
      ])
  }

  @Test func `a time that comes twice in autumn is taken the first time alone`() {
    // 31 October 2027: 02:00 to 03:00 come twice in Zurich.
    #expect(
      times("30 2 * * *", after: "2027-10-30T12:00:00Z", in: "Europe/Zurich", count: 2) == [
        "2027-10-31 02:30 +02:00", "2027-11-01 02:30 +01:00",
      ])
  }

  @Test func `what is meant for every hour goes on through both changes of the clock`() {
    #expect(
      times("0 * * * *", after: "2027-10-30T23:00:00Z", in: "Europe/Zurich", count: 4) == [
        "2027-10-31 02:00 +02:00", "2027-10-31 02:00 +01:00", "2027-10-31 03:00 +01:00", "2027-10-31 04:00 +01:00",
      ])
    #expect(
      times("*/30 * * * *", after: "2027-10-31T00:00:00Z", in: "Europe/Zurich", count: 4) == [
        "2027-10-31 02:30 +02:00", "2027-10-31 02:00 +01:00", "2027-10-31 02:30 +01:00", "2027-10-31 03:00 +01:00",
      ])
    #expect(
      times("0 * * * *", after: "2027-03-28T00:00:00Z", in: "Europe/Zurich", count: 2) == [
        "2027-03-28 03:00 +02:00", "2027-03-28 04:00 +02:00",
      ])
  }

  @Test func `midnight exists in zones that skip it, later`() {
    // 7 September 2025 in Santiago: the day begins at 01:00.
    #expect(
      times("0 0 * * *", after: "2025-09-06T12:00:00Z", in: "America/Santiago", count: 2) == [
        "2025-09-07 01:00 -03:00", "2025-09-08 00:00 -03:00",
      ])
  }

  @Test(arguments: [
    "", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *", "x * * * *",
  ])
  func `what is no expression is refused`(text: String) { #expect(CronExpression(text) == nil) }
}
