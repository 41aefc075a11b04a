import Model
import Reconcile

/// One pair of records with what each side can hold, for decisions.
enum Samples {
  /// The ERP holds one address, short names, no notes and no categories.
  static let erp = FieldSupport(limits: [
    .title: 50, .givenName: 50, .familyName: 10, .jobTitle: 255, .company: 255, .email1: 255, .phoneMobile: 50, .webPage: 255,
  ])
  /// The mailbox holds more.
  static let exchange = FieldSupport(limits: [
    .title: 255, .givenName: 255, .familyName: 255, .jobTitle: 255, .company: 255, .email1: 255, .email2: 255, .phoneMobile: 255,
    .webPage: 255, .notes: nil, .categories: nil,
  ])
  static let agreed: [Field: Value] = [
    .givenName: .text("Jane"), .familyName: .text("Doe"), .jobTitle: .text("Engineer"), .email1: .text("jane@example.test"),
  ]

  static func policy(
    _ direction: Policy.Direction = .both, _ conflict: Policy.Conflict = .erp, change: (inout Policy.Section) -> Void = { _ in }
  ) -> Policy {
    var section = Policy.Section(folder: "ERP Contacts")
    section.direction = direction
    change(&section)
    return Policy(name: "Sales", category: Policy.Category(name: "ERP", color: 7), conflict: conflict, sections: [.contacts: section])
  }

  static func entity(_ fields: [Field: Value], modified: Int64 = 100) -> Entity {
    Entity(
      id: EntityID(rawValue: "e1"), key: "100001", version: "v2", modified: Timestamp(seconds: modified), fields: Fields(fields),
      owner: "EP1", workgroup: "Sales")
  }

  /// - Parameter stamp: the entity's id that the item carries.
  static func item(_ fields: [Field: Value], modified: Int64 = 100, isPrivate: Bool = false, stamp: String? = "e1") -> Item {
    Item(
      version: ItemVersion(id: ItemID(rawValue: "i1"), changeKey: "k2"), fields: Fields(fields),
      foreignID: stamp.map(EntityID.init), isPrivate: isPrivate, modified: Timestamp(seconds: modified))
  }

  static func link(entity: [Field: Value] = agreed, item: [Field: Value] = agreed) -> LinkBases {
    LinkBases(
      baseEntity: Base(fields: Fields(entity), version: "v1"), baseItem: Base(fields: Fields(item), version: "k1"), isDetached: false)
  }

  static func input(
    _ policy: Policy, link: LinkBases? = link(), entity: Observed<Entity>, item: Observed<Item>, entityIsInScope: Bool = true,
    itemIsInScope: Bool = true, isRebuild: Bool = false, isMatched: Bool = false
  ) -> ReconcileInput {
    ReconcileInput(
      policy: policy, kind: .contacts, erpSupport: erp, exchangeSupport: exchange, link: link, entity: entity, item: item,
      entityIsInScope: entityIsInScope, itemIsInScope: itemIsInScope, isRebuild: isRebuild, isMatched: isMatched,
      today: CivilDate(dayNumber: 20_500))
  }
}

extension Action {
  /// The step's name, for tables.
  var name: String {
    switch step {
    case .createItem: "create item"
    case .createEntity: "create entity"
    case .updateItem: "update item"
    case .updateEntity: "update entity"
    case .link: "link"
    case .deleteItem: "delete item"
    case .deleteEntity: "delete entity"
    case .withdrawItem: "withdraw item"
    case .detach: "detach"
    case .dropLink: "drop link"
    case .fork: "fork"
    case .acknowledge: "acknowledge"
    case .drift(let side): "drift of \(side.rawValue)"
    case .leave: "leave"
    }
  }

  /// The values that an update writes; empty for other steps.
  var changes: [Field: Value?] {
    switch step {
    case .updateItem(let changes, _), .updateEntity(let changes, _): changes
    default: [:]
    }
  }
}
