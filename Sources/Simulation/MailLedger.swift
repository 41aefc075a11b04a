import Model

/// What Exchange sent to people who were invited, beside what users of the ERP did to give cause for it (I10).
///
/// A write tells of everything that had changed when its round began: for another, a user of the ERP has to change the event again.
struct MailLedger {
  private struct Calendar: Hashable {
    let event: EntityID
    let mailbox: Int
  }

  /// Changes by users of the ERP that concern those invited, by event, and those of them before this round.
  private var causes: [EntityID: Int] = [:]
  private var known: [EntityID: Int] = [:]
  /// The changes that somebody was told of.
  private var told: [Calendar: Int] = [:]
  /// Messages sent.
  private(set) var messages = 0

  mutating func beginRound() { known = causes }

  /// A user of the ERP created, changed or deleted an event, or handed it to another owner.
  mutating func cause(_ event: EntityID, times: Int = 1) { causes[event, default: 0] += times }

  /// Exchange tells these people of a write.
  /// - Parameter isInformed: nothing went wrong in this round, so that the engine knew of all changes before it.
  /// - Returns: false: nobody's change is left that asked for it.
  mutating func tell(_ event: EntityID?, _ people: Int, from mailbox: Int, isInformed: Bool) -> Bool {
    guard people > 0 else { return true }
    messages += people
    guard let event else { return false }
    let calendar = Calendar(event: event, mailbox: mailbox)
    let before = told[calendar, default: 0]
    told[calendar] = max(before + 1, isInformed ? known[event, default: 0] : 0)
    return before < causes[event, default: 0]
  }
}
