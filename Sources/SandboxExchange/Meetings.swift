import Foundation
import HashTreeCollections
import SandboxStore
import XMLStream

/// Requests, updates and cancellations of meetings, delivered between the mailboxes of this server. Who has none here gets a line in the outbox.
extension ExchangeServer {
  /// Properties whose change concerns every attendee.
  private static let significant: Set<String> = [
    "Start", "End", "StartTimeZone", "EndTimeZone", "IsAllDayEvent", "Location", "Subject", "Body", "Recurrence",
  ]
  /// Properties whose change asks for an answer anew.
  private static let reasksAnswer: Set<String> = ["Start", "End", "IsAllDayEvent", "Recurrence"]

  /// After a creation.
  func inviteAll(_ item: inout ServerItem, _ disposition: String) {
    guard disposition != "SendToNone", let state = item.calendar, state.isOrganizer, !item.attendeeAddresses.isEmpty else { return }
    item.calendar?.requestWasSent = true
    for address in item.attendeeAddresses.sorted() { request(item, to: address, isUpdate: false, asksAnswer: true) }
  }

  /// After a change.
  func inviteChanged(_ item: inout ServerItem, before: ServerItem, changed: Set<String>, _ disposition: String) {
    guard disposition != "SendToNone", let state = item.calendar, state.isOrganizer else { return }
    let (now, old) = (item.attendeeAddresses, before.attendeeAddresses)
    let concernsAll = !disposition.contains("Changed") || !changed.isDisjoint(with: Self.significant)
    let asksAnswer = !changed.isDisjoint(with: Self.reasksAnswer)
    if asksAnswer { forgetAnswers(&item, among: old) }
    item.calendar?.sequence += 1
    let invited = state.requestWasSent ? old : []
    for address in now.sorted() where concernsAll || !invited.contains(address) {
      request(item, to: address, isUpdate: invited.contains(address), asksAnswer: asksAnswer || !invited.contains(address))
    }
    for address in invited.subtracting(now).sorted() { cancel(item, at: address) }
    if !now.isEmpty { item.calendar?.requestWasSent = true }
  }

  private func forgetAnswers(_ item: inout ServerItem, among invited: Set<String>) {
    for list in ServerItem.attendeeLists {
      guard var element = item.elements[list] else { continue }
      for index in element.children.indices
      where invited.contains(element.children[index].text("Mailbox", "EmailAddress")?.lowercased() ?? "") {
        element.children[index].children.removeAll { $0.name != "Mailbox" }
        element.children[index].children.append(XMLElement(name: "ResponseType", text: "Unknown"))
      }
      item.elements[list] = element
    }
  }

  /// Before a deletion that tells the attendees.
  func cancelAll(_ item: ServerItem, _ disposition: String) {
    guard disposition != "SendToNone", let state = item.calendar, state.isOrganizer, state.requestWasSent else { return }
    for address in item.attendeeAddresses.sorted() { cancel(item, at: address) }
  }

  // MARK: Delivery

  private func request(_ item: ServerItem, to address: String, isUpdate: Bool, asksAnswer: Bool) {
    guard let organizer = item.calendar?.organizer, address != organizer else { return }
    noteSent(isUpdate ? .update : .request, from: organizer, to: address, subject: item.text("Subject") ?? "", uid: item.uid)
    guard var mailbox = mailboxes[address] else { return }
    let copy = deliver(item, to: &mailbox, asksAnswer: asksAnswer)
    addMessage("MeetingRequest", about: item, copy: copy?.id, in: &mailbox, prefix: "") { message in
      message.set("MeetingRequestType", isUpdate ? "FullUpdate" : "NewMeetingRequest")
      message.set("IntendedFreeBusyStatus", item.text("LegacyFreeBusyStatus") ?? "Busy")
      message.set("ResponseType", "NoResponseReceived")
      for name in ["Start", "End", "IsAllDayEvent", "Location"] { message.elements[name] = item.elements[name] }
    }
    mailboxes[address] = mailbox
  }

  /// The attendee's own copy: what the organizer says of the meeting, never the organizer's categories, marks or reminders.
  private func deliver(_ item: ServerItem, to mailbox: inout ServerMailbox, asksAnswer: Bool) -> ServerItem? {
    guard let state = item.calendar, let calendar = mailbox.distinguished("calendar") else { return nil }
    let shared: Set<String> = [
      "Subject", "Body", "Start", "End", "IsAllDayEvent", "Location", "UID", "RequiredAttendees", "OptionalAttendees", "Resources",
      "Recurrence", "StartTimeZone", "EndTimeZone", "IsResponseRequested", "ItemClass", "Importance", "Sensitivity",
    ]
    let known = copy(of: item, in: mailbox)
    var own: ServerItem
    if let known {
      own = known
    } else {
      change += 1
      own = ServerItem(
        id: identities.id(), changeKey: identities.changeKey(), folder: calendar.id, className: "CalendarItem", elements: [:],
        extended: [:],
        searchKey: identities.changeKey(), created: configuration.now(), modified: configuration.now(), change: change, arrival: change)
      own.set("ReminderIsSet", "true")
      own.set("ReminderMinutesBeforeStart", "15")
    }
    for name in shared { own.elements[name] = item.elements[name] }
    let answer = known?.calendar?.response ?? "NoResponseReceived"
    var copied = state
    copied.isOrganizer = false
    copied.isCancelled = false
    copied.response = asksAnswer ? "NoResponseReceived" : answer
    copied.replied = asksAnswer ? nil : known?.calendar?.replied
    copied.master = known?.calendar?.master
    for original in copied.exceptions.keys {
      copied.exceptions[original]?.extended = [:]
      copied.exceptions[original]?.elements["Categories"] = nil
    }
    own.calendar = copied
    if asksAnswer { own.set("LegacyFreeBusyStatus", "Tentative") }
    if known != nil {
      try? keep(&own, &mailbox)
    } else {
      owners[own.id] = mailbox.address
      mailbox.items[own.id] = own
      mailbox.folders[calendar.id]?.items.insert(own.id)
      mailbox.folders[calendar.id]?.log.append((own.change, own.id))
    }
    return own
  }

  /// The same meeting, or the same occurrence of it, in another mailbox's calendar.
  func copy(of item: ServerItem, in mailbox: ServerMailbox) -> ServerItem? {
    guard let calendar = mailbox.distinguished("calendar") else { return nil }
    let whole = calendar.items.compactMap { mailbox.items[$0] }.first { $0.uid == item.uid && $0.calendar != nil }
    guard let original = item.calendar?.original, let whole else { return whole }
    return occurrence(of: whole, at: original)
  }

  private func cancel(_ item: ServerItem, at address: String) {
    guard let organizer = item.calendar?.organizer, address != organizer else { return }
    noteSent(.cancellation, from: organizer, to: address, subject: item.text("Subject") ?? "", uid: item.uid)
    guard var mailbox = mailboxes[address] else { return }
    var known = copy(of: item, in: mailbox)
    if known != nil {
      known?.calendar?.isCancelled = true
      known?.set("Subject", "Canceled: " + (item.text("Subject") ?? ""))
      known?.set("LegacyFreeBusyStatus", "Free")
      if var known { try? keep(&known, &mailbox) }
    }
    addMessage("MeetingCancellation", about: item, copy: known?.id, in: &mailbox, prefix: "Canceled: ") { _ in }
    mailboxes[address] = mailbox
  }

  /// Puts a message about a meeting into an inbox.
  func addMessage(
    _ className: String, about item: ServerItem, copy: String?, in mailbox: inout ServerMailbox, prefix: String, from sender: String? = nil,
    _ fill: (inout ServerItem) -> Void
  ) {
    guard let inbox = mailbox.distinguished("inbox") else { return }
    change += 1
    var message = ServerItem(
      id: identities.id(), changeKey: identities.changeKey(), folder: inbox.id, className: className, elements: [:], extended: [:],
      searchKey: identities.changeKey(), created: configuration.now(), modified: configuration.now(), change: change, arrival: change)
    let address = sender ?? item.calendar?.organizer ?? ""
    message.set("ItemClass", message.itemClass?.itemClass ?? "IPM.Note")
    message.set("Subject", prefix + (item.text("Subject") ?? ""))
    message.set("Sensitivity", item.text("Sensitivity") ?? "Normal")
    message.set("Importance", "Normal")
    message.elements["Body"] = item.elements["Body"]
    message.set("IsRead", "false")
    message.set("InternetMessageId", "<\(message.searchKey.filter { $0.isLetter || $0.isNumber })@sandbox.example.test>")
    for name in ["Sender", "From"] { message.elements[name] = XMLElement(name: name, children: [directory(address)]) }
    message.elements["ToRecipients"] = XMLElement(name: "ToRecipients", children: [directory(mailbox.address)])
    if let copy { message.elements["AssociatedCalendarItemId"] = XMLElement(name: "AssociatedCalendarItemId", attributes: ["Id": copy]) }
    message.set("UID", item.uid)
    fill(&message)
    owners[message.id] = mailbox.address
    mailbox.items[message.id] = message
    mailbox.folders[inbox.id]?.items.insert(message.id)
    mailbox.folders[inbox.id]?.log.append((change, message.id))
  }

  private func directory(_ address: String) -> XMLElement {
    XMLElement(
      name: "Mailbox",
      children: [
        XMLElement(name: "Name", text: mailboxes[address]?.name ?? address), XMLElement(name: "EmailAddress", text: address),
        XMLElement(name: "RoutingType", text: "SMTP"),
      ])
  }
}
