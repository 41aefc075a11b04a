import Foundation
import Model

/// Task of the ERP (CR306020) to and from a record's fields.
enum TaskMapping {
  /// The mapping as the client uses it.
  static func mapping(_ contract: ContractVersion) -> EntityMapping {
    EntityMapping(
      name: "Task", selected: selected + ReminderMapping.selected(contract), expanded: ["Reminder"], support: support,
      entity: { entity(from: $0) }, creation: { creation($0, contract) }, change: { change($0, current: $1, contract) },
      createdFilter: { createdFilter($0, $1) })
  }

  private static let selected = [
    "NoteID", "Summary", "Body", "StartDate", "DueDate", "Status", "CompletionPercentage", "CompletedAt", "Priority", "Owner",
    "WorkgroupID", "CreatedDateTime", "LastModifiedDateTime",
  ]

  /// What stands in for an empty subject: the ERP wants one.
  private static let noSubject = "(no subject)"

  /// What a task of the ERP can hold. The day of completion is the ERP's own to set.
  private static let support = FieldSupport(
    limits: [
      .subject: 998, .body: nil, .start: nil, .due: nil, .status: nil, .percentComplete: nil, .completed: nil, .priority: nil,
      .reminder: nil,
    ], ownFields: [.completed]
  ) { fields in
    var fields = fields
    fields[.completed] = nil
    if fields.text(.status) == TaskStatus.completed.rawValue { fields[.percentComplete] = .number(100) }
    return fields
  }

  // MARK: Status

  /// The table of statuses, in Exchange's terms. The ERP's own finer status stays while these terms say the same.
  private static let statuses: [(erp: String, exchange: TaskStatus)] = [
    ("Open", .notStarted), ("In Process", .inProgress), ("Processing", .inProgress), ("Approved", .inProgress),
    ("Pending Approval", .waitingOnOthers), ("Completed", .completed), ("Canceled", .completed),
  ]

  /// A status in Exchange's terms; one without counterpart under its own name.
  private static func inExchangeTerms(_ status: String?) -> String {
    guard let status else { return TaskStatus.notStarted.rawValue }
    return statuses.first { $0.erp.lowercased() == status.lowercased() }?.exchange.rawValue ?? status
  }

  private static func inERPTerms(_ status: String) -> String? { statuses.first { $0.exchange.rawValue == status }?.erp }

  // MARK: Reading

  private static func entity(from record: ERPRecord) -> Entity? {
    guard let id = record.text("NoteID") ?? record.id, let version = record.text("LastModifiedDateTime") else { return nil }
    var fields = Fields()
    fields[.subject] = record.text("Summary").map { .text(canonicalText($0)) }
    fields[.body] = record.text("Body").map { .text(BodyText.plain(of: $0)) }
    fields[.start] = day(record, "StartDate")
    fields[.due] = day(record, "DueDate")
    fields[.status] = .text(inExchangeTerms(record.text("Status")))
    fields[.percentComplete] = record.text("CompletionPercentage").flatMap { Double($0) }.flatMap { $0 > 0 ? .number(Int($0)) : nil }
    fields[.completed] = day(record, "CompletedAt")
    fields[.priority] = .text(record.text("Priority") ?? "Normal")
    fields[.reminder] = record.linked["Reminder"].flatMap(ReminderMapping.instant)
    let modified = Timestamp(iso8601: version)
    return Entity(
      id: EntityID(rawValue: id), key: record.text("CreatedDateTime") ?? "", version: modified?.iso8601Milliseconds ?? version,
      modified: modified, fields: fields, owner: record.text("Owner"), workgroup: record.text("WorkgroupID"))
  }

  /// Dates on the form: the day as the server writes it, in whichever zone it does.
  private static func day(_ record: ERPRecord, _ name: String) -> Value? {
    record.text(name).flatMap { CivilDate(iso8601: $0) }.map { .date($0) }
  }

  // MARK: Writing

  private static func creation(_ new: NewEntity, _ contract: ContractVersion) -> ERPBody {
    var body = ERPBody()
    var fields = support.projected(new.fields)
    if fields.text(.subject) == nil { fields[.subject] = .text(noSubject) }
    fill(&body, changed: Set(fields.names), from: fields, status: nil, contract)
    body.cells["Owner"] = new.owner.map { .text($0) }
    return body
  }

  private static func change(_ update: EntityUpdate, current: ERPRecord, _ contract: ContractVersion) -> ERPBody {
    var body = ERPBody()
    body.id = update.id
    var changed = Set(update.changes.keys)
    let result = support.projected(update.result)
    if changed.contains(.subject), result.text(.subject) == nil { changed.remove(.subject) }
    fill(&body, changed: changed, from: result, status: current.text("Status"), contract)
    return body
  }

  private static func fill(
    _ body: inout ERPBody, changed: Set<Field>, from fields: Fields, status: String?, _ contract: ContractVersion
  ) {
    if changed.contains(.subject) { body.cells["Summary"] = .text(fields.text(.subject)) }
    if changed.contains(.body) { body.cells["Body"] = .text(fields.text(.body).map(BodyText.html)) }
    for (field, name) in [(Field.start, "StartDate"), (.due, "DueDate")] where changed.contains(field) {
      body.cells[name] = fields[field]?.date.map { .text("\($0)T00:00:00+00:00") } ?? ERPRecord.Cell(.null)
    }
    if changed.contains(.priority) { body.cells["Priority"] = .text(fields.text(.priority) ?? "Normal") }
    if changed.contains(.status), let wanted = fields.text(.status), status.map(inExchangeTerms) != wanted {
      body.cells["Status"] = inERPTerms(wanted).map { .text($0) }
    }
    if changed.contains(.percentComplete) || body.cells["Status"] != nil {
      var percent = 0
      if case .number(let number)? = fields[.percentComplete] { percent = number }
      body.cells["CompletionPercentage"] = ERPRecord.Cell(.number(.init(percent)))
    }
    if changed.contains(.reminder) { body.linked["Reminder"] = ReminderMapping.body(fields[.reminder], contract) }
  }

  // MARK: Look-up

  /// Clocks may differ by so much, in milliseconds.
  private static let clockTolerance: Int64 = 300_000
  /// Characters of a subject that go into a filter: servers limit the length of an address.
  private static let filteredCharacters = 60

  /// A task has no place for a creation's mark: candidates begin with the same subject and were made since the creation was begun. Who asks
  /// compares owner and values, and takes none that is linked.
  static func createdFilter(_ operation: OperationID, _ fields: Fields) -> String {
    let start = String((fields.text(.subject) ?? noSubject).prefix(filteredCharacters)).replacing("'", with: "''")
    let filter = "startswith(Summary,'\(start)')"
    guard let time = operation.time else { return filter }
    return filter + " and CreatedDateTime ge datetimeoffset'\(time.advanced(milliseconds: -clockTolerance).iso8601Milliseconds)'"
  }
}
