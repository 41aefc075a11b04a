/// One mapped value of a record, in the canonical form that both sides are compared in.
public enum Value: Sendable, Hashable, Codable {
  /// Text with line ends as LF and without trailing white space on lines.
  case text(String)
  /// A whole number: a percentage, minutes.
  case number(Int)
  /// Yes or no.
  case flag(Bool)
  /// A calendar date.
  case date(CivilDate)
  /// An instant, with the IANA zone it was given in where that matters (events).
  case instant(Timestamp, zone: String?)
  /// A set of texts compared without case: categories.
  case set([String])
  /// The people invited to an event.
  case attendees([Attendee])
  /// Opaque text in a format of its own, compared as is: a recurrence rule, a message's MIME digest.
  case opaque(String)
}

/// A person invited to an event.
public struct Attendee: Sendable, Hashable, Codable {
  /// SMTP address, lower case; of somebody who has none the name in Exchange's directory (`/o=…`).
  public var address: String
  /// Display name, may be empty.
  public var name: String
  /// Whether attendance is optional.
  public var isOptional: Bool
  /// The answer as iCalendar's PARTSTAT: NEEDS-ACTION, ACCEPTED, DECLINED, TENTATIVE (RFC 5545 section 3.2.12).
  public var answer: String

  /// Whether there is an e-mail address. Somebody without one is known in Exchange alone.
  public var hasMail: Bool { address.contains("@") }

  /// An attendee; the address is lowered.
  public init(address: String, name: String = "", isOptional: Bool = false, answer: String = "NEEDS-ACTION") {
    self.address = address.lowercased()
    self.name = name
    self.isOptional = isOptional
    self.answer = answer
  }
}

extension Value {
  /// The text, where it is one.
  public var text: String? {
    switch self {
    case .text(let text), .opaque(let text): text
    default: nil
    }
  }

  /// The date, where it is one.
  public var date: CivilDate? { if case .date(let date) = self { date } else { nil } }

  /// The elements of a set, empty where it is none.
  public var elements: [String] { if case .set(let elements) = self { elements } else { [] } }

  /// The people invited, empty where it is no list of them.
  public var people: [Attendee] { if case .attendees(let people) = self { people } else { [] } }

  /// Text for a person: journal, plan, `why`.
  public var display: String {
    switch self {
    case .text(let text), .opaque(let text): text
    case .number(let number): String(number)
    case .flag(let flag): flag ? "yes" : "no"
    case .date(let date): date.description
    case .instant(let instant, let zone): zone.map { "\(instant.iso8601) (\($0))" } ?? instant.iso8601
    case .set(let elements): elements.joined(separator: ", ")
    case .attendees(let people): people.map { $0.name.isEmpty ? $0.address : "\($0.name) <\($0.address)>" }.joined(separator: ", ")
    }
  }

  /// Whether both mean the same: e-mail addresses and sets without regard to case and order.
  public func means(_ other: Value, as field: Field) -> Bool {
    switch (self, other) {
    case (.text(let left), .text(let right)): field.isAddress ? left.lowercased() == right.lowercased() : left == right
    case (.set(let left), .set(let right)): Set(left.map { $0.lowercased() }) == Set(right.map { $0.lowercased() })
    case (.attendees(let left), .attendees(let right)): Set(left.map(\.comparable)) == Set(right.map(\.comparable))
    case (.instant(let left, _), .instant(let right, _)): left == right
    default: self == other
    }
  }
}

extension Attendee {
  /// What counts when two lists of attendees are compared: names are decoration, answers a field of their own.
  var comparable: String { "\(address)|\(isOptional)" }

  /// The answers of these people as a field's value: a line each, in the order of addresses; nil where nobody answered.
  public static func answers(of people: [Attendee]) -> Value? {
    let lines = people.filter { $0.answer != "NEEDS-ACTION" }.map { "\($0.address) \($0.answer)" }.sorted()
    return lines.isEmpty ? nil : .opaque(lines.joined(separator: "\n"))
  }
}
