import Foundation
import SandboxStore
import XMLStream

extension ExchangeServer {
  /// Response objects that CreateItem takes instead of items.
  static let responseObjects: Set<String> = ["AcceptItem", "TentativelyAcceptItem", "DeclineItem", "CancelCalendarItem", "RemoveItem"]

  /// One response object.
  func respond(_ element: XMLElement, _ disposition: String, _ caller: Caller, _ entry: inout RequestLog.Entry) throws -> Message {
    guard let reference = element.child("ReferenceItemId") else { throw Refusal.schema("ReferenceItemId is missing") }
    let (item, address) = try item(reference, caller)
    entry.mailbox = address
    if let key = reference.attribute("ChangeKey"), !key.isEmpty, key != item.changeKey {
      throw Refusal("ErrorStaleObject", "The change key is not the current one.")
    }
    switch element.name {
    case "AcceptItem": return try answer(item, address, "Accept", disposition)
    case "TentativelyAcceptItem": return try answer(item, address, "Tentative", disposition)
    case "DeclineItem": return try answer(item, address, "Decline", disposition)
    case "CancelCalendarItem": return try cancelMeeting(item, address, disposition)
    default: return try removeCancelled(item, address)
    }
  }

  /// The calendar item that a request or a cancellation is about; a calendar item itself.
  private func meeting(_ item: ServerItem) throws -> ServerItem {
    if item.calendar != nil { return item }
    guard let id = item.elements["AssociatedCalendarItemId"]?.attribute("Id") else { throw Refusal.itemNotFound }
    return try resolve(XMLElement(name: "ItemId", attributes: ["Id": id])).item
  }

  private func answer(_ reference: ServerItem, _ address: String, _ answer: String, _ disposition: String) throws -> Message {
    var item = try meeting(reference)
    guard var mailbox = mailboxes[address], let state = item.calendar else { throw Refusal.itemNotFound }
    if state.isOrganizer { throw Refusal("ErrorCalendarIsOrganizerFor\(answer)", "The organizer does not answer the own meeting.") }
    if state.isCancelled { throw Refusal("ErrorCalendarIsCancelledFor\(answer)", "The meeting was cancelled.") }
    let now = configuration.now()
    item.calendar?.response = answer
    item.calendar?.replied = now
    item.set("LegacyFreeBusyStatus", answer == "Accept" ? "Busy" : answer == "Tentative" ? "Tentative" : "Free")
    // An answered request leaves the inbox; a declined meeting the calendar.
    if reference.calendar == nil { discard(reference, &mailbox) }
    if answer == "Decline" && state.master == nil { discard(item, &mailbox) } else { try keep(&item, &mailbox) }
    mailboxes[address] = mailbox
    if disposition != "SaveOnly" { try report(answer, of: address, about: item, to: state.organizer, at: now) }
    return Message { answer == "Decline" ? $0.empty("m:Items") : Self.writeReference(item, &$0) }
  }

  /// The organizer hears the answer: a response in the inbox, the attendee's answer in the meeting.
  private func report(_ answer: String, of address: String, about item: ServerItem, to organizer: String, at now: Date) throws {
    noteSent(.response, from: address, to: organizer, subject: item.text("Subject") ?? "", uid: item.uid)
    guard var mailbox = mailboxes[organizer], var own = copy(of: item, in: mailbox) else { return }
    for list in ServerItem.attendeeLists {
      guard var element = own.elements[list] else { continue }
      for index in element.children.indices where element.children[index].text("Mailbox", "EmailAddress")?.lowercased() == address {
        element.children[index].children.removeAll { $0.name != "Mailbox" }
        element.children[index].children += [
          XMLElement(name: "ResponseType", text: answer), XMLElement(name: "LastResponseTime", text: Self.timeText(now)),
        ]
      }
      own.elements[list] = element
    }
    try keep(&own, &mailbox)
    let words = ["Accept": "Accepted: ", "Tentative": "Tentative: ", "Decline": "Declined: "]
    addMessage("MeetingResponse", about: own, copy: own.id, in: &mailbox, prefix: words[answer] ?? "", from: address) { message in
      let classes = ["Accept": "Pos", "Tentative": "Tent", "Decline": "Neg"]
      message.set("ItemClass", "IPM.Schedule.Meeting.Resp.\(classes[answer] ?? "Pos")")
      message.set("ResponseType", answer)
    }
    mailboxes[organizer] = mailbox
  }

  private func cancelMeeting(_ item: ServerItem, _ address: String, _ disposition: String) throws -> Message {
    guard let state = item.calendar, state.isOrganizer else {
      throw Refusal("ErrorCalendarIsNotOrganizer", "You must be the organizer to complete this operation.")
    }
    cancelAll(item, disposition == "SaveOnly" ? "SendToNone" : "SendToAllAndSaveCopy")
    guard var mailbox = mailboxes[address] else { throw Refusal.itemNotFound }
    if state.master != nil { try deleteOccurrence(item, &mailbox) } else { discard(item, &mailbox) }
    mailboxes[address] = mailbox
    return Message { $0.empty("m:Items") }
  }

  private func removeCancelled(_ reference: ServerItem, _ address: String) throws -> Message {
    guard reference.className == "MeetingCancellation", var mailbox = mailboxes[address] else {
      throw Refusal("ErrorInvalidReferenceItem", "The item is no cancellation.")
    }
    if let item = try? meeting(reference) {
      if item.calendar?.master != nil { try deleteOccurrence(item, &mailbox) } else { discard(item, &mailbox) }
    }
    discard(reference, &mailbox)
    mailboxes[address] = mailbox
    return Message { $0.empty("m:Items") }
  }

  private func discard(_ item: ServerItem, _ mailbox: inout ServerMailbox) {
    guard let trash = mailbox.distinguished("deleteditems"), item.folder != trash.id else { return }
    _ = move(item, to: trash.id, &mailbox)
  }
}
