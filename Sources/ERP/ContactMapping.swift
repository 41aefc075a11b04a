import Model

/// Contact of the ERP (CR302000) to and from a record's fields.
enum ContactMapping {
  /// Contract names read and written, apart from phones and the address.
  private static let texts: [(field: Field, name: String, limit: Int?)] = [
    (.title, "Title", 50), (.givenName, "FirstName", 50), (.middleName, "MiddleName", 50), (.familyName, "LastName", 100),
    (.jobTitle, "JobTitle", 255), (.company, "CompanyName", 255), (.email1, "Email", 255), (.webPage, "WebSite", 255),
    (.spouse, "SpouseOrPartnerName", 255),
  ]
  private static let addressTexts: [(field: Field, name: String, limit: Int?)] = [
    (.city, "City", 50), (.state, "State", 50), (.postalCode, "PostalCode", 20), (.country, "Country", 2),
  ]
  /// Length of one address line; a street has two.
  private static let addressLineLimit = 50

  /// The mapping as the client uses it.
  static let mapping = EntityMapping(
    name: "Contact", selected: selected, expanded: ["Address"], support: support, entity: { entity(from: $0) },
    creation: { creation($0) }, change: { change($0, current: $1) },
    createdFilter: { operation, _ in "ExtRefNbr eq '\(mark(operation))'" })

  private static let selected =
    [
      "NoteID", "ContactID", "Active", "Type", "Owner", "OwnerEmployeeName", "Workgroup", "ExtRefNbr", "DateOfBirth",
      "LastModifiedDateTime",
    ] + texts.map(\.name)
    + PhoneSlots.names + ["Address/AddressLine1", "Address/AddressLine2"] + addressTexts.map { "Address/\($0.name)" }

  /// What a contact of the ERP can hold.
  private static let support: FieldSupport = {
    var limits: [Field: FieldSupport.Limit] = [.birthday: nil, .street: addressLineLimit * 2 + 1]
    for entry in texts + addressTexts { limits[entry.field] = entry.limit }
    for field in PhoneSlots.fields { limits[field] = 50 }
    return FieldSupport(limits: limits) { fields in
      var fields = PhoneSlots.fitting(fields)
      if let street = fields.text(.street) { fields[.street] = .text(lines(of: street).compactMap { $0 }.joined(separator: "\n")) }
      // The column takes ISO codes alone: a country that is not recognised has no place here.
      if let country = fields.text(.country), country.count != 2 { fields[.country] = nil }
      return fields
    }
  }()

  /// A record as the engine knows it. Nil when it has no id.
  private static func entity(from record: ERPRecord) -> Entity? {
    guard let id = record.text("NoteID") ?? record.id, let version = record.text("LastModifiedDateTime") else { return nil }
    var fields = Fields()
    for entry in texts { fields[entry.field] = record.text(entry.name).map { .text(canonicalText($0)) } }
    if let address = record.linked["Address"] {
      for entry in addressTexts { fields[entry.field] = address.text(entry.name).map { .text(canonicalText($0)) } }
      let street = [address.text("AddressLine1"), address.text("AddressLine2")].compactMap { $0 }.joined(separator: "\n")
      fields[.street] = .text(canonicalText(street))
    }
    fields[.birthday] = record.text("DateOfBirth").flatMap { CivilDate(iso8601: $0) }.map { .date($0) }
    PhoneSlots.read(record, into: &fields)
    let modified = Timestamp(iso8601: version)
    return Entity(
      id: EntityID(rawValue: id), key: record.text("ContactID") ?? "", version: modified?.iso8601Milliseconds ?? version,
      modified: modified,
      fields: fields, owner: record.text("Owner"), ownerName: record.text("OwnerEmployeeName"),
      workgroup: record.text("Workgroup"), isInScope: isInScope(record),
      operationID: record.text("ExtRefNbr").flatMap(operation))
  }

  /// Employees' own contacts and leads have their own forms; an inactive contact takes no part.
  private static func isInScope(_ record: ERPRecord) -> Bool {
    let type = record.text("Type")?.lowercased() ?? "contact"
    return record.flag("Active") != false && !["employee", "lead", "user", "ep", "ld"].contains(type)
  }

  /// The body that creates a contact.
  private static func creation(_ new: NewEntity) -> ERPBody {
    var body = ERPBody()
    var fields = new.fields
    // Only LastName is required: without a family name the best name there is stands in.
    if fields.text(.familyName) == nil {
      fields[.familyName] = fields[.company] ?? fields[.givenName] ?? fields[.displayName] ?? fields[.email1] ?? .text("(no name)")
    }
    fields = support.projected(fields)
    fill(&body, changed: Set(fields.names), from: fields)
    PhoneSlots.fill(&body, result: fields)
    body.cells["ContactClass"] = new.contactClass.map { .text($0) }
    body.cells["Owner"] = new.owner.map { .text($0) }
    body.cells["ExtRefNbr"] = .text(mark(new.operationID))
    return body
  }

  /// The body that changes single fields of the record as it stands now.
  private static func change(_ update: EntityUpdate, current: ERPRecord) -> ERPBody {
    var body = ERPBody()
    body.id = update.id
    var changed = Set(update.changes.keys)
    let result = support.projected(update.result)
    // The one required field is never emptied.
    if changed.contains(.familyName), result.text(.familyName) == nil { changed.remove(.familyName) }
    fill(&body, changed: changed, from: result)
    PhoneSlots.fill(&body, changes: changed.intersection(PhoneSlots.fields), result: update.result, current: current)
    return body
  }

  private static func fill(_ body: inout ERPBody, changed: Set<Field>, from fields: Fields) {
    for entry in texts where changed.contains(entry.field) { body.cells[entry.name] = .text(fields.text(entry.field)) }
    if changed.contains(.birthday) {
      body.cells["DateOfBirth"] = fields[.birthday]?.date.map { .text("\($0)T00:00:00+00:00") } ?? ERPRecord.Cell(.null)
    }
    var address: [String: ERPRecord.Cell] = [:]
    for entry in addressTexts where changed.contains(entry.field) { address[entry.name] = .text(fields.text(entry.field)) }
    if changed.contains(.street) {
      let lines = lines(of: fields.text(.street) ?? "")
      address["AddressLine1"] = .text(lines[0])
      address["AddressLine2"] = .text(lines[1])
    }
    if !address.isEmpty {
      body.linked["Address"] = address
      // Without it the address is the business account's, and writing would change the account.
      body.cells["OverrideAccountAddress"] = ERPRecord.Cell(.flag(true))
    }
  }

  /// A street in the ERP's two lines: further lines are joined to the second, and both are cut to the column.
  private static func lines(of street: String) -> [String?] {
    let lines = street.split(separator: "\n", omittingEmptySubsequences: true)
    let second = lines.dropFirst().joined(separator: ", ")
    return [lines.first.map { cut(String($0)) }, second.isEmpty ? nil : cut(second)]
  }

  private static func cut(_ text: String) -> String {
    var result = text
    while result.utf16.count > addressLineLimit { result.removeLast() }
    return canonicalText(result)
  }

  /// Marks the record with the creation that made it, so that a lost answer is found again (ExtRefNbr, 40 characters).
  private static func mark(_ operation: OperationID) -> String { "cfs-" + operation.rawValue }

  private static func operation(_ mark: String) -> OperationID? {
    mark.hasPrefix("cfs-") ? OperationID(rawValue: String(mark.dropFirst(4))) : nil
  }
}
