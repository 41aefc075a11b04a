import Model
import Testing

@testable import Daemon

@Suite struct ScheduleTests {
  private func instant(_ text: String) -> Timestamp { Timestamp(iso8601: text) ?? Timestamp(milliseconds: 0) }

  /// Every five minutes of office hours from Monday to Friday, in Zurich.
  private let office = Schedule(
    name: "office hours", timing: .every(seconds: 300), fromMinute: 7 * 60, toMinute: 19 * 60, days: [1, 2, 3, 4, 5], zone: "Europe/Zurich")
  private let night = Schedule(name: "night", timing: .cron("30 2 * * *"), zone: "UTC", isFull: true)

  @Test func `within its window a schedule comes every so often`() {
    #expect(ScheduleTimes.next(office, after: instant("2027-01-11T09:00:00Z")) == instant("2027-01-11T09:05:00Z"))
  }

  @Test func `after its window a schedule waits for the next one, over the weekend too`() {
    // 19:00 in Zurich is 18:00 UTC in winter; 8 January 2027 is a Friday.
    #expect(ScheduleTimes.next(office, after: instant("2027-01-07T17:58:00Z")) == instant("2027-01-08T06:00:00Z"))
    #expect(ScheduleTimes.next(office, after: instant("2027-01-08T17:58:00Z")) == instant("2027-01-11T06:00:00Z"))
  }

  @Test func `a window keeps its local hours over a change of the clock`() {
    #expect(ScheduleTimes.next(office, after: instant("2027-03-26T18:00:00Z")) == instant("2027-03-29T05:00:00Z"))
  }

  @Test func `a cron time outside the window is passed over`() {
    var schedule = night
    schedule.days = [7]
    #expect(ScheduleTimes.next(schedule, after: instant("2027-01-11T00:00:00Z")) == instant("2027-01-17T02:30:00Z"))
    (schedule.fromMinute, schedule.toMinute) = (180, 240)
    #expect(ScheduleTimes.next(schedule, after: instant("2027-01-11T00:00:00Z")) == nil)
  }

  @Test func `what was missed is made up once, however often it was missed`() {
    var table = ScheduleTable()
    _ = table.look(at: instant("2027-01-11T00:00:00Z"), [night], isPaused: false)
    let woken = table.look(at: instant("2027-01-15T10:00:00Z"), [night], isPaused: false)
    #expect(woken.due == [night])
    #expect(woken.next == ["night": instant("2027-01-16T02:30:00Z")])
    #expect(table.look(at: instant("2027-01-15T10:00:30Z"), [night], isPaused: false).due.isEmpty)
  }

  @Test func `what was missed is not made up outside the window, but when it next begins`() {
    var table = ScheduleTable()
    _ = table.look(at: instant("2027-01-11T09:00:00Z"), [office], isPaused: false)
    let late = table.look(at: instant("2027-01-11T21:00:00Z"), [office], isPaused: false)
    #expect(late.due.isEmpty)
    #expect(late.next == ["office hours": instant("2027-01-12T06:00:00Z")])
    #expect(table.look(at: instant("2027-01-12T06:00:00Z"), [office], isPaused: false).due == [office])
  }

  @Test func `what came due in a pause runs once when it ends`() {
    var table = ScheduleTable()
    _ = table.look(at: instant("2027-01-11T09:00:00Z"), [office], isPaused: false)
    for minute in 5...20 {
      let now = instant("2027-01-11T09:00:00Z").advanced(milliseconds: Int64(minute) * 60_000)
      #expect(table.look(at: now, [office], isPaused: true).due.isEmpty)
    }
    #expect(table.look(at: instant("2027-01-11T09:21:00Z"), [office], isPaused: false).due == [office])
    #expect(table.look(at: instant("2027-01-11T09:22:00Z"), [office], isPaused: false).due.isEmpty)
  }

  @Test func `a new schedule does not run at once, one that was removed is forgotten`() {
    var table = ScheduleTable()
    let first = table.look(at: instant("2027-01-11T09:00:00Z"), [office, night], isPaused: false)
    #expect(first.due.isEmpty)
    _ = table.look(at: instant("2027-01-11T09:01:00Z"), [office], isPaused: false)
    #expect(Set(table.last.keys) == ["office hours"])
  }

  @Test func `a clock that was set back stops nothing`() {
    var table = ScheduleTable()
    _ = table.look(at: instant("2028-01-11T09:00:00Z"), [office], isPaused: false)
    let back = table.look(at: instant("2027-01-11T09:00:00Z"), [office], isPaused: false)
    #expect(back.next == ["office hours": instant("2027-01-11T09:05:00Z")])
  }

  @Test func `an employee's next time is that of the first schedule that takes them in`() {
    var some = night
    some.employees = ["bob@example.test"]
    var settings = Settings(
      store: "", erp: ERPSettings(url: "", endpoint: "", authentication: .password(username: "", password: .literal(""))), accounts: [],
      policies: [],
      employees: [], schedules: [office, some])
    settings.employees = ["alice", "bob"].map { Employee(id: $0, email: "\($0)@example.test", account: "A", policy: "P") }
    let (soon, later) = (instant("2027-01-11T09:05:00Z"), instant("2027-01-12T02:30:00Z"))
    #expect(
      ScheduleLoop.byEmployee(["office hours": later, "night": soon], settings) == ["alice@example.test": later, "bob@example.test": soon])
  }
}
