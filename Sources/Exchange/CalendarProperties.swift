import Foundation
import Model
import XMLStream

/// The mapping of an event's fields to EWS (CalendarItemType of the schema).
enum CalendarProperties {
  /// The mapping as the client uses it.
  static let mapping = ItemMapping(
    paths: paths, support: support, item: { item(from: $0) }, writeNew: { CalendarWriting.writeNew($0, &$1) },
    writeChange: { CalendarWriting.writeChange($0, &$1) }, parts: { modified($0).map(\.id) }, assemble: { assemble($0, $1, parts: $2) })

  /// The usual size of a property in Outlook's forms, in UTF-16 units.
  private static let textLimit = 255

  private static let paths: [PropertyPath] =
    ItemProperties.paths
    + [
      "item:Subject", "item:Body", "item:ReminderIsSet", "item:ReminderMinutesBeforeStart", "calendar:UID", "calendar:Start",
      "calendar:End",
      "calendar:OriginalStart", "calendar:IsAllDayEvent", "calendar:LegacyFreeBusyStatus", "calendar:Location", "calendar:CalendarItemType",
      "calendar:MyResponseType", "calendar:Organizer", "calendar:RequiredAttendees", "calendar:OptionalAttendees",
      "calendar:AppointmentState", "calendar:Recurrence", "calendar:ModifiedOccurrences", "calendar:DeletedOccurrences",
      "calendar:StartTimeZone", "calendar:EndTimeZone",
    ].map(PropertyPath.field)

  /// What a mailbox can hold. The answers are Exchange's own: only the invited give them.
  private static let support = FieldSupport(
    limits: [
      .subject: textLimit, .body: nil, .start: nil, .end: nil, .allDay: nil, .location: textLimit, .showAs: nil, .reminder: nil,
      .attendees: nil, .answers: nil, .categories: nil,
    ], ownFields: [.answers]
  ) { fields in
    var fields = fields
    fields[.answers] = nil
    return fields
  }

  // MARK: Reading

  private static func item(from element: XMLElement) -> Item? {
    guard
      var item = ItemProperties.item(from: element, element: "CalendarItem", itemClass: "ipm.appointment", fields: fields(of: element))
    else { return nil }
    item.form = form(of: element)
    let uid = element.text("UID")
    item.moveKey = uid
    if item.form == .occurrence {
      // A series is known by its master: what that carries is not the occurrence's own.
      (item.foreignID, item.operationID) = (nil, nil)
      item.moveKey = uid.map { "\($0)/\(element.text("OriginalStart") ?? element.text("Start") ?? "")" }
    }
    return item
  }

  /// Bit of AppointmentState: the item was received from somebody else.
  private static let receivedBit = 2

  private static func form(of element: XMLElement) -> ItemForm? {
    let isReceived = element.text("AppointmentState").flatMap(Int.init).map { $0 & receivedBit != 0 } ?? false
    if isReceived || !["Organizer", "Unknown", nil].contains(element.text("MyResponseType")) { return .attendeeCopy }
    switch element.text("CalendarItemType") {
    case "RecurringMaster": return .series
    case "Occurrence", "Exception": return .occurrence
    default: return nil
    }
  }

  private static func fields(of element: XMLElement) -> Fields {
    var fields = Fields()
    fields[.subject] = .text(canonicalText(element.text("Subject") ?? ""))
    fields[.body] = .text(canonicalText(element.text("Body") ?? ""))
    fields[.location] = .text(canonicalText(element.text("Location") ?? ""))
    fields[.showAs] = .text(element.text("LegacyFreeBusyStatus") ?? "Busy")
    fields[.categories] = .set(element.child("Categories")?.children("String").map(\.text) ?? [])
    let isAllDay = isTrue(element.text("IsAllDayEvent"))
    fields[.allDay] = isAllDay ? .flag(true) : nil
    let zone = CalendarZones.zone(element.child("StartTimeZone"), at: element.text("Start"))
    fields[.zone] = zone.map { .text($0) }
    fields[.start] = time(element.text("Start"), isAllDay, zone)
    let endZone = CalendarZones.zone(element.child("EndTimeZone"), at: element.text("End"))
    fields[.end] = time(element.text("End"), isAllDay, endZone ?? zone)
    if isTrue(element.text("ReminderIsSet")) {
      fields[.reminder] = element.text("ReminderMinutesBeforeStart").flatMap(Int.init).map { .number($0) }
    }
    let people = attendees(element)
    fields[.attendees] = .attendees(people)
    fields[.answers] = Attendee.answers(of: people)
    fields[.organizer] = element.text("Organizer", "Mailbox", "EmailAddress").map { .text($0.lowercased()) }
    fields[.recurrence] = series(element, fields, zone)
    return fields
  }

  private static func isTrue(_ text: String?) -> Bool { text == "true" || text == "1" }

  private static func time(_ text: String?, _ isAllDay: Bool, _ zone: String?) -> Value? {
    guard let instant = text.flatMap({ Timestamp(iso8601: $0) }) else { return nil }
    return isAllDay ? .date(CalendarZones.date(instant, zone: zone)) : .instant(instant, zone: zone)
  }

  private static let answers = ["Accept": "ACCEPTED", "Decline": "DECLINED", "Tentative": "TENTATIVE"]

  private static func attendees(_ element: XMLElement) -> [Attendee] {
    [("RequiredAttendees", false), ("OptionalAttendees", true)].flatMap { list, isOptional in
      (element.child(list)?.children("Attendee") ?? []).compactMap { attendee in
        guard let address = attendee.text("Mailbox", "EmailAddress"), !address.isEmpty else { return nil }
        return Attendee(
          address: address, name: attendee.text("Mailbox", "Name") ?? "", isOptional: isOptional,
          answer: answers[attendee.text("ResponseType") ?? ""] ?? "NEEDS-ACTION")
      }
    }
  }

  // MARK: Series

  private static func series(_ element: XMLElement, _ fields: Fields, _ zone: String?) -> Value? {
    guard let recurrence = element.child("Recurrence"), let start = fields[.start],
      let rule = RecurrenceRule.text(recurrence, start: RecurrenceRule.Start(value: start, zone: zone))
    else { return nil }
    let isAllDay = fields[.allDay] != nil
    let gone = (element.child("DeletedOccurrences")?.children("DeletedOccurrence") ?? []).compactMap {
      time($0.text("Start"), isAllDay, zone)
    }
    return Series(rule: rule, excluded: gone.sorted { order($0) < order($1) }).value
  }

  private static func order(_ value: Value) -> Int64 {
    switch value {
    case .instant(let instant, _): instant.seconds
    case .date(let date): Int64(date.dayNumber) * 86_400
    default: 0
    }
  }

  private static func modified(_ element: XMLElement) -> [(id: ItemID, original: String)] {
    (element.child("ModifiedOccurrences")?.children("Occurrence") ?? []).compactMap { occurrence in
      guard let id = occurrence.child("ItemId")?.attribute("Id"), let original = occurrence.text("OriginalStart") else { return nil }
      return (ItemID(rawValue: id), original)
    }
  }

  /// A series with the occurrences that differ from its pattern, each read whole.
  private static func assemble(_ item: Item, _ element: XMLElement, parts: [ItemID: Item]) -> Item {
    guard item.fields[.recurrence] != nil, var series = item.fields[.recurrence].flatMap(Series.init) else { return item }
    let isAllDay = item.fields[.allDay] != nil
    let zone = item.fields.text(.zone)
    series.overrides = modified(element).compactMap { id, original in
      guard let part = parts[id], let original = time(original, isAllDay, zone) else { return nil }
      var fields = part.fields
      fields[.recurrence] = nil
      return Series.Override(original: original, fields: fields)
    }.sorted { order($0.original) < order($1.original) }
    var whole = item
    whole.fields[.recurrence] = series.value
    return whole
  }

}
