import Model
import Reconcile
import Testing

/// Merging field by field: what both sides changed, what one cannot hold, what is filled on one side alone.
@Suite struct MergeTests {
  private static func agreed(_ own: [Field: Value?]) -> [Field: Value] {
    var values = Samples.agreed
    for (field, value) in own { values[field] = value }
    return values
  }

  private static func decide(
    entity: [Field: Value?], item: [Field: Value?], policy: Policy = Samples.policy(), link: LinkBases? = Samples.link(),
    isMatched: Bool = false
  ) -> [Action] {
    reconcile(
      Samples.input(
        policy, link: link, entity: .present(Samples.entity(agreed(entity))), item: .present(Samples.item(agreed(item))),
        isMatched: isMatched))
  }

  @Test func `different fields changed on each side travel both ways, and nothing loses`() {
    let actions = Self.decide(entity: [.company: .text("Acme")], item: [.jobTitle: .text("Chief")])
    #expect(actions.map(\.changes) == [[.jobTitle: .text("Chief")], [.company: .text("Acme")]])
    #expect(actions.flatMap(\.losers) == [])
  }

  @Test func `a conflict in one field does not hold back the others`() {
    let actions = Self.decide(
      entity: [.jobTitle: .text("Head"), .company: .text("Acme")], item: [.jobTitle: .text("Chief"), .phoneMobile: .text("+41 1")])
    #expect(actions.map(\.changes) == [[.phoneMobile: .text("+41 1")], [.jobTitle: .text("Head"), .company: .text("Acme")]])
    #expect(actions.flatMap(\.losers).map(\.field) == [.jobTitle])
  }

  @Test func `the same change on both sides is no conflict`() {
    for conflict in Policy.Conflict.allCases {
      let actions = Self.decide(
        entity: [.jobTitle: .text("Head")], item: [.jobTitle: .text("Head")], policy: Samples.policy(.both, conflict))
      #expect(actions.map(\.name) == ["acknowledge"])
    }
  }

  @Test func `addresses are the same in any case of letters`() {
    let actions = Self.decide(entity: [.email1: .text("JANE@example.test")], item: [:])
    #expect(actions.map(\.name) == ["acknowledge"])
  }

  @Test func `an emptied field empties the other side`() {
    #expect(Self.decide(entity: [.jobTitle: nil], item: [:]).map(\.changes) == [[.jobTitle: nil]])
    #expect(Self.decide(entity: [:], item: [.jobTitle: nil]).map(\.changes) == [[.jobTitle: nil]])
  }

  @Test func `emptied on one side and changed on the other is a conflict like any`() {
    let actions = Self.decide(entity: [.jobTitle: nil], item: [.jobTitle: .text("Chief")])
    #expect(actions.map(\.changes) == [[.jobTitle: nil]])
    #expect(actions[0].losers == [Loser(side: .exchange, field: .jobTitle, lost: .text("Chief"), kept: nil)])
  }

  // MARK: What a side cannot hold

  @Test func `a field that the ERP has no place for stays in the mailbox and changes nothing`() {
    let actions = Self.decide(entity: [:], item: [.email2: .text("second@example.test"), .notes: .text("Likes tea")])
    #expect(actions.map(\.name) == ["acknowledge"])
  }

  @Test func `a value that is cut on one side is never written back to the side that has it whole`() {
    let whole: [Field: Value] = Self.agreed([.familyName: .text("Featherstonehaugh")])
    let cut: [Field: Value] = Self.agreed([.familyName: .text("Feathersto")])
    // Other bases are known: the pair was just written, or the ERP's record was read again with another change.
    for link in [Samples.link(entity: cut, item: whole), Samples.link(entity: Self.agreed([.familyName: .text("Old")]), item: whole)] {
      let actions = reconcile(
        Samples.input(Samples.policy(), link: link, entity: .present(Samples.entity(cut)), item: .present(Samples.item(whole))))
      #expect(actions.map(\.name) == ["acknowledge"])
    }
  }

  @Test func `a long value is written as far as the other side holds it`() {
    let actions = Self.decide(entity: [:], item: [.familyName: .text("Featherstonehaugh")])
    #expect(actions.map(\.changes) == [[.familyName: .text("Feathersto")]])
  }

  // MARK: Drift

  @Test func `a value written against the direction goes to the journal when the other side's change overwrites it`() {
    let link = Samples.link(item: Self.agreed([.jobTitle: .text("Drifted")]))
    let actions = Self.decide(
      entity: [.jobTitle: .text("Head")], item: [.jobTitle: .text("Drifted")], policy: Samples.policy(.toExchange), link: link)
    #expect(actions.map(\.changes) == [[.jobTitle: .text("Head")]])
    #expect(actions[0].losers == [Loser(side: .exchange, field: .jobTitle, lost: .text("Drifted"), kept: .text("Head"))])
  }

  @Test(arguments: [Policy.Direction.toExchange, .toERP])
  func `in one direction the carrying side wins whatever the priority`(direction: Policy.Direction) {
    for conflict in Policy.Conflict.allCases {
      let actions = Self.decide(
        entity: [.jobTitle: .text("Head")], item: [.jobTitle: .text("Chief")], policy: Samples.policy(direction, conflict))
      #expect(actions.map(\.name) == [direction == .toExchange ? "update item" : "update entity"])
      #expect(actions[0].losers.map(\.lost) == [direction == .toExchange ? .text("Chief") : .text("Head")])
    }
  }

  // MARK: Matches

  @Test func `a match fills what is empty on either side and takes the rest by priority`() {
    let actions = Self.decide(
      entity: [.jobTitle: nil, .company: .text("Acme"), .phoneMobile: .text("1")],
      item: [.company: nil, .phoneMobile: .text("2")], link: nil, isMatched: true)
    #expect(actions.map(\.changes) == [[.jobTitle: .text("Engineer")], [.company: .text("Acme"), .phoneMobile: .text("1")]])
    #expect(actions.flatMap(\.losers) == [Loser(side: .exchange, field: .phoneMobile, lost: .text("2"), kept: .text("1"))])
  }

  @Test func `a match never forks, also where both would be kept`() {
    let actions = Self.decide(
      entity: [.jobTitle: .text("Head")], item: [.jobTitle: .text("Chief")], policy: Samples.policy(.both, .keepBoth), link: nil,
      isMatched: true)
    #expect(actions.map(\.name) == ["update item"])
    #expect(actions[0].losers.map(\.lost) == [.text("Chief")])
  }

  @Test func `a pair whose bases are unknown is compared like a match`() {
    let link = LinkBases(baseEntity: nil, baseItem: nil, isDetached: false)
    let actions = Self.decide(entity: [.jobTitle: nil], item: [:], link: link)
    #expect(actions.map(\.changes) == [[.jobTitle: .text("Engineer")]])
    #expect(Self.decide(entity: [:], item: [:], link: link).map(\.name) == ["link"])
  }

  // MARK: Category, link to the ERP

  @Test func `a new item carries the policy's category, unless the policy says without`() {
    func fields(_ policy: Policy) -> Fields? {
      let actions = reconcile(Samples.input(policy, link: nil, entity: .present(Samples.entity(Samples.agreed)), item: .none))
      if case .createItem(let fields)? = actions.first?.step { return fields }
      return nil
    }
    #expect(fields(Samples.policy())?[.categories] == .set(["ERP"]))
    let without = fields(Samples.policy { $0.withoutCategory = true })
    #expect(without != nil && without?[.categories] == nil)
  }

  @Test func `categories never travel to the ERP`() {
    let item = Samples.item(Self.agreed([.categories: .set(["ERP", "Golf"])]))
    let actions = reconcile(Samples.input(Samples.policy(), link: nil, entity: .none, item: .present(item)))
    guard case .createEntity(let fields)? = actions.first?.step else {
      Issue.record("\(actions)")
      return
    }
    #expect(fields[.categories] == nil && fields.text(.familyName) == "Doe")
  }

  @Test func `with a template the item's web page is the link to the ERP, and stays it`() {
    let policy = Samples.policy { $0.erpLink = "https://erp.example.test/?ID={ContactID}" }
    let link = Value.text("https://erp.example.test/?ID=100001")
    let made = reconcile(Samples.input(policy, link: nil, entity: .present(Samples.entity(Samples.agreed)), item: .none))
    guard case .createItem(let fields)? = made.first?.step else {
      Issue.record("\(made)")
      return
    }
    #expect(fields[.webPage] == link)
    let overwritten = Self.decide(
      entity: [.webPage: .text("https://own.test")], item: [.webPage: .text("https://mine.test")], policy: policy)
    #expect(overwritten.map(\.changes) == [[.webPage: link]])
    let quiet = Self.decide(entity: [.webPage: .text("https://own.test")], item: [.webPage: link], policy: policy)
    #expect(quiet.map(\.name) == ["acknowledge"])
  }
}
