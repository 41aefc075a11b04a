import Model
import Reconcile
import Testing

@Suite struct TaskStatusTests {
  private func decide(_ entity: Observed<Entity>, _ item: Observed<Item>, isLinked: Bool = true) -> [String] {
    let policy = Policy(name: "Sales", sections: [.tasks: Policy.Section(folder: "ERP Tasks")])
    let support = FieldSupport(limits: [.subject: nil, .status: nil])
    let base: [Field: Value] = [.subject: .text("Call"), .status: .text("NotStarted")]
    func scope<Record>(_ observed: Observed<Record>, _ test: (Record) -> Bool) -> Bool {
      if case .present(let record) = observed { test(record) } else { false }
    }
    let employee = ERPEmployee(id: "EP1", name: "Alice", email: nil, ownerCodes: ["EP1"], workgroups: [])
    return reconcile(
      ReconcileInput(
        policy: policy, kind: .tasks, erpSupport: support, exchangeSupport: support,
        link: isLinked ? Samples.link(entity: base, item: base) : nil, entity: entity, item: item,
        entityIsInScope: scope(entity) { Scope.entity($0, policy: policy, kind: .tasks, employee: employee) },
        itemIsInScope: scope(item) { Scope.item($0, policy: policy, kind: .tasks, isInPolicyFolder: true, isLinked: isLinked) },
        isRebuild: false, isMatched: false, today: CivilDate(dayNumber: 20_500))
    ).map(\.name)
  }

  private func entity(_ status: String, subject: String = "Call") -> Observed<Entity> {
    .present(Samples.entity([.subject: .text(subject), .status: .text(status)]))
  }

  private func item(_ status: String, subject: String = "Call") -> Observed<Item> {
    .present(Samples.item([.subject: .text(subject), .status: .text(status)]))
  }

  @Test(arguments: ["Draft", "Rejected", "Released"])
  func `a linked task without counterpart in the mailbox is left, whatever happened to its item`(status: String) {
    #expect(decide(entity(status, subject: "Other"), item("Completed", subject: "Another")) == ["leave"])
    #expect(decide(entity(status), .deleted) == ["leave"])
  }

  @Test func `a linked task that is deferred is left, whatever happened in the ERP`() {
    #expect(decide(entity("Completed", subject: "Other"), item("Deferred")) == ["leave"])
    #expect(decide(.deleted, item("Deferred")) == ["leave"])
  }

  @Test func `a task without counterpart comes to neither side`() {
    #expect(decide(entity("Draft"), .none, isLinked: false) == [])
    #expect(decide(.none, item("Deferred"), isLinked: false) == [])
  }

  @Test func `a task that lost its counterpart and was deleted there is deleted here`() {
    #expect(decide(.deleted, item("NotStarted")) == ["delete item"])
  }

  @Test func `a status moves as any field`() {
    #expect(decide(entity("InProgress"), item("NotStarted")) == ["update item"])
    #expect(decide(entity("NotStarted"), item("Completed")) == ["update entity"])
  }
}
