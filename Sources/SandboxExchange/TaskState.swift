import Foundation
import XMLStream

/// How far a task is: status, percentage and day of completion set each other, in the order in which a request names them.
extension ExchangeServer {
  private static let statuses: Set<String> = ["NotStarted", "InProgress", "Completed", "WaitingOnOthers", "Deferred"]

  /// What follows on a task from one property that was just set (or removed).
  func settleTask(_ item: inout ServerItem, after element: String) throws {
    guard item.className == "Task" else { return }
    let percent = item.text("PercentComplete").flatMap(Double.init) ?? 0
    switch element {
    case "Status":
      let status = item.text("Status") ?? ""
      guard Self.statuses.contains(status) else { throw Refusal.schema("'\(status)' is no task status.") }
      switch status {
      case "Completed": complete(task: &item, day: nil)
      case "NotStarted": reopen(task: &item, percent: 0)
      default: reopen(task: &item, percent: percent == 100 ? 0 : percent)
      }
    case "PercentComplete":
      guard item.text("PercentComplete").flatMap(Double.init) != nil, (0...100).contains(percent) else {
        throw Refusal("ErrorInvalidPercentCompleteValue", "PercentComplete is not within 0 to 100.", path: "task:PercentComplete")
      }
      let status = item.text("Status") ?? "NotStarted"
      if percent == 100 {
        complete(task: &item, day: nil)
      } else {
        reopen(task: &item, percent: percent)
        if percent == 0, ["Completed", "InProgress"].contains(status) { set("Status", "NotStarted", &item) }
        if percent > 0, ["Completed", "NotStarted"].contains(status) { set("Status", "InProgress", &item) }
      }
    case "CompleteDate":
      guard let text = item.text("CompleteDate") else {
        reopen(task: &item, percent: 0)
        return set("Status", "NotStarted", &item)
      }
      guard let day = day(text), day <= today else {
        throw Refusal("ErrorInvalidCompleteDate", "The completion date lies in the future.", path: "task:CompleteDate")
      }
      complete(task: &item, day: String(text.prefix(10)))
    default: break
    }
  }

  /// Properties that every task has.
  func completeTask(_ item: inout ServerItem) {
    guard item.className == "Task" else { return }
    for (name, usual) in [("Status", "NotStarted"), ("PercentComplete", "0"), ("ReminderIsSet", "false")] where item.elements[name] == nil {
      set(name, usual, &item)
    }
    set("IsComplete", item.text("Status") == "Completed" ? "true" : "false", &item)
    set("IsRecurring", item.elements["Recurrence"] == nil ? "false" : "true", &item)
  }

  private var today: Int { Int(configuration.now().timeIntervalSince1970 / 86_400) }

  /// The day of a dateTime.
  private func day(_ text: String) -> Int? { ServerDay.number(String(text.prefix(10))) }

  private func set(_ name: String, _ text: String, _ item: inout ServerItem) {
    item.elements[name] = XMLElement(namespace: "", name: name, text: text)
  }

  private func complete(task item: inout ServerItem, day: String?) {
    set("Status", "Completed", &item)
    set("PercentComplete", "100", &item)
    set("CompleteDate", (day ?? ServerDay.text(today)) + "T00:00:00Z", &item)
  }

  private func reopen(task item: inout ServerItem, percent: Double) {
    set("PercentComplete", Int(exactly: percent).map(String.init) ?? String(percent), &item)
    item.elements["CompleteDate"] = nil
  }

  // MARK: Recurrence

  /// Completing a recurring task turns it into a finished single one and makes the next, with all its properties, as a new item.
  func regenerate(_ item: inout ServerItem, _ mailbox: inout ServerMailbox) throws {
    guard item.className == "Task", item.text("Status") == "Completed", let recurrence = item.elements["Recurrence"] else { return }
    let current = item.text("StartDate") ?? item.text("DueDate")
    item.elements["Recurrence"] = nil
    completeTask(&item)
    guard let start = current.flatMap(day), let (next, rest) = try nextStart(recurrence, after: start) else { return }
    var following = item
    following.elements["Recurrence"] = rest
    for name in ["StartDate", "DueDate"] {
      if let day = item.text(name).flatMap(day) { set(name, ServerDay.text(day + next - start) + "T00:00:00Z", &following) }
    }
    if let due = item.text("ReminderDueBy"), let day = day(due) {
      set("ReminderDueBy", ServerDay.text(day + next - start) + due.dropFirst(10), &following)
    }
    set("Status", "NotStarted", &following)
    reopen(task: &following, percent: 0)
    completeTask(&following)
    _ = copy(following, to: item.folder, &mailbox)
  }

  /// The next occurrence's day, and the recurrence that is left from there on; nil: this was the last.
  private func nextStart(_ recurrence: XMLElement, after day: Int) throws -> (day: Int, rest: XMLElement)? {
    guard recurrence.children.count == 2 else { throw Refusal.schema("Recurrence needs a pattern and a range.") }
    let pattern = recurrence.children[0]
    var range = recurrence.children[1]
    let next: Int
    if pattern.name.hasSuffix("Regeneration") {
      // So long after the day on which the work was done.
      let interval = pattern.text("Interval").flatMap(Int.init) ?? 1
      let days = ["DailyRegeneration": 1, "WeeklyRegeneration": 7, "MonthlyRegeneration": 30, "YearlyRegeneration": 365]
      next = today + interval * (days[pattern.name] ?? 1)
    } else {
      let series = try SeriesPattern(recurrence)
      guard let found = series.days(through: day + 366 * 110).first(where: { $0 > day }) else { return nil }
      next = found
    }
    if let number = range.child("NumberOfOccurrences").flatMap({ Int($0.text) }) {
      guard number > 1 else { return nil }
      for index in range.children.indices where range.children[index].name == "NumberOfOccurrences" {
        range.children[index].text = String(number - 1)
      }
    }
    for index in range.children.indices where range.children[index].name == "StartDate" {
      range.children[index].text = ServerDay.text(next)
    }
    var rest = recurrence
    rest.children = [pattern, range]
    return (next, rest)
  }
}
