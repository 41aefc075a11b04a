/// The name of one mapped property of a record, the same on both sides.
///
/// Multi-valued properties are one field a value (`phone.mobile`, `email2`), so that they merge value by value.
public struct Field: RawRepresentable, Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
  /// One object a name, never freed: without counting references to it a field is as cheap to hand on as a number.
  private let name: Unmanaged<FieldName>

  /// The stable name, as the store and `--json` show it.
  public var rawValue: String { name._withUnsafeGuaranteedRef { $0.text } }

  /// A field by its stable name.
  public init(rawValue: String) { name = .passUnretained(FieldName.named(rawValue)) }

  /// The stable name.
  public var description: String { rawValue }

  /// Whether both are the same field.
  public static func == (left: Field, right: Field) -> Bool { left.name.toOpaque() == right.name.toOpaque() }

  /// Hashed by its name's object.
  public func hash(into hasher: inout Hasher) { hasher.combine(name.toOpaque()) }

  /// Whether the left one comes first: the order of the bytes of their names.
  public static func < (left: Field, right: Field) -> Bool {
    left != right && left.name._withUnsafeGuaranteedRef { name in right.name._withUnsafeGuaranteedRef { name.precedes($0) } }
  }

  /// Whether the value is an e-mail address, compared without regard to case.
  public var isAddress: Bool { self == .email1 || self == .email2 || self == .email3 }
}

extension Field {
  /// Honorific prefix ("Dr.").
  public static let title = Field(rawValue: "title")
  /// Given name.
  public static let givenName = Field(rawValue: "givenName")
  /// Middle name.
  public static let middleName = Field(rawValue: "middleName")
  /// Family name.
  public static let familyName = Field(rawValue: "familyName")
  /// Generation or honorific suffix ("Jr.").
  public static let suffix = Field(rawValue: "suffix")
  /// Nickname.
  public static let nickname = Field(rawValue: "nickname")
  /// Name as shown; derived, never compared where parts of the name are known.
  public static let displayName = Field(rawValue: "displayName")
  /// Job title.
  public static let jobTitle = Field(rawValue: "jobTitle")
  /// Company.
  public static let company = Field(rawValue: "company")
  /// Department.
  public static let department = Field(rawValue: "department")
  /// First e-mail address: the only one that the ERP holds.
  public static let email1 = Field(rawValue: "email1")
  /// Second e-mail address.
  public static let email2 = Field(rawValue: "email2")
  /// Third e-mail address.
  public static let email3 = Field(rawValue: "email3")
  /// Business phone.
  public static let phoneBusiness = Field(rawValue: "phone.business")
  /// Second business phone.
  public static let phoneBusiness2 = Field(rawValue: "phone.business2")
  /// Third business phone: the ERP's "Business 3", Exchange's CompanyMainPhone.
  public static let phoneCompany = Field(rawValue: "phone.company")
  /// Mobile phone.
  public static let phoneMobile = Field(rawValue: "phone.mobile")
  /// Home phone.
  public static let phoneHome = Field(rawValue: "phone.home")
  /// Assistant's phone.
  public static let phoneAssistant = Field(rawValue: "phone.assistant")
  /// Business fax.
  public static let faxBusiness = Field(rawValue: "fax.business")
  /// Home fax.
  public static let faxHome = Field(rawValue: "fax.home")
  /// Business address: street, one or two lines.
  public static let street = Field(rawValue: "address.street")
  /// Business address: city.
  public static let city = Field(rawValue: "address.city")
  /// Business address: state or province.
  public static let state = Field(rawValue: "address.state")
  /// Business address: postal code.
  public static let postalCode = Field(rawValue: "address.postalCode")
  /// Business address: country, as the ISO 3166 two-letter code where it is known, else as text.
  public static let country = Field(rawValue: "address.country")
  /// Web page.
  public static let webPage = Field(rawValue: "webPage")
  /// Birthday.
  public static let birthday = Field(rawValue: "birthday")
  /// Spouse or partner.
  public static let spouse = Field(rawValue: "spouse")
  /// Free text of the record.
  public static let notes = Field(rawValue: "notes")
  /// Categories; set on items, unknown to the ERP.
  public static let categories = Field(rawValue: "categories")

  /// Subject of a task, an event or an email.
  public static let subject = Field(rawValue: "subject")
  /// Text of a task, an event or an email.
  public static let body = Field(rawValue: "body")
  /// Start: a date for tasks and all-day events, else an instant with its zone.
  public static let start = Field(rawValue: "start")
  /// End: a date (exclusive) for all-day events, else an instant with its zone.
  public static let end = Field(rawValue: "end")
  /// Due date of a task.
  public static let due = Field(rawValue: "due")
  /// Status of a task in Exchange's terms.
  public static let status = Field(rawValue: "status")
  /// Completion of a task in percent, 0 to 100.
  public static let percentComplete = Field(rawValue: "percentComplete")
  /// Day a task was completed.
  public static let completed = Field(rawValue: "completed")
  /// Priority: Low, Normal, High.
  public static let priority = Field(rawValue: "priority")
  /// Reminder: an instant for tasks, minutes before the start for events; absent when off.
  public static let reminder = Field(rawValue: "reminder")
  /// Whether an event lasts whole days.
  public static let allDay = Field(rawValue: "allDay")
  /// Place of an event.
  public static let location = Field(rawValue: "location")
  /// Free, Tentative, Busy, OOF, WorkingElsewhere.
  public static let showAs = Field(rawValue: "showAs")
  /// People invited to an event.
  public static let attendees = Field(rawValue: "attendees")
  /// What the people invited to an event answered, a line each: Exchange alone knows.
  public static let answers = Field(rawValue: "answers")
  /// Address of who invites to an event; set on items, unknown to the ERP.
  public static let organizer = Field(rawValue: "organizer")
  /// IANA zone that an event was made in; set on items, unknown to the ERP.
  public static let zone = Field(rawValue: "zone")
  /// Recurrence of a series: the text form of `Series`.
  public static let recurrence = Field(rawValue: "recurrence")
  /// RFC 5322 Message-ID with its angle brackets.
  public static let messageID = Field(rawValue: "messageID")
  /// Who wrote an email, as people read it.
  public static let from = Field(rawValue: "from")
  /// Whom an email is to, as people read it.
  public static let to = Field(rawValue: "to")
  /// Who gets a copy of an email.
  public static let cc = Field(rawValue: "cc")
  /// Who gets a copy of an email unseen by the others.
  public static let bcc = Field(rawValue: "bcc")
  /// The addresses of all these, in lower case.
  public static let participants = Field(rawValue: "participants")

  /// Every field of an email.
  public static let emailFields: [Field] = [.subject, .from, .to, .cc, .bcc, .participants, .start, .messageID]

  /// Every field of a contact, in the order in which people read them.
  public static let contactFields: [Field] = [
    .title, .givenName, .middleName, .familyName, .suffix, .nickname, .displayName, .jobTitle, .company, .department, .email1, .email2,
    .email3, .phoneBusiness, .phoneBusiness2, .phoneCompany, .phoneMobile, .phoneHome, .phoneAssistant, .faxBusiness, .faxHome, .street,
    .city, .state, .postalCode, .country, .webPage, .birthday, .spouse, .notes, .categories,
  ]
}
