import Model
import Store

/// How the ERP's records name their owners, learned from the records themselves.
///
/// The visible value of an owner differs between sites (the employee's id, the name, a number), so contacts that show both the code and the
/// owner's name teach it. Which workgroups an employee belongs to is in no entity of the contract either; an owner is always chosen from the
/// members of a record's workgroup, so owning one is evidence of belonging to it.
struct OwnerCodes: Equatable {
  /// Codes by the owner's name.
  private var codes: [String: Set<String>] = [:]
  /// Workgroups by the owner's code.
  private var workgroups: [String: Set<String>] = [:]

  private static let key = "owners"

  /// What is known so far.
  static func known(_ reader: any RecordReader) throws -> OwnerCodes { OwnerCodes(text: try reader.meta(key) ?? "") }

  /// Adds what these records show.
  mutating func learn(from entities: [Entity]) {
    for entity in entities {
      guard let owner = entity.owner else { continue }
      if let name = entity.ownerName { codes[name, default: []].insert(owner) }
      if let workgroup = entity.workgroup { workgroups[owner, default: []].insert(workgroup) }
    }
  }

  /// Keeps it for the next reading.
  func save(_ transaction: any RecordTransaction) throws { try transaction.setMeta(Self.key, text) }

  /// The employees with what was learned. A name that several employees share tells nothing about any of them.
  func complete(_ people: [ERPEmployee]) -> [ERPEmployee] {
    let sharers = Dictionary(grouping: people, by: \.name).filter { $0.value.count > 1 }
    return people.map { person in
      var person = person
      if sharers[person.name] == nil {
        let learned = codes[person.name] ?? []
        person.ownerCodes.formUnion(learned)
        if let code = learned.sorted().first { person.ownerCode = code }
      } else {
        person.ownerCodes.remove(person.name)
      }
      for code in person.ownerCodes { person.workgroups.formUnion(workgroups[code] ?? []) }
      return person
    }
  }
}

/// The text form: a line an owner, with what the line is about, the name or code, and what it goes with. Every round reads it.
extension OwnerCodes {
  private static let separator: Unicode.Scalar = "\u{1F}"

  /// The text form, the same for the same knowledge.
  var text: String {
    let lines = codes.map { (["code", $0] + $1.sorted()) } + workgroups.map { (["workgroup", $0] + $1.sorted()) }
    return lines.map { $0.joined(separator: String(Self.separator)) }.sorted().joined(separator: "\n")
  }

  /// What a text form says; another text says nothing.
  init(text: String) {
    self.init()
    for line in text.parts(at: "\n", omittingEmpty: true) {
      let parts = line.parts(at: Self.separator)
      guard parts.count > 2 else { continue }
      if parts[0] == "code" { codes[parts[1]] = Set(parts[2...]) }
      if parts[0] == "workgroup" { workgroups[parts[1]] = Set(parts[2...]) }
    }
  }
}
