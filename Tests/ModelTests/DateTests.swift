import Foundation
import Model
import Testing

@Suite struct DateTests {
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59.001Z", -999), ("2026-11-24T23:44:58Z", 1_795_563_898_000),
    ("2026-11-25T00:44:58+01:00", 1_795_563_898_000), ("2026-11-24T18:14:58-05:30", 1_795_563_898_000),
    ("2026-11-24T23:44:58.123456789Z", 1_795_563_898_123), ("2026-11-24T23:44:58.5Z", 1_795_563_898_500),
    ("2026-11-24t23:44:58z", 1_795_563_898_000), ("2026-11-24 23:44:58", 1_795_563_898_000), ("2024-02-29T00:00Z", 1_709_164_800_000),
    ("0001-01-01T00:00:00Z", -62_135_596_800_000), ("9999-12-31T23:59:59Z", 253_402_300_799_000),
    ("2026-01-01T24:00:00Z", 1_767_312_000_000),
  ])
  func `instants are read in every form that servers write`(text: String, expected: Int64) {
    #expect(Timestamp(iso8601: text)?.milliseconds == expected)
  }

  @Test(arguments: [
    "", "2026", "2026-11-24", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z", "2026-11-24T25:00:00Z",
    "2026-11-24T23:60:00Z", "2026-11-24T23:44:61Z", "2026-11-24T23:44:58.Z", "2026-11-24T23:44:58+19:00", "2026-11-24T23:44:58Zx",
    "２０２６-11-24T00:00:00Z", "-026-11-24T00:00:00Z", "2026-11-24T23:44:58+1",
  ])
  func `what is no instant is refused`(text: String) { #expect(Timestamp(iso8601: text) == nil) }

  @Test func `a value without offset takes the one that is assumed`() {
    #expect(Timestamp(iso8601: "2026-11-24T23:44:58", assumedOffsetMinutes: 60)?.milliseconds == 1_795_560_298_000)
  }

  @Test func `instants are written as they are read`() {
    for milliseconds: Int64 in [0, 1, -1, -86_400_001, 1_795_563_898_123, 253_402_300_799_999] {
      let instant = Timestamp(milliseconds: milliseconds)
      #expect(Timestamp(iso8601: instant.iso8601Milliseconds) == instant)
      #expect(Timestamp(iso8601: instant.iso8601)?.seconds == instant.seconds)
    }
    #expect(Timestamp(milliseconds: 1_795_563_898_007).iso8601Milliseconds == "2026-11-24T23:44:58.007+00:00")
    #expect(Timestamp(milliseconds: -1).iso8601 == "1969-12-31T23:59:59Z")
    #expect(Timestamp(seconds: 1_795_563_898).basicFormat == "20261124T234458Z")
  }

  @Test func `days and their numbers agree over all four centuries of the calendar, and with the system's calendar`() throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
    var last: CivilDate?
    for number in stride(from: -150_000, through: 150_000, by: 7) {
      let date = CivilDate(dayNumber: number)
      #expect(date.dayNumber == number)
      if let last { #expect(last < date) }
      last = date
      // Foundation's calendar is Julian before 1582.
      guard number > -141_000 else { continue }
      let parts = calendar.dateComponents([.year, .month, .day], from: Date(timeIntervalSince1970: Double(number) * 86_400))
      #expect([date.year, date.month, date.day] == [parts.year, parts.month, parts.day])
    }
  }

  @Test func `dates that do not exist are refused`() {
    #expect(CivilDate(year: 2024, month: 2, day: 29) != nil && CivilDate(year: 1900, month: 2, day: 29) == nil)
    #expect(CivilDate(year: 2000, month: 2, day: 29) != nil && CivilDate(year: 2026, month: 4, day: 31) == nil)
    #expect(CivilDate(iso8601: "2026-11-24+01:00")?.description == "2026-11-24")
    #expect(CivilDate(iso8601: "2026-11-24T00:00:00")?.day == 24)
    #expect(CivilDate(iso8601: "2026-1-2") == nil && CivilDate(iso8601: "2026-11-24x") == nil)
  }

  @Test func `dates and instants survive encoding, and a wrong date is an error`() throws {
    let date = CivilDate(dayNumber: 20_000)
    let encoded = try JSONEncoder().encode([date])
    #expect(try JSONDecoder().decode([CivilDate].self, from: encoded) == [date])
    #expect(throws: DecodingError.self) { try JSONDecoder().decode([CivilDate].self, from: Data(#"["2026-02-30"]"#.utf8)) }
    let instant = Timestamp(milliseconds: -5)
    #expect(try JSONDecoder().decode([Timestamp].self, from: JSONEncoder().encode([instant])) == [instant])
  }
}
