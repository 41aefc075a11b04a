import Model
import Reconcile
import Testing

/// The table of the synchronization's meaning: what is decided for each state of a pair, in each direction.
@Suite struct DecisionTableTests {
  /// What is seen of a side.
  enum Seen: String, Sendable { case none, new, same, changed, deleted }

  /// One row: the states, and the steps by direction. Both sides change different fields where both are changed.
  struct Row: Sendable, CustomTestStringConvertible {
    var isLinked: Bool
    var entity: Seen
    var item: Seen
    var both: [String]
    var toExchange: [String]
    var toERP: [String]
    var isMatched = false

    var testDescription: String {
      "\(isLinked ? "linked" : isMatched ? "matched" : "unlinked"), entity \(entity.rawValue), item \(item.rawValue)"
    }

    func steps(_ direction: Policy.Direction) -> [String] {
      switch direction {
      case .both: both
      case .toExchange: toExchange
      case .toERP: toERP
      }
    }
  }

  static let rows: [Row] = [
    Row(isLinked: false, entity: .new, item: .none, both: ["create item"], toExchange: ["create item"], toERP: []),
    Row(isLinked: false, entity: .none, item: .new, both: ["create entity"], toExchange: [], toERP: ["create entity"]),
    Row(
      isLinked: false, entity: .new, item: .new, both: ["update entity", "update item"], toExchange: ["update item"],
      toERP: ["update entity"], isMatched: true),
    Row(isLinked: false, entity: .same, item: .same, both: ["link"], toExchange: ["link"], toERP: ["link"], isMatched: true),
    Row(isLinked: true, entity: .same, item: .same, both: ["acknowledge"], toExchange: ["acknowledge"], toERP: ["acknowledge"]),
    Row(
      isLinked: true, entity: .changed, item: .same, both: ["update item"], toExchange: ["update item"],
      toERP: ["acknowledge", "drift of erp"]),
    Row(
      isLinked: true, entity: .same, item: .changed, both: ["update entity"], toExchange: ["acknowledge", "drift of exchange"],
      toERP: ["update entity"]),
    Row(
      isLinked: true, entity: .changed, item: .changed, both: ["update entity", "update item"],
      toExchange: ["update item", "drift of exchange"], toERP: ["update entity", "drift of erp"]),
    Row(isLinked: true, entity: .deleted, item: .same, both: ["delete item"], toExchange: ["delete item"], toERP: ["detach"]),
    Row(
      isLinked: true, entity: .same, item: .deleted, both: ["delete entity"], toExchange: ["drift of exchange"],
      toERP: ["delete entity"]),
    Row(isLinked: true, entity: .deleted, item: .changed, both: ["delete item"], toExchange: ["delete item"], toERP: ["create entity"]),
    Row(isLinked: true, entity: .changed, item: .deleted, both: ["create item"], toExchange: ["create item"], toERP: ["delete entity"]),
    Row(isLinked: true, entity: .deleted, item: .deleted, both: ["drop link"], toExchange: ["drop link"], toERP: ["drop link"]),
  ]

  private static func values(_ seen: Seen, own: [Field: Value]) -> [Field: Value]? {
    switch seen {
    case .none, .deleted: nil
    case .same: Samples.agreed
    case .new, .changed: Samples.agreed.merging(own) { $1 }
    }
  }

  private static func input(_ row: Row, _ policy: Policy, entity: [Field: Value], item: [Field: Value]) -> ReconcileInput {
    let entityValues = values(row.entity, own: entity)
    let itemValues = values(row.item, own: item)
    return Samples.input(
      policy, link: row.isLinked ? Samples.link() : nil,
      entity: entityValues.map { .present(Samples.entity($0)) } ?? (row.entity == .deleted ? .deleted : .none),
      item: itemValues.map { .present(Samples.item($0)) } ?? (row.item == .deleted ? .deleted : .none), isMatched: row.isMatched)
  }

  @Test(arguments: rows, Policy.Direction.allCases)
  func `each state of a pair gives the steps of the table`(row: Row, direction: Policy.Direction) {
    let input = Self.input(
      row, Samples.policy(direction), entity: [.company: .text("Acme")], item: [.phoneMobile: .text("+41 1")])
    #expect(reconcile(input).map(\.name) == row.steps(direction))
  }

  @Test(arguments: Policy.Direction.allCases)
  func `an item that is linked without the ERP's id gets it, whatever the direction`(direction: Policy.Direction) {
    let input = Samples.input(
      Samples.policy(direction), link: nil, entity: .present(Samples.entity(Samples.agreed)),
      item: .present(Samples.item(Samples.agreed, stamp: nil)), isMatched: true)
    #expect(reconcile(input).map(\.name) == ["update item"])
    #expect(reconcile(input).map(\.changes) == [[:]])
  }

  @Test(arguments: Policy.Direction.allCases)
  func `a linked item that names another record is marked with its own, and one without a mark is not`(_ direction: Policy.Direction) {
    func names(_ stamp: String?) -> [String] {
      let item = Samples.item(Samples.agreed, stamp: stamp)
      return reconcile(Samples.input(Samples.policy(direction), entity: .present(Samples.entity(Samples.agreed)), item: .present(item)))
        .map(\.name)
    }
    #expect(names("e0") == ["update item"])
    #expect(names("e1") == ["acknowledge"])
    #expect(names(nil) == ["acknowledge"])
  }

  @Test func `a private item whose record is deleted is left alone`() {
    let input = Samples.input(
      Samples.policy(), entity: .deleted, item: .present(Samples.item(Samples.agreed, isPrivate: true)), itemIsInScope: false)
    #expect(reconcile(input).map(\.name) == ["detach"])
  }

  @Test(arguments: rows.filter { $0.isLinked }, Policy.Direction.allCases)
  func `a detached pair is left alone for ever`(row: Row, direction: Policy.Direction) {
    var input = Self.input(row, Samples.policy(direction), entity: [.company: .text("Acme")], item: [.company: .text("Other")])
    input.link?.isDetached = true
    #expect(reconcile(input) == [])
  }

  // MARK: Conflicts

  /// The item was changed later than the entity, or earlier.
  @Test(arguments: Policy.Conflict.allCases, [true, false])
  func `a field that both changed differently is decided by the policy's priority`(conflict: Policy.Conflict, itemIsLater: Bool) {
    let entity = Samples.entity(Samples.agreed.merging([.jobTitle: .text("Head")]) { $1 }, modified: 200)
    let item = Samples.item(Samples.agreed.merging([.jobTitle: .text("Chief")]) { $1 }, modified: itemIsLater ? 300 : 150)
    let actions = reconcile(Samples.input(Samples.policy(.both, conflict), entity: .present(entity), item: .present(item)))
    let entityWins = [Loser(side: .exchange, field: .jobTitle, lost: .text("Chief"), kept: .text("Head"))]
    let itemWins = [Loser(side: .erp, field: .jobTitle, lost: .text("Head"), kept: .text("Chief"))]
    switch (conflict, itemIsLater) {
    case (.erp, _), (.lastUpdated, false):
      #expect(actions.map(\.name) == ["update item"])
      #expect(actions[0].changes == [.jobTitle: .text("Head")])
      #expect(actions[0].losers == entityWins)
    case (.exchange, _), (.lastUpdated, true):
      #expect(actions.map(\.name) == ["update entity"])
      #expect(actions[0].changes == [.jobTitle: .text("Chief")])
      #expect(actions[0].losers == itemWins)
    case (.keepBoth, _):
      guard case .fork(let itemCopy, let entityCopy)? = actions.first?.step, actions.count == 1 else {
        Issue.record("\(actions)")
        return
      }
      #expect(itemCopy.text(.jobTitle) == "Chief" && entityCopy.text(.jobTitle) == "Head")
      #expect(entityCopy.text(.familyName) == "Doe (conflict copy, ERP, 2026-02-16)")
      #expect(itemCopy.text(.familyName)?.hasPrefix("Doe (conflict copy, Exchange, 2026-02-16)") == true)
    }
  }

  @Test func `at equal times the ERP counts as later`() {
    let entity = Samples.entity(Samples.agreed.merging([.jobTitle: .text("Head")]) { $1 }, modified: 200)
    let item = Samples.item(Samples.agreed.merging([.jobTitle: .text("Chief")]) { $1 }, modified: 200)
    let actions = reconcile(Samples.input(Samples.policy(.both, .lastUpdated), entity: .present(entity), item: .present(item)))
    #expect(actions.map(\.name) == ["update item"])
  }

  @Test(arguments: Policy.Conflict.allCases)
  func `a delete against a change is decided by the priority, and a change beats a delete in doubt`(conflict: Policy.Conflict) {
    let changed = Samples.agreed.merging([.jobTitle: .text("New")]) { $1 }
    let policy = Samples.policy(.both, conflict)
    let entityDeleted = reconcile(Samples.input(policy, entity: .deleted, item: .present(Samples.item(changed))))
    let itemDeleted = reconcile(Samples.input(policy, entity: .present(Samples.entity(changed)), item: .deleted))
    switch conflict {
    case .erp: #expect(entityDeleted.map(\.name) == ["delete item"] && itemDeleted.map(\.name) == ["create item"])
    case .exchange: #expect(entityDeleted.map(\.name) == ["create entity"] && itemDeleted.map(\.name) == ["delete entity"])
    case .lastUpdated, .keepBoth:
      #expect(entityDeleted.map(\.name) == ["create entity"] && itemDeleted.map(\.name) == ["create item"])
    }
  }

  @Test func `what a delete takes along is in the journal, every value of it`() {
    let gone = reconcile(Samples.input(Samples.policy(), entity: .deleted, item: .present(Samples.item(Samples.agreed))))
    #expect(Set(gone[0].losers.map(\.field)) == Set(Samples.agreed.keys))
    #expect(gone[0].losers.allSatisfy { $0.side == .exchange && $0.kept == nil && $0.lost == Samples.agreed[$0.field] })
    let other = reconcile(Samples.input(Samples.policy(), entity: .present(Samples.entity(Samples.agreed)), item: .deleted))
    #expect(Set(other[0].losers.map(\.field)) == Set(Samples.agreed.keys))
    #expect(other[0].losers.allSatisfy { $0.side == .erp })
  }

  // MARK: Leaving the scope

  @Test(arguments: Policy.Direction.allCases, [Seen.same, .changed])
  func `a record that left the filter leaves the mailbox, never the ERP`(direction: Policy.Direction, item: Seen) {
    let values = Self.values(item, own: [.jobTitle: .text("Own")]) ?? [:]
    let actions = reconcile(
      Samples.input(
        Samples.policy(direction), entity: .present(Samples.entity(Samples.agreed)), item: .present(Samples.item(values)),
        entityIsInScope: false))
    #expect(actions.map(\.name) == [direction == .toERP ? "detach" : "withdraw item"])
    if direction != .toERP { #expect(Set(actions[0].losers.map(\.field)) == Set(values.keys)) }
  }

  @Test(arguments: Policy.Direction.allCases, [Seen.same, .changed])
  func `an item that lost the category or was made private is unlinked, and both stay`(direction: Policy.Direction, seen: Seen) {
    for isPrivate in [true, false] {
      let values = Self.values(seen, own: [.jobTitle: .text("Own")]) ?? [:]
      let actions = reconcile(
        Samples.input(
          Samples.policy(direction), entity: .present(Samples.entity(Samples.agreed)),
          item: .present(Samples.item(values, isPrivate: isPrivate)), itemIsInScope: false))
      #expect(actions.map(\.name) == ["detach"])
    }
  }

  @Test(arguments: Policy.Direction.allCases)
  func `what is not in scope is not created`(direction: Policy.Direction) {
    let policy = Samples.policy(direction)
    let entity = Samples.input(policy, link: nil, entity: .present(Samples.entity(Samples.agreed)), item: .none, entityIsInScope: false)
    let item = Samples.input(policy, link: nil, entity: .none, item: .present(Samples.item(Samples.agreed)), itemIsInScope: false)
    #expect(reconcile(entity) == [] && reconcile(item) == [])
  }

  @Test func `an item deleted by its owner and out of the filter in the ERP deletes nothing there`() {
    let actions = reconcile(
      Samples.input(Samples.policy(), entity: .present(Samples.entity(Samples.agreed)), item: .deleted, entityIsInScope: false))
    #expect(actions.map(\.name) == ["drop link"])
  }

  // MARK: Rebuilds

  @Test(arguments: rows, Policy.Direction.allCases)
  func `a rebuild deletes nothing on either side`(row: Row, direction: Policy.Direction) {
    for conflict in Policy.Conflict.allCases {
      var input = Self.input(
        row, Samples.policy(direction, conflict), entity: [.company: .text("Acme")], item: [.company: .text("Other")])
      input.isRebuild = true
      input.entityIsInScope = row.entity != .same
      let names = reconcile(input).map(\.name)
      #expect(!names.contains { $0.hasPrefix("delete") || $0.hasPrefix("withdraw") }, "\(names)")
    }
  }
}
