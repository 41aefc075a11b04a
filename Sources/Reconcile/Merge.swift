import Model

/// Gathers, field by field, what two present records want written on each side.
struct Merge {
  let input: ReconcileInput
  let entity: Entity
  let item: Item
  let translation: Translation

  private var itemChanges: [Field: Value?] = [:]
  private var entityChanges: [Field: Value?] = [:]
  private var losers: [Loser] = []
  private var conflicts: [Field] = []
  private var drifted: Set<SystemSide> = []
  private var wantsFork = false
  /// Changes that put the policy's marks right.
  private var marks: Set<Field> = []

  init(input: ReconcileInput, entity: Entity, item: Item) {
    self.input = input
    self.entity = entity
    self.item = item
    translation = Translation(policy: input.policy, kind: input.kind, erp: input.erpSupport, exchange: input.exchangeSupport)
  }

  /// Whether both sides mean the same already, as far as each can hold it.
  func agree(_ field: Field) -> Bool {
    if entity.fields.same(field, in: item.fields) { return true }
    let asItem = translation.exchange.projected(entity.fields)
    let asEntity = translation.erp.projected(item.fields)
    return asItem.same(field, in: item.fields) || asEntity.same(field, in: entity.fields)
  }

  /// Only the entity changed.
  mutating func entityChanged(_ field: Field) {
    if agree(field) { return }
    if input.direction.carries(from: .erp) {
      let isMerged = field == .attendees && input.direction == .both
      let isDrifted = !isMerged && isDrifted(item.fields, from: input.link?.baseEntity, field, translation.exchange)
      if isDrifted { overwriteItem(field) } else { toItem(field) }
    } else {
      drifted.insert(.erp)
    }
  }

  /// Only the item changed.
  mutating func itemChanged(_ field: Field) {
    if agree(field) { return }
    if input.direction.carries(from: .exchange) {
      let isMerged = field == .attendees && input.direction == .both
      let isDrifted = !isMerged && isDrifted(entity.fields, from: input.link?.baseItem, field, translation.erp)
      if isDrifted { overwriteEntity(field) } else { toEntity(field) }
    } else {
      drifted.insert(.exchange)
    }
  }

  /// Whether the side about to be overwritten holds a value of its own, written there against the direction: it goes to the journal first.
  private func isDrifted(_ fields: Fields, from base: Base?, _ field: Field, _ support: FieldSupport) -> Bool {
    guard let base, fields[field] != nil else { return false }
    return !support.projected(base.fields).same(field, in: fields)
  }

  /// Both changed, and differently.
  mutating func bothChanged(_ field: Field) {
    // What a side sets by itself follows from the rest of the record.
    if translation.isSideOwn(field) { return }
    if field == .attendees, input.direction == .both, mergePeople() { return }
    switch input.direction {
    case .both: conflict(field, allowFork: true)
    case .toExchange: overwriteItem(field)
    case .toERP: overwriteEntity(field)
    }
  }

  /// What each side did to its list of people is done to the other's. What both did differently to one person, the policy decides.
  /// - Returns: false where it is not for this to decide.
  private mutating func mergePeople() -> Bool {
    guard var inERP = peopleChanged(on: .erp), var inExchange = peopleChanged(on: .exchange) else { return false }
    let disputed = inERP.disputed(with: inExchange)
    if !disputed.isEmpty {
      let erpWins: Bool
      switch input.policy.conflict {
      case .erp: erpWins = true
      case .exchange: erpWins = false
      case .lastUpdated: erpWins = !itemIsLater
      case .keepBoth: return false
      }
      conflicts.append(.attendees)
      let (won, lost) = (entity.fields[.attendees], item.fields[.attendees])
      losers.append(
        erpWins
          ? Loser(side: .exchange, field: .attendees, lost: lost, kept: won) : Loser(side: .erp, field: .attendees, lost: won, kept: lost))
      if erpWins { inExchange.drop(disputed) } else { inERP.drop(disputed) }
    }
    if !inERP.isEmpty { itemChanges[.attendees] = .some(inERP.applied(to: item.fields[.attendees])) }
    if !inExchange.isEmpty { setInEntity(inExchange) }
    return true
  }

  /// What a side did to its list since the two were agreed on; nil: not known, or the policy carries one way alone.
  private func peopleChanged(on side: SystemSide) -> AttendeeMerge? {
    guard input.direction == .both, let baseEntity = input.link?.baseEntity, let baseItem = input.link?.baseItem else { return nil }
    return switch side {
    case .erp: AttendeeMerge(entity.fields[.attendees], since: baseEntity.fields[.attendees])
    case .exchange: AttendeeMerge(item.fields[.attendees], since: baseItem.fields[.attendees])
    }
  }

  private mutating func setInEntity(_ people: AttendeeMerge) {
    var fields = item.fields
    fields[.attendees] = people.applied(to: entity.fields[.attendees])
    // The ERP's half of a merge may have been written before.
    if entity.fields.same(.attendees, in: fields) { return }
    entityChanges[.attendees] = .some(translation.inERP(.attendees, of: fields))
  }

  /// The policy's priority decides. The losing value goes to the journal.
  mutating func conflict(_ field: Field, allowFork: Bool) {
    guard input.direction == .both, !translation.isSideOwn(field) else { return bothChanged(field) }
    conflicts.append(field)
    switch input.policy.conflict {
    case .erp: overwriteItem(field)
    case .exchange: overwriteEntity(field)
    case .lastUpdated: if itemIsLater { overwriteEntity(field) } else { overwriteItem(field) }
    case .keepBoth: if allowFork { wantsFork = true } else { overwriteItem(field) }
    }
  }

  /// At equal times the ERP, the hub, counts as later.
  private var itemIsLater: Bool {
    guard let itemTime = item.modified else { return false }
    return entity.modified.map { itemTime > $0 } ?? true
  }

  private mutating func overwriteItem(_ field: Field) {
    losers.append(Loser(side: .exchange, field: field, lost: item.fields[field], kept: entity.fields[field]))
    toItem(field)
  }

  private mutating func overwriteEntity(_ field: Field) {
    losers.append(Loser(side: .erp, field: field, lost: entity.fields[field], kept: item.fields[field]))
    toEntity(field)
  }

  /// The entity's value goes into the item.
  mutating func toItem(_ field: Field) {
    guard input.direction.carries(from: .erp) else { return }
    if field == .attendees {
      let people = peopleChanged(on: .erp)
      let old = item.fields[field]
      itemChanges[field] = .some(people.map { $0.applied(to: old) } ?? AttendeeMerge.replacing(old, by: entity.fields[field]))
      return
    }
    let value = translation.inExchange(field, of: entity.fields)
    // A value that the mailbox cannot hold is left out; the mailbox's own is not emptied for it.
    if value == nil && entity.fields[field] != nil { return }
    itemChanges[field] = .some(value)
  }

  /// The item's value goes into the entity.
  mutating func toEntity(_ field: Field) {
    guard input.direction.carries(from: .exchange) else { return }
    if field == .attendees, let people = peopleChanged(on: .exchange) { return setInEntity(people) }
    let value = translation.inERP(field, of: item.fields)
    if value == nil && item.fields[field] != nil { return }
    entityChanges[field] = .some(value)
  }

  /// The policy's category on exported items, and the link to the ERP: ours to keep, beside what the user has.
  mutating func remark() {
    guard input.direction.carries(from: .erp) else { return }
    let before = Set(itemChanges.keys)
    remarkLink()
    if let category = input.policy.category?.name, !input.section.withoutCategory,
      let names = input.former.remarked(item.fields[.categories]?.elements ?? [], with: category)
    {
      itemChanges[.categories] = .some(.set(names))
    }
    marks = Set(itemChanges.keys).subtracting(before)
  }

  private mutating func remarkLink() {
    let page = item.fields[.webPage]
    let isFormerLink = input.former.links.contains { Translation.link($0, to: entity) == page }
    if let link = translation.link(to: entity) {
      guard page != link else { return }
      if let page, !isFormerLink, page != entity.fields[.webPage] {
        losers.append(Loser(side: .exchange, field: .webPage, lost: page, kept: link))
      }
      itemChanges[.webPage] = .some(link)
    } else if isFormerLink {
      itemChanges[.webPage] = .some(translation.inExchange(.webPage, of: entity.fields))
    }
  }

  /// The actions, once every field was looked at.
  func actions(otherwise quiet: Action.Step, quietReason: String) -> [Action] {
    if wantsFork {
      return [
        Action(
          .fork(
            itemCopy: conflictCopy(translation.newEntity(from: item), of: .exchange),
            entityCopy: conflictCopy(translation.newItem(from: entity), of: .erp)),
          reason: "changed on both sides (\(names(conflicts))): both are kept")
      ]
    }
    var actions: [Action] = []
    if !entityChanges.isEmpty {
      actions.append(
        Action(
          .updateEntity(changes: entityChanges, result: applied(entityChanges, to: entity.fields)), reason: reason(for: .erp),
          losers: losers.filter { $0.side == .erp }))
    }
    if !itemChanges.isEmpty {
      actions.append(
        Action(
          .updateItem(changes: itemChanges, result: applied(itemChanges, to: item.fields)), reason: reason(for: .exchange),
          losers: losers.filter { $0.side == .exchange }))
    }
    if actions.isEmpty { actions.append(Action(quiet, reason: quietReason)) }
    return actions
      + drifted.sorted { $0.rawValue < $1.rawValue }.map { Action(.drift($0), reason: "the policy's direction does not carry this change") }
  }

  private func reason(for side: SystemSide) -> String {
    if side == .exchange, marks.isSuperset(of: itemChanges.keys) { return "the policy's mark on linked items is another now" }
    let changed = side == .erp ? "changed in the mailbox" : "changed in the ERP"
    let decided = conflicts.filter { (side == .erp ? entityChanges[$0] : itemChanges[$0]) != nil }
    if decided.isEmpty { return input.link == nil ? "completes the matched record" : changed }
    return "changed on both sides (\(names(decided))), decided by conflict: \(input.policy.conflict.rawValue)"
  }

  private func names(_ fields: [Field]) -> String { fields.map(\.rawValue).joined(separator: ", ") }

  private func applied(_ changes: [Field: Value?], to fields: Fields) -> Fields {
    var result = fields
    for (field, value) in changes { result[field] = value }
    return result
  }

  /// Marks a conflict copy in the field that people see: the family name or the subject.
  private func conflictCopy(_ fields: Fields, of origin: SystemSide) -> Fields {
    ConflictCopy.marked(fields, input.kind, of: origin, input.today)
  }
}
