import Foundation
import Model
import Testing

@Suite struct ValueTests {
  @Test(arguments: [
    ("a\r\nb\rc", "a\nb\nc"), ("blank \t\nends\u{A0}\n\n \n", "blank\nends"), ("", ""), ("\n\n", ""), (" leads", " leads"),
    ("a\n\nb", "a\n\nb"),
  ])
  func `text is compared without regard to line ends and trailing white space`(text: String, expected: String) {
    #expect(canonicalText(text) == expected)
    #expect(canonicalText(expected) == expected)
  }

  @Test func `addresses mean the same in any case, other texts do not`() {
    #expect(Value.text("A@B.test").means(.text("a@b.TEST"), as: .email2))
    #expect(!Value.text("Doe").means(.text("doe"), as: .familyName))
  }

  @Test func `sets mean the same in any order and case`() {
    #expect(Value.set(["ERP", "Golf"]).means(.set(["golf", "erp"]), as: .categories))
    #expect(!Value.set(["ERP"]).means(.set(["ERP", "Golf"]), as: .categories))
  }

  @Test func `attendees are compared by address and role, not by name, order or answer`() {
    let jan = Attendee(address: "Jan@x.test", name: "Jan")
    let eva = Attendee(address: "eva@x.test", isOptional: true)
    #expect(Value.attendees([jan, eva]).means(.attendees([eva, Attendee(address: "jan@X.test", name: "Other")]), as: .attendees))
    #expect(!Value.attendees([jan]).means(.attendees([Attendee(address: "jan@x.test", isOptional: true)]), as: .attendees))
    #expect(Value.attendees([jan]).means(.attendees([Attendee(address: "jan@x.test", answer: "ACCEPTED")]), as: .attendees))
  }

  @Test func `answers are a value of their own, in the order of addresses`() {
    let people = [
      Attendee(address: "jan@x.test", answer: "DECLINED"), Attendee(address: "eva@x.test", answer: "ACCEPTED"),
      Attendee(address: "tom@x.test"),
    ]
    #expect(Attendee.answers(of: people) == .opaque("eva@x.test ACCEPTED\njan@x.test DECLINED"))
    #expect(Attendee.answers(of: [Attendee(address: "tom@x.test")]) == nil)
  }

  @Test func `instants mean the same in whatever zone they were given`() {
    let noon = Timestamp(seconds: 0)
    #expect(Value.instant(noon, zone: "Europe/Zurich").means(.instant(noon, zone: nil), as: .start))
    #expect(!Value.instant(noon, zone: nil).means(.instant(Timestamp(seconds: 1), zone: nil), as: .start))
  }

  @Test func `an empty text, set or list of people is no value`() {
    var fields = Fields()
    fields[.notes] = .text("")
    fields[.categories] = .set([])
    fields[.attendees] = .attendees([])
    #expect(fields.isEmpty && fields == Fields())
    fields[.notes] = .text("x")
    #expect(fields.names == [.notes])
    fields[.notes] = nil
    #expect(fields.isEmpty)
  }

  @Test func `differences name the fields that differ in meaning`() {
    let left = Fields([.email1: .text("A@b.test"), .givenName: .text("x"), .notes: .text("n")])
    let right = Fields([.email1: .text("a@B.test"), .givenName: .text("y"), .city: .text("c")])
    #expect(left.differences(from: right) == [.city, .givenName, .notes])
    #expect(left.differences(from: left) == [])
    #expect(left.restricted(to: [.notes]) == Fields([.notes: .text("n")]))
  }

  @Test func `values of every kind survive encoding`() throws {
    let fields = Fields([
      .notes: .text("ö\n\u{0}"), .percentComplete: .number(-1), .allDay: .flag(false), .birthday: .date(CivilDate(dayNumber: 1)),
      .start: .instant(Timestamp(milliseconds: 5), zone: "UTC"), .categories: .set(["a"]), .recurrence: .opaque("R"),
      .attendees: .attendees([Attendee(address: "a@b.test", name: "A")]),
    ])
    #expect(try JSONDecoder().decode(Fields.self, from: JSONEncoder().encode(fields)) == fields)
  }

  @Test func `a field's text is cut between characters at its limit in UTF-16 units`() {
    let support = FieldSupport(limits: [.familyName: 5, .notes: nil])
    func cut(_ text: String) -> String? { support.projected(Fields([.familyName: .text(text)])).text(.familyName) }
    #expect(cut("abcde") == "abcde" && cut("abcdef") == "abcde")
    #expect(cut("abcd😀") == "abcd", "an emoji takes two units and is not torn")
    #expect(cut("abc 😀") == "abc", "no blank is left at the end")
    #expect(cut("👩‍👩‍👧‍👦") == nil)
    #expect(support.projected(Fields([.notes: .text(String(repeating: "x", count: 9999)), .city: .text("gone")])).names == [.notes])
  }

  @Test func `operation ids are version 7 UUIDs in the order of time`() {
    let clock = Surroundings(now: { Timestamp(milliseconds: 0x0123_4567_89AB) }, random: { .max }, sleep: { _ in })
    #expect(clock.operationID().rawValue == "0123456789ab7fffbfffffffffffffff")
  }

  @Test func `what an error stops and leaves in doubt follows from its code`() {
    #expect(SyncError(.unreachable, "x").stopsAccount && !SyncError(.invalidRecord, "x").stopsAccount)
    #expect(SyncError(.timedOut, "x").leavesWriteInDoubt && !SyncError(.staleVersion, "x").leavesWriteInDoubt)
    #expect(SyncError(.staleVersion, "x").retry == .afterReading && SyncError(.accessDenied, "x").retry == .never)
    #expect("\(SyncError(.failed, "what", cause: "why"))" == "what (why)")
  }
}
