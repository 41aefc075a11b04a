import Model
import XMLStream

/// The mapping of a task's fields to EWS (TaskType of the schema).
enum TaskProperties {
  /// The mapping as the client uses it.
  static let mapping = ItemMapping(
    paths: paths, support: support, item: { item(from: $0) }, writeNew: { writeNew($0, &$1) }, writeChange: { writeChange($0, &$1) })

  private static let element = "t:Task"
  /// The usual size of a property in Outlook's forms, in UTF-16 units.
  private static let subjectLimit = 255

  private static let paths: [PropertyPath] =
    ItemProperties.paths
    + [
      "item:Subject", "item:Body", "item:Importance", "item:ReminderDueBy", "item:ReminderIsSet", "task:CompleteDate", "task:DueDate",
      "task:IsRecurring", "task:PercentComplete", "task:Recurrence", "task:StartDate", "task:Status",
    ].map(PropertyPath.field)

  /// What a mailbox can hold. Status and percentage depend on each other: all of a task that is completed is done, nothing of one that is
  /// not started, and a hundred percent would complete it.
  private static let support = FieldSupport(
    limits: [
      .subject: subjectLimit, .body: nil, .start: nil, .due: nil, .status: nil, .percentComplete: nil, .completed: nil, .priority: nil,
      .reminder: nil, .categories: nil,
    ]
  ) { fields in
    var fields = fields
    switch fields.text(.status) {
    case TaskStatus.completed.rawValue: fields[.percentComplete] = .number(100)
    case TaskStatus.notStarted.rawValue: (fields[.percentComplete], fields[.completed]) = (nil, nil)
    default:
      if case .number(let percent)? = fields[.percentComplete], percent > 99 { fields[.percentComplete] = .number(99) }
      fields[.completed] = nil
    }
    return fields
  }

  // MARK: Reading

  private static func item(from element: XMLElement) -> Item? {
    ItemProperties.item(from: element, element: "Task", itemClass: "ipm.task", fields: fields(of: element))
  }

  private static func fields(of element: XMLElement) -> Fields {
    var fields = Fields()
    fields[.subject] = .text(canonicalText(element.text("Subject") ?? ""))
    fields[.body] = .text(canonicalText(element.text("Body") ?? ""))
    fields[.priority] = .text(element.text("Importance") ?? "Normal")
    fields[.status] = .text(element.text("Status") ?? TaskStatus.notStarted.rawValue)
    for (field, name) in [(Field.start, "StartDate"), (.due, "DueDate"), (.completed, "CompleteDate")] {
      // Dates carried in a dateTime: the day counts, in the zone that was asked for (UTC).
      fields[field] = element.text(name).flatMap { CivilDate(iso8601: $0) }.map { .date($0) }
    }
    fields[.percentComplete] = element.text("PercentComplete").flatMap(Double.init).flatMap { $0 > 0 ? .number(Int($0)) : nil }
    if isTrue(element.text("ReminderIsSet")), let due = element.text("ReminderDueBy").flatMap({ Timestamp(iso8601: $0) }) {
      fields[.reminder] = .instant(Timestamp(seconds: due.seconds - due.seconds % 60), zone: nil)
    }
    if isTrue(element.text("IsRecurring")) { fields[.recurrence] = recurrence(element, fields) }
    return fields
  }

  /// The series as it is shown: the ERP has none of tasks, and Exchange makes the next occurrence when this one is completed. A pattern that
  /// counts from the day of completion has no counterpart in iCalendar, neither has a number of occurrences that counts from another day than
  /// this occurrence's: of such a one it is known only that there is one.
  private static func recurrence(_ element: XMLElement, _ fields: Fields) -> Value {
    guard let recurrence = element.child("Recurrence"), let first = fields[.start] ?? fields[.due],
      let rule = RecurrenceRule.text(recurrence, start: RecurrenceRule.Start(value: first, zone: nil)),
      let range = recurrence.children.last,
      range.name != "NumberedRecurrence" || range.text("StartDate").flatMap({ CivilDate(iso8601: $0) }) == first.date
    else { return .opaque("recurring") }
    return Series(rule: rule).value ?? .opaque("recurring")
  }

  private static func isTrue(_ text: String?) -> Bool { text == "true" || text == "1" }

  // MARK: Writing

  /// One `t:Task` for CreateItem, elements in schema order.
  private static func writeNew(_ item: NewItem, _ xml: inout XMLWriter) {
    let fields = item.fields
    xml.within(element) { xml in
      xml.element("t:Subject", fields.text(.subject) ?? "")
      if let body = fields.text(.body) { xml.element("t:Body", body, [("BodyType", "Text")]) }
      ItemProperties.writeCategories(fields, &xml)
      xml.element("t:Importance", fields.text(.priority) ?? "Normal")
      if case .instant(let reminder, _)? = fields[.reminder] { xml.element("t:ReminderDueBy", reminder.iso8601) }
      xml.element("t:ReminderIsSet", fields[.reminder] == nil ? "false" : "true")
      ItemProperties.writeStamps(item, &xml)
      let progress = progress(fields)
      if let completed = progress.completed { xml.element("t:CompleteDate", completed) }
      if let due = day(fields[.due]) { xml.element("t:DueDate", due) }
      if let percent = progress.percent { xml.element("t:PercentComplete", percent) }
      if let start = day(fields[.start]) { xml.element("t:StartDate", start) }
      if let status = progress.status { xml.element("t:Status", status) }
    }
  }

  /// One `t:ItemChange`: a property an update.
  private static func writeChange(_ update: ItemUpdate, _ xml: inout XMLWriter) {
    let (changed, result) = (Set(update.changes.keys), update.result)
    ItemProperties.writeChange(update, element: element, &xml) { xml in
      if changed.contains(.subject) { set("item:Subject", result.text(.subject), "t:Subject", &xml) }
      if changed.contains(.body) { set("item:Body", result.text(.body), "t:Body", &xml, [("BodyType", "Text")]) }
      if changed.contains(.priority) { set("item:Importance", result.text(.priority) ?? "Normal", "t:Importance", &xml) }
      if changed.contains(.reminder) { writeReminder(result[.reminder], &xml) }
      if changed.contains(.start) { set("task:StartDate", day(result[.start]), "t:StartDate", &xml) }
      if changed.contains(.due) { set("task:DueDate", day(result[.due]), "t:DueDate", &xml) }
      if !changed.isDisjoint(with: [.status, .percentComplete, .completed]) {
        let progress = progress(result)
        if let percent = progress.percent { set("task:PercentComplete", percent, "t:PercentComplete", &xml) }
        if let status = progress.status { set("task:Status", status, "t:Status", &xml) }
        if let completed = progress.completed { set("task:CompleteDate", completed, "t:CompleteDate", &xml) }
      }
    }
  }

  private static func writeReminder(_ reminder: Value?, _ xml: inout XMLWriter) {
    if case .instant(let instant, _)? = reminder { set("item:ReminderDueBy", instant.iso8601, "t:ReminderDueBy", &xml) }
    set("item:ReminderIsSet", reminder == nil ? "false" : "true", "t:ReminderIsSet", &xml)
  }

  /// What says how far a task is. Each of status, percentage and day of completion sets the others, and the last of a request wins: a
  /// completed task gets its day alone (or its status, where the day is not known), any other the percentage and then the status.
  private static func progress(_ fields: Fields) -> (percent: String?, status: String?, completed: String?) {
    let status = fields.text(.status) ?? TaskStatus.notStarted.rawValue
    if status == TaskStatus.completed.rawValue {
      if let completed = day(fields[.completed]) { return (nil, nil, completed) }
      return (nil, status, nil)
    }
    var percent = 0
    if status != TaskStatus.notStarted.rawValue, case .number(let number)? = fields[.percentComplete] { percent = min(number, 99) }
    return (String(percent), status, nil)
  }

  private static func day(_ value: Value?) -> String? { value?.date.map { "\($0)T00:00:00Z" } }

  private static func set(
    _ path: String, _ text: String?, _ name: String, _ xml: inout XMLWriter, _ attributes: [(String, String)] = []
  ) {
    ItemProperties.writeSet(.field(path), element: element, isEmpty: text == nil, &xml) { $0.element(name, text ?? "", attributes) }
  }
}
