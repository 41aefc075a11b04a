import Model
import Testing

@testable import Reconcile

/// The rules of emails: created on the other side once, and nothing else ever, whatever direction and priority say.
@Suite struct EmailDecisionTests {
  private static let fields: [Field: Value] = [.subject: .text("Offer"), .messageID: .text("<1@x.test>")]
  private static let entity = Observed.present(Samples.entity(fields))
  private static let item = Observed.present(Samples.item(fields))
  private static let unmarked = Observed.present(Samples.item(fields, stamp: nil))

  private static func input(
    link: LinkBases?, entity: Observed<Entity>, item: Observed<Item>, entityIsInScope: Bool = true, itemIsInScope: Bool = true,
    isMatched: Bool = false, isRebuild: Bool = false, direction: Policy.Direction = .both, conflict: Policy.Conflict = .erp
  ) -> ReconcileInput {
    var section = Policy.Section(folder: "ERP Mail")
    section.direction = direction
    let policy = Policy(
      name: "Sales", category: Policy.Category(name: "ERP", color: 7), conflict: conflict, sections: [.emails: section])
    let support = FieldSupport(limits: [.subject: 998, .messageID: nil])
    return ReconcileInput(
      policy: policy, kind: .emails, erpSupport: support, exchangeSupport: support, link: link, entity: entity, item: item,
      entityIsInScope: entityIsInScope, itemIsInScope: itemIsInScope, isRebuild: isRebuild, isMatched: isMatched,
      today: CivilDate(dayNumber: 20_500))
  }

  private static let linked = LinkBases(baseEntity: nil, baseItem: nil, isDetached: false)
  private static let detached = LinkBases(baseEntity: nil, baseItem: nil, isDetached: true)

  @Test(arguments: Policy.Direction.allCases, Policy.Conflict.allCases)
  func `each row holds for every direction and priority`(direction: Policy.Direction, conflict: Policy.Conflict) {
    func names(
      _ link: LinkBases?, _ entity: Observed<Entity>, _ item: Observed<Item>, isMatched: Bool = false, entityIsInScope: Bool = true,
      itemIsInScope: Bool = true, isRebuild: Bool = false
    ) -> [String] {
      reconcile(
        Self.input(
          link: link, entity: entity, item: item, entityIsInScope: entityIsInScope, itemIsInScope: itemIsInScope, isMatched: isMatched,
          isRebuild: isRebuild, direction: direction, conflict: conflict)
      ).map(\.name)
    }
    #expect(names(nil, Self.entity, .none) == ["create item"])
    #expect(names(nil, Self.entity, .none, entityIsInScope: false).isEmpty)
    #expect(names(nil, .none, Self.item) == ["create entity"])
    #expect(names(nil, .none, Self.item, itemIsInScope: false).isEmpty)
    #expect(names(nil, Self.entity, Self.item, isMatched: true) == ["link"])
    #expect(names(nil, Self.entity, Self.unmarked, isMatched: true, itemIsInScope: false).isEmpty)
    // It was linked before the cache was lost: should its owner delete it, it is not brought back.
    #expect(names(nil, Self.entity, Self.item, isMatched: true, itemIsInScope: false) == ["detach"])
    // Linked by the Message-ID whoever owns the activity: the message is in this mailbox already.
    #expect(names(nil, Self.entity, Self.item, isMatched: true, entityIsInScope: false) == ["link"])
    for isRebuild in [false, true] {
      #expect(names(Self.linked, Self.entity, Self.item, isRebuild: isRebuild) == ["acknowledge"])
      #expect(names(Self.linked, Self.entity, Self.item, entityIsInScope: false, isRebuild: isRebuild) == ["acknowledge"])
      #expect(names(Self.linked, .deleted, Self.item, isRebuild: isRebuild) == ["acknowledge"])
      #expect(names(Self.linked, .none, Self.item, isRebuild: isRebuild) == ["acknowledge"])
      #expect(names(Self.linked, Self.entity, .deleted, isRebuild: isRebuild) == ["detach"])
      #expect(names(Self.linked, .deleted, .deleted, isRebuild: isRebuild) == ["drop link"])
      #expect(names(Self.linked, Self.entity, Self.item, itemIsInScope: false, isRebuild: isRebuild) == ["detach"])
    }
    for (entity, item) in [(Self.entity, Self.item), (.deleted, Self.item), (Self.entity, .deleted)] {
      #expect(names(Self.detached, entity, item).isEmpty)
    }
  }

  @Test func `an exported message carries the policy's category, an imported one is cut to the ERP's columns`() {
    guard case .createItem(let exported)? = reconcile(Self.input(link: nil, entity: Self.entity, item: .none)).first?.step else {
      Issue.record("no message is created")
      return
    }
    #expect(exported[.categories] == .set(["ERP"]))
    var long = Self.fields
    long[.subject] = .text(String(repeating: "x", count: 1200))
    let imported = reconcile(Self.input(link: nil, entity: .none, item: .present(Samples.item(long)))).first?.step
    guard case .createEntity(let fields)? = imported else {
      Issue.record("no activity is created")
      return
    }
    #expect(fields.text(.subject)?.count == 998 && fields.text(.messageID) == "<1@x.test>")
  }

  @Test func `a changed category of the policy goes to messages that still have the old one, beside what they have`() {
    func changes(has: [String], given: [String]) -> [Field: Value?] {
      var fields = Self.fields
      fields[.categories] = .set(has)
      let link = LinkBases(
        baseEntity: nil, baseItem: Base(fields: Fields([.categories: .set(given)]), version: "k"), isDetached: false)
      return reconcile(Self.input(link: link, entity: Self.entity, item: .present(Samples.item(fields)))).first?.changes ?? [:]
    }
    #expect(changes(has: ["Golf", "old"], given: ["Old"]) == [.categories: .set(["Golf", "ERP"])])
    #expect(changes(has: ["Golf"], given: ["Old"]).isEmpty, "its owner took it off")
    #expect(changes(has: ["erp"], given: ["ERP"]).isEmpty)
    #expect(changes(has: ["Old"], given: []).isEmpty, "imported: never marked")
  }

  @Test func `an activity belongs to its owner, and without one to those who wrote or got it`() {
    let mailbox = Mailbox(address: "alice@example.test")
    let alice = ERPEmployee(id: "EP1", name: "Alice", email: "Alice@Example.test", ownerCodes: ["EP1", "Alice"], workgroups: [])
    func isHers(owner: String?, people: [String], isInScope: Bool = true, employee: ERPEmployee? = alice) -> Bool {
      var entity = Samples.entity([.participants: .set(people)])
      (entity.owner, entity.isInScope) = (owner, isInScope)
      return Scope.email(entity, employee: employee, mailbox: mailbox)
    }
    #expect(isHers(owner: "EP1", people: []))
    #expect(!isHers(owner: "EP1", people: [], isInScope: false))
    #expect(!isHers(owner: "EP2", people: ["alice@example.test"]))
    #expect(isHers(owner: nil, people: ["bob@example.test", "ALICE@example.test"]))
    #expect(!isHers(owner: nil, people: ["bob@example.test", "malice@example.test"]))
    #expect(!isHers(owner: nil, people: []))
    #expect(!isHers(owner: "EP1", people: ["alice@example.test"], employee: nil))
    #expect(isHers(owner: nil, people: ["alice@example.test"], employee: nil))
  }
}
