public import Model

/// The two lossy mappings between the sides: what an item gets of an entity, and the reverse.
public struct Translation: Sendable {
  let policy: Policy
  let kind: RecordKind
  let erp: FieldSupport
  let exchange: FieldSupport
  /// The fields that travel, in the order of their names: those that both sides hold. With `erp_link` the item's web page is the link, not a
  /// value of the record.
  public let shared: [Field]

  /// The translation under a policy.
  public init(policy: Policy, kind: RecordKind, erp: FieldSupport, exchange: FieldSupport) {
    self.policy = policy
    self.kind = kind
    self.erp = erp
    self.exchange = exchange
    let fields = erp.shared(with: exchange)
    shared = policy.sections[kind]?.erpLink == nil ? fields : fields.filter { $0 != .webPage }
  }

  private var section: Policy.Section { policy.sections[kind] ?? Policy.Section() }

  /// The fields that travel and that neither side sets by itself: in them a record and the one that was made from it are equal.
  public var copied: [Field] { shared.filter { !isSideOwn($0) } }

  /// Whether one of the sides sets the field by itself.
  func isSideOwn(_ field: Field) -> Bool { erp.ownFields.contains(field) || exchange.ownFields.contains(field) }

  /// The link to the entity that the policy's template makes (`{ContactID}`); nil without a template.
  public func link(to entity: Entity) -> Value? {
    section.erpLink.map { Self.link($0, to: entity) }
  }

  /// The link to the entity that a template makes.
  static func link(_ template: String, to entity: Entity) -> Value { .text(template.replacing("{ContactID}", with: entity.key)) }

  /// A new item's values.
  public func newItem(from entity: Entity) -> Fields {
    var fields = exchange.projected(entity.fields.restricted(to: shared))
    if let link = link(to: entity) { fields[.webPage] = link }
    if let category = policy.category, !section.withoutCategory { fields[.categories] = .set([category.name]) }
    return fields
  }

  /// A new entity's values.
  public func newEntity(from item: Item) -> Fields { erp.projected(item.fields.restricted(to: Set(shared).union([.displayName]))) }

  /// A value as the ERP would hold it.
  func inERP(_ field: Field, of fields: Fields) -> Value? { erp.projected(fields)[field] }

  /// A value as the mailbox would hold it.
  func inExchange(_ field: Field, of fields: Fields) -> Value? { exchange.projected(fields)[field] }
}
