import Model

/// What iCalendar files of tasks and events have in common (RFC 5545).
enum ICalendar {
  /// A whole file around its components.
  /// - Parameter components: writes what stands between the calendar's head and end.
  static func file(_ components: (inout ContentLines) -> Void) -> [UInt8] {
    var lines = ContentLines()
    lines.add("BEGIN", "VCALENDAR")
    lines.add("VERSION", "2.0")
    lines.add("PRODID", "-//concordfs//concordfs//EN")
    components(&lines)
    lines.add("END", "VCALENDAR")
    return lines.bytes
  }

  /// A text property; nothing where it is empty.
  static func text(_ name: String, _ field: Field, _ fields: Fields, _ lines: inout ContentLines) {
    if let value = fields.text(field) { lines.add(name, ContentLines.text(value)) }
  }

  /// A day, as `VALUE=DATE` (RFC 5545 section 3.3.4).
  static func day(_ name: String, _ date: CivilDate, _ lines: inout ContentLines) {
    lines.add(name, parameters: [(name: "VALUE", value: "DATE")], date.description.replacing("-", with: ""))
  }

  /// `CATEGORIES`; nothing where there are none.
  static func categories(_ fields: Fields, _ lines: inout ContentLines) {
    let names = fields[.categories]?.elements ?? []
    if !names.isEmpty { lines.add("CATEGORIES", names.map(ContentLines.text).joined(separator: ",")) }
  }

  /// A `VALARM` that shows the subject (RFC 5545 section 3.6.6).
  /// - Parameter trigger: the whole content of the trigger, with its parameters.
  static func alarm(_ fields: Fields, trigger: (parameters: [(name: String, value: String)], value: String), _ lines: inout ContentLines) {
    lines.add("BEGIN", "VALARM")
    lines.add("ACTION", "DISPLAY")
    lines.add("TRIGGER", parameters: trigger.parameters, trigger.value)
    lines.add("DESCRIPTION", ContentLines.text(fields.text(.subject) ?? "Reminder"))
    lines.add("END", "VALARM")
  }
}
