import Foundation

/// What is particular to events.
extension ERPServer {
  /// The time of one value on the day of another: two names of one column stand for its date and its time.
  static func timeOfDay(_ time: Date, on sent: JSONValue?, _ kept: JSONValue?) -> Date {
    guard let day = (sent ?? kept)?.text.flatMap(Clock.date) else { return time }
    let seconds = time.timeIntervalSince1970
    let date = day.timeIntervalSince1970
    return Date(
      timeIntervalSince1970: date - date.truncatingRemainder(dividingBy: 86_400) + seconds.truncatingRemainder(dividingBy: 86_400))
  }

  func checkEvent(_ record: inout ServerRecord, _ refused: inout [String: String]) {
    if record.fields["Summary"]?.text?.isEmpty ?? true { refused["Summary"] = "'Summary' cannot be empty." }
    guard let start = record.fields["StartDate"]?.text.flatMap(Clock.date) else {
      refused["StartDate"] = "'Start Date' cannot be empty."
      return
    }
    if record.fields["EndDate"] == nil { record.fields["EndDate"] = .text(Clock.text(start.addingTimeInterval(1800))) }
    if let end = record.fields["EndDate"]?.text.flatMap(Clock.date), end < start {
      refused["StartDate"] = "'End Date' cannot be earlier than 'Start Date'."
    }
    if let owner = record.custom["Events.OwnerID"]?.text, owner != configuration.username, tables["Employee"]?.idsByKey[owner] == nil {
      refused["Summary"] = "'Owner' cannot be found in the system: \(owner)."
    }
    for row in record.details["Attendees"] ?? [] where row.fields["Email"] == nil && row.fields["Name"] == nil {
      refused["Attendees"] = "An attendee needs an address or a name."
    }
  }

  func completeEvent(_ record: inout ServerRecord) {
    let defaults: [String: JSONValue] = [
      "Status": .text("Open"), "ShowAs": .text("Busy"), "Priority": .text("Normal"), "AllDay": .flag(false), "Internal": .flag(false),
      "CreatedByID": .text(configuration.username), "CreatedDateTime": .text(Clock.text(configuration.now())),
    ]
    record.fields.merge(defaults) { given, _ in given }
    record.linked["Reminder"] = record.linked["Reminder"] ?? ["IsActive": .flag(false)]
    // The owner of a new event is who made it.
    record.custom["Events.OwnerID"] = record.custom["Events.OwnerID"] ?? .text(configuration.username)
    for index in record.details["Attendees"]?.indices ?? 0..<0 {
      if record.details["Attendees"]?[index].fields["InvitationStatus"] == nil {
        record.details["Attendees"]?[index].fields["InvitationStatus"] = .text("Not Invited")
      }
    }
  }

  /// Adds an event as if it had been entered by hand.
  /// - Parameters:
  ///   - fields: contract names with values; `AllDay` as `true`.
  ///   - attendees: addresses with names.
  ///   - reminder: when to remind; nil: never.
  /// - Returns: its NoteID.
  @discardableResult
  public func addEvent(
    _ fields: [String: String], owner: String, attendees: [(address: String, name: String)], reminder: String? = nil
  ) -> String {
    var record = newRecord("Event")
    for (name, value) in fields { record.fields[name] = name == "AllDay" ? .flag(value == "true") : .text(value) }
    record.custom["Events.OwnerID"] = .text(owner)
    record.details["Attendees"] = attendees.map { DetailRow(id: "", fields: ["Email": .text($0.address), "Name": .text($0.name)]) }
    if let reminder { record.linked["Reminder"] = ["IsActive": .flag(true), "RemindAtDate": .text(reminder)] }
    complete(&record, "Event", isNew: true)
    store(&record, "Event")
    return record.id
  }
}
