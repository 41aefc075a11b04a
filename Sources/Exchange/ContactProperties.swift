import Model
import XMLStream

/// The mapping of a contact's fields to EWS, as one table: shapes, creations, updates and reading all follow from it.
enum ContactProperties {
  /// Where a value stands inside `t:Contact`.
  enum Place: Sendable, Hashable {
    case element(String)
    case entry(dictionary: String, key: String)
    case address(part: String)
    case extended
  }

  /// One field with its path and place. `order` is the schema's (ContactItemType): elements out of order are refused.
  struct Property: Sendable {
    let field: Field
    let path: PropertyPath
    let place: Place
    let order: Int
  }

  private static func element(_ field: Field, _ name: String, _ order: Int) -> Property {
    Property(field: field, path: .field("contacts:\(name)"), place: .element(name), order: order)
  }
  private static func email(_ field: Field, _ key: String) -> Property {
    Property(
      field: field, path: .indexed("contacts:EmailAddress", index: key), place: .entry(dictionary: "EmailAddresses", key: key), order: 10)
  }
  private static func phone(_ field: Field, _ key: String) -> Property {
    Property(
      field: field, path: .indexed("contacts:PhoneNumber", index: key), place: .entry(dictionary: "PhoneNumbers", key: key), order: 13)
  }
  private static func address(_ field: Field, _ part: String) -> Property {
    Property(field: field, path: .indexed("contacts:PhysicalAddress:\(part)", index: "Business"), place: .address(part: part), order: 12)
  }

  /// Text fields, in schema order; entries of one dictionary in the order of its keys, address parts in the schema's.
  static let texts: [Property] = [
    // The honorific prefix has no element of its own: PidTagDisplayNamePrefix.
    Property(field: .title, path: .tag("0x3A45", type: "String"), place: .extended, order: 0),
    element(.displayName, "DisplayName", 3), element(.givenName, "GivenName", 4), element(.middleName, "MiddleName", 6),
    element(.nickname, "Nickname", 7), element(.company, "CompanyName", 9), email(.email1, "EmailAddress1"),
    email(.email2, "EmailAddress2"),
    email(.email3, "EmailAddress3"), address(.street, "Street"), address(.city, "City"), address(.state, "State"),
    address(.country, "CountryOrRegion"), address(.postalCode, "PostalCode"), phone(.phoneAssistant, "AssistantPhone"),
    phone(.faxBusiness, "BusinessFax"), phone(.phoneBusiness, "BusinessPhone"), phone(.phoneBusiness2, "BusinessPhone2"),
    phone(.phoneCompany, "CompanyMainPhone"), phone(.faxHome, "HomeFax"), phone(.phoneHome, "HomePhone"),
    phone(.phoneMobile, "MobilePhone"),
    element(.birthday, "Birthday", 15), element(.webPage, "BusinessHomePage", 16), element(.department, "Department", 20),
    element(.suffix, "Generation", 21), element(.jobTitle, "JobTitle", 23), element(.spouse, "SpouseName", 29),
    element(.familyName, "Surname", 30),
  ]

  /// The mapping as the client uses it.
  static let mapping = ItemMapping(
    paths: paths, support: support, item: { item(from: $0) }, writeNew: { writeNew($0, &$1) }, writeChange: { writeChange($0, &$1) })

  private static let element = "t:Contact"

  private static let paths: [PropertyPath] =
    ItemProperties.paths
    + ["item:Body", "contacts:DisplayName", "contacts:EmailAddresses", "contacts:PhysicalAddresses", "contacts:PhoneNumbers"].map(
      PropertyPath.field)
    + texts.compactMap { if case .element = $0.place, $0.field != .displayName { $0.path } else { nil } }
    + [.tag("0x3A45", type: "String")]

  /// What a mailbox can hold. Texts are cut at 255 UTF-16 units, the usual size of a property in Outlook's forms.
  private static let support: FieldSupport = {
    var limits: [Field: FieldSupport.Limit] = [.notes: nil, .categories: nil, .birthday: nil]
    for property in texts where property.field != .birthday { limits[property.field] = 255 }
    return FieldSupport(limits: limits)
  }()

  // MARK: Reading

  private static func item(from element: XMLElement) -> Item? {
    ItemProperties.item(from: element, element: "Contact", itemClass: "ipm.contact", fields: fields(of: element))
  }

  private static func fields(of element: XMLElement) -> Fields {
    var fields = Fields()
    for property in texts {
      guard let text = text(of: property, in: element).map(canonicalText), !text.isEmpty else { continue }
      switch property.field {
      case .birthday: fields[.birthday] = birthday(text)
      case .country: fields[.country] = .text(Countries.code(of: text) ?? text)
      default: fields[property.field] = .text(text)
      }
    }
    fields[.notes] = .text(canonicalText(element.text("Body") ?? ""))
    return fields
  }

  private static func text(of property: Property, in element: XMLElement) -> String? {
    switch property.place {
    case .element(let name): element.text(name)
    case .entry(let dictionary, let key): entry(dictionary, key, element)?.text
    case .address(let part): entry("PhysicalAddresses", "Business", element)?.text(part)
    case .extended: property.path.value(in: element)
    }
  }

  private static func entry(_ dictionary: String, _ key: String, _ element: XMLElement) -> XMLElement? {
    element.child(dictionary)?.children("Entry").first { $0.attribute("Key") == key }
  }

  /// Clients store the day as an instant in their own zone: 11:59 UTC, or local midnight. The nearest day is meant; year 1604 and
  /// before, or 4501, stand for none.
  private static func birthday(_ text: String) -> Value? {
    guard let instant = Timestamp(iso8601: text) else { return CivilDate(iso8601: text).map { .date($0) } }
    let date = instant.advanced(milliseconds: 12 * 3_600_000).utcDate
    return (1605..<4500).contains(date.year) ? .date(date) : nil
  }

  // MARK: Writing

  /// One `t:Contact` for CreateItem, elements in schema order.
  private static func writeNew(_ item: NewItem, _ xml: inout XMLWriter) {
    let fields = item.fields
    xml.within(element) { xml in
      xml.element("t:Subject", shownName(fields))
      if let notes = fields.text(.notes) { xml.element("t:Body", notes, [("BodyType", "Text")]) }
      ItemProperties.writeCategories(fields, &xml)
      if let title = fields.text(.title) { PropertyPath.tag("0x3A45", type: "String").writeProperty(title, &xml) }
      ItemProperties.writeStamps(item, &xml)
      xml.element("t:FileAs", fileAs(fields))
      xml.element("t:DisplayName", shownName(fields))
      writeElements(fields, &xml)
    }
  }

  /// The contact's own elements from GivenName on, in schema order.
  private static func writeElements(_ fields: Fields, _ xml: inout XMLWriter) {
    var written: Set<String> = []
    for property in texts where property.order > 3 && fields[property.field] != nil {
      switch property.place {
      case .element(let name): xml.element("t:\(name)", wireText(property.field, fields) ?? "")
      case .entry(let dictionary, _):
        if written.insert(dictionary).inserted { writeDictionary(dictionary, fields, &xml) }
      case .address:
        if written.insert("PhysicalAddresses").inserted {
          xml.within("t:PhysicalAddresses") { xml in
            xml.within("t:Entry", [("Key", "Business")]) { xml in
              for part in texts {
                if case .address(let name) = part.place, let text = wireText(part.field, fields) { xml.element("t:\(name)", text) }
              }
            }
          }
        }
      case .extended: break
      }
    }
  }

  private static func writeDictionary(_ dictionary: String, _ fields: Fields, _ xml: inout XMLWriter) {
    xml.within("t:\(dictionary)") { xml in
      for property in texts {
        if case .entry(dictionary, let key) = property.place, let text = wireText(property.field, fields) {
          xml.element("t:Entry", text, [("Key", key)])
        }
      }
    }
  }

  /// One `t:ItemChange`: a field an update, as EWS wants it.
  private static func writeChange(_ update: ItemUpdate, _ xml: inout XMLWriter) {
    ItemProperties.writeChange(update, element: element, &xml) { xml in
      for property in texts where update.changes[property.field] != nil && property.field != .displayName {
        writeUpdate(property, update.result, &xml)
      }
      if update.changes[.notes] != nil {
        writeSet(.field("item:Body"), isEmpty: update.result[.notes] == nil, &xml) {
          $0.element("t:Body", update.result.text(.notes) ?? "", [("BodyType", "Text")])
        }
      }
      if !nameParts.isDisjoint(with: update.changes.keys) { writeNames(update.result, &xml) }
    }
  }

  private static func writeUpdate(_ property: Property, _ fields: Fields, _ xml: inout XMLWriter) {
    let text = wireText(property.field, fields)
    writeSet(property.path, isEmpty: text == nil, &xml) { xml in
      switch property.place {
      case .element(let name): xml.element("t:\(name)", text ?? "")
      case .entry(let dictionary, let key): xml.within("t:\(dictionary)") { $0.element("t:Entry", text ?? "", [("Key", key)]) }
      case .address(let part):
        xml.within("t:PhysicalAddresses") { xml in xml.within("t:Entry", [("Key", "Business")]) { $0.element("t:\(part)", text ?? "") } }
      case .extended: property.path.writeProperty(text ?? "", &xml)
      }
    }
  }

  private static func writeSet(_ path: PropertyPath, isEmpty: Bool, _ xml: inout XMLWriter, _ content: (inout XMLWriter) -> Void) {
    ItemProperties.writeSet(path, element: element, isEmpty: isEmpty, &xml, content)
  }

  /// The server does not recompute what it shows when a name changes.
  private static let nameParts: Set<Field> = [.givenName, .middleName, .familyName, .suffix, .company, .displayName]

  private static func writeNames(_ fields: Fields, _ xml: inout XMLWriter) {
    let shown = shownName(fields)
    writeSet(.field("contacts:DisplayName"), isEmpty: false, &xml) { $0.element("t:DisplayName", shown) }
    writeSet(.field("contacts:FileAs"), isEmpty: false, &xml) { $0.element("t:FileAs", fileAs(fields)) }
    writeSet(.field("item:Subject"), isEmpty: false, &xml) { $0.element("t:Subject", shown) }
  }

  private static func wireText(_ field: Field, _ fields: Fields) -> String? {
    switch field {
    // 11:59 UTC is the same day in every zone.
    case .birthday: fields[.birthday]?.date.map { "\($0)T11:59:00Z" }
    case .country: fields.text(.country).map { Countries.name(of: $0) ?? $0 }
    default: fields.text(field)
    }
  }

  /// The name that a mailbox shows.
  static func shownName(_ fields: Fields) -> String {
    let name = [Field.givenName, .middleName, .familyName, .suffix].compactMap { fields.text($0) }.joined(separator: " ")
    return cut([name, fields.text(.company) ?? "", fields.text(.email1) ?? ""].first { !$0.isEmpty } ?? "(no name)")
  }

  private static func fileAs(_ fields: Fields) -> String {
    guard let family = fields.text(.familyName) else { return shownName(fields) }
    let given = [Field.givenName, .middleName].compactMap { fields.text($0) }.joined(separator: " ")
    return cut(given.isEmpty ? family : "\(family), \(given)")
  }

  private static func cut(_ text: String) -> String {
    var text = text
    while text.utf16.count > 255 { text.removeLast() }
    return text
  }
}
