import Model
import XMLStream

/// Writes events as EWS takes them.
enum CalendarWriting {
  private static let element = "t:CalendarItem"

  /// One `t:CalendarItem` for CreateItem, elements in schema order.
  static func writeNew(_ item: NewItem, _ xml: inout XMLWriter) {
    let fields = item.fields
    xml.within(element) { xml in
      xml.element("t:Subject", fields.text(.subject) ?? "")
      if let body = fields.text(.body) { xml.element("t:Body", body, [("BodyType", "Text")]) }
      ItemProperties.writeCategories(fields, &xml)
      xml.element("t:ReminderIsSet", fields[.reminder] == nil ? "false" : "true")
      if let minutes = minutes(fields) { xml.element("t:ReminderMinutesBeforeStart", minutes) }
      ItemProperties.writeStamps(item, &xml)
      if let start = time(fields, .start) { xml.element("t:Start", start) }
      if let end = time(fields, .end) { xml.element("t:End", end) }
      xml.element("t:IsAllDayEvent", isAllDay(fields) ? "true" : "false")
      xml.element("t:LegacyFreeBusyStatus", fields.text(.showAs) ?? "Busy")
      if let place = fields.text(.location) { xml.element("t:Location", place) }
      for list in lists where !people(fields, list.isOptional).isEmpty { writeAttendees(list, fields, &xml) }
      xml.empty("t:StartTimeZone", [("Id", zone(fields, .start))])
      xml.empty("t:EndTimeZone", [("Id", zone(fields, .end))])
    }
  }

  /// One `t:ItemChange`. Start, end and zones go together: each alone could stand against the others.
  static func writeChange(_ update: ItemUpdate, _ xml: inout XMLWriter) {
    let (changes, result) = (update.changes, update.result)
    ItemProperties.writeChange(update, element: element, &xml) { xml in
      if changes[.subject] != nil { set("item:Subject", &xml) { $0.element("t:Subject", result.text(.subject) ?? "") } }
      if changes[.body] != nil {
        set("item:Body", isEmpty: result[.body] == nil, &xml) { $0.element("t:Body", result.text(.body) ?? "", [("BodyType", "Text")]) }
      }
      if changes[.reminder] != nil {
        set("item:ReminderIsSet", &xml) { $0.element("t:ReminderIsSet", result[.reminder] == nil ? "false" : "true") }
        if let minutes = minutes(result) {
          set("item:ReminderMinutesBeforeStart", &xml) { $0.element("t:ReminderMinutesBeforeStart", minutes) }
        }
      }
      if changes[.start] != nil || changes[.end] != nil || changes[.allDay] != nil { writeTimes(result, &xml) }
      if changes[.showAs] != nil {
        set("calendar:LegacyFreeBusyStatus", &xml) { $0.element("t:LegacyFreeBusyStatus", result.text(.showAs) ?? "Busy") }
      }
      if changes[.location] != nil {
        set("calendar:Location", isEmpty: result[.location] == nil, &xml) { $0.element("t:Location", result.text(.location) ?? "") }
      }
      if changes[.attendees] != nil {
        for list in lists {
          set("calendar:\(list.name)", isEmpty: people(result, list.isOptional).isEmpty, &xml) { writeAttendees(list, result, &$0) }
        }
      }
    }
  }

  private static func set(_ uri: String, isEmpty: Bool = false, _ xml: inout XMLWriter, _ content: (inout XMLWriter) -> Void) {
    ItemProperties.writeSet(.field(uri), element: element, isEmpty: isEmpty, &xml, content)
  }

  private static func writeTimes(_ fields: Fields, _ xml: inout XMLWriter) {
    set("calendar:StartTimeZone", &xml) { $0.empty("t:StartTimeZone", [("Id", zone(fields, .start))]) }
    set("calendar:EndTimeZone", &xml) { $0.empty("t:EndTimeZone", [("Id", zone(fields, .end))]) }
    if let start = time(fields, .start) { set("calendar:Start", &xml) { $0.element("t:Start", start) } }
    if let end = time(fields, .end) { set("calendar:End", &xml) { $0.element("t:End", end) } }
    set("calendar:IsAllDayEvent", &xml) { $0.element("t:IsAllDayEvent", isAllDay(fields) ? "true" : "false") }
  }

  // MARK: Values

  private static func isAllDay(_ fields: Fields) -> Bool { fields[.allDay] == .flag(true) }

  private static func minutes(_ fields: Fields) -> String? {
    if case .number(let minutes)? = fields[.reminder] { String(max(minutes, 0)) } else { nil }
  }

  /// An instant, or the midnight of a day on the clocks of the event's zone.
  private static func time(_ fields: Fields, _ field: Field) -> String? {
    switch fields[field] {
    case .instant(let instant, _): instant.iso8601
    case .date(let date): CalendarZones.instant(date, second: 0, zone: ianaZone(fields, field)).iso8601
    default: nil
    }
  }

  private static func zone(_ fields: Fields, _ field: Field) -> String { CalendarZones.windows(ianaZone(fields, field)) }

  /// The zone that comes with the time, else the one that the event was made in.
  private static func ianaZone(_ fields: Fields, _ field: Field) -> String? {
    if case .instant(_, let zone?)? = fields[field] { return zone }
    return fields.text(.zone)
  }

  // MARK: Attendees

  private static let lists: [(name: String, isOptional: Bool)] = [("RequiredAttendees", false), ("OptionalAttendees", true)]

  private static func people(_ fields: Fields, _ isOptional: Bool) -> [Attendee] {
    (fields[.attendees]?.people ?? []).filter { $0.isOptional == isOptional }
  }

  private static func writeAttendees(_ list: (name: String, isOptional: Bool), _ fields: Fields, _ xml: inout XMLWriter) {
    xml.within("t:\(list.name)") { xml in
      for person in people(fields, list.isOptional) {
        xml.within("t:Attendee") { xml in
          xml.within("t:Mailbox") { xml in
            if !person.name.isEmpty { xml.element("t:Name", person.name) }
            xml.element("t:EmailAddress", person.address)
            if !person.hasMail { xml.element("t:RoutingType", "EX") }
          }
        }
      }
    }
  }
}
