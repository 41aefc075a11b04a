import FakeTransport
import Model
import Synchronization
import Testing
import Transport
import XMLStream

@testable import Exchange

/// Streaming notifications: what is read from them, and what becomes of connections and subscriptions that are lost.
@Suite(.timeLimit(.minutes(1))) struct NotificationTests {
  private static let bob = Mailbox(address: "bob@example.test")

  private final class Heard: Sendable {
    let changes = Mutex<[MailboxChange]>([])
    let problems = Mutex<[String]>([])
    func add(_ change: MailboxChange) { changes.withLock { $0.append(change) } }
    var all: [MailboxChange] { changes.withLock { $0 } }
  }

  private static func envelopes(_ messages: [String]) -> HTTPResponse {
    var all = HTTPResponse(200)
    for message in messages { all.body += Wire.reply("GetStreamingEvents", [message]).body }
    return all
  }

  private static func streaming(_ content: String) -> String { Wire.message("GetStreamingEvents", content) }

  private static func event(_ subscription: String, _ name: String, _ content: String) -> String {
    streaming(
      "<m:Notifications><m:Notification><t:SubscriptionId>\(subscription)</t:SubscriptionId><t:\(name)>\(content)</t:\(name)>"
        + "</m:Notification></m:Notifications>")
  }

  private static func lost(_ ids: [String]) -> String {
    let list = ids.map { "<t:SubscriptionId>\($0)</t:SubscriptionId>" }.joined()
    return Wire.message("GetStreamingEvents", "<m:ErrorSubscriptionIds>\(list)</m:ErrorSubscriptionIds>", code: "ErrorSubscriptionNotFound")
  }

  private static let item = "<t:ItemId Id=\"i\" ChangeKey=\"k\"/>"

  private static func subscribed(_ id: String) -> HTTPResponse {
    Wire.reply("Subscribe", [Wire.message("Subscribe", "<m:SubscriptionId>\(id)</m:SubscriptionId>")])
  }

  private static func watched(_ mailbox: Mailbox) -> WatchedMailbox {
    let name = mailbox.address.prefix { $0 != "@" }
    return WatchedMailbox(
      mailbox: mailbox, folders: [FolderID(rawValue: "\(name)-c"): .contacts, FolderID(rawValue: "\(name)-t"): .tasks])
  }

  /// Runs a group over both mailboxes until the server has had so many requests.
  private func run(
    until count: Int, clock: FakeClock = FakeClock(), _ answer: @escaping @Sendable (XMLElement, Int) throws(SyncError) -> HTTPResponse
  ) async -> (Heard, FakeTransport) {
    let heard = Heard()
    let (done, finish) = AsyncStream.makeStream(of: Void.self)
    let (client, transport) = Wire.client(clock: clock) { (operation, number) throws(SyncError) in
      if number >= count {
        finish.finish()
        throw SyncError(.failed, "the test is over")
      }
      return try answer(operation, number)
    }
    let group = NotificationGroup(
      client: client, onChange: { heard.add($0) }, onProblem: { text, _ in heard.problems.withLock { $0.append(text) } })
    await group.watch([Self.watched(Wire.alice), Self.watched(Self.bob)])
    let task = Task { await group.run() }
    for await _ in done {}
    task.cancel()
    await task.value
    return (heard, transport)
  }

  private static func ids(_ operation: XMLElement) -> [String] { operation.child("SubscriptionIds")?.children.map(\.text) ?? [] }

  @Test func `events wake the mailbox and the record type of their folder, the old folder of a move too`() async {
    let (heard, transport) = await run(until: 3) { operation, number in
      if number < 2 { return Self.subscribed("s\(number)") }
      return Self.envelopes([
        Self.streaming("<m:ConnectionStatus>OK</m:ConnectionStatus>"), Self.event("s0", "StatusEvent", ""),
        Self.event("s0", "CreatedEvent", Self.item + "<t:ParentFolderId Id=\"alice-c\" ChangeKey=\"k\"/>"),
        Self.event(
          "s1", "MovedEvent",
          Self.item + "<t:ParentFolderId Id=\"elsewhere\" ChangeKey=\"k\"/><t:OldParentFolderId Id=\"bob-t\" ChangeKey=\"k\"/>"),
        Self.event("s1", "ModifiedEvent", Self.item + "<t:ParentFolderId Id=\"inbox\" ChangeKey=\"k\"/>"),
        Self.event("s1", "ModifiedEvent", "<t:FolderId Id=\"bob-c\" ChangeKey=\"k\"/><t:ParentFolderId Id=\"root\" ChangeKey=\"k\"/>"),
        Self.event("unknown", "ModifiedEvent", Self.item + "<t:ParentFolderId Id=\"bob-c\" ChangeKey=\"k\"/>"),
        Self.streaming("<m:ConnectionStatus>Closed</m:ConnectionStatus>"),
      ])
    }
    #expect(
      heard.all == [
        MailboxChange(mailbox: Wire.alice, kinds: [.contacts, .tasks]), MailboxChange(mailbox: Self.bob, kinds: [.contacts, .tasks]),
        MailboxChange(mailbox: Wire.alice, kinds: [.contacts]), MailboxChange(mailbox: Self.bob, kinds: [.tasks]),
      ])
    #expect(
      transport.requests.prefix(4).compactMap(Wire.operation).map(\.name) == [
        "Subscribe", "Subscribe", "GetStreamingEvents", "GetStreamingEvents",
      ])
    #expect(Wire.operation(of: transport.requests[2]).map(Self.ids) == ["s0", "s1"])
  }

  @Test func `all requests of a group name one mailbox and ask to stay on its server`() async {
    let (_, transport) = await run(until: 3) { operation, number in
      number < 2 ? Self.subscribed("s\(number)") : Self.envelopes([Self.streaming("<m:ConnectionStatus>Closed</m:ConnectionStatus>")])
    }
    for request in transport.requests.prefix(3) {
      #expect(request.headers.contains { $0.name == "X-AnchorMailbox" && $0.value == "alice@example.test" })
      #expect(request.headers.contains { $0.name == "X-PreferServerAffinity" && $0.value == "true" })
      #expect(request.cookieJar != nil)
    }
    #expect(transport.requests[2].silenceSeconds != nil && transport.requests[2].timeoutSeconds > 30 * 60)
  }

  @Test func `a lost subscription alone is made anew, after a pause, and its mailbox counts as changed`() async {
    let clock = FakeClock()
    let (heard, transport) = await run(until: 5, clock: clock) { operation, number in
      switch operation.name {
      case "Subscribe": Self.subscribed("s\(number)")
      default:
        number == 2 ? Self.envelopes([Self.lost(["s1"])]) : Self.envelopes([Self.streaming("<m:ConnectionStatus>OK</m:ConnectionStatus>")])
      }
    }
    let operations = transport.requests.prefix(5).compactMap(Wire.operation)
    #expect(operations.map(\.name) == ["Subscribe", "Subscribe", "GetStreamingEvents", "Subscribe", "GetStreamingEvents"])
    #expect(Self.ids(operations[4]) == ["s0", "s3"])
    #expect(heard.all.last == MailboxChange(mailbox: Self.bob, kinds: [.contacts, .tasks]) && heard.all.count == 3)
    #expect(clock.slept.first.map { (500..<1500).contains($0) } == true)
  }

  @Test func `a server that loses all without naming one is subscribed to anew`() async {
    let (_, transport) = await run(until: 5) { operation, number in
      operation.name == "Subscribe"
        ? Self.subscribed("s\(number)") : Self.envelopes([Wire.message("GetStreamingEvents", code: "ErrorSubscriptionNotFound")])
    }
    #expect(
      transport.requests.prefix(5).compactMap(Wire.operation).map(\.name)
        == ["Subscribe", "Subscribe", "GetStreamingEvents", "Subscribe", "Subscribe"])
  }

  @Test func `pauses grow while the connection breaks, never beyond what is sensible, and are told of once`() async {
    let clock = FakeClock()
    let (heard, _) = await run(until: 20, clock: clock) { operation, number throws(SyncError) in
      if number < 2 { return Self.subscribed("s\(number)") }
      throw SyncError(.unreachable, "the server is away")
    }
    let pauses = clock.slept.prefix(17)
    #expect(pauses.enumerated().allSatisfy { index, pause in pause >= min(1000 << min(index, 20), 300_000) / 2 && pause < 450_000 })
    #expect(heard.problems.withLock { $0.count } == 1)
  }

  @Test func `a back-off that the server names is waited for`() async {
    let clock = FakeClock()
    _ = await run(until: 4, clock: clock) { operation, number in
      if number < 2 { return Self.subscribed("s\(number)") }
      return number == 2
        ? Wire.fault("ErrorServerBusy", values: [("BackOffMilliseconds", "7000")])
        : Self.envelopes([Self.streaming("<m:ConnectionStatus>OK</m:ConnectionStatus>")])
    }
    #expect(clock.slept.first.map { $0 >= 7000 } == true)
  }

  @Test(arguments: [
    "<html/>", "<a><b></a>", "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><x/></s:Body></s:Envelope>",
  ])
  func `what is no notification ends the connection and is an error`(body: String) async {
    let (client, _) = Wire.client { _, _ in HTTPResponse(200, body) }
    await #expect {
      _ = try await client.listen(to: [SubscriptionID(rawValue: "s")], Affinity(anchor: Wire.alice), minutes: 1) { _, _ in }
    } throws: { ($0 as? SyncError)?.code == .malformedAnswer }
  }

  @Test func `a mailbox that cannot be subscribed to is set aside and the others are listened to`() async {
    let (heard, transport) = await run(until: 3) { operation, number in
      switch number {
      case 0: Wire.reply("Subscribe", [Wire.message("Subscribe", code: "ErrorAccessDenied")])
      case 1: Self.subscribed("s1")
      default: Self.envelopes([Self.streaming("<m:ConnectionStatus>OK</m:ConnectionStatus>")])
      }
    }
    #expect(Wire.operation(of: transport.requests[2]).map(Self.ids) == ["s1"])
    #expect(heard.all == [MailboxChange(mailbox: Self.bob, kinds: [.contacts, .tasks])])
    #expect(heard.problems.withLock { $0.count { $0.hasPrefix("changes cannot be listened to") } } == 1)
  }
}
