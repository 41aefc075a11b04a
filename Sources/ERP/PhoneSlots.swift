import Model

/// The ERP's four numbers (Phone1, Phone2, Phone3, Fax), each with a free type, against the mailbox's one number a kind.
///
/// The rule where there are more numbers than slots: business, mobile, home, second business, assistant, company, business fax, home fax;
/// the first four stay, a fax rather in the fax slot. A slot of a type that another slot has already is left alone.
enum PhoneSlots {
  private static let slots = ["Phone1", "Phone2", "Phone3", "Fax"]

  /// Fields with the ERP's label of their type, in order of importance.
  private static let types: [(field: Field, label: String)] = [
    (.phoneBusiness, "Business 1"), (.phoneMobile, "Cell"), (.phoneHome, "Home"), (.faxBusiness, "Fax"), (.phoneBusiness2, "Business 2"),
    (.phoneAssistant, "Assistant"), (.phoneCompany, "Business 3"), (.faxHome, "Home Fax"),
  ]

  /// Types that a slot has when the record names none.
  private static let usualTypes = ["Phone1": "Business 1", "Phone2": "Cell", "Phone3": "Home", "Fax": "Fax"]

  /// Every phone field of a record.
  static let fields = Set(types.map(\.field))

  /// Contract names of numbers and types.
  static let names = slots.flatMap { [$0, $0 + "Type"] }

  /// Takes the numbers out of a record.
  static func read(_ record: ERPRecord, into fields: inout Fields) {
    for slot in slots {
      guard let number = record.text(slot), let field = field(of: slot, in: record), fields[field] == nil else { continue }
      fields[field] = .text(canonicalText(number))
    }
  }

  /// The numbers that find a slot in an empty record.
  static func fitting(_ fields: Fields) -> Fields {
    var result = fields
    for type in types.filter({ fields[$0.field] != nil }).dropFirst(slots.count) { result[type.field] = nil }
    return result
  }

  /// Slots of a new record.
  static func fill(_ body: inout ERPBody, result: Fields) {
    var free = slots
    let present = types.filter { result[$0.field] != nil }
    for type in present.sorted(by: { isFax($0.field) && !isFax($1.field) }) {
      let wanted = isFax(type.field) && free.contains("Fax") ? "Fax" : free.first
      guard let slot = wanted else { return }
      free.removeAll { $0 == slot }
      put(result.text(type.field), type.label, slot, &body)
    }
  }

  /// Changed numbers in the slots that have their type, else in free ones; where there is none the number is left out.
  static func fill(_ body: inout ERPBody, changes: Set<Field>, result: Fields, current: ERPRecord) {
    guard !changes.isEmpty else { return }
    var owners: [String: Field] = [:]
    var free: [String] = []
    for slot in slots {
      if current.text(slot) == nil {
        free.append(slot)
      } else if let field = field(of: slot, in: current), !owners.values.contains(field) {
        owners[slot] = field
      }
    }
    for type in types where changes.contains(type.field) && result[type.field] == nil {
      guard let slot = owners.first(where: { $0.value == type.field })?.key else { continue }
      put(nil, type.label, slot, &body)
      free.append(slot)
    }
    for type in types where changes.contains(type.field) && result[type.field] != nil {
      let own = owners.first { $0.value == type.field }?.key
      guard let slot = own ?? (isFax(type.field) && free.contains("Fax") ? "Fax" : free.first) else { continue }
      free.removeAll { $0 == slot }
      put(result.text(type.field), type.label, slot, &body)
    }
  }

  private static func put(_ number: String?, _ label: String, _ slot: String, _ body: inout ERPBody) {
    body.cells[slot] = .text(number)
    body.cells[slot + "Type"] = .text(label)
  }

  private static func isFax(_ field: Field) -> Bool { field == .faxBusiness || field == .faxHome }

  private static func field(of slot: String, in record: ERPRecord) -> Field? {
    let label = record.text(slot + "Type") ?? usualTypes[slot]
    return types.first { $0.label.lowercased() == label?.lowercased() }?.field
  }
}
