import Model

/// Renders tasks as iCalendar to-dos (RFC 5545 section 3.6.2). The same fields give the same bytes, always.
enum VTodo {
  /// One task.
  /// - Parameters:
  ///   - uid: stable for ever.
  ///   - revision: the record's last change, as LAST-MODIFIED and DTSTAMP.
  static func render(uid: String, fields: Fields, revision: Timestamp) -> [UInt8] {
    ICalendar.file { lines in
      lines.add("BEGIN", "VTODO")
      lines.add("UID", ContentLines.text(uid))
      lines.add("DTSTAMP", revision.basicFormat)
      lines.add("LAST-MODIFIED", revision.basicFormat)
      ICalendar.text("SUMMARY", .subject, fields, &lines)
      ICalendar.text("DESCRIPTION", .body, fields, &lines)
      days(fields, &lines)
      progress(fields, &lines)
      lines.add("PRIORITY", priority(fields.text(.priority)))
      ICalendar.categories(fields, &lines)
      if case .instant(let reminder, _)? = fields[.reminder] {
        ICalendar.alarm(fields, trigger: (parameters: [(name: "VALUE", value: "DATE-TIME")], value: reminder.basicFormat), &lines)
      }
      lines.add("END", "VTODO")
    }
  }

  /// DUE has to be later than DTSTART (section 3.8.2.3): of a task of one day the due date says all. A series has to have a DTSTART
  /// (section 3.8.5.3): one whose occurrences last a day says so by its duration.
  private static func days(_ fields: Fields, _ lines: inout ContentLines) {
    let (start, due) = (fields[.start]?.date, fields[.due]?.date)
    if let series = fields[.recurrence].flatMap(Series.init), let first = start ?? due {
      ICalendar.day("DTSTART", first, &lines)
      if let due, first < due { ICalendar.day("DUE", due, &lines) } else { lines.add("DURATION", "P1D") }
      lines.add("RRULE", series.rule)
      return
    }
    if let start, due.map({ start < $0 }) ?? true { ICalendar.day("DTSTART", start, &lines) }
    if let due { ICalendar.day("DUE", due, &lines) }
  }

  private static func progress(_ fields: Fields, _ lines: inout ContentLines) {
    switch TaskStatus(rawValue: fields.text(.status) ?? "") {
    case .completed: lines.add("STATUS", "COMPLETED")
    // iCalendar has no waiting: it is work that somebody does.
    case .inProgress, .waitingOnOthers: lines.add("STATUS", "IN-PROCESS")
    case .notStarted, .deferred, nil: lines.add("STATUS", "NEEDS-ACTION")
    }
    if case .number(let percent)? = fields[.percentComplete] { lines.add("PERCENT-COMPLETE", String(percent)) }
    if let day = fields[.completed]?.date { lines.add("COMPLETED", day.description.replacing("-", with: "") + "T000000Z") }
  }

  /// RFC 5545 section 3.8.1.9: 1 highest, 5 normal, 9 lowest.
  private static func priority(_ name: String?) -> String {
    switch name {
    case "High": "1"
    case "Low": "9"
    default: "5"
    }
  }
}
