import Model
import Reconcile
import Testing

/// Who gets which record, and which items take part.
@Suite struct ScopeTests {
  private let employee = ERPEmployee(
    id: "EP1", name: "Alice", email: "alice@example.test", ownerCodes: ["EP1", "Alice Smith"], workgroups: ["Sales"])

  private func entity(owner: String?, workgroup: String?, isInScope: Bool = true) -> Entity {
    var entity = Samples.entity(Samples.agreed)
    (entity.owner, entity.workgroup, entity.isInScope) = (owner, workgroup, isInScope)
    return entity
  }

  private func isIn(_ filter: Policy.Filter, _ entity: Entity, _ employee: ERPEmployee?) -> Bool {
    Scope.entity(entity, policy: Samples.policy { $0.filter = filter }, kind: .contacts, employee: employee)
  }

  @Test func `all lets every active record in, also for employees that the ERP does not know`() {
    #expect(isIn(.all, entity(owner: nil, workgroup: nil), nil))
    #expect(!isIn(.all, entity(owner: nil, workgroup: nil, isInScope: false), employee))
  }

  @Test func `owner lets in what the employee owns under any of the owner's names`() {
    #expect(isIn(.owner, entity(owner: "EP1", workgroup: nil), employee))
    #expect(isIn(.owner, entity(owner: "Alice Smith", workgroup: nil), employee))
    #expect(!isIn(.owner, entity(owner: "EP2", workgroup: nil), employee))
    #expect(!isIn(.owner, entity(owner: nil, workgroup: "Sales"), employee))
    #expect(!isIn(.owner, entity(owner: "EP1", workgroup: nil), nil))
  }

  @Test func `workgroup lets in what belongs to one of the employee's`() {
    #expect(isIn(.workgroup, entity(owner: "EP2", workgroup: "Sales"), employee))
    #expect(!isIn(.workgroup, entity(owner: "EP1", workgroup: "Service"), employee))
    #expect(!isIn(.workgroup, entity(owner: "EP1", workgroup: nil), employee))
  }

  @Test func `a type that the policy does not have is out`() {
    #expect(!Scope.entity(entity(owner: nil, workgroup: nil), policy: Samples.policy(), kind: .tasks, employee: employee))
    #expect(!Scope.item(Samples.item([:]), policy: Samples.policy(), kind: .tasks, isInPolicyFolder: true, isLinked: true))
  }

  /// Own folder of the mailbox: categories of the item, linked or not, with the policy's category or without.
  @Test(arguments: [
    ([String](), false, false, false), ([], true, false, true), ([], false, true, false), ([], true, true, true),
    (["erp"], false, false, true), (["ERP", "Golf"], false, true, true), (["Golf"], false, false, false), (["Golf"], true, false, false),
    (["Golf"], true, true, true),
  ])
  func `in the mailbox's own folder the category decides`(categories: [String], withoutCategory: Bool, isLinked: Bool, expected: Bool) {
    var policy = Samples.policy { $0.withoutCategory = withoutCategory }
    policy.sections[.contacts]?.folder = nil
    let item = Samples.item([.categories: .set(categories)])
    #expect(Scope.item(item, policy: policy, kind: .contacts, isInPolicyFolder: false, isLinked: isLinked) == expected)
  }

  @Test func `in the policy's folder everything takes part but private items and other classes`() {
    func isIn(_ item: Item) -> Bool {
      Scope.item(item, policy: Samples.policy(), kind: .contacts, isInPolicyFolder: true, isLinked: false)
    }
    #expect(isIn(Samples.item([:])))
    #expect(!isIn(Samples.item([:], isPrivate: true)))
    var list = Samples.item([:])
    list.isForeignClass = true
    #expect(!isIn(list))
  }

  @Test func `an address that two records share is never guessed`() {
    let entities = [Samples.entity(Samples.agreed), Samples.entity(Samples.agreed)]
    let items = [Samples.item(Samples.agreed), Samples.item(Samples.agreed)]
    #expect(matchByEmail(entities: Array(entities.prefix(1)), items: Array(items.prefix(1))) == .unique(entities[0].id))
    #expect(matchByEmail(entities: entities, items: Array(items.prefix(1))) == .ambiguous(2))
    #expect(matchByEmail(entities: Array(entities.prefix(1)), items: items) == .ambiguous(2))
    #expect(matchByEmail(entities: [], items: items) == .none)
    #expect(matchByEmail(entities: entities, items: []) == .none)
  }
}
