public import Foundation

extension ERPServer {
  /// What the ERP fills in on a task by itself: new ones are open, completed ones done to the last percent, with the time of it.
  func settleTask(_ record: inout ServerRecord, before: ServerRecord?) {
    if before == nil {
      record.fields["CreatedDateTime"] = .text(Clock.text(configuration.now()))
      record.fields["CreatedByID"] = .text(configuration.username)
      record.linked["Reminder"] = record.linked["Reminder"] ?? ["IsActive": .flag(false)]
    }
    record.fields.merge(["Status": .text("Open"), "Priority": .text("Normal")]) { given, _ in given }
    let (old, new) = (before?.fields["Status"]?.text, record.fields["Status"]?.text)
    guard old != new else { return }
    if new == "Completed" {
      record.fields["CompletionPercentage"] = .number(100)
      record.fields["CompletedAt"] = .text(Clock.text(configuration.now()))
    } else {
      record.fields["CompletedAt"] = nil
    }
  }

  /// Adds a task as if it had been entered by hand.
  /// - Parameters:
  ///   - fields: contract names with values; `CompletionPercentage` as digits.
  ///   - reminder: when the owner is reminded; nil: not.
  public func addTask(_ fields: [String: String], reminder: Date?) {
    var record = newRecord("Task")
    for (name, value) in fields {
      record.fields[name] = name == "CompletionPercentage" ? Double(value).map { .number($0) } : .text(value)
    }
    if let reminder {
      record.linked["Reminder"] = ["IsActive": .flag(true), "RemindAtDate": .text(Clock.text(reminder))]
    }
    complete(&record, "Task", isNew: true)
    let completedAt = record.fields["CompletedAt"]
    settleTask(&record, before: nil)
    if let completedAt { record.fields["CompletedAt"] = completedAt }
    store(&record, "Task")
  }
}
