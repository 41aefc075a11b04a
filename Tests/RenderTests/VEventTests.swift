import Foundation
import Model
import Testing

@testable import Render

struct VEventTests {
  /// A zone of made-up rules: an hour forward on the last Sunday of March, back on the last of October, as Berlin's.
  private static let zones = Zones(
    offset: { zone, instant in
      guard zone == "Test/Zone" else { return nil }
      return (changes.last { $0.instant <= instant })?.offsetAfter ?? 3600
    },
    transitions: { zone, start, end in zone == "Test/Zone" ? changes.filter { $0.instant > start && $0.instant <= end } : nil })

  private static let changes: [ZoneTransition] = (2020...2080).flatMap { year in
    [(3, 3600, 7200, true), (10, 7200, 3600, false)].compactMap { month, before, after, isDaylight in
      (25...31).compactMap { CivilDate(year: year, month: month, day: $0) }.first { ($0.dayNumber + 4) % 7 == 0 }.map {
        ZoneTransition(
          instant: Timestamp(seconds: Int64($0.dayNumber) * 86_400 + 3600), offsetBefore: before, offsetAfter: after, isDaylight: isDaylight
        )
      }
    }
  }

  private static let start = Timestamp(seconds: 1_793_610_000)  // 2026-11-02T09:00:00Z

  private static func lines(_ fields: Fields) -> [String] {
    let text = String(decoding: VEvent.render(uid: "u1", fields: fields, revision: start, zones: zones), as: UTF8.self)
    return text.replacing("\r\n ", with: "").split(separator: "\r\n").map(String.init)
  }

  private static func event(_ more: [Field: Value] = [:]) -> Fields {
    var fields = Fields([
      .subject: .text("Kick-off; all"), .start: .instant(start, zone: "Test/Zone"),
      .end: .instant(start.advanced(milliseconds: 3_600_000), zone: "Test/Zone"),
    ])
    for (field, value) in more { fields[field] = value }
    return fields
  }

  @Test func `times are the clock's of their zone, which is written from its transitions`() {
    let lines = Self.lines(Self.event())
    #expect(lines.contains("DTSTART;TZID=Test/Zone:20261102T100000"))
    #expect(lines.contains("DTEND;TZID=Test/Zone:20261102T110000"))
    #expect(lines.filter { $0 == "BEGIN:VTIMEZONE" }.count == 1 && lines.contains("TZID:Test/Zone"))
    #expect(lines.contains("SUMMARY:Kick-off\\; all"))
  }

  @Test func `a series without end names the rules of its zone without end`() {
    let series = Series(
      rule: "FREQ=WEEKLY;BYDAY=MO;WKST=MO", excluded: [.instant(Self.start.advanced(milliseconds: 604_800_000), zone: "Test/Zone")])
    let lines = Self.lines(Self.event([.recurrence: series.value ?? .text("")]))
    #expect(lines.contains("RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU") && lines.contains("RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU"))
    #expect(lines.contains("RRULE:FREQ=WEEKLY;BYDAY=MO;WKST=MO"))
    #expect(lines.contains("EXDATE;TZID=Test/Zone:20261109T100000"))
  }

  @Test func `a changed occurrence is an event of the same UID with its place in the pattern`() {
    var changed = Self.event([.subject: .text("Moved")])
    changed[.start] = .instant(Self.start.advanced(milliseconds: 7_200_000), zone: "Test/Zone")
    let series = Series(
      rule: "FREQ=DAILY", overrides: [Series.Override(original: .instant(Self.start, zone: "Test/Zone"), fields: changed)])
    let lines = Self.lines(Self.event([.recurrence: series.value ?? .text("")]))
    #expect(lines.filter { $0 == "BEGIN:VEVENT" }.count == 2 && lines.filter { $0 == "UID:u1" }.count == 2)
    #expect(lines.contains("RECURRENCE-ID;TZID=Test/Zone:20261102T100000"))
    #expect(lines.contains("DTSTART;TZID=Test/Zone:20261102T120000"))
  }

  @Test func `whole days are dates, unknown zones and UTC are written with Z`() throws {
    let day = try #require(CivilDate(year: 2027, month: 3, day: 28))
    let whole = Self.lines(Self.event([.start: .date(day), .end: .date(CivilDate(dayNumber: day.dayNumber + 1))]))
    #expect(whole.contains("DTSTART;VALUE=DATE:20270328") && whole.contains("DTEND;VALUE=DATE:20270329"))
    for zone in ["Etc/UTC", "Mars/Olympus"] {
      let lines = Self.lines(Self.event([.start: .instant(Self.start, zone: zone), .end: .instant(Self.start, zone: zone)]))
      #expect(lines.contains("DTSTART:20261102T090000Z") && !lines.contains("BEGIN:VTIMEZONE"), "\(zone)")
    }
  }

  @Test func `guests are written with their answers; an address cannot break out of its line`() {
    let people = [
      Attendee(address: "eva@x.test", name: "Eva \"E\"; Lang", isOptional: true, answer: "ACCEPTED"),
      Attendee(address: "x@y.test\r\nATTACH:file:///etc/passwd", name: "X"),
    ]
    let lines = Self.lines(Self.event([.attendees: .attendees(people), .organizer: .text("ann@x.test"), .reminder: .number(15)]))
    #expect(lines.contains("ATTENDEE;CN=\"Eva E; Lang\";ROLE=OPT-PARTICIPANT;PARTSTAT=ACCEPTED;RSVP=TRUE:mailto:eva@x.test"))
    #expect(lines.contains("ORGANIZER:mailto:ann@x.test") && lines.contains("TRIGGER:-PT15M"))
    #expect(!lines.contains { $0.hasPrefix("ATTACH") })
    #expect(lines.filter { $0.hasPrefix("ACTION:") } == ["ACTION:DISPLAY"])
  }
}
