import Model
import Reconcile
import Testing

/// What mail may be sent, row by row: the only place where it is decided.
struct NoticesTests {
  private static let now = Timestamp(seconds: 1_800_000_000)
  private static let guests = [Attendee(address: "bob@x.test"), Attendee(address: "eva@x.test")]

  private static func fields(daysAhead days: Int, guests: [Attendee] = guests, place: String = "Room 1") -> Fields {
    let start = Timestamp(seconds: now.seconds + Int64(days) * 86_400)
    return Fields([
      .subject: .text("Kickoff"), .location: .text(place), .start: .instant(start, zone: nil),
      .end: .instant(start.advanced(milliseconds: 3_600_000), zone: nil), .attendees: .attendees(guests),
    ])
  }

  private static func item(_ fields: Fields, form: ItemForm? = nil) -> Item {
    Item(version: ItemVersion(id: ItemID(rawValue: "i"), changeKey: "1"), fields: fields, form: form)
  }

  private static func notice(
    _ step: Action.Step, item: Item? = nil, isLinked: Bool = true, isRebuild: Bool = false, isRetry: Bool = false
  ) -> Notice {
    Notices.notice(
      for: step, entity: nil, item: item, isLinked: isLinked,
      context: NoticeContext(isRebuild: isRebuild, isRetry: isRetry, now: now))
  }

  private static func update(_ changes: [Field: Value?], from before: Fields, form: ItemForm? = nil) -> (Action.Step, Item) {
    var after = before
    for (field, value) in changes { after[field] = value }
    return (.updateItem(changes: changes, result: after), item(before, form: form))
  }

  @Test func `a new future meeting invites everybody`() {
    #expect(Self.notice(.createItem(fields: Self.fields(daysAhead: 1))) == .all)
  }

  @Test func `a first run, a rebuild and a retry tell nobody`() {
    let (change, item) = Self.update([.location: .text("Roof")], from: Self.fields(daysAhead: 1))
    for step in [Action.Step.createItem(fields: Self.fields(daysAhead: 1)), change, .deleteItem, .withdrawItem] {
      #expect(Self.notice(step, item: item, isRebuild: true) == .none)
      #expect(Self.notice(step, item: item, isRetry: true) == .none)
    }
  }

  @Test func `an event of the past, or without guests, tells nobody`() {
    for fields in [Self.fields(daysAhead: -1), Self.fields(daysAhead: 1, guests: [])] {
      let (change, item) = Self.update([.location: .text("Roof")], from: fields)
      #expect(Self.notice(.createItem(fields: fields)) == .none)
      #expect(Self.notice(change, item: item) == .none)
      #expect(Self.notice(.deleteItem, item: item) == .none)
    }
  }

  @Test(arguments: [Field.subject, .body, .location])
  func `a change that concerns the guests tells everybody`(field: Field) {
    let (change, item) = Self.update([field: .text("new")], from: Self.fields(daysAhead: 1))
    #expect(Self.notice(change, item: item) == .all)
  }

  @Test func `a past meeting moved into the future tells everybody`() {
    let later = Value.instant(Timestamp(seconds: Self.now.seconds + 86_400), zone: nil)
    let (change, item) = Self.update([.start: later], from: Self.fields(daysAhead: -1))
    #expect(Self.notice(change, item: item) == .all)
  }

  @Test(arguments: [
    (Field.reminder, Value.number(5)), (.categories, .set(["ERP"])), (.showAs, .text("Free")), (.answers, .opaque("bob@x.test ACCEPTED")),
  ])
  func `the organizer's own affairs tell nobody`(field: Field, value: Value) {
    let (change, item) = Self.update([field: value], from: Self.fields(daysAhead: 1))
    #expect(Self.notice(change, item: item) == .none)
  }

  @Test func `a write that changes nothing in meaning tells nobody`() {
    let (change, item) = Self.update([.location: .text("Room 1")], from: Self.fields(daysAhead: 1))
    #expect(Self.notice(change, item: item) == .none)
  }

  @Test func `a guest more and a guest less are told alone, and counted`() {
    let (change, item) = Self.update(
      [.attendees: .attendees([Attendee(address: "bob@x.test"), Attendee(address: "tom@x.test")])], from: Self.fields(daysAhead: 1))
    #expect(Self.notice(change, item: item) == .changed)
    #expect(Notices.messages(.changed, step: change, item: item) == 2)
    #expect(Notices.messages(.all, step: change, item: item) == 3)
    #expect(Notices.messages(.none, step: change, item: item) == 0)
  }

  @Test func `a cancelled or deleted future meeting tells everybody`() {
    for step in [Action.Step.deleteItem, .withdrawItem] {
      #expect(Self.notice(step, item: Self.item(Self.fields(daysAhead: 1))) == .all)
    }
  }

  @Test func `what was only just matched, and a guest's copy, tell nobody`() {
    let (change, item) = Self.update([.location: .text("Roof")], from: Self.fields(daysAhead: 1))
    #expect(Self.notice(change, item: item, isLinked: false) == .none)
    #expect(Self.notice(.deleteItem, item: item, isLinked: false) == .none)
    #expect(Self.notice(change, item: Self.item(Self.fields(daysAhead: 1), form: .attendeeCopy)) == .none)
  }

  @Test func `whole days are of the future from the day after`() {
    func whole(_ date: CivilDate) -> Fields {
      Fields([.allDay: .flag(true), .start: .date(date), .end: .date(date), .attendees: .attendees(Self.guests)])
    }
    let today = Self.now.utcDate
    #expect(Self.notice(.createItem(fields: whole(today))) == .none)
    #expect(Self.notice(.createItem(fields: whole(CivilDate(dayNumber: today.dayNumber + 1)))) == .all)
  }
}
