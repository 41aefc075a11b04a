import Foundation
import SandboxStore
import XMLStream

extension ExchangeServer {
  /// The longest range of a view: two years.
  private static let longestView = 2 * 366 * 86_400.0

  /// FindItem with a CalendarView: series are shown as their occurrences, by start.
  func calendarView(_ view: XMLElement, _ folder: ServerFolder, _ mailbox: ServerMailbox, _ shape: Shape) throws -> Message {
    let start = try contextZone.parse(view.attribute("StartDate") ?? "", "StartDate")
    let end = try contextZone.parse(view.attribute("EndDate") ?? "", "EndDate")
    guard end.timeIntervalSince(start) <= Self.longestView else {
      throw Refusal("ErrorCalendarViewRangeTooBig", "The specified view range exceeds the maximum range of two years.")
    }
    guard folder.folderClass == "IPF.Appointment" else {
      throw Refusal("ErrorCalendarFolderIsInvalidForCalendarView", "The folder is no calendar.")
    }
    let found = folder.items.compactMap { mailbox.items[$0] }.flatMap { occurrences(of: $0, from: start, to: end) }
      .sorted { ($0.calendar?.start ?? start, $0.id) < ($1.calendar?.start ?? start, $1.id) }
    let limit = view.attribute("MaxEntriesReturned").flatMap(Int.init) ?? 1000
    return Message { xml in
      let attributes = [
        ("TotalItemsInView", String(found.count)), ("IncludesLastItemInRange", found.count <= limit ? "true" : "false"),
      ]
      xml.within("m:RootFolder", attributes) { xml in
        xml.within("t:Items") { xml in for item in found.prefix(limit) { writeItem(item, shape, &xml) } }
      }
    }
  }

  /// What of an item lies in a window: it ends after the window's start and begins before its end.
  func occurrences(of item: ServerItem, from start: Date, to end: Date) -> [ServerItem] {
    guard let state = item.calendar else { return [] }
    func isInside(_ item: ServerItem) -> Bool {
      guard let own = item.calendar else { return false }
      return own.start < end && (own.end > start || own.start == own.end && own.start >= start)
    }
    guard state.series != nil else { return isInside(item) ? [item] : [] }
    // A moved occurrence may lie in the window though its place in the pattern is outside.
    let reach = max(end, state.exceptions.keys.max().map { $0.addingTimeInterval(1) } ?? end)
    return originals(of: item, before: reach).filter { !state.deleted.contains($0) }.map { composed(item, state, $0) }.filter(isInside)
  }

  // MARK: Properties

  static let calendarComputed: Set<String> = [
    "OriginalStart", "RecurrenceId", "DateTimeStamp", "IsMeeting", "IsCancelled", "IsRecurring", "MeetingRequestWasSent",
    "CalendarItemType",
    "MyResponseType", "Organizer", "Duration", "TimeZone", "AppointmentReplyTime", "AppointmentSequenceNumber", "AppointmentState",
    "FirstOccurrence", "LastOccurrence", "ModifiedOccurrences", "DeletedOccurrences", "IsOnlineMeeting", "IsOrganizer", "StartWallClock",
    "EndWallClock", "StartTimeZoneId", "EndTimeZoneId",
  ]

  /// Writes what follows from the state of a calendar item. False: the property is an element like any other.
  func writeCalendar(_ name: String, _ item: ServerItem, _ xml: inout XMLWriter) -> Bool {
    guard let state = item.calendar, Self.calendarComputed.contains(name) else { return false }
    func write(_ text: String) { xml.element("t:\(name)", text) }
    func write(_ flag: Bool) { write(flag ? "true" : "false") }
    switch name {
    case "OriginalStart", "RecurrenceId": if let original = state.original { write(Self.timeText(original)) }
    case "DateTimeStamp": write(Self.timeText(item.modified))
    case "IsMeeting": write(Self.isMeeting(item))
    case "IsCancelled": write(state.isCancelled)
    case "IsRecurring": write(state.master != nil)
    case "IsOnlineMeeting": write(false)
    case "IsOrganizer": write(state.isOrganizer)
    case "MeetingRequestWasSent": write(state.requestWasSent)
    case "CalendarItemType": write(Self.type(state))
    case "MyResponseType": write(Self.isMeeting(item) ? state.response : "Organizer")
    case "Organizer": xml.within("t:Organizer") { writeMailbox(state.organizer, &$0) }
    case "Duration": write(Self.durationText(Int(state.end.timeIntervalSince(state.start))))
    case "TimeZone", "StartTimeZoneId": write(state.zone.id)
    case "EndTimeZoneId": write(state.endZone.id)
    case "AppointmentReplyTime": if let replied = state.replied { write(Self.timeText(replied)) }
    case "AppointmentSequenceNumber": write(String(state.sequence))
    case "AppointmentState": write(String((Self.isMeeting(item) ? 1 : 0) | (state.isOrganizer ? 0 : 2) | (state.isCancelled ? 4 : 0)))
    case "StartWallClock": write(Self.wallText(state.start, state.zone))
    case "EndWallClock": write(Self.wallText(state.end, state.endZone))
    default: writeSeries(name, item, state, &xml)
    }
    return true
  }

  /// A duration as .NET writes it: `PT1H30M`, `P1D`, `PT0S`.
  private static func durationText(_ seconds: Int) -> String {
    let units = [(seconds / 3600 % 24, "H"), (seconds / 60 % 60, "M"), (seconds % 60, "S")]
    let clock = units.filter { $0.0 > 0 }.map { "\($0.0)\($0.1)" }.joined()
    let days = seconds >= 86_400 ? "\(seconds / 86_400)D" : ""
    return seconds == 0 ? "PT0S" : "P\(days)\(clock.isEmpty ? "" : "T\(clock)")"
  }

  private static func isMeeting(_ item: ServerItem) -> Bool { !item.attendees.isEmpty || item.calendar?.isOrganizer == false }

  private static func type(_ state: CalendarState) -> String {
    if state.series != nil { return "RecurringMaster" }
    if state.master == nil { return "Single" }
    return state.isException ? "Exception" : "Occurrence"
  }

  private static func wallText(_ date: Date, _ zone: ServerZone) -> String {
    date.formatted(
      Date.ISO8601FormatStyle(timeZone: zone.zone).year().month().day().timeZone(separator: .colon).time(includingFractionalSeconds: false))
  }

  private func writeMailbox(_ address: String, _ xml: inout XMLWriter) {
    xml.within("t:Mailbox") { xml in
      xml.element("t:Name", mailboxes[address]?.name ?? address)
      xml.element("t:EmailAddress", address)
      xml.element("t:RoutingType", "SMTP")
      xml.element("t:MailboxType", mailboxes[address] == nil ? "OneOff" : "Mailbox")
    }
  }

  private func writeSeries(_ name: String, _ item: ServerItem, _ state: CalendarState, _ xml: inout XMLWriter) {
    guard let series = state.series else { return }
    switch name {
    case "FirstOccurrence", "LastOccurrence":
      let isEndless = series.end == nil && series.count == nil
      if name == "LastOccurrence" && isEndless { return }
      let reach = isEndless ? state.start.addingTimeInterval(366 * 86_400) : state.start.addingTimeInterval(110 * 366 * 86_400)
      let number = name == "FirstOccurrence" ? state.deleted.count + 1 : Int.max
      let present = originals(of: item, before: reach, upTo: number).filter { !state.deleted.contains($0) }
      guard let original = name == "FirstOccurrence" ? present.first : present.last else { return }
      writeOccurrence(name, composed(item, state, original), &xml)
    case "ModifiedOccurrences" where !state.exceptions.isEmpty:
      xml.within("t:ModifiedOccurrences") { xml in
        for original in state.exceptions.keys.sorted() { writeOccurrence("Occurrence", composed(item, state, original), &xml) }
      }
    case "DeletedOccurrences" where !state.deleted.isEmpty:
      xml.within("t:DeletedOccurrences") { xml in
        for original in state.deleted.sorted() {
          xml.within("t:DeletedOccurrence") { $0.element("t:Start", Self.timeText(original)) }
        }
      }
    default: break
    }
  }

  private func writeOccurrence(_ name: String, _ item: ServerItem, _ xml: inout XMLWriter) {
    guard let state = item.calendar else { return }
    xml.within("t:\(name)") { xml in
      xml.empty("t:ItemId", [("Id", item.id), ("ChangeKey", item.changeKey)])
      xml.element("t:Start", Self.timeText(state.start))
      xml.element("t:End", Self.timeText(state.end))
      xml.element("t:OriginalStart", Self.timeText(state.original ?? state.start))
    }
  }
}
