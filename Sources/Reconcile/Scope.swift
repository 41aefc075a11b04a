public import Model

/// What the policy wants in a mailbox.
public enum Scope {
  /// Whether an entity belongs into this employee's mailbox.
  /// - Parameter employee: the employee in the ERP; nil: unknown there, then only `all` lets records in.
  public static func entity(_ entity: Entity, policy: Policy, kind: RecordKind, employee: ERPEmployee?) -> Bool {
    guard let section = policy.sections[kind], entity.isInScope, entity.fields.hasStatusCounterpart else { return false }
    // A task and an event lie in their owner's mailbox; contacts where the policy wants them.
    switch kind == .tasks || kind == .events ? .owner : section.filter {
    case .all: return true
    case .owner: return entity.owner.map { employee?.ownerCodes.contains($0) ?? false } ?? false
    case .workgroup: return entity.workgroup.map { employee?.workgroups.contains($0) ?? false } ?? false
    }
  }

  /// Whether an item of the policy's folder takes part.
  ///
  /// In a separate folder everything does; in the mailbox's own folder what carries the policy's category, and with
  /// `without_category` new items that carry none. An item that was linked by `without_category` stays in, and one that still bears a mark
  /// of an earlier policy.
  public static func item(
    _ item: Item, policy: Policy, kind: RecordKind, isInPolicyFolder: Bool, isLinked: Bool, former: FormerMarks = FormerMarks()
  ) -> Bool {
    if item.form == .attendeeCopy || item.form == .series { return false }
    return isWanted(item, policy: policy, kind: kind, isInPolicyFolder: isInPolicyFolder, isLinked: isLinked, former: former)
  }

  /// The same for an item that is only shown: a series as a whole, or an attendee's copy of a meeting.
  public static func isWanted(
    _ item: Item, policy: Policy, kind: RecordKind, isInPolicyFolder: Bool, isLinked: Bool, former: FormerMarks = FormerMarks()
  ) -> Bool {
    guard let section = policy.sections[kind], !item.isPrivate, !item.isForeignClass, item.fields.hasStatusCounterpart else {
      return false
    }
    if isInPolicyFolder { return true }
    let categories = item.fields[.categories]?.elements ?? []
    if isLinked, former.categories.contains("") || categories.contains(where: { former.categories.contains($0.lowercased()) }) {
      return true
    }
    if section.withoutCategory, isLinked || categories.isEmpty { return true }
    guard let category = policy.category?.name.lowercased() else { return section.withoutCategory || isLinked }
    return categories.contains { $0.lowercased() == category }
  }
}

/// What `merge_by_email` found for an unlinked item.
public enum Match: Sendable, Hashable {
  case none
  case unique(EntityID)
  /// So many records share the address: nothing is guessed.
  case ambiguous(Int)
}

/// Merges by e-mail only where the match is unique on both sides.
/// - Parameters:
///   - entities: the ERP's records with the address.
///   - items: the mailbox's unlinked items with the address.
public func matchByEmail(entities: [Entity], items: [Item]) -> Match {
  guard let entity = entities.first, !items.isEmpty else { return .none }
  if entities.count > 1 { return .ambiguous(entities.count) }
  if items.count > 1 { return .ambiguous(items.count) }
  return .unique(entity.id)
}
