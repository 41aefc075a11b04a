public import Model

/// Decides what is to be done about one pair: semantics.md's table. Pure: the same input gives the same actions.
///
/// Each side is compared with its own base only, because the mapping between them loses something both ways. Actions that write on
/// both sides of one pair come together; `acknowledge` moves the bases on where nothing is written.
public func reconcile(_ input: ReconcileInput) -> [Action] {
  if input.kind == .emails { return Emails(input: input).decide() }
  if let link = input.link {
    return link.isDetached ? [] : Linked(input: input, link: link).decide()
  }
  return Unlinked(input: input).decide()
}

/// A pair without a link: new on one side, or matched.
struct Unlinked {
  let input: ReconcileInput

  func decide() -> [Action] {
    switch (input.entity, input.item) {
    case (.present(let entity), .present(let item)) where input.isMatched: matched(entity, item)
    case (.present(let entity), .none): newEntity(entity)
    case (.none, .present(let item)): newItem(item)
    default: []
    }
  }

  private func newEntity(_ entity: Entity) -> [Action] {
    guard input.entityIsInScope, input.direction.carries(from: .erp) else { return [] }
    return [Action(.createItem(fields: translation.newItem(from: entity)), reason: "new in the ERP")]
  }

  private func newItem(_ item: Item) -> [Action] {
    guard input.itemIsInScope, input.direction.carries(from: .exchange) else { return [] }
    return [Action(.createEntity(fields: translation.newEntity(from: item)), reason: "new in the mailbox")]
  }

  /// Two records that were never agreed on: equal fields are the base, empty takes what is filled, the rest is a conflict by the policy.
  private func matched(_ entity: Entity, _ item: Item) -> [Action] {
    guard input.itemIsInScope else { return outOfScope(entity, item) }
    guard input.entityIsInScope else {
      return [Action(.leave, reason: "the item belongs to a record outside the policy's filter: left as it is")]
    }
    var merge = Merge(input: input, entity: entity, item: item)
    for field in translation.shared {
      let (inERP, inItem) = (entity.fields[field], item.fields[field])
      if merge.agree(field) { continue }
      switch sideChanged(field, entity, item) {
      case .erp?:
        merge.entityChanged(field)
        continue
      case .exchange?:
        merge.itemChanged(field)
        continue
      case nil: break
      }
      switch (inERP, inItem) {
      case (_?, nil): merge.toItem(field)
      case (nil, _?): merge.toEntity(field)
      default: merge.conflict(field, allowFork: false)
      }
    }
    return marked(item, entity, merge.actions(otherwise: .link, quietReason: "the same record on both sides"))
  }

  /// An item that was linked, as its mark tells, and was taken out of the synchronization while nothing was known of that: as if it were linked.
  private func outOfScope(_ entity: Entity, _ item: Item) -> [Action] {
    guard item.foreignID == entity.id, item.form == nil, item.fields.hasStatusCounterpart else { return [] }
    return [Action(.detach, reason: "the item was taken out of the synchronization before the two were linked")]
  }

  /// The side that alone changed a field since the two agreed on it, when a part of the match was written; nil: both or not known.
  private func sideChanged(_ field: Field, _ entity: Entity, _ item: Item) -> SystemSide? {
    guard let agreed = input.agreed, agreed[field] != nil else { return nil }
    return switch (entity.fields.same(field, in: agreed), translation.erp.projected(item.fields).same(field, in: agreed)) {
    case (false, true): .erp
    case (true, false): .exchange
    default: nil
    }
  }

  private var translation: Translation {
    Translation(policy: input.policy, kind: input.kind, erp: input.erpSupport, exchange: input.exchangeSupport)
  }
}

/// Every linked item carries the ERP's id: by it the item is found again after a move, a migration of the mailbox or the loss of the cache.
private func marked(_ item: Item, _ entity: Entity, _ actions: [Action]) -> [Action] {
  let isWritten = actions.contains { if case .updateItem = $0.step { true } else { false } }
  // An occurrence of a series has no mark of its own: it is found by its series and its time.
  if item.foreignID == entity.id || isWritten || item.form == .occurrence { return actions }
  let mark = Action(
    .updateItem(changes: [:], result: item.fields), reason: "the same record on both sides: notes the ERP's id on the item")
  return actions.filter { $0.step != .link && $0.step != .acknowledge } + [mark]
}

/// A linked pair.
struct Linked {
  let input: ReconcileInput
  let link: LinkBases

  func decide() -> [Action] {
    if let frozen { return [frozen] }
    switch (input.entity, input.item) {
    case (.present(let entity), .present(let item)): return bothPresent(entity, item)
    case (.deleted, .present(let item)): return entityGone(item)
    case (.present(let entity), .deleted): return itemGone(entity)
    case (.deleted, .deleted): return [Action(.dropLink, reason: "deleted on both sides")]
    default: return []
    }
  }

  /// A status that the other side does not know: both are left as they are until it moves back, whatever else has changed.
  private var frozen: Action? {
    if case .present(let entity) = input.entity, !entity.fields.hasStatusCounterpart { return frozen(entity.fields, "the ERP") }
    if case .present(let item) = input.item, !item.fields.hasStatusCounterpart { return frozen(item.fields, "the mailbox") }
    return nil
  }

  private func frozen(_ fields: Fields, _ place: String) -> Action {
    let status = fields.text(.status) ?? ""
    return Action(.leave, reason: "\(status) in \(place) has no counterpart: left as it is on both sides until the status moves back")
  }

  private func bothPresent(_ entity: Entity, _ item: Item) -> [Action] {
    guard input.itemIsInScope else {
      return [Action(.detach, reason: item.isPrivate ? "the item was made private" : "the item lost the policy's category")]
    }
    guard input.entityIsInScope else { return outOfFilter(item) }
    guard let baseEntity = link.baseEntity?.fields, let baseItem = link.baseItem?.fields else { return withoutBase(entity, item) }
    var merge = Merge(input: input, entity: entity, item: item)
    for field in merge.translation.shared {
      let entityChanged = !entity.fields.same(field, in: baseEntity)
      let itemChanged = !item.fields.same(field, in: baseItem)
      switch (entityChanged, itemChanged) {
      case (false, false): break
      case (true, false): merge.entityChanged(field)
      case (false, true): merge.itemChanged(field)
      case (true, true): if !merge.agree(field) { merge.bothChanged(field) }
      }
    }
    merge.remark()
    let actions = merge.actions(otherwise: .acknowledge, quietReason: "nothing to write")
    // One that names another record was to be marked when its process ended; one without a mark its creation's look-up marks.
    let namesAnother = item.foreignID.map { $0 != entity.id } ?? false
    return input.isMatched || namesAnother ? marked(item, entity, actions) : actions
  }

  /// Bases that were lost: like a match, but no fork.
  private func withoutBase(_ entity: Entity, _ item: Item) -> [Action] {
    var copy = input
    copy.link = nil
    copy.agreed = link.baseEntity?.fields
    copy.isMatched = true
    return Unlinked(input: copy).decide()
  }

  /// The entity was read and is no longer in the filter: the item leaves, the entity stays.
  private func outOfFilter(_ item: Item) -> [Action] {
    if input.direction == .toERP || input.isRebuild { return [Action(.detach, reason: "the record left the policy's filter")] }
    return [Action(.withdrawItem, reason: "the record left the policy's filter", losers: losers(of: item))]
  }

  private func entityGone(_ item: Item) -> [Action] {
    let itemChanged = link.baseItem.map { !item.fields.differences(from: $0.fields).isEmpty } ?? true
    if input.isRebuild { return postponed }
    guard input.itemIsInScope else { return [Action(.detach, reason: "deleted in the ERP, and the item is no longer synchronized")] }
    switch input.direction {
    case .toERP:
      guard itemChanged else { return [Action(.detach, reason: "deleted in the ERP, which this policy only fills")] }
      return recreateEntity(item, "deleted in the ERP, changed in the mailbox since")
    case .toExchange: return deleteItem(item, "deleted in the ERP")
    case .both: break
    }
    guard itemChanged else { return deleteItem(item, "deleted in the ERP") }
    switch input.policy.conflict {
    case .erp: return deleteItem(item, "deleted in the ERP, changed in the mailbox: the ERP has priority")
    case .exchange: return recreateEntity(item, "deleted in the ERP, changed in the mailbox: Exchange has priority")
    case .keepBoth: return recreateEntity(item, "deleted in the ERP, changed in the mailbox: a change beats a delete")
    // The time of a delete is not known; a change is never thrown away on a guess.
    case .lastUpdated: return recreateEntity(item, "deleted in the ERP, changed in the mailbox: the change is kept")
    }
  }

  private func itemGone(_ entity: Entity) -> [Action] {
    guard input.entityIsInScope else { return [Action(.dropLink, reason: "deleted in the mailbox, and out of the policy's filter")] }
    if input.isRebuild { return postponed }
    let entityChanged =
      link.baseEntity.map { base in
        entity.fields.restricted(to: translation.shared) != base.fields.restricted(to: translation.shared)
          && !entity.fields.restricted(to: translation.shared).differences(from: base.fields.restricted(to: translation.shared)).isEmpty
      } ?? true
    switch input.direction {
    case .toExchange:
      guard entityChanged else { return [Action(.drift(.exchange), reason: "deleted in the mailbox, which this policy only fills")] }
      return recreateItem(entity, "deleted in the mailbox, changed in the ERP since")
    case .toERP: return deleteEntity(entity, "deleted in the mailbox")
    case .both: break
    }
    guard entityChanged else { return deleteEntity(entity, "deleted in the mailbox") }
    switch input.policy.conflict {
    case .exchange: return deleteEntity(entity, "deleted in the mailbox, changed in the ERP: Exchange has priority")
    case .erp: return recreateItem(entity, "deleted in the mailbox, changed in the ERP: the ERP has priority")
    case .keepBoth: return recreateItem(entity, "deleted in the mailbox, changed in the ERP: a change beats a delete")
    case .lastUpdated: return recreateItem(entity, "deleted in the mailbox, changed in the ERP: the change is kept")
    }
  }

  /// A first run and a rebuild delete nothing.
  private var postponed: [Action] { [Action(.leave, reason: "a first run deletes nothing: the next cycle decides about it")] }

  private var translation: Translation {
    Translation(policy: input.policy, kind: input.kind, erp: input.erpSupport, exchange: input.exchangeSupport)
  }

  private func recreateItem(_ entity: Entity, _ reason: String) -> [Action] {
    [Action(.createItem(fields: translation.newItem(from: entity)), reason: reason)]
  }

  private func recreateEntity(_ item: Item, _ reason: String) -> [Action] {
    [Action(.createEntity(fields: translation.newEntity(from: item)), reason: reason)]
  }

  private func deleteItem(_ item: Item, _ reason: String) -> [Action] { [Action(.deleteItem, reason: reason, losers: losers(of: item))] }

  private func deleteEntity(_ entity: Entity, _ reason: String) -> [Action] {
    let losers = entity.fields.names.map { Loser(side: .erp, field: $0, lost: entity.fields[$0], kept: nil) }
    return [Action(.deleteEntity, reason: reason, losers: losers)]
  }

  private func losers(of item: Item) -> [Loser] {
    item.fields.names.map { Loser(side: .exchange, field: $0, lost: item.fields[$0], kept: nil) }
  }
}
