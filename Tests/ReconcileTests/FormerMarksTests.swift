import Model
import Reconcile
import Testing

@Suite struct FormerMarksTests {
  private let policy: Policy = {
    var policy = Samples.policy()
    policy.category = Policy.Category(name: "New", color: 1)
    policy.sections[.contacts]?.folder = nil
    return policy
  }()

  private func changes(of categories: [String], former: Set<String>) -> [Value?] {
    let fields = Samples.agreed.merging([.categories: .set(categories)]) { _, new in new }
    var input = Samples.input(
      policy, link: Samples.link(item: fields), entity: .present(Samples.entity(Samples.agreed)), item: .present(Samples.item(fields)))
    input.former = FormerMarks(categories: former)
    return reconcile(input).compactMap { $0.changes[.categories] ?? nil }
  }

  @Test func `a former category gives way to the policy's, what else an item bears stays`() {
    #expect(changes(of: ["Mine", "OLD"], former: ["old"]) == [.set(["Mine", "New"])])
  }

  @Test func `an item that lost the former category is left alone`() { #expect(changes(of: ["Mine"], former: ["old"]) == []) }

  @Test func `where linked items bore no mark every one gets it`() {
    #expect(changes(of: ["Mine"], former: [""]) == [.set(["Mine", "New"])])
  }

  @Test func `an item that bears the mark already is not written`() { #expect(changes(of: ["new"], former: ["old", ""]) == []) }

  @Test func `a former category beside the new one goes`() { #expect(changes(of: ["Old", "New"], former: ["old"]) == [.set(["New"])]) }

  @Test func `a linked item with a former category stays in scope, an unlinked one does not come in`() {
    let item = Samples.item([.categories: .set(["Old"])])
    for isLinked in [true, false] {
      #expect(
        Scope.item(
          item, policy: policy, kind: .contacts, isInPolicyFolder: false, isLinked: isLinked, former: FormerMarks(categories: ["old"]))
          == isLinked)
    }
  }
}
