public import Model

/// Renders contacts as vCard 3.0 (RFC 2426). The same fields give the same bytes, always.
public enum VCard {
  /// One contact.
  /// - Parameters:
  ///   - uid: stable for ever.
  ///   - revision: the record's last change, as REV.
  /// - Returns: UTF-8 with CRLF line ends, lines folded at 75 octets.
  public static func render(uid: String, fields: Fields, revision: Timestamp) -> [UInt8] {
    var lines = ContentLines()
    lines.add("BEGIN", "VCARD")
    lines.add("VERSION", "3.0")
    lines.add("UID", ContentLines.text(uid))
    lines.add("REV", revision.basicFormat)
    lines.add("FN", ContentLines.text(formattedName(fields)))
    lines.add("N", compound([.familyName, .givenName, .middleName, .title, .suffix], fields))
    text("NICKNAME", .nickname, fields, &lines)
    if fields[.company] != nil || fields[.department] != nil {
      lines.add("ORG", fields[.department] == nil ? compound([.company], fields) : compound([.company, .department], fields))
    }
    text("TITLE", .jobTitle, fields, &lines)
    for (index, field) in [Field.email1, .email2, .email3].enumerated() {
      guard let address = fields.text(field) else { continue }
      lines.add("EMAIL", parameters: [("TYPE", index == 0 ? "INTERNET,PREF" : "INTERNET")].flatMap(types), ContentLines.text(address))
    }
    for phone in phones {
      guard let number = fields.text(phone.field) else { continue }
      lines.add("TEL", parameters: [("TYPE", phone.types)].flatMap(types), ContentLines.text(number))
    }
    address(fields, &lines)
    if let page = fields.text(.webPage) { lines.add("URL", ContentLines.text(page)) }
    if let birthday = fields[.birthday]?.date { lines.add("BDAY", parameters: [("VALUE", "date")], birthday.description) }
    text("X-SPOUSE", .spouse, fields, &lines)
    text("NOTE", .notes, fields, &lines)
    let categories = fields[.categories]?.elements ?? []
    if !categories.isEmpty { lines.add("CATEGORIES", categories.map(ContentLines.text).joined(separator: ",")) }
    lines.add("END", "VCARD")
    return lines.bytes
  }

  /// The name that people see: never empty.
  public static func formattedName(_ fields: Fields) -> String {
    let parts = [Field.title, .givenName, .middleName, .familyName, .suffix].compactMap { fields.text($0) }
    let name = parts.joined(separator: " ")
    let candidates = [name, fields.text(.displayName), fields.text(.company), fields.text(.email1)]
    return candidates.compactMap { $0 }.first { !$0.isEmpty } ?? "(no name)"
  }

  private static let phones: [(field: Field, types: String)] = [
    (.phoneBusiness, "WORK,VOICE,PREF"), (.phoneBusiness2, "WORK,VOICE"), (.phoneCompany, "WORK,MSG"), (.phoneMobile, "CELL"),
    (.phoneHome, "HOME,VOICE"), (.phoneAssistant, "X-ASSISTANT"), (.faxBusiness, "WORK,FAX"), (.faxHome, "HOME,FAX"),
  ]

  /// `TYPE=A,B` as one parameter a value: every reader takes that form.
  private static func types(_ parameter: (String, String)) -> [(name: String, value: String)] {
    parameter.1.split(separator: ",").map { (name: parameter.0, value: String($0)) }
  }

  private static func text(_ name: String, _ field: Field, _ fields: Fields, _ lines: inout ContentLines) {
    if let value = fields.text(field) { lines.add(name, ContentLines.text(value)) }
  }

  private static func compound(_ parts: [Field], _ fields: Fields) -> String {
    parts.map { ContentLines.text(fields.text($0) ?? "") }.joined(separator: ";")
  }

  private static func address(_ fields: Fields, _ lines: inout ContentLines) {
    let parts: [Field] = [.street, .city, .state, .postalCode, .country]
    guard parts.contains(where: { fields[$0] != nil }) else { return }
    lines.add("ADR", parameters: [(name: "TYPE", value: "WORK")], ";;" + compound(parts, fields))
  }
}
