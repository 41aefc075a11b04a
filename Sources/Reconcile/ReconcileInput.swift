public import Model

/// What a link remembers: the values that each side was last agreed to have.
public struct LinkBases: Sendable, Hashable {
  /// The entity's values at the last agreement; nil: unknown.
  public var baseEntity: Base?
  /// The item's values at the last agreement; nil: unknown.
  public var baseItem: Base?
  /// Kept only so that neither side is created again.
  public var isDetached: Bool

  /// Creates the value from its parts.
  public init(baseEntity: Base?, baseItem: Base?, isDetached: Bool) {
    self.baseEntity = baseEntity
    self.baseItem = baseItem
    self.isDetached = isDetached
  }
}

/// Everything that a decision about one pair depends on.
public struct ReconcileInput: Sendable {
  /// The policy in force.
  public var policy: Policy
  /// The record type.
  public var kind: RecordKind
  /// What the ERP can hold.
  public var erpSupport: FieldSupport
  /// What Exchange can hold.
  public var exchangeSupport: FieldSupport
  /// The link; nil: the two are not linked yet.
  public var link: LinkBases?
  /// The ERP's record.
  public var entity: Observed<Entity>
  /// The mailbox's record.
  public var item: Observed<Item>
  /// The policy wants this entity in this mailbox (`Scope.entity`).
  public var entityIsInScope: Bool
  /// The policy wants this item synchronized (`Scope.item`).
  public var itemIsInScope: Bool
  /// Of a match that was written by half: the ERP's values in the fields that the two agreed on.
  var agreed: Fields?
  /// What linked items were marked with under earlier policies.
  public var former = FormerMarks()
  /// The first cycle, or the first after the cache was lost: nothing is deleted, empty never overwrites filled.
  public var isRebuild: Bool
  /// The unlinked pair was matched by foreign id or e-mail.
  public var isMatched: Bool
  /// For the mark of a conflict copy.
  public var today: CivilDate

  /// Creates the value from its parts.
  public init(
    policy: Policy, kind: RecordKind, erpSupport: FieldSupport, exchangeSupport: FieldSupport, link: LinkBases?, entity: Observed<Entity>,
    item: Observed<Item>, entityIsInScope: Bool, itemIsInScope: Bool, isRebuild: Bool, isMatched: Bool, today: CivilDate
  ) {
    self.policy = policy
    self.kind = kind
    self.erpSupport = erpSupport
    self.exchangeSupport = exchangeSupport
    self.link = link
    self.entity = entity
    self.item = item
    self.entityIsInScope = entityIsInScope
    self.itemIsInScope = itemIsInScope
    self.isRebuild = isRebuild
    self.isMatched = isMatched
    self.today = today
  }

  var section: Policy.Section { policy.sections[kind] ?? Policy.Section() }
  var direction: Policy.Direction { section.direction }
}
