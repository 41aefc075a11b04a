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
      if isDrifted(item.fields, from: input.link?.baseEntity, field, translation.exchange) { overwriteItem(field) } else { toItem(field) }
    } else {
      drifted.insert(.erp)
    }
  }

  /// Only the item changed.
  mutating func itemChanged(_ field: Field) {
    if agree(field) { return }
    if input.direction.carries(from: .exchange) {
      if isDrifted(entity.fields, from: input.link?.baseItem, field, translation.erp) { overwriteEntity(field) } else { toEntity(field) }
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
    switch input.direction {
    case .both: conflict(field, allowFork: true)
    case .toExchange: overwriteItem(field)
    case .toERP: overwriteEntity(field)
    }
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
    let value = translation.inExchange(field, of: entity.fields)
    // A value that the mailbox cannot hold is left out; the mailbox's own is not emptied for it.
    if value == nil && entity.fields[field] != nil { return }
    itemChanges[field] = .some(value)
  }

  /// The item's value goes into the entity.
  mutating func toEntity(_ field: Field) {
    guard input.direction.carries(from: .exchange) else { return }
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
    var fields = fields
    let field: Field = input.kind == .contacts ? .familyName : .subject
    let mark = "(conflict copy, \(origin == .erp ? "ERP" : "Exchange"), \(input.today))"
    fields[field] = .text([fields.text(field), mark].compactMap { $0 }.joined(separator: " "))
    return fields
  }
}
