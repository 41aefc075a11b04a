import Foundation
import Model
import SandboxERP
import SandboxExchange

/// Where the fields of a `RecordShape` lie on the two servers. Written for the simulation: the adapters' own tables are what is tested.
struct WireShape: Sendable {
  /// One text.
  struct Place: Sendable {
    let field: Field
    /// EWS: element, and of a dictionary its key.
    let element: String
    var key: String?
    /// EWS: how an update names it.
    let uri: String
    /// ERP: contract name; nil: only the mailbox has it.
    var cell: String?
    /// Position among the properties of a new item.
    let order: Int
  }

  let kind: RecordKind
  let className: String
  let entity: String
  /// Distinguished id of the mailbox's own folder.
  let folder: String
  let folderElement: String
  let places: [Place]
  /// A property that nobody maps: setting it changes an item, and nothing else.
  let unmapped: (element: String, uri: String)

  static let contacts = WireShape(
    kind: .contacts, className: "Contact", entity: "Contact", folder: "contacts", folderElement: "ContactsFolder",
    places: [
      Place(field: .nickname, element: "Nickname", uri: "contacts:Nickname", order: 7),
      // What the object layer calls notes: the ERP's contacts have none.
      Place(field: .notes, element: "CompanyName", uri: "contacts:CompanyName", cell: "CompanyName", order: 9),
      Place(field: .email1, element: "EmailAddresses", key: "EmailAddress1", uri: "contacts:EmailAddress", cell: "Email", order: 10),
      Place(field: .phoneMobile, element: "PhoneNumbers", key: "MobilePhone", uri: "contacts:PhoneNumber", cell: phone, order: 13),
      Place(field: .jobTitle, element: "JobTitle", uri: "contacts:JobTitle", cell: "JobTitle", order: 23),
      Place(field: .spouse, element: "SpouseName", uri: "contacts:SpouseName", cell: "SpouseOrPartnerName", order: 29),
      Place(field: .familyName, element: "Surname", uri: "contacts:Surname", cell: "LastName", order: 30),
    ], unmapped: ("Profession", "contacts:Profession"))

  static let tasks = WireShape(
    kind: .tasks, className: "Task", entity: "Task", folder: "tasks", folderElement: "TasksFolder",
    places: [
      Place(field: .subject, element: "Subject", uri: "item:Subject", cell: "Summary", order: 1),
      Place(field: .body, element: "Body", uri: "item:Body", cell: "Body", order: 3),
      Place(field: RecordShape.tasks.mailboxOnly, element: "BillingInformation", uri: "task:BillingInformation", order: 20),
      Place(field: .status, element: "Status", uri: "task:Status", cell: "Status", order: 30),
    ], unmapped: ("Mileage", "task:Mileage"))

  static let events = WireShape(
    kind: .events, className: "CalendarItem", entity: "Event", folder: "calendar", folderElement: "CalendarFolder",
    places: [
      Place(field: .subject, element: "Subject", uri: "item:Subject", cell: "Summary", order: 1),
      Place(field: .body, element: "Body", uri: "item:Body", cell: "Body", order: 3),
      Place(field: .location, element: "Location", uri: "calendar:Location", cell: "Location", order: 23),
      Place(field: RecordShape.events.mailboxOnly, element: "NetShowUrl", uri: "calendar:NetShowUrl", order: 40),
    ], unmapped: ("MeetingWorkspaceUrl", "calendar:MeetingWorkspaceUrl"))

  static func of(_ kind: RecordKind) -> WireShape? { known.first { $0.kind == kind } }

  static let known = [contacts, tasks, events]

  /// The ERP's phones lie in slots, each with its type.
  static let phone = "(phone)"
  private static let phoneSlots = ["Phone1", "Phone2", "Phone3", "Fax"]
  private static let phoneType = "Cell"

  var elsewhere: String { "Elsewhere \(kind.rawValue)" }

  // MARK: Reading

  /// Fields from texts, however they are got.
  private func fields(_ text: (Place) -> String?) -> Fields {
    var fields = Fields()
    for place in places {
      guard let text = text(place), !text.isEmpty else { continue }
      fields[place.field] = .text(text)
    }
    if kind != .contacts { Self.takeBirth(&fields) }
    return fields
  }

  func fields(of view: ItemView) -> Fields {
    var fields = fields { place in
      let text = view.texts[place.key.map { "\(place.element)/\($0)" } ?? place.element]
      return place.field == .body ? text.map(Self.withoutTags) : text
    }
    fields[.categories] = .set(view.categories)
    if let calendar = view.calendar {
      fields[.start] = Self.instant(calendar.start)
      fields[.attendees] = Self.people(calendar.attendees)
    }
    return fields
  }

  func fields(of view: RecordView) -> Fields {
    var fields = fields { place in
      guard let cell = place.cell else { return nil }
      if cell == Self.phone {
        return Self.phoneSlots.first { view.texts[$0 + "Type"] == Self.phoneType }.flatMap { view.texts[$0] }
      }
      switch place.field {
      case .body: return view.texts[cell].map(Self.withoutTags)
      case .status: return Self.statuses.first { $0.erp == view.texts[cell] }?.exchange ?? view.texts[cell]
      default: return view.texts[cell]
      }
    }
    if kind == .events {
      fields[.start] = view.texts["StartDate"].flatMap { Timestamp(iso8601: $0) }.map { .instant($0, zone: nil) }
      fields[.attendees] = Self.people(view.attendees)
    }
    return fields
  }

  private static func instant(_ date: Date) -> Value {
    .instant(Timestamp(milliseconds: Int64((date.timeIntervalSince1970 * 1000).rounded())), zone: nil)
  }

  private static func people(_ addresses: [String]) -> Value { .attendees(addresses.map { Attendee(address: $0) }) }

  func owner(of view: RecordView) -> String? { view.custom[Self.ownerElement] ?? view.texts["Owner"] }

  /// An event's owner is on the form, not in the contract.
  static let ownerElement = "Events.OwnerID"

  private static func withoutTags(_ text: String) -> String { text.replacing(#/<[^>]*>/#, with: "") }

  // MARK: Birth

  /// Tasks and events have no text field on both sides beside subject and body: its birth stands behind the subject.
  private static let noSubject = "-"

  private static func takeBirth(_ fields: inout Fields) {
    guard let text = fields.text(.subject), let birth = text.firstMatch(of: #/ ?b(\d{5})/#) else { return }
    let rest = text.replacing(birth.0, with: "", maxReplacements: 1)
    fields[.subject] = rest.hasPrefix(noSubject) ? nil : .text(rest)
    fields[RecordShape.tasks.birth] = .text("t" + birth.1)
  }

  private static func subject(_ fields: Fields) -> String {
    let birth = fields.text(RecordShape.tasks.birth).map { " b" + $0.dropFirst().prefix(5) } ?? ""
    return (fields.text(.subject) ?? noSubject) + birth
  }

  // MARK: Writing

  /// The text of a place; nil: empty.
  func text(_ place: Place, _ fields: Fields) -> String? {
    place.field == .subject ? Self.subject(fields) : fields.text(place.field)
  }

  /// The ERP's terms for a task's status; the last has no counterpart, and nor has Exchange's Deferred.
  private static let statuses: [(exchange: String, erp: String)] = [
    ("NotStarted", "Open"), ("InProgress", "In Process"), ("WaitingOnOthers", "Pending Approval"), ("Completed", "Completed"),
    ("InProgress", "Approved"), ("Completed", "Canceled"),
  ]

  /// The body of a PUT that gives these fields to a record: cells by name.
  func cells(_ changed: Set<Field>, _ fields: Fields, slotOfPhone: String?) -> [String: String?] {
    var cells: [String: String?] = [:]
    for place in places where changed.contains(place.field) {
      guard let cell = place.cell else { continue }
      let text = text(place, fields)
      switch cell {
      case Self.phone:
        let slot = slotOfPhone ?? "Phone1"
        cells[slot] = .some(text)
        cells[slot + "Type"] = .some(Self.phoneType)
      case "Status": cells[cell] = .some(Self.statuses.first { $0.exchange == text }?.erp ?? text)
      default: cells[cell] = .some(text)
      }
    }
    return cells
  }

  /// The slot in which a record has its mobile phone; nil: none.
  static func slotOfPhone(_ view: RecordView?) -> String? {
    guard let view else { return nil }
    return phoneSlots.first { view.texts[$0 + "Type"] == phoneType } ?? phoneSlots.first { view.texts[$0] == nil }
  }
}
