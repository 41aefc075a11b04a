import Model
import Testing

@testable import Daemon
@testable import SyncEngine

@Suite struct WakeTests {
  @Test func `wakes of one mailbox come together, and all mailboxes share a round`() {
    let box = WakeBox()
    box.add(mailbox: "a@x.test", [.contacts])
    box.add(mailbox: "b@x.test", [.contacts])
    box.add(mailbox: "c@x.test", [.contacts])
    box.add(mailbox: "c@x.test", [.tasks])
    box.add(erp: [.emails])
    let demands = box.take().demands { _ in false }
    #expect(demands.map(\.employees) == [["a@x.test", "b@x.test", "c@x.test"], nil])
    #expect(demands[0].told == ["a@x.test": [.contacts], "b@x.test": [.contacts], "c@x.test": [.contacts, .tasks]])
    #expect(demands[1].kinds == [.emails])
    #expect(demands.map(\.origin) == [.mailboxes, .erp])
    #expect(box.take().isEmpty)
  }

  @Test func `of a round only what failed is looked at again, and not what is held`() {
    let demand = Coordinator.Demand.look(at: ["a@x.test": [.contacts, .tasks], "b@x.test": [.contacts], "c@x.test": [.contacts]])
    func report(_ employee: String, _ kind: RecordKind, _ error: SyncError?) -> CycleReport {
      CycleReport(employee: employee, kind: kind, counts: [:], failures: 0, hold: nil, error: error)
    }
    let reports = [
      report("a@x.test", .contacts, nil), report("a@x.test", .tasks, SyncError(.transient, "busy")),
      report("b@x.test", .contacts, SyncError(.held, "somebody has to decide")), report("c@x.test", .contacts, nil),
    ]
    #expect(WakeLoop.failed(demand, .success(reports)) == Wakes(mailboxes: ["a@x.test": [.tasks]]))
    #expect(WakeLoop.failed(demand, .failure(SyncError(.unreachable, "no network"))) == Wakes(mailboxes: demand.told))
    #expect(WakeLoop.failed(demand, .failure(SyncError(.held, "paused"))).isEmpty)
  }

  @Test func `who is paused is not woken`() {
    let wakes = Wakes(mailboxes: ["a@x.test": [.contacts], "b@x.test": [.contacts]])
    #expect(wakes.demands { $0 == "a@x.test" }.map(\.employees) == [["b@x.test"]])
  }
}
