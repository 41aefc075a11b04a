import Model
import Reconcile
import Testing

/// What becomes of one field of a linked pair: the meaning's table, written down once more here, against every combination of what both sides
/// were agreed to have, have now, and are allowed to write.
@Suite struct FieldTableTests {
  /// What the table says of one field.
  enum Outcome: Sendable { case nothing, itemTakes, entityTakes, conflict, drift }

  /// Rows: whether the entity changed, whether the item did. Columns: both ways, to Exchange, to the ERP.
  static let table: [(entity: Bool, item: Bool, both: Outcome, toExchange: Outcome, toERP: Outcome)] = [
    (false, false, .nothing, .nothing, .nothing),
    (true, false, .itemTakes, .itemTakes, .drift),
    (false, true, .entityTakes, .drift, .entityTakes),
    (true, true, .conflict, .itemTakes, .entityTakes),
  ]

  /// Whose value a conflict leaves, with the item changed later or not; nil: both records are kept.
  static let priority: [(conflict: Policy.Conflict, ifItemIsLater: Outcome?, else: Outcome?)] = [
    (.erp, .itemTakes, .itemTakes), (.exchange, .entityTakes, .entityTakes), (.lastUpdated, .entityTakes, .itemTakes),
    (.keepBoth, nil, nil),
  ]

  /// One combination.
  struct Case: Sendable {
    var direction: Policy.Direction
    var conflict: Policy.Conflict
    var itemIsLater: Bool
    /// What the entity and the item were agreed to have, and have.
    var (baseEntity, baseItem, entity, item): (Value?, Value?, Value?, Value?)

    /// What the table says: the step, or nil for a second record of both.
    var expected: Outcome? {
      if entity == item { return .nothing }
      let (isEntityChanged, isItemChanged) = (entity != baseEntity, item != baseItem)
      guard let row = FieldTableTests.table.first(where: { $0.entity == isEntityChanged && $0.item == isItemChanged }) else {
        return .nothing
      }
      let outcome =
        switch direction {
        case .both: row.both
        case .toExchange: row.toExchange
        case .toERP: row.toERP
        }
      guard outcome == .conflict, let rule = FieldTableTests.priority.first(where: { $0.conflict == conflict }) else { return outcome }
      return itemIsLater ? rule.ifItemIsLater : rule.else
    }
  }

  /// Every combination of these values.
  static func cases(_ values: [Value?]) -> [Case] {
    var cases: [Case] = []
    for direction in Policy.Direction.allCases {
      for conflict in Policy.Conflict.allCases {
        for later in [true, false] {
          for baseEntity in values {
            for baseItem in values {
              for entity in values {
                for item in values {
                  cases.append(
                    Case(
                      direction: direction, conflict: conflict, itemIsLater: later, baseEntity: baseEntity, baseItem: baseItem,
                      entity: entity, item: item))
                }
              }
            }
          }
        }
      }
    }
    return cases
  }

  private static func input(_ one: Case, _ field: Field, _ other: Case? = nil, _ otherField: Field? = nil) -> ReconcileInput {
    func fields(_ path: KeyPath<Case, Value?>) -> [Field: Value] {
      var result: [Field: Value] = [.givenName: .text("Jane")]
      result[field] = one[keyPath: path]
      if let other, let otherField { result[otherField] = other[keyPath: path] }
      return result
    }
    return Samples.input(
      Samples.policy(one.direction, one.conflict), link: Samples.link(entity: fields(\.baseEntity), item: fields(\.baseItem)),
      entity: .present(Samples.entity(fields(\.entity), modified: 200)),
      item: .present(Samples.item(fields(\.item), modified: one.itemIsLater ? 300 : 100)))
  }

  /// What the actions do to a field.
  private static func outcome(_ actions: [Action], _ field: Field) -> Outcome? {
    if actions.contains(where: { $0.name == "fork" }) { return nil }
    if actions.contains(where: { $0.name == "update item" && $0.changes[field] != nil }) { return .itemTakes }
    if actions.contains(where: { $0.name == "update entity" && $0.changes[field] != nil }) { return .entityTakes }
    return actions.contains { $0.name.hasPrefix("drift") } ? .drift : .nothing
  }

  private static let texts: [Value?] = [nil, .text("a"), .text("b"), .text("c")]

  @Test func `every combination of one field's values has the table's outcome, with the values of the winning side`() {
    var checked = 0
    for one in Self.cases(Self.texts) {
      let actions = reconcile(Self.input(one, .jobTitle))
      let found = Self.outcome(actions, .jobTitle)
      #expect(found == one.expected, "\(one)")
      for action in actions {
        if action.name == "update item" { #expect(action.changes == [.jobTitle: one.entity], "\(one)") }
        if action.name == "update entity" { #expect(action.changes == [.jobTitle: one.item], "\(one)") }
      }
      checked += 1
    }
    #expect(checked == 3 * 4 * 2 * 256)
  }

  @Test func `every value that gives way, and that the other side never agreed to, is in the journal`() {
    var journalled = 0
    for one in Self.cases(Self.texts) {
      let actions = reconcile(Self.input(one, .jobTitle))
      switch Self.outcome(actions, .jobTitle) {
      case .itemTakes where one.item != nil && one.item != one.baseItem:
        #expect(actions.contains { $0.losers.contains { $0.side == .exchange && $0.lost == one.item } }, "\(one)")
        journalled += 1
      case .entityTakes where one.entity != nil && one.entity != one.baseEntity:
        #expect(actions.contains { $0.losers.contains { $0.side == .erp && $0.lost == one.entity } }, "\(one)")
        journalled += 1
      default: break
      }
    }
    #expect(journalled > 100)
  }

  @Test func `nothing is written without a cause: a change since the last agreement`() {
    for one in Self.cases(Self.texts) where one.entity == one.baseEntity && one.item == one.baseItem {
      #expect(Self.outcome(reconcile(Self.input(one, .jobTitle)), .jobTitle) == .nothing, "\(one)")
    }
  }

  @Test func `one field's outcome does not depend on another's, but that a second record of both takes all`() {
    let cases = Self.cases([nil, .text("a"), .text("b")])
    var random = ReconcilePropertyTests.Numbers(state: 1)
    for _ in 0..<20_000 {
      guard let one = cases.randomElement(using: &random), var other = cases.randomElement(using: &random) else { return }
      (other.direction, other.conflict, other.itemIsLater) = (one.direction, one.conflict, one.itemIsLater)
      let actions = reconcile(Self.input(one, .jobTitle, other, .company))
      guard one.expected != nil, other.expected != nil else {
        #expect(actions.map(\.name) == ["fork"], "\(one) \(other)")
        continue
      }
      for (entry, field) in [(one, Field.jobTitle), (other, .company)] where entry.expected != .drift && entry.expected != .nothing {
        #expect(Self.outcome(actions, field) == entry.expected, "\(field) of \(one) \(other)")
      }
      for action in actions {
        for field in action.changes.keys {
          let cause = field == .jobTitle ? one : other
          #expect([.itemTakes, .entityTakes].contains(cause.expected), "\(field) of \(one) \(other)")
        }
      }
    }
  }
}
