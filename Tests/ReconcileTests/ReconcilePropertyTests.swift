import Model
import Reconcile
import Testing

/// What holds for any pair: seeded random bases, changes, policies. A failure names its seed.
@Suite struct ReconcilePropertyTests {
  /// SplitMix64: the same seed gives the same numbers everywhere.
  struct Numbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
  }

  static let rounds: UInt64 = 20_000
  private static let fields: [Field] = [.givenName, .familyName, .jobTitle, .company, .email1, .email2, .phoneMobile, .notes]
  private static let texts = ["a", "b", "Featherstonehaugh", "x@y.test", "X@Y.test", "日本語のとても長い名前です"]

  private static func values(_ random: inout Numbers) -> [Field: Value] {
    var result: [Field: Value] = [:]
    for field in fields where Bool.random(using: &random) { result[field] = texts.randomElement(using: &random).map { .text($0) } }
    return result
  }

  private static func edited(_ base: [Field: Value], _ random: inout Numbers) -> [Field: Value] {
    var result = base
    for field in fields where Int.random(in: 0..<4, using: &random) == 0 {
      result[field] = Bool.random(using: &random) ? nil : texts.randomElement(using: &random).map { .text($0) }
    }
    return result
  }

  /// A linked pair whose bases agree as far as each side can hold them, edited on both sides since.
  private static func pair(seed: UInt64) -> ReconcileInput {
    var random = Numbers(state: seed)
    let whole = Fields(values(&random))
    let baseItem = Samples.exchange.projected(whole)
    let baseEntity = Samples.erp.projected(whole)
    func list(_ fields: Fields) -> [Field: Value] { Dictionary(uniqueKeysWithValues: fields.names.map { ($0, fields[$0] ?? .text("")) }) }
    let entity = Samples.erp.projected(Fields(edited(list(baseEntity), &random)))
    let item = Samples.exchange.projected(Fields(edited(list(baseItem), &random)))
    let direction = Policy.Direction.allCases.randomElement(using: &random) ?? .both
    let conflict = Policy.Conflict.allCases.randomElement(using: &random) ?? .erp
    return Samples.input(
      Samples.policy(direction, conflict), link: Samples.link(entity: list(baseEntity), item: list(baseItem)),
      entity: .present(Samples.entity(list(entity), modified: Int64.random(in: 0..<5, using: &random))),
      item: .present(Samples.item(list(item), modified: Int64.random(in: 0..<5, using: &random))))
  }

  private static func records(_ input: ReconcileInput) -> (entity: Entity, item: Item) {
    guard case .present(let entity) = input.entity, case .present(let item) = input.item else { preconditionFailure("pairs have both") }
    return (entity, item)
  }

  /// The pair as it stands after the actions, read back: each side holds what it can.
  private static func after(_ input: ReconcileInput, _ actions: [Action]) -> ReconcileInput {
    var (entity, item) = records(input)
    for action in actions {
      switch action.step {
      case .updateEntity(_, let result): entity.fields = Samples.erp.projected(result)
      case .updateItem(_, let result): item.fields = Samples.exchange.projected(result)
      default: break
      }
    }
    var next = input
    (next.entity, next.item) = (.present(entity), .present(item))
    next.link?.baseEntity?.fields = entity.fields
    next.link?.baseItem?.fields = item.fields
    return next
  }

  @Test func `nothing is ever written against the policy's direction`() {
    for seed in 1...Self.rounds {
      let input = Self.pair(seed: seed)
      let names = reconcile(input).map(\.name)
      switch input.policy.sections[.contacts]?.direction {
      case .toExchange: #expect(!names.contains { $0.hasSuffix("entity") || $0 == "fork" }, "seed \(seed)")
      case .toERP: #expect(!names.contains { $0.hasSuffix("item") || $0 == "fork" }, "seed \(seed)")
      default: break
      }
    }
  }

  @Test func `once done, the next decision writes nothing`() {
    for seed in 1...Self.rounds {
      let input = Self.pair(seed: seed)
      let actions = reconcile(input)
      let second = reconcile(Self.after(input, actions))
      #expect(second.map(\.name) == ["acknowledge"], "seed \(seed): \(actions) then \(second)")
    }
  }

  @Test func `both ways, both sides hold the same afterwards, as far as each can`() {
    for seed in 1...Self.rounds {
      let input = Self.pair(seed: seed)
      let actions = reconcile(input)
      guard input.policy.sections[.contacts]?.direction == .both, !actions.contains(where: { $0.name == "fork" }) else { continue }
      let (entity, item) = Self.records(Self.after(input, actions))
      let shared = Samples.erp.fields.intersection(Samples.exchange.fields)
      for field in shared {
        let agree =
          entity.fields.same(field, in: Samples.erp.projected(item.fields))
          || item.fields.same(field, in: Samples.exchange.projected(entity.fields))
        #expect(agree, "seed \(seed), \(field)")
      }
    }
  }

  @Test func `a user's value that is overwritten is in the journal first`() {
    var overwritten = 0
    for seed in 1...Self.rounds {
      let input = Self.pair(seed: seed)
      let (entity, item) = Self.records(input)
      for action in reconcile(input) {
        let isItem = action.name == "update item"
        let before = isItem ? item.fields : entity.fields
        let base = (isItem ? input.link?.baseItem : input.link?.baseEntity)?.fields ?? Fields()
        for (field, value) in action.changes where before[field] != nil && !before.same(field, in: base) {
          let other = Fields([field: value].compactMapValues { $0 })
          if before.same(field, in: other) { continue }
          overwritten += 1
          let side: SystemSide = isItem ? .exchange : .erp
          #expect(action.losers.contains { $0.side == side && $0.field == field && $0.lost == before[field] }, "seed \(seed), \(field)")
        }
      }
    }
    #expect(overwritten > 1000, "the inputs would show it")
  }

  @Test func `an edit of one side alone never loses a value there`() {
    for seed in 1...Self.rounds {
      var input = Self.pair(seed: seed)
      let (entity, item) = Self.records(input)
      var untouched = item
      untouched.fields = input.link?.baseItem?.fields ?? Fields()
      input.item = .present(untouched)
      for action in reconcile(input) where action.name == "update entity" {
        Issue.record("seed \(seed): \(entity.fields) was overwritten by an item that nobody touched")
      }
    }
  }

  @Test func `a rebuild never empties a filled field`() {
    for seed in 1...Self.rounds {
      var input = Self.pair(seed: seed)
      (input.link, input.isMatched, input.isRebuild) = (nil, true, true)
      let (entity, item) = Self.records(input)
      for action in reconcile(input) {
        for (field, value) in action.changes where value == nil {
          let current = action.name == "update item" ? item.fields[field] : entity.fields[field]
          #expect(current == nil, "seed \(seed): \(field) was emptied")
        }
      }
    }
  }
}
