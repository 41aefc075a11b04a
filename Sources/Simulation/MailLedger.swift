import Model

/// What Exchange sent to people who were invited, beside what users of the ERP did to give cause for it (I10).
struct MailLedger {
  /// Changes by users of the ERP that concern those invited, by event.
  private var causes: [EntityID: Int] = [:]
  /// Writes that told somebody, by event.
  private var told: [EntityID: Int] = [:]
  /// Messages sent.
  private(set) var messages = 0

  /// A user of the ERP created, changed or deleted an event, or handed it to another owner.
  mutating func cause(_ event: EntityID, times: Int = 1) { causes[event, default: 0] += times }

  /// Exchange tells these people of a write.
  /// - Returns: false: nobody's change is left that asked for it.
  mutating func tell(_ event: EntityID?, _ people: Int) -> Bool {
    guard people > 0 else { return true }
    messages += people
    guard let event else { return false }
    told[event, default: 0] += 1
    return told[event, default: 0] <= causes[event, default: 0]
  }
}
