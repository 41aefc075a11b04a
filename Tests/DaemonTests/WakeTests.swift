import Model
import Testing

@testable import Daemon

@Suite struct WakeTests {
  @Test func `wakes of one mailbox come together, and mailboxes that changed alike share a round`() {
    let box = WakeBox()
    box.add(mailbox: "a@x.test", [.contacts])
    box.add(mailbox: "b@x.test", [.contacts])
    box.add(mailbox: "c@x.test", [.contacts])
    box.add(mailbox: "c@x.test", [.tasks])
    box.add(erp: [.emails])
    let demands = box.take().demands { _ in false }
    #expect(demands.map(\.employees) == [["a@x.test", "b@x.test"], ["c@x.test"], nil])
    #expect(demands.map(\.kinds) == [[.contacts], [.contacts, .tasks], [.emails]])
    #expect(demands.map(\.origin) == [.mailbox, .mailbox, .erp])
    #expect(box.take().isEmpty)
  }

  @Test func `who is paused is not woken`() {
    let wakes = Wakes(mailboxes: ["a@x.test": [.contacts], "b@x.test": [.contacts]])
    #expect(wakes.demands { $0 == "a@x.test" }.map(\.employees) == [["b@x.test"]])
  }
}
