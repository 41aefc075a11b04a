public import Model

/// The rules of emails: append-mostly and always both ways. A message or an activity that is new is created on the other side, once;
/// nothing else is ever written: neither changes nor deletes are carried.
struct Emails {
  let input: ReconcileInput

  func decide() -> [Action] {
    guard let link = input.link else { return unlinked() }
    if link.isDetached { return [] }
    switch (input.entity, input.item) {
    case (_, .present(let item)):
      guard input.itemIsInScope else {
        return [Action(.detach, reason: item.isPrivate ? "the message was made private" : "the message is a draft now")]
      }
      return [Action(.acknowledge, reason: "messages are not changed by what happens to the other side")]
    case (.present, .deleted): return [Action(.detach, reason: "deleted in the mailbox: the ERP's activity stays, and is not sent again")]
    case (.deleted, .deleted): return [Action(.dropLink, reason: "deleted on both sides")]
    default: return []
    }
  }

  private func unlinked() -> [Action] {
    switch (input.entity, input.item) {
    case (.present, .present) where input.isMatched:
      return input.itemIsInScope ? [Action(.link, reason: "the same message on both sides")] : []
    case (.present(let entity), .none):
      guard input.entityIsInScope else { return [] }
      return [Action(.createItem(fields: marked(entity.fields)), reason: "new in the ERP")]
    case (.none, .present(let item)):
      guard input.itemIsInScope else { return [] }
      return [Action(.createEntity(fields: input.erpSupport.projected(item.fields)), reason: "new in the mailbox")]
    default: return []
    }
  }

  /// Exported messages carry the policy's category.
  private func marked(_ fields: Fields) -> Fields {
    var fields = fields
    if let category = input.policy.category, !input.section.withoutCategory { fields[.categories] = .set([category.name]) }
    return fields
  }
}

extension Scope {
  /// Whether an email activity belongs into this employee's mailbox: the employee owns it, or nobody does and the employee wrote or got it.
  public static func email(_ entity: Entity, employee: ERPEmployee?, mailbox: Mailbox) -> Bool {
    guard entity.isInScope else { return false }
    if let owner = entity.owner { return employee?.ownerCodes.contains(owner) ?? false }
    let own = [mailbox.address, employee?.email?.lowercased()].compactMap { $0 }
    return (entity.fields[.participants]?.elements ?? []).contains { own.contains($0.lowercased()) }
  }
}
