import Model

/// The attendees of an event as rows of its detail array (contract EventAttendee). Rows without an address are the ERP's own and stay.
enum AttendeeRows {
  /// Whether somebody need not come: on the form, not in the contract.
  static let isOptional = "Attendees.IsOptional"

  /// What `$select` asks for.
  static let selected = ["Email", "Name", "NameAttendeeName", "InvitationStatus"].map { "Attendees/\($0)" }

  private static let statuses = ["Accepted": "ACCEPTED", "Declined": "DECLINED"]

  /// The people of a record.
  static func people(_ record: ERPRecord) -> [Attendee] {
    var seen: Set<String> = []
    return (record.rows["Attendees"] ?? []).compactMap { row in
      guard let address = row.text("Email")?.lowercased(), address.contains("@"), seen.insert(address).inserted else { return nil }
      let isOptional = if case .flag(true)? = row.custom[isOptional]?.content { true } else { false }
      return Attendee(
        address: address, name: row.text("Name") ?? row.text("NameAttendeeName") ?? "", isOptional: isOptional,
        answer: statuses[row.text("InvitationStatus") ?? ""] ?? "NEEDS-ACTION")
    }
  }

  /// The people with the answers that the ERP has words for.
  static func projected(_ fields: Fields) -> [Attendee] {
    let answers = answers(fields)
    return (fields[.attendees]?.people ?? []).map { person in
      let answer = answers[person.address] ?? "NEEDS-ACTION"
      return Attendee(
        address: person.address, name: person.name, isOptional: person.isOptional,
        answer: statuses.values.contains(answer) ? answer : "NEEDS-ACTION")
    }
  }

  private static func answers(_ fields: Fields) -> [String: String] {
    let lines = (fields[.answers]?.text ?? "").split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    return Dictionary(lines.filter { $0.count == 2 }.map { ($0[0], $0[1]) }, uniquingKeysWith: { first, _ in first })
  }

  /// The rows of a PUT that bring the record to these values: only those that change.
  static func rows(for fields: Fields, current: [ERPRecord]) -> [ERPRow] {
    let wanted = projected(fields)
    var rows: [ERPRow] = []
    for row in current {
      guard let address = row.text("Email")?.lowercased(), address.contains("@") else { continue }
      guard let person = wanted.first(where: { $0.address == address }) else {
        rows.append(ERPRow(id: row.id, isDeleted: true))
        continue
      }
      var change = ERPRow(id: row.id)
      if let status = status(person.answer, now: row.text("InvitationStatus")) { change.cells["InvitationStatus"] = .text(status) }
      let wasOptional = if case .flag(true)? = row.custom[isOptional]?.content { true } else { false }
      if wasOptional != person.isOptional { change.custom = optional(person) }
      if !change.cells.isEmpty || !change.custom.isEmpty { rows.append(change) }
    }
    let known = Set(current.compactMap { $0.text("Email")?.lowercased() })
    for person in wanted where !known.contains(person.address) {
      var row = ERPRow(cells: ["Email": .text(person.address)])
      if !person.name.isEmpty { row.cells["Name"] = .text(cut(person.name)) }
      if let status = status(person.answer, now: nil) { row.cells["InvitationStatus"] = .text(status) }
      if person.isOptional { row.custom = optional(person) }
      rows.append(row)
    }
    return rows
  }

  private static func optional(_ person: Attendee) -> [String: [String: ERPCustom]] {
    ["Attendees": ["IsOptional": .flag(person.isOptional)]]
  }

  /// The status to write; nil: it stays. Somebody who took an answer back is invited again.
  private static func status(_ answer: String, now: String?) -> String? {
    if let wanted = statuses.first(where: { $0.value == answer })?.key { return now == wanted ? nil : wanted }
    return now.map { statuses[$0] != nil } ?? false ? "Invited" : nil
  }

  private static func cut(_ name: String) -> String {
    var name = name
    while name.utf16.count > 255 { name.removeLast() }
    return name
  }
}
