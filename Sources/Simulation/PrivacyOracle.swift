import Model

/// What a user took out of the synchronization stays where it is.
extension Oracle {
  /// I6: what only items hold that no longer take part does not reach the ERP.
  func checkWithheld(_ fields: Fields, _ kind: RecordKind, _ place: @autoclosure () -> String) {
    for entry in fields.entries {
      guard let token = Token(entry.value), !world.ledger.wasInERP.contains(token.number), isWithheld(token, kind) else { continue }
      report("I6", "\(place()) gets t\(token.number), which only items hold that are private or no longer take part")
    }
  }

  /// Whether only items hold a text that are private, or without the category that the policy asks for, and were when the round began, so that
  /// the engine can know.
  func isWithheld(_ token: Token, _ kind: RecordKind) -> Bool {
    guard !world.isLanding, !world.hadFault, world.order == nil else { return false }
    var isHeld = false
    for (mailbox, box) in world.mailboxes.enumerated() {
      for item in box.items where item.kind == kind && item.fields.holds(token) {
        guard item.changeKey <= world.sequenceBefore, isWithheld(item, mailbox) else { return false }
        isHeld = true
      }
    }
    return isHeld
  }

  private func isWithheld(_ item: SimItem, _ mailbox: Int) -> Bool {
    if item.isPrivate { return true }
    guard item.place == .own, item.form == nil, !seen.mayBearNoMark.contains(mailbox),
      let section = world.policies[mailbox].sections[item.kind]
    else { return false }
    return !section.withoutCategory && !(item.fields[.categories]?.elements ?? []).contains("ERP")
  }
}
