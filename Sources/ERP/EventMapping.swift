import Foundation
import Model

/// Event of the ERP (CR306030) to and from a record's fields.
enum EventMapping {
  /// The mapping as the client uses it.
  static func mapping(_ contract: ContractVersion) -> EntityMapping {
    EntityMapping(
      name: "Event", selected: selected(contract), expanded: ["Attendees", "Reminder"], support: support,
      entity: { entity(from: $0) }, creation: { creation($0, contract) }, change: { change($0, current: $1, contract) },
      createdFilter: { TaskMapping.createdFilter($0, $1) }, custom: [owner, "Attendees/\(AttendeeRows.isOptional)"],
      unanswered: [.attendees, .answers])
  }

  /// The owner is on the form, not in the contract.
  private static let owner = "Events.OwnerID"
  /// What stands in for an empty subject: the ERP wants one.
  private static let noSubject = "(no subject)"

  private static func selected(_ contract: ContractVersion) -> [String] {
    ["NoteID", "Summary", "Body", "Location", "StartDate", "AllDay", "ShowAs", "Status", "CreatedDateTime", "LastModifiedDateTime"]
      + (contract == .through24_200 ? ["EndDate", "EndTime"] : ["EndDateTime"]) + ReminderMapping.selected(contract)
      + AttendeeRows.selected
  }

  /// What an event of the ERP can hold: times without their zone, four ways to show the time, two answers, people by their
  /// e-mail addresses.
  private static let support = FieldSupport(
    limits: [
      .subject: 998, .body: nil, .location: 255, .start: nil, .end: nil, .allDay: nil, .showAs: nil, .reminder: nil, .attendees: nil,
      .answers: nil,
    ]
  ) { fields in
    var fields = fields
    for field in [Field.start, .end] {
      if case .instant(let instant, _)? = fields[field] { fields[field] = .instant(instant, zone: nil) }
    }
    if let shown = fields.text(.showAs), !shownAs.contains(where: { $0.exchange == shown }) { fields[.showAs] = .text("Busy") }
    fields[.attendees] = .attendees((fields[.attendees]?.people ?? []).filter(\.hasMail))
    fields[.answers] = Attendee.answers(of: AttendeeRows.projected(fields))
    return fields
  }

  private static let shownAs: [(erp: String, exchange: String)] = [
    ("Free", "Free"), ("Tentative", "Tentative"), ("Busy", "Busy"), ("Out of Office", "OOF"),
  ]

  // MARK: Reading

  private static func entity(from record: ERPRecord) -> Entity? {
    guard let id = record.text("NoteID") ?? record.id, let version = record.text("LastModifiedDateTime") else { return nil }
    var fields = Fields()
    fields[.subject] = record.text("Summary").map { .text(canonicalText($0)) }
    fields[.body] = record.text("Body").map { .text(BodyText.plain(of: $0)) }
    fields[.location] = record.text("Location").map { .text(canonicalText($0)) }
    readTimes(record, &fields)
    fields[.showAs] = .text(shownAs.first { $0.erp == record.text("ShowAs") }?.exchange ?? "Busy")
    let people = AttendeeRows.people(record)
    fields[.attendees] = .attendees(people)
    fields[.answers] = Attendee.answers(of: people)
    let modified = Timestamp(iso8601: version)
    return Entity(
      id: EntityID(rawValue: id), key: record.text("CreatedDateTime") ?? "", version: modified?.iso8601Milliseconds ?? version,
      modified: modified, fields: fields, owner: record.customText(owner) ?? record.text("Owner"),
      isInScope: record.text("Status")?.lowercased() != "canceled")
  }

  /// Instants; of whole days the dates as the server writes them, in whichever zone it does. The end is midnight after the last day, and an
  /// end at the start is one day.
  private static func readTimes(_ record: ERPRecord, _ fields: inout Fields) {
    guard let startText = record.text("StartDate"), let start = Timestamp(iso8601: startText) else { return }
    let endText = record.text("EndDateTime") ?? joined(record.text("EndDate"), record.text("EndTime"))
    let end = endText.flatMap { Timestamp(iso8601: $0) } ?? start
    if record.flag("AllDay") == true, let first = CivilDate(iso8601: startText) {
      let last = endText.flatMap { CivilDate(iso8601: $0) } ?? first
      fields[.allDay] = .flag(true)
      fields[.start] = .date(first)
      fields[.end] = .date(last > first ? last : CivilDate(dayNumber: first.dayNumber + 1))
    } else {
      fields[.start] = .instant(start, zone: nil)
      fields[.end] = .instant(end, zone: nil)
    }
    if case .instant(let reminder, _)? = record.linked["Reminder"].flatMap(ReminderMapping.instant) {
      fields[.reminder] = .number(Int((start.seconds - start.seconds % 60 - reminder.seconds) / 60))
    }
  }

  /// Date and time of the end are two names of one column up to 24.200: the date of one, the clock's time of the other.
  private static func joined(_ date: String?, _ time: String?) -> String? {
    guard let date, let clock = time?.split(separator: "T", maxSplits: 1).last else { return date }
    return "\(date.prefix { $0 != "T" })T\(clock)"
  }

  // MARK: Writing

  private static func creation(_ new: NewEntity, _ contract: ContractVersion) -> ERPBody {
    var body = ERPBody()
    var fields = support.projected(new.fields)
    if fields.text(.subject) == nil { fields[.subject] = .text(noSubject) }
    fill(&body, changed: Set(fields.names), from: fields, contract)
    if fields[.attendees] != nil { body.rows["Attendees"] = AttendeeRows.rows(for: fields, current: []) }
    if let code = new.owner { body.custom["Events"] = ["OwnerID": .text(code)] }
    return body
  }

  private static func change(_ update: EntityUpdate, current: ERPRecord, _ contract: ContractVersion) -> ERPBody {
    var body = ERPBody()
    body.id = update.id
    var changed = Set(update.changes.keys)
    let result = support.projected(update.result)
    if changed.contains(.subject), result.text(.subject) == nil { changed.remove(.subject) }
    fill(&body, changed: changed, from: result, contract)
    if changed.contains(.attendees) || changed.contains(.answers) {
      let rows = AttendeeRows.rows(for: result, current: current.rows["Attendees"] ?? [])
      // An empty array means nothing to do.
      if !rows.isEmpty { body.rows["Attendees"] = rows }
    }
    return body
  }

  private static func fill(_ body: inout ERPBody, changed: Set<Field>, from fields: Fields, _ contract: ContractVersion) {
    if changed.contains(.subject) { body.cells["Summary"] = .text(fields.text(.subject)) }
    if changed.contains(.body) { body.cells["Body"] = .text(fields.text(.body).map(BodyText.html)) }
    if changed.contains(.location) { body.cells["Location"] = .text(fields.text(.location)) }
    if changed.contains(.showAs) {
      body.cells["ShowAs"] = .text(shownAs.first { $0.exchange == fields.text(.showAs) }?.erp ?? "Busy")
    }
    let times: Set<Field> = [.start, .end, .allDay]
    if !changed.isDisjoint(with: times) {
      body.cells["AllDay"] = ERPRecord.Cell(.flag(fields[.allDay] == .flag(true)))
      body.cells["StartDate"] = instant(fields[.start]).map { .text($0.iso8601Milliseconds) }
      if let end = instant(fields[.end]) { writeEnd(end, &body, contract) }
    }
    // A reminder is an instant there: it goes along with the start.
    if changed.contains(.reminder) || changed.contains(.start) && fields[.reminder] != nil {
      body.linked["Reminder"] = ReminderMapping.body(reminder(fields), contract)
    }
  }

  private static func writeEnd(_ end: Timestamp, _ body: inout ERPBody, _ contract: ContractVersion) {
    switch contract {
    case .through24_200:
      body.cells["EndDate"] = .text("\(end.utcDate)T00:00:00.000+00:00")
      body.cells["EndTime"] = .text(end.iso8601Milliseconds)
    case .from25_200: body.cells["EndDateTime"] = .text(end.iso8601Milliseconds)
    }
  }

  private static func instant(_ value: Value?) -> Timestamp? {
    switch value {
    case .instant(let instant, _): instant
    case .date(let date): Timestamp(seconds: Int64(date.dayNumber) * 86_400)
    default: nil
    }
  }

  private static func reminder(_ fields: Fields) -> Value? {
    guard case .number(let minutes)? = fields[.reminder], let start = instant(fields[.start]) else { return nil }
    return .instant(start.advanced(milliseconds: -Int64(minutes) * 60_000), zone: nil)
  }
}
