import Model

/// What the simulation knows of a record type: where users write, which field tells a record's birth, what each side can hold.
struct RecordShape: Sendable {
  let kind: RecordKind
  /// Fields that users write texts into.
  let fields: [Field]
  /// Set when a record is made by a user, never edited: copies of one logical record have it in common.
  let birth: Field
  let erp: FieldSupport
  let exchange: FieldSupport
  /// A field that only the mailbox holds.
  let mailboxOnly: Field

  /// The longest text of the field that the ERP cuts.
  static let cutLength = 8

  static let contacts = RecordShape(
    kind: .contacts, fields: [.familyName, .jobTitle, .email1, .phoneMobile, .notes], birth: .spouse,
    erp: FieldSupport(limits: [.familyName: nil, .jobTitle: cutLength, .email1: nil, .phoneMobile: nil, .notes: nil, .spouse: nil]),
    exchange: FieldSupport(limits: [
      .familyName: nil, .jobTitle: nil, .email1: nil, .phoneMobile: nil, .notes: nil, .spouse: nil, .nickname: nil, .categories: nil,
      .webPage: nil,
    ]), mailboxOnly: .nickname)

  static func of(_ kind: RecordKind) -> RecordShape { contacts }

  /// The record types that the simulation has a shape for.
  static let known: Set<RecordKind> = [.contacts]
}

/// A text that a user wrote, by its number: where it went can be told for ever.
struct Token: Sendable, Hashable {
  let number: Int

  init(_ number: Int) { self.number = number }

  /// The token that a text begins with.
  init?(_ value: Value?) {
    guard case .text(let text)? = value else { return nil }
    var digits = 0
    var number = 0
    for byte in text.utf8 {
      if digits == 0 && byte == UInt8(ascii: "t") && number == 0 { number = 0; digits = 1; continue }
      guard digits > 0, byte >= 48, byte < 58 else { break }
      number = number * 10 + Int(byte - 48)
      digits += 1
      if digits == 6 { break }
    }
    guard digits == 6 else { return nil }
    self.number = number
  }

  /// The text, longer than some sides hold.
  func text(for field: Field) -> Value {
    let digits = String(number)
    let name = "t" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    switch field {
    case .email1: return .text(name + "@x.test")
    case .jobTitle: return .text(name + "-director")
    default: return .text(name)
    }
  }
}
