import FlyingFox
import FlyingSocks
import Foundation
import XMLStream

/// GetStreamingEvents: one answer that carries envelope after envelope until its time is over.
extension ExchangeServer {
  /// Seconds after which a silent connection carries a sign of life.
  private static let heartbeat = 30.0
  /// Connections that hang at once a user (HangingConnectionLimit).
  private static let connectionLimit = 10

  /// - Returns: the answer, or a refusal's message for another form of answer.
  func streamEvents(_ operation: XMLElement, _ caller: Caller) -> Result<FlyingFox.HTTPResponse, Refusal> {
    let ids = operation.child("SubscriptionIds")?.children.map(\.text) ?? []
    let lost = ids.filter { use($0, caller.user)?.isStreaming != true }
    guard lost.isEmpty, !ids.isEmpty else {
      var refusal = Self.noSubscription
      refusal.lostSubscriptions = lost
      return .failure(refusal)
    }
    guard openStreams[caller.user, default: 0] < Self.connectionLimit else {
      return .failure(Refusal("ErrorExceededConnectionCount", "You have exceeded the available concurrent connections for your account."))
    }
    let minutes = min(max(operation.text("ConnectionTimeout").flatMap(Double.init) ?? 30, 1), 30)
    openStreams[caller.user, default: 0] += 1
    let stream = EventStream(
      server: self, ids: ids, ends: configuration.now().addingTimeInterval(minutes * 60), life: StreamLife(server: self, user: caller.user))
    // A connection that was left takes its subscriptions along when it ends by itself: the newest one is told.
    for id in ids { subscriptions[id]?.stream = stream.id }
    tellListeners()
    return .success(
      HTTPResponse(
        statusCode: .ok, headers: HTTPHeaders([.contentType: "text/xml; charset=utf-8"]), body: HTTPBodySequence(from: stream)))
  }

  /// The next envelope of a stream: events as soon as there are some, a sign of life, or the end. Nil: it was the last.
  func nextEnvelope(_ stream: EventStream, step: Int) async -> [UInt8]? {
    let (ids, ends) = (stream.ids, stream.ends)
    if step == 0 { return envelope { $0.element("m:ConnectionStatus", "OK") } }
    let silence = configuration.now().addingTimeInterval(Self.heartbeat)
    while !Task.isCancelled && !streamsAreBroken {
      let mine = ids.filter { use($0, stream.life.user)?.stream == stream.id }
      if mine.isEmpty { return nil }
      let told = mine.compactMap { notification($0) }
      if !told.isEmpty { return envelope { xml in xml.within("m:Notifications") { xml in for bytes in told { xml.raw(bytes) } } } }
      let now = configuration.now()
      if now >= ends { return nil }
      if now >= silence { return envelope { xml in xml.within("m:Notifications") { xml in self.writeStatus(ids, &xml) } } }
      await waitForChange(seconds: min(ends, silence).timeIntervalSince(now))
    }
    return nil
  }

  private func notification(_ id: String) -> [UInt8]? {
    guard let subscription = subscriptions[id], change > subscription.told else { return nil }
    let events = events(subscription, since: subscription.told)
    subscriptions[id]?.told = change
    guard !events.isEmpty else { return nil }
    var xml = XMLWriter()
    // On the wire Exchange uses the messages' namespace here, though its schema says types.
    xml.within("m:Notification") { xml in
      xml.element("t:SubscriptionId", id)
      for event in events { write(event, withWatermark: false, &xml) }
    }
    return xml.bytes
  }

  private func writeStatus(_ ids: [String], _ xml: inout XMLWriter) {
    for id in ids {
      xml.within("m:Notification") { xml in
        xml.element("t:SubscriptionId", id)
        xml.empty("t:StatusEvent")
      }
    }
  }

  func close(streamOf user: String) { openStreams[user, default: 1] -= 1 }

  func lastEnvelope() -> [UInt8] {
    envelope { $0.element("m:ConnectionStatus", "Closed") }
  }

  private func envelope(_ payload: (inout XMLWriter) -> Void) -> [UInt8] {
    var xml = XMLWriter()
    write(Reply(messages: [Message(payload)]), "GetStreamingEvents", &xml)
    log.writeStreamed(xml.bytes)
    return xml.bytes
  }

  // MARK: Waiting

  private func waitForChange(seconds: Double) async {
    let number = change
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [changes = changeStream()] in for await _ in changes { return } }
      group.addTask { try? await Task.sleep(for: .seconds(max(seconds, 0.01))) }
      if number == change { await group.next() }
      group.cancelAll()
    }
  }

  private func changeStream() -> AsyncStream<Void> {
    let id = UUID()
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    listeners[id] = continuation
    continuation.onTermination = { [weak self] _ in Task { await self?.forget(id) } }
    return stream
  }

  private func forget(_ id: UUID) { listeners[id] = nil }

  /// Wakes whoever waits for a change.
  func tellListeners() { for listener in listeners.values { listener.yield() } }

  /// Breaks every stream off, as a server does that goes down; new ones may be opened at once.
  public func breakStreams() async {
    streamsAreBroken = true
    tellListeners()
    while openStreams.values.contains(where: { $0 > 0 }) { try? await Task.sleep(for: .milliseconds(5)) }
    streamsAreBroken = false
  }

  /// Forgets all subscriptions, as a server does that was restarted.
  public func forgetSubscriptions() async {
    subscriptions = [:]
    await breakStreams()
  }
}

/// Counts one open stream as long as it lives, however it ends.
final class StreamLife: Sendable {
  let server: ExchangeServer
  let user: String

  init(server: ExchangeServer, user: String) {
    self.server = server
    self.user = user
  }

  deinit { Task { [server, user] in await server.close(streamOf: user) } }
}

/// The body of an answer that goes on.
struct EventStream: AsyncBufferedSequence {
  typealias Element = UInt8

  let server: ExchangeServer
  let id = UUID()
  let ids: [String]
  let ends: Date
  let life: StreamLife

  func makeAsyncIterator() -> Iterator { Iterator(stream: self) }

  struct Iterator: AsyncBufferedIteratorProtocol {
    let stream: EventStream
    private var step = 0
    private var isOver = false

    init(stream: EventStream) { self.stream = stream }

    /// Bytes one by one are asked for by nobody: bodies are sent in buffers.
    mutating func next() async throws -> UInt8? { nil }

    mutating func nextBuffer(suggested count: Int) async throws -> [UInt8]? {
      if isOver { return nil }
      if let bytes = await stream.server.nextEnvelope(stream, step: step) {
        step += 1
        return bytes
      }
      isOver = true
      return await stream.server.lastEnvelope()
    }
  }
}
