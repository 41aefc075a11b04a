public import Model

/// The rules of emails: append-mostly and always both ways. A message or an activity that is new is created on the other side, once;
/// nothing else is ever written but the mark: neither changes nor deletes are carried.
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
      if let remark = remark(item, link) { return [remark] }
      return [Action(.acknowledge, reason: "messages are not changed by what happens to the other side")]
    case (.present, .deleted): return [Action(.detach, reason: "deleted in the mailbox: the ERP's activity stays, and is not sent again")]
    case (.deleted, .deleted): return [Action(.dropLink, reason: "deleted on both sides")]
    default: return []
    }
  }

  private func unlinked() -> [Action] {
    switch (input.entity, input.item) {
    case (.present(let entity), .present(let item)) where input.isMatched:
      if input.itemIsInScope { return [Action(.link, reason: "the same message on both sides")] }
      // It was linked, as its mark tells: should its owner delete it, it is not brought back.
      guard item.foreignID == entity.id else { return [] }
      return [Action(.detach, reason: "the message was taken out of the synchronization before the two were linked")]
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
    if let mark { fields[.categories] = .set([mark]) }
    return fields
  }

  private var mark: String? { input.section.withoutCategory ? nil : input.policy.category?.name }

  /// A message that still has the category it was given gets the policy's new one for it. One whose owner took it off is left alone.
  private func remark(_ item: Item, _ link: LinkBases) -> Action? {
    let known = link.baseItem?.fields[.categories]?.elements ?? []
    guard known.count == 1, let mark, known[0].lowercased() != mark.lowercased() else { return nil }
    let own = item.fields[.categories]?.elements ?? []
    let others = own.filter { ![known[0].lowercased(), mark.lowercased()].contains($0.lowercased()) }
    guard own.contains(where: { $0.lowercased() == known[0].lowercased() }) else { return nil }
    var result = item.fields
    result[.categories] = .set(others + [mark])
    return Action(.updateItem(changes: [.categories: result[.categories]], result: result), reason: "the policy's category changed")
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
