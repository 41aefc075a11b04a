/// A task of the company, in the ERP's terms.
public struct SeedTask: Sendable, Hashable {
  /// Contract names with values; dates as ISO 8601.
  public var fields: [String: String]
  /// When its owner is reminded, in minutes since 1970-01-01T00:00Z; nil: not.
  public var reminderMinute: Int?
}

extension Company {
  /// Tasks of the employees around a day; each employee gets as many as any other.
  /// - Parameter today: days since 1970-01-01.
  public func tasks(_ count: Int, seed: UInt64, today: Int) -> [SeedTask] {
    guard !employees.isEmpty else { return [] }
    var random = RandomNumbers(seed: seed ^ 0x7461_736B)
    return (0..<count).map { Self.task(number: $0, owner: employees[$0 % employees.count], today, &random) }
  }

  private static let statuses = [
    "Open", "Open", "Open", "In Process", "In Process", "Completed", "Pending Approval", "Approved", "Canceled", "Draft",
  ]

  private static func task(number: Int, owner: SeedEmployee, _ today: Int, _ random: inout RandomNumbers) -> SeedTask {
    let company = random.pick(Names.companies)
    var fields = [
      "Summary": "\(random.pick(["Call", "Send the offer to", "Visit", "Check the invoice of", "Rückruf bei"])) \(company)",
      "Owner": owner.id, "WorkgroupID": owner.workgroup, "Status": random.pick(statuses),
      "Priority": random.pick(["Normal", "Normal", "Normal", "High", "Low"]),
    ]
    let start = today - 10 + random.below(20)
    fields["StartDate"] = midnight(start)
    if random.chance(80) { fields["DueDate"] = midnight(start + random.below(8)) }
    if random.chance(60) {
      fields["Body"] =
        "<html><head></head><body><p>Agreed on the phone:</p><ul><li>12 units &amp; spare parts</li><li>delivery to \(company)</li></ul></body></html>"
    }
    switch fields["Status"] {
    case "In Process", "Approved", "Pending Approval": fields["CompletionPercentage"] = String(10 * (1 + random.below(9)))
    case "Completed": fields["CompletedAt"] = midnight(min(start + 1, today - 1))
    default: break
    }
    return SeedTask(fields: fields, reminderMinute: random.chance(40) ? (start * 24 + 8) * 60 + 15 * random.below(8) : nil)
  }
}
