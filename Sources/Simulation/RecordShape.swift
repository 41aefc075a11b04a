import Model

/// What the simulation knows of a record type: where users write, which field tells a record's birth, what each side can hold.
final class RecordShape: Sendable {
  let kind: RecordKind
  /// Fields that users write texts into.
  let fields: [Field]
  /// Fields with values of other kinds, from short lists: they have to be the same on both sides.
  let plainFields: [Field]
  /// Set when a record is made by a user, never edited: copies of one logical record have it in common.
  let birth: Field
  let erp: FieldSupport
  let exchange: FieldSupport
  /// A field that only the mailbox holds.
  let mailboxOnly: Field
  /// Whether the ERP has a place for the mark of a creation.
  let isMarkedInERP: Bool

  private init(
    kind: RecordKind, fields: [Field], plainFields: [Field], birth: Field, erp: FieldSupport, exchange: FieldSupport, mailboxOnly: Field,
    isMarkedInERP: Bool
  ) {
    self.kind = kind
    self.fields = fields
    self.plainFields = plainFields
    self.birth = birth
    self.erp = erp
    self.exchange = exchange
    self.mailboxOnly = mailboxOnly
    self.isMarkedInERP = isMarkedInERP
  }

  /// The longest text of the field that the ERP cuts.
  static let cutLength = 8
  private static let ownBirth = Field(rawValue: "birth")
  private static let ownNote = Field(rawValue: "own note")

  static let contacts = RecordShape(
    kind: .contacts, fields: [.familyName, .jobTitle, .email1, .phoneMobile, .notes], plainFields: [], birth: .spouse,
    erp: FieldSupport(
      limits: [.familyName: nil, .jobTitle: cutLength, .email1: nil, .phoneMobile: nil, .notes: nil, .spouse: nil],
      adjust: { fields in
        guard case .text(let text)? = fields[.notes], Token.isUnheld(text) else { return fields }
        var fields = fields
        fields[.notes] = nil
        return fields
      }),
    exchange: FieldSupport(limits: [
      .familyName: nil, .jobTitle: nil, .email1: nil, .phoneMobile: nil, .notes: nil, .spouse: nil, .nickname: nil, .categories: nil,
      .webPage: nil,
    ]), mailboxOnly: .nickname, isMarkedInERP: true)

  static let tasks = RecordShape(
    kind: .tasks, fields: [.subject, .body], plainFields: [.status], birth: ownBirth,
    erp: FieldSupport(limits: [.subject: nil, .body: cutLength, .status: nil, ownBirth: nil]),
    exchange: FieldSupport(limits: [.subject: nil, .body: nil, .status: nil, ownBirth: nil, ownNote: nil, .categories: nil]),
    mailboxOnly: ownNote, isMarkedInERP: false)

  static let events = RecordShape(
    kind: .events, fields: [.subject, .body, .location], plainFields: [.start, .attendees], birth: ownBirth,
    erp: FieldSupport(limits: [.subject: nil, .body: cutLength, .location: nil, .start: nil, .attendees: nil, ownBirth: nil]),
    exchange: FieldSupport(limits: [
      .subject: nil, .body: nil, .location: nil, .start: nil, .attendees: nil, ownBirth: nil, ownNote: nil, .categories: nil,
    ]), mailboxOnly: ownNote, isMarkedInERP: false)

  /// A message's own values never change on their way; what users change of them stays where it is.
  static let emails = RecordShape(
    kind: .emails, fields: [.subject], plainFields: [], birth: .messageID,
    erp: FieldSupport(limits: Dictionary(uniqueKeysWithValues: Field.emailFields.map { ($0, nil) })),
    exchange: FieldSupport(limits: Dictionary(uniqueKeysWithValues: (Field.emailFields + [.categories, ownNote]).map { ($0, nil) })),
    mailboxOnly: ownNote, isMarkedInERP: true)

  static func of(_ kind: RecordKind) -> RecordShape {
    switch kind {
    case .tasks: tasks
    case .events: events
    case .emails: emails
    default: contacts
    }
  }

  /// The record types that the simulation has a shape for.
  static let known: [RecordKind] = [.contacts, .tasks, .events, .emails]

  /// A value of a plain field; nil: empty.
  func plainValue(_ field: Field, _ side: SystemSide, now: Int64, _ salt: Int) -> Value? {
    switch field {
    case .status:
      // The last of each side has no counterpart on the other.
      let known = ["NotStarted", "InProgress", "WaitingOnOthers", "Completed", side == .erp ? "Draft" : "Deferred"]
      return .text(known[salt % known.count])
    case .start:
      let days = [-2, 1, 2, 7, 30][salt % 5]
      return .instant(Timestamp(milliseconds: now / 86_400_000 * 86_400_000 + Int64(days) * 86_400_000 + 36_000_000), zone: nil)
    case .attendees:
      let people = World.addresses.prefix(2) + ["guest@y.test", "other@y.test"]
      let invited = people.enumerated().filter { salt >> $0.offset & 1 == 1 }.map { Attendee(address: $0.element) }
      return invited.isEmpty ? nil : .attendees(invited)
    default: return nil
    }
  }
}

/// A text that a user wrote, by its number: where it went can be told for ever.
struct Token: Sendable, Hashable {
  let number: Int

  init(_ number: Int) { self.number = number }

  /// The token that a text begins with.
  init?(_ value: Value?) {
    guard case .text(let text)? = value else { return nil }
    var bytes = text.utf8.makeIterator()
    guard bytes.next() == UInt8(ascii: "t") else { return nil }
    var parsed = 0
    for _ in 0..<5 {
      guard let byte = bytes.next(), byte >= 48, byte < 58 else { return nil }
      parsed = parsed * 10 + Int(byte - 48)
    }
    number = parsed
  }

  /// Some texts have no place in the ERP at all, as a country that it does not know.
  static func isUnheld(_ text: String) -> Bool { text.utf8.last == UInt8(ascii: "!") }

  /// The same text as one that has no place in the ERP.
  var unheld: Value { if case .text(let text) = text(for: .notes) { .text(text + "!") } else { text(for: .notes) } }

  /// The text, longer than some sides hold.
  func text(for field: Field) -> Value {
    let digits = String(number)
    let name = "t" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    switch field {
    case .email1: return .text(name + "@x.test")
    case .jobTitle, .body: return .text(name + "-director")
    default: return .text(name)
    }
  }
}
