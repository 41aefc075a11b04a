import MIME
import Model

/// Email of the ERP (CR306015) to and from a record's fields. The contract has no place for the Message-ID: it stands in the record's note.
enum EmailMapping {
  private static let people: [(field: Field, name: String, limit: Int)] = [
    (.from, "From", 500), (.to, "To", 3000), (.cc, "Cc", 3000), (.bcc, "Bcc", 3000),
  ]
  private static let subjectLimit = 998

  /// The mapping as the client uses it.
  static let mapping = EntityMapping(
    name: "Email",
    selected: ["NoteID", "Subject", "StartDate", "MailStatus", "Incoming", "Owner", "Workgroup", "LastModifiedDateTime"]
      + people.map(\.name),
    expanded: [], support: support, entity: { entity(from: $0) }, creation: { creation($0) },
    change: { update, _ in ERPBody(id: update.id) },
    createdFilter: { createdFilter($1) })

  /// What an email activity can hold. Lists of people are cut by `fitting`, so that no address is torn.
  private static let support = FieldSupport(
    limits: [
      .subject: subjectLimit, .start: nil, .messageID: nil, .participants: nil, .from: nil, .to: nil, .cc: nil, .bcc: nil,
    ])

  private static func entity(from record: ERPRecord) -> Entity? {
    guard let id = record.text("NoteID") ?? record.id, let version = record.text("LastModifiedDateTime") else { return nil }
    var fields = Fields()
    fields[.subject] = record.text("Subject").map { .text(canonicalText($0)) }
    fields[.start] = record.text("StartDate").flatMap { Timestamp(iso8601: $0) }.map { .instant($0, zone: nil) }
    var addresses: [String] = []
    for entry in people {
      fields[entry.field] = record.text(entry.name).map { .text(canonicalText($0)) }
      addresses += MIMEMessage.addresses(in: record.text(entry.name) ?? "").map { $0.address.lowercased() }
    }
    fields[.participants] = .set(Set(addresses).sorted())
    let note = record.text("note") ?? ""
    fields[.messageID] = .text(messageID(in: note) ?? ownMessageID(id))
    let modified = Timestamp(iso8601: version)
    return Entity(
      id: EntityID(rawValue: id), key: "", version: modified?.iso8601Milliseconds ?? version, modified: modified, fields: fields,
      owner: record.text("Owner"), workgroup: record.text("Workgroup"), isInScope: isInScope(record), operationID: operation(in: note))
  }

  /// A message that was sent or received. What is still being written or waits to be sent is none yet, what could not be sent never was one.
  private static func isInScope(_ record: ERPRecord) -> Bool {
    let status = record.text("MailStatus") ?? ""
    if ["Draft", "Deleted"].contains(status) { return false }
    return record.flag("Incoming") == true || ["Processed", "Archived"].contains(status)
  }

  private static func creation(_ new: NewEntity) -> ERPBody {
    var body = ERPBody()
    body.cells["Subject"] = .text(new.fields.text(.subject))
    for entry in people { body.cells[entry.name] = .text(fitting(new.fields.text(entry.field) ?? "", entry.limit)) }
    if case .instant(let time, _)? = new.fields[.start] { body.cells["StartDate"] = .text(time.iso8601Milliseconds) }
    // Processed: sent or received already. The ERP sends nothing that is in this state.
    body.cells["MailStatus"] = .text("Processed")
    body.cells["Incoming"] = ERPRecord.Cell(.flag(new.mail?.isIncoming ?? true))
    body.cells["Body"] = .text(new.mail?.body)
    body.cells["Owner"] = new.owner.map { .text($0) }
    if let contact = new.mail?.relatedContact {
      body.cells["RelatedEntityType"] = .text("PX.Objects.CR.Contact")
      body.cells["RelatedEntityNoteID"] = .text(contact.rawValue)
    }
    let lines = [new.fields.text(.messageID).map { "\(messageIDLabel)\($0)" }, "\(operationLabel)\(new.operationID.rawValue)"]
    body.cells["note"] = .text(lines.compactMap { $0 }.joined(separator: "\n"))
    return body
  }

  /// As many people as fit into the column, none torn.
  private static func fitting(_ list: String, _ limit: Int) -> String {
    guard list.utf16.count > limit else { return list }
    var people = MIMEMessage.addresses(in: list)
    while !people.isEmpty, MIMEMessage.text(of: people).utf16.count > limit { people.removeLast() }
    return MIMEMessage.text(of: people)
  }

  /// A creation in doubt is found by its mark; what is looked through are the activities of the same second.
  private static func createdFilter(_ fields: Fields) -> String {
    guard case .instant(let time, _)? = fields[.start] else { return "Subject eq '\(quoted(fields.text(.subject) ?? ""))'" }
    let (from, to) = (time.advanced(milliseconds: -1000), time.advanced(milliseconds: 1000))
    return "StartDate ge datetimeoffset'\(from.iso8601Milliseconds)' and StartDate le datetimeoffset'\(to.iso8601Milliseconds)'"
  }

  static func quoted(_ text: String) -> String { text.replacing("'", with: "''") }

  // MARK: The note

  private static let messageIDLabel = "Message-ID: "
  private static let operationLabel = "concordfs: "

  private static func line(_ label: String, in note: String) -> String? {
    let lines = note.replacing("\r", with: "\n").split(separator: "\n").map(String.init)
    return lines.first { $0.hasPrefix(label) }.map { String($0.dropFirst(label.count)).trimmed }
  }

  private static func messageID(in note: String) -> String? {
    line(messageIDLabel, in: note).flatMap { $0.hasPrefix("<") && $0.hasSuffix(">") ? $0 : nil }
  }

  private static func operation(in note: String) -> OperationID? { line(operationLabel, in: note).map(OperationID.init) }

  /// The Message-ID of an activity that never was a message: made from its id, so that it is the same after a loss of the cache.
  private static func ownMessageID(_ id: String) -> String { "<\(id.lowercased()).erp@concordfs.invalid>" }
}

extension String {
  /// Without blanks at both ends.
  fileprivate var trimmed: String {
    var text = self[...]
    while text.first?.isWhitespace ?? false { text.removeFirst() }
    while text.last?.isWhitespace ?? false { text.removeLast() }
    return String(text)
  }
}
