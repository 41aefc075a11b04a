public import Model
import Synchronization
import Transport
import XMLStream

/// The name of a streaming subscription.
struct SubscriptionID: Hashable, Sendable {
  var rawValue: String
}

/// What keeps the subscriptions of one connection on one server behind a load balancer: all requests about them name the same mailbox and
/// carry the cookie that the first answer set (X-BackEndOverrideCookie).
struct Affinity: Sendable {
  let anchor: Mailbox
  let cookies = CookieJar()
}

/// What happened in a mailbox that is listened to.
public struct MailboxChange: Sendable, Hashable {
  /// Whose.
  public var mailbox: Mailbox
  /// The record types whose folders are concerned.
  public var kinds: Set<RecordKind>
}

/// How a streaming connection ended.
struct StreamEnd: Sendable {
  /// Whether the server had begun it.
  var wasOpen = false
  /// Subscriptions that the server no longer knows, or whose events it lost.
  var lost: Set<SubscriptionID> = []
  /// Whether it said so of all of them.
  var losesAll = false

  var losesSome: Bool { losesAll || !lost.isEmpty }
}

extension EWSClient {
  /// Minutes after which the server ends a streaming connection, the longest that EWS knows (GetStreamingEvents ConnectionTimeout).
  static let longestStream = 30

  private static let eventTypes = ["NewMailEvent", "CreatedEvent", "DeletedEvent", "ModifiedEvent", "MovedEvent", "CopiedEvent"]

  /// Asks to be told of changes in folders (EWS Subscribe, streaming). The subscription ends by itself half an hour after its last connection.
  func subscribe(to folders: [FolderID], of mailbox: Mailbox, _ affinity: Affinity) async throws(SyncError) -> SubscriptionID {
    let messages = try await call("Subscribe", in: mailbox, affinity: affinity) { xml in
      xml.within("m:Subscribe") { xml in
        xml.within("m:StreamingSubscriptionRequest") { xml in
          xml.within("t:FolderIds") { xml in for folder in folders { xml.empty("t:FolderId", [("Id", folder.rawValue)]) } }
          xml.within("t:EventTypes") { xml in for type in Self.eventTypes { xml.element("t:EventType", type) } }
        }
      }
    }
    if let error = EWSErrors.error(for: messages[0], "subscribing to \(mailbox.address)") { throw error }
    guard let id = messages[0].text("SubscriptionId"), !id.isEmpty else {
      throw SyncError(.malformedAnswer, "Exchange answered a subscription without an id (\(mailbox.address))")
    }
    return SubscriptionID(rawValue: id)
  }

  /// Ends a subscription (EWS Unsubscribe). One that is gone already is no error.
  func unsubscribe(_ id: SubscriptionID, of mailbox: Mailbox, _ affinity: Affinity) async throws(SyncError) {
    _ = try await call("Unsubscribe", in: mailbox, affinity: affinity) { xml in
      xml.within("m:Unsubscribe") { $0.element("m:SubscriptionId", id.rawValue) }
    }
  }

  /// Listens on one connection until it ends (EWS GetStreamingEvents).
  /// - Parameters:
  ///   - minutes: when the server is to end it, 1 to 30.
  ///   - onEvents: what is told of a subscription: the folders concerned. Called on the thread of the connections; it must not wait.
  /// - Throws: what kept it from beginning or broke it.
  func listen(
    to ids: [SubscriptionID], _ affinity: Affinity, minutes: Int, onEvents: @escaping @Sendable (SubscriptionID, Set<FolderID>) -> Void
  ) async throws(SyncError) -> StreamEnd {
    let (failures, failed) = AsyncStream.makeStream(of: Void.self)
    let reader = NotificationReader(onEvents: onEvents, onFailure: { failed.finish() })
    let outcome = await withTaskGroup(of: Result<Void, SyncError>?.self) { group in
      group.addTask {
        do throws(SyncError) {
          try await self.stream(
            "GetStreamingEvents", affinity: affinity, seconds: minutes * 60 + 60,
            { xml in
              xml.within("m:GetStreamingEvents") { xml in
                xml.within("m:SubscriptionIds") { xml in for id in ids { xml.element("t:SubscriptionId", id.rawValue) } }
                xml.element("m:ConnectionTimeout", String(minutes))
              }
            }, onChunk: { reader.take($0) })
          return .success(())
        } catch {
          return .failure(error)
        }
      }
      // A stream that says something wrong is left without waiting for its end.
      group.addTask {
        for await _ in failures {}
        return nil
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
    let heard = reader.result
    if let error = heard.error {
      if error.code == .throttled, !heard.isConnectionLimit { await gate.pause(for: error) }
      throw error
    }
    // What was said before the connection broke counts: lost subscriptions are made anew first.
    if case .failure(let error) = outcome, !heard.end.losesSome {
      await gate.pause(for: error)
      throw error
    }
    return heard.end
  }
}

/// Takes the envelopes of a streaming connection apart as they come.
final class NotificationReader: Sendable {
  /// What was heard so far.
  struct Heard: Sendable {
    var end = StreamEnd()
    var error: SyncError?
    /// Whether the error is that too many connections hang: no reason for other requests to wait.
    var isConnectionLimit = false
  }

  private struct State {
    var heard = Heard()
    let splitter = XMLDocumentSplitter(limits: XMLLimits(depth: 32, textBytes: 1 << 20, totalBytes: 8 << 20, elements: 200_000))
  }

  /// Codes that say that events were lost, or are no longer kept.
  private static let lostCodes: Set<String> = [
    "ErrorSubscriptionNotFound", "ErrorInvalidSubscription", "ErrorExpiredSubscription", "ErrorSubscriptionUnsubscribed",
    "ErrorInvalidWatermark", "ErrorEventNotFound", "ErrorReadEventsFailed", "ErrorMissedNotificationEvents",
  ]

  private let state = Mutex(State())
  private let onEvents: @Sendable (SubscriptionID, Set<FolderID>) -> Void
  private let onFailure: @Sendable () -> Void

  init(onEvents: @escaping @Sendable (SubscriptionID, Set<FolderID>) -> Void, onFailure: @escaping @Sendable () -> Void) {
    self.onEvents = onEvents
    self.onFailure = onFailure
  }

  var result: Heard { state.withLock { $0.heard } }

  func take(_ bytes: [UInt8]) {
    let (told, hasFailed) = state.withLock { state -> ([(SubscriptionID, Set<FolderID>)], Bool) in
      guard state.heard.error == nil else { return ([], false) }
      do throws(XMLError) {
        var told: [(SubscriptionID, Set<FolderID>)] = []
        for root in try state.splitter.feed(bytes) { told += Self.read(root, &state.heard) }
        return (told, state.heard.error != nil)
      } catch {
        state.heard.error = SyncError(.malformedAnswer, "Exchange's notifications cannot be read", cause: error.description)
        return ([], true)
      }
    }
    for (id, folders) in told { onEvents(id, folders) }
    if hasFailed { onFailure() }
  }

  private static func read(_ root: XMLElement, _ heard: inout Heard) -> [(SubscriptionID, Set<FolderID>)] {
    guard let reply = root.child("Body")?.children.first, reply.name == "GetStreamingEventsResponse" else {
      heard.error = SyncError(.malformedAnswer, "Exchange sent something else than notifications on their connection")
      return []
    }
    var told: [(SubscriptionID, Set<FolderID>)] = []
    for message in reply.child("ResponseMessages")?.children ?? [] {
      if let error = EWSErrors.error(for: message, "GetStreamingEvents") {
        refuse(message, error, &heard)
        continue
      }
      if message.text("ConnectionStatus") == "OK" { heard.end.wasOpen = true }
      for notification in message.child("Notifications")?.children ?? [] {
        guard let id = notification.text("SubscriptionId") else { continue }
        let folders = Set(notification.children.flatMap(Self.folders))
        if !folders.isEmpty { told.append((SubscriptionID(rawValue: id), folders)) }
      }
    }
    return told
  }

  private static func refuse(_ message: XMLElement, _ error: SyncError, _ heard: inout Heard) {
    let code = message.text("ResponseCode") ?? ""
    let ids = message.child("ErrorSubscriptionIds")?.children.map { SubscriptionID(rawValue: $0.text) } ?? []
    if lostCodes.contains(code) {
      heard.end.lost.formUnion(ids)
      if ids.isEmpty { heard.end.losesAll = true }
    } else {
      heard.error = error
      heard.isConnectionLimit = code == "ErrorExceededConnectionCount"
    }
  }

  /// The folders whose contents an event is about. Events of folders themselves repeat those of their items.
  private static func folders(_ event: XMLElement) -> [FolderID] {
    guard event.child("ItemId") != nil else { return [] }
    return ["ParentFolderId", "OldParentFolderId"].compactMap { event.child($0)?.attribute("Id").map(FolderID.init) }
  }
}
