import Model
import Reconcile
import Testing

/// The people of an event merge one by one.
@Suite struct AttendeeMergeTests {
  private static let both = FieldSupport(limits: [.subject: 255, .attendees: nil])
  /// The ERP names people by their e-mail addresses.
  private static let erp = FieldSupport(limits: [.subject: 255, .attendees: nil]) { fields in
    var fields = fields
    fields[.attendees] = .attendees((fields[.attendees]?.people ?? []).filter(\.hasMail))
    return fields
  }

  private static func fields(_ people: [Attendee]) -> [Field: Value] {
    people.isEmpty ? [.subject: .text("Kickoff")] : [.subject: .text("Kickoff"), .attendees: .attendees(people)]
  }

  private static func person(_ name: String, optional: Bool = false) -> Attendee {
    Attendee(address: name.contains("/") ? name : "\(name)@x.test", isOptional: optional)
  }

  /// What is written to each side: addresses with a question mark for those who need not come; nil: nothing.
  private static func decide(
    base: [Attendee], itemBase: [Attendee]? = nil, entity: [Attendee], item: [Attendee], _ conflict: Policy.Conflict = .erp,
    _ direction: Policy.Direction = .both
  ) -> (entity: [String]?, item: [String]?, steps: [String], losers: Int) {
    var section = Policy.Section(folder: "E")
    section.direction = direction
    let policy = Policy(name: "P", category: nil, conflict: conflict, sections: [.events: section])
    let actions = reconcile(
      ReconcileInput(
        policy: policy, kind: .events, erpSupport: erp, exchangeSupport: both,
        link: Samples.link(entity: fields(base), item: fields(itemBase ?? base)), entity: .present(Samples.entity(fields(entity))),
        item: .present(Samples.item(fields(item))), entityIsInScope: true, itemIsInScope: true, isRebuild: false, isMatched: false,
        today: CivilDate(dayNumber: 20_500)))
    func written(_ side: SystemSide) -> [String]? {
      for action in actions {
        switch (action.step, side) {
        case (.updateEntity(let changes, let result), .erp), (.updateItem(let changes, let result), .exchange):
          guard changes[.attendees] != nil else { return nil }
          return (result[.attendees]?.people ?? []).map { $0.address.replacing("@x.test", with: "") + ($0.isOptional ? "?" : "") }.sorted()
        default: break
        }
      }
      return nil
    }
    return (written(.erp), written(.exchange), actions.map(\.name), actions.flatMap(\.losers).count)
  }

  private static let (a, b, c, d) = (person("a"), person("b"), person("c"), person("d"))

  @Test func `whom each side adds or takes out is added and taken out on the other`() {
    for conflict in Policy.Conflict.allCases {
      let done = Self.decide(base: [Self.a, Self.b], entity: [Self.a, Self.b, Self.c], item: [Self.b, Self.d], conflict)
      #expect(done.entity == ["b", "c", "d"] && done.item == ["b", "c", "d"], "\(conflict)")
      #expect(done.losers == 0)
    }
  }

  @Test func `a change of one side alone writes the other side alone`() {
    let done = Self.decide(base: [Self.a], entity: [Self.a, Self.c], item: [Self.a])
    #expect(done.entity == nil && done.item == ["a", "c"])
    let other = Self.decide(base: [Self.a], entity: [Self.a], item: [])
    #expect(other.entity == [] && other.item == nil)
  }

  @Test func `the same change on both sides writes nothing`() {
    #expect(Self.decide(base: [Self.a], entity: [Self.a, Self.c], item: [Self.a, Self.c]).steps == ["acknowledge"])
  }

  @Test(arguments: [(Policy.Conflict.erp, true), (.exchange, false), (.lastUpdated, true)])
  func `what both did differently to one person the policy decides, and the others merge`(conflict: Policy.Conflict, erpWins: Bool) {
    let (gone, optional) = ([Self.b, Self.c], [Self.person("a", optional: true), Self.b, Self.d])
    let done = Self.decide(base: [Self.a, Self.b], entity: gone, item: optional, conflict)
    #expect(done.item == (erpWins ? ["b", "c", "d"] : ["a?", "b", "c", "d"]))
    #expect(done.entity == (erpWins ? ["b", "c", "d"] : ["a?", "b", "c", "d"]))
    #expect(done.losers == 1)
  }

  @Test func `with keep-both such a dispute keeps both records`() {
    let done = Self.decide(base: [Self.a], entity: [], item: [Self.person("a", optional: true)], .keepBoth)
    #expect(done.steps == ["fork"])
  }

  @Test func `somebody whom the ERP cannot name stays in the mailbox`() {
    let room = Self.person("/o=org/cn=room")
    let done = Self.decide(base: [Self.a], itemBase: [Self.a, room], entity: [Self.a, Self.c], item: [Self.a, room])
    #expect(done.entity == nil && done.item == ["/o=org/cn=room", "a", "c"])
    let filled = Self.decide(base: [Self.a], itemBase: [Self.a, room], entity: [Self.c], item: [Self.a, room, Self.d], .erp, .toExchange)
    #expect(filled.entity == nil && filled.item == ["/o=org/cn=room", "c"])
    let added = Self.decide(base: [Self.a], entity: [Self.a], item: [Self.a, room])
    #expect(added.steps == ["acknowledge"])
  }
}
