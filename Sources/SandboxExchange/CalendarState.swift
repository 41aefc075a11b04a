import Foundation
import SandboxStore
import XMLStream

/// What the server keeps of a calendar item beside its elements.
struct CalendarState: Sendable, Codable {
  var start: Date
  var end: Date
  var zone: ServerZone
  var endZone: ServerZone
  /// Of a master: its pattern, and what differs from it by original start.
  var series: SeriesPattern?
  var exceptions: [Date: SeriesException] = [:]
  var deleted: Set<Date> = []
  /// Change key of occurrences that are as the pattern says.
  var occurrenceKey: String
  /// Of an occurrence: where the pattern has it, and its master.
  var original: Date?
  var master: String?
  var isException = false
  /// Address of who invites; `isOrganizer` where it is this mailbox.
  var organizer: String
  var isOrganizer = true
  var requestWasSent = false
  var isCancelled = false
  var response = "Organizer"
  var replied: Date?
  var sequence = 0
}

/// What one occurrence has of its own.
struct SeriesException: Sendable, Codable {
  var start: Date
  var end: Date
  var changeKey: String
  var modified: Date
  /// Elements that differ from the master's; nil: it has none.
  var elements: [String: XMLElement?]
  var extended: [ExtendedName: [String]?]
  var response: String
  var replied: Date?
}

extension ServerItem {
  static let attendeeLists = ["RequiredAttendees", "OptionalAttendees", "Resources"]

  var attendees: [XMLElement] { Self.attendeeLists.flatMap { elements[$0]?.children ?? [] } }
  var attendeeAddresses: Set<String> { Set(attendees.compactMap { $0.text("Mailbox", "EmailAddress")?.lowercased() }) }
  var uid: String { text("UID") ?? "" }
  var isAllDay: Bool { text("IsAllDayEvent") == "true" }

  mutating func set(_ element: String, _ text: String) { elements[element] = XMLElement(name: element, text: text) }
}

extension ExchangeServer {
  /// Limit of Exchange: five years.
  private static let longestDuration = 5 * 366 * 86_400.0

  /// Brings a calendar item into the server's form after a creation or a change.
  /// - Parameter changed: names of the elements that were set or removed; nil: a new item.
  func settleCalendar(_ item: inout ServerItem, changed: Set<String>?, owner: String) throws {
    guard item.className == "CalendarItem" else { return }
    let isNew = item.calendar == nil
    func isSet(_ name: String) -> Bool { changed?.contains(name) ?? (item.elements[name] != nil) }
    for name in ["IsAllDayEvent", "ReminderIsSet", "IsResponseRequested", "AllowNewTimeProposal"] {
      if let text = item.text(name) { item.set(name, ["true", "1"].contains(text) ? "true" : "false") }
    }
    let zone = try isSet("StartTimeZone") ? item.elements["StartTimeZone"].map(ServerZone.init) : nil
    let endZone = try isSet("EndTimeZone") ? item.elements["EndTimeZone"].map(ServerZone.init) : nil
    var state =
      item.calendar
      ?? CalendarState(
        start: configuration.now(), end: configuration.now(), zone: zone ?? contextZone, endZone: endZone ?? zone ?? contextZone,
        occurrenceKey: identities.changeKey(), organizer: owner)
    if isNew, item.elements["Start"] == nil || item.elements["End"] == nil {
      throw Refusal("ErrorRequiredPropertyMissing", "Start and End are required.", path: "calendar:Start")
    }
    let before = (state.start, state.zone)
    state.zone = zone ?? state.zone
    state.endZone = endZone ?? state.endZone
    if isSet("Start"), let text = item.text("Start") { state.start = try (zone ?? contextOrOwn(state)).parse(text, "Start") }
    if isSet("End"), let text = item.text("End") { state.end = try (endZone ?? zone ?? contextOrOwn(state)).parse(text, "End") }
    if item.isAllDay { widen(&state) }
    guard state.end >= state.start else {
      throw Refusal("ErrorCalendarEndDateIsEarlierThanStartDate", "EndDate is earlier than StartDate.", path: "calendar:End")
    }
    guard state.end.timeIntervalSince(state.start) <= Self.longestDuration else {
      throw Refusal("ErrorCalendarDurationIsTooLong", "The duration is too long.")
    }
    if state.master == nil {
      let isMoved = changed.map { !$0.isDisjoint(with: ["Start", "StartTimeZone"]) && before != (state.start, state.zone) } ?? true
      try settleSeries(&item, &state, patternChanged: isSet("Recurrence"), isMoved: isMoved)
    }
    item.calendar = state
    fillCalendar(&item, state)
  }

  /// The zone of a time without offset where the request names none.
  private func contextOrOwn(_ state: CalendarState) -> ServerZone { contextZone == .utc ? state.zone : contextZone }

  /// Whole days in the item's zone.
  private func widen(_ state: inout CalendarState) {
    let start = state.zone.wall(state.start)
    var end = state.zone.wall(state.end)
    if end.seconds > 0 || end.day == start.day { end.day += 1 }
    state.start = state.zone.instant(WallTime(day: start.day, seconds: 0))
    state.end = state.zone.instant(WallTime(day: max(end.day, start.day + 1), seconds: 0))
  }

  private func settleSeries(_ item: inout ServerItem, _ state: inout CalendarState, patternChanged: Bool, isMoved: Bool) throws {
    guard let recurrence = item.elements["Recurrence"] else {
      state.series = nil
      state.exceptions = [:]
      state.deleted = []
      return
    }
    guard patternChanged || isMoved else { return }
    var series = try SeriesPattern(recurrence)
    let (start, end) = (state.zone.wall(state.start), state.zone.wall(state.end))
    // A master that is moved takes its pattern's first day along.
    if !patternChanged && isMoved { series = try SeriesPattern(Self.moved(recurrence, to: start.day)) }
    let shift = series.start - start.day
    state.start = state.zone.instant(WallTime(day: start.day + shift, seconds: start.seconds))
    state.end = state.zone.instant(WallTime(day: end.day + shift, seconds: end.seconds))
    state.series = series
    state.exceptions = [:]
    state.deleted = []
    state.occurrenceKey = identities.changeKey()
    item.elements["Recurrence"] = Self.moved(recurrence, to: series.start)
  }

  private static func moved(_ recurrence: XMLElement, to day: Int) -> XMLElement {
    var moved = recurrence
    guard moved.children.count == 2, let place = moved.children[1].children.firstIndex(where: { $0.name == "StartDate" }) else {
      return moved
    }
    moved.children[1].children[place].text = ServerDay.text(day)
    if let place = moved.children[1].children.firstIndex(where: { $0.name == "EndDate" }) {
      moved.children[1].children[place].text = String(moved.children[1].children[place].text.prefix(10))
    }
    return moved
  }

  private func fillCalendar(_ item: inout ServerItem, _ state: CalendarState) {
    item.set("Start", Self.timeText(state.start))
    item.set("End", Self.timeText(state.end))
    item.elements["StartTimeZone"] = XMLElement(name: "StartTimeZone", attributes: ["Id": state.zone.id, "Name": state.zone.id])
    item.elements["EndTimeZone"] = XMLElement(name: "EndTimeZone", attributes: ["Id": state.endZone.id, "Name": state.endZone.id])
    if item.elements["IsAllDayEvent"] == nil { item.set("IsAllDayEvent", "false") }
    if item.elements["UID"] == nil { item.set("UID", Self.newUID(identities.changeKey())) }
    if item.elements["LegacyFreeBusyStatus"] == nil { item.set("LegacyFreeBusyStatus", item.isAllDay ? "Free" : "Busy") }
    if item.elements["ReminderIsSet"] == nil { item.set("ReminderIsSet", "false") }
    if item.elements["ReminderMinutesBeforeStart"] == nil { item.set("ReminderMinutesBeforeStart", "15") }
    if item.elements["IsResponseRequested"] == nil { item.set("IsResponseRequested", "true") }
    for list in ServerItem.attendeeLists {
      guard var element = item.elements[list] else { continue }
      element.children = element.children.compactMap { attendee($0) }
      item.elements[list] = element.children.isEmpty ? nil : element
    }
  }

  /// A GlobalObjectId in hexadecimal, as Outlook makes UIDs.
  private static func newUID(_ seed: String) -> String {
    let bytes = Data(base64Encoded: seed) ?? Data()
    return "040000008200E00074C5B7101A82E008" + bytes.map { String(format: "%02X", $0) }.joined()
  }

  /// An attendee in the server's form: the directory's name, SMTP, an answer.
  private func attendee(_ element: XMLElement) -> XMLElement? {
    guard let address = element.text("Mailbox", "EmailAddress"), !address.isEmpty else { return nil }
    let given = element.text("Mailbox", "Name") ?? ""
    let name = mailboxes[address.lowercased()]?.name ?? (given.isEmpty ? address : given)
    let mailbox = XMLElement(
      name: "Mailbox",
      children: [
        XMLElement(name: "Name", text: name), XMLElement(name: "EmailAddress", text: address),
        XMLElement(name: "RoutingType", text: "SMTP"),
        XMLElement(name: "MailboxType", text: mailboxes[address.lowercased()] == nil ? "OneOff" : "Mailbox"),
      ])
    var children = [mailbox, XMLElement(name: "ResponseType", text: element.text("ResponseType") ?? "Unknown")]
    if let time = element.child("LastResponseTime") { children.append(time) }
    return XMLElement(name: "Attendee", children: children)
  }

  /// After a client set a list of attendees: the answers that the server knows stay.
  func keepAnswers(_ item: inout ServerItem, of old: ServerItem) {
    let known = Dictionary(
      old.attendees.compactMap { attendee in attendee.text("Mailbox", "EmailAddress").map { ($0.lowercased(), attendee) } },
      uniquingKeysWith: { first, _ in first })
    for list in ServerItem.attendeeLists {
      guard var element = item.elements[list] else { continue }
      element.children = element.children.map { attendee in
        var fresh = attendee
        fresh.children.removeAll { $0.name != "Mailbox" }
        let answers = known[attendee.text("Mailbox", "EmailAddress")?.lowercased() ?? ""]?.children.filter { $0.name != "Mailbox" } ?? []
        fresh.children += answers
        return fresh
      }
      item.elements[list] = element
    }
  }

  /// A calendar item after the updates of a request: the server's form, and messages to those concerned.
  func settleChange(_ item: inout ServerItem, before: ServerItem, _ operation: XMLElement, _ itemChange: XMLElement) throws {
    guard item.calendar != nil else { return }
    let paths = (itemChange.child("Updates")?.children ?? []).compactMap { $0.children.first?.attribute("FieldURI") }
    let changed = Set(paths.compactMap { item.itemClass?.property(uri: $0)?.element })
    if item.calendar?.master != nil, let refused = ["Recurrence", "UID"].first(where: changed.contains) {
      throw Refusal("ErrorInvalidPropertySet", "Set action is invalid for property.", path: "calendar:\(refused)")
    }
    keepAnswers(&item, of: before)
    try settleCalendar(&item, changed: changed, owner: item.calendar?.organizer ?? "")
    inviteChanged(
      &item, before: before, changed: changed, operation.attribute("SendMeetingInvitationsOrCancellations") ?? "SendToNone")
  }
}
