import FlyingFox
import FlyingSocks
import Foundation
import HashTreeCollections
import SandboxStore
import XMLStream

/// What a client wants to be told of.
struct ServerSubscription: Sendable {
  var user: String
  var mailbox: String
  /// Nil: all folders.
  var folders: Set<String>?
  var events: Set<String>
  var isStreaming: Bool
  /// Number of the last change that was told.
  var told: Int
  /// When it ends unless it is used, by the server's clock.
  var ends: Date
  /// Seconds that it lasts without use.
  var lifetime: Double
  /// The connection that is told: the one opened last.
  var stream: UUID?
}

/// Notifications: Subscribe, Unsubscribe, GetEvents (pull). See `Streaming.swift` for GetStreamingEvents.
extension ExchangeServer {
  /// A streaming subscription lasts so many seconds without a connection.
  private static let streamingLifetime = 1800.0
  /// Events in one answer at most.
  private static let eventLimit = 50

  func subscribe(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) throws -> Message {
    guard let request = operation.children.first, request.name != "PushSubscriptionRequest" else {
      throw Refusal("ErrorInvalidOperation", "Push subscriptions are not known here.", isFault: true)
    }
    let isStreaming = request.name == "StreamingSubscriptionRequest"
    do {
      let references = request.child("FolderIds")?.children ?? []
      let places = try references.map { try folderPlace($0, caller) }
      let address = places.first?.mailbox ?? caller.home
      guard places.allSatisfy({ $0.mailbox == address }) else {
        throw Refusal("ErrorInvalidSubscriptionRequest", "All folders of a subscription lie in one mailbox.")
      }
      if places.isEmpty { try check(caller, address) }
      entry.mailbox = address
      let minutes = request.text("Timeout").flatMap(Double.init) ?? 30
      let lifetime = isStreaming ? Self.streamingLifetime : minutes * 60
      let told = request.text("Watermark").flatMap(Self.number) ?? change
      let id = identities.changeKey()
      subscriptions[id] = ServerSubscription(
        user: caller.user, mailbox: address, folders: references.isEmpty ? nil : Set(places.map(\.folder)),
        events: Set(request.child("EventTypes")?.children.map(\.text) ?? []), isStreaming: isStreaming, told: told,
        ends: configuration.now().addingTimeInterval(lifetime), lifetime: lifetime)
      return Message { xml in
        xml.element("m:SubscriptionId", id)
        if !isStreaming { xml.element("m:Watermark", Self.watermark(told)) }
      }
    } catch let refusal as Refusal where !refusal.isFault {
      return Message(refusal)
    }
  }

  func unsubscribe(_ operation: XMLElement, _ caller: Caller) -> Message {
    let id = operation.text("SubscriptionId") ?? ""
    guard subscriptions[id]?.user == caller.user else { return Message(Self.noSubscription) }
    subscriptions[id] = nil
    return Message { _ in }
  }

  static let noSubscription = Refusal("ErrorSubscriptionNotFound", "The specified subscription was not found.")

  /// A subscription that still runs, its life begun anew.
  func use(_ id: String, _ user: String) -> ServerSubscription? {
    let now = configuration.now()
    guard var subscription = subscriptions[id], subscription.user == user, subscription.ends > now else { return nil }
    subscription.ends = now.addingTimeInterval(subscription.lifetime)
    subscriptions[id] = subscription
    return subscription
  }

  /// Pull: the events since the watermark.
  func getEvents(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) -> Message {
    let id = operation.text("SubscriptionId") ?? ""
    guard let subscription = use(id, caller.user), !subscription.isStreaming else { return Message(Self.noSubscription) }
    guard let since = operation.text("Watermark").flatMap(Self.number), since <= change else {
      return Message(Refusal("ErrorInvalidWatermark", "The watermark is not valid."))
    }
    entry.mailbox = subscription.mailbox
    let all = events(subscription, since: since)
    let page = all.prefix(Self.eventLimit)
    return Message { xml in
      xml.within("m:Notification") { xml in
        xml.element("t:SubscriptionId", id)
        xml.element("t:PreviousWatermark", Self.watermark(since))
        xml.element("t:MoreEvents", all.count > page.count ? "true" : "false")
        if page.isEmpty { xml.within("t:StatusEvent") { $0.element("t:Watermark", Self.watermark(change)) } }
        for event in page { write(event, withWatermark: true, &xml) }
      }
    }
  }

  // MARK: Events

  /// One change of a folder, as a notification tells it.
  struct Event: Sendable {
    var name: String
    var change: Int
    var item: String
    var changeKey: String
    var folder: String
  }

  /// What happened in the folders of a subscription, in order.
  func events(_ subscription: ServerSubscription, since: Int) -> [Event] {
    guard let mailbox = mailboxes[subscription.mailbox] else { return [] }
    var found: [Event] = []
    for folder in mailbox.folders.values where subscription.folders?.contains(folder.id) ?? true {
      let id = folder.id
      for entry in folder.log.entries(after: since) {
        let item = mailbox.items[entry.item]
        let isHere = item?.folder == id
        let name = !isHere ? "DeletedEvent" : item?.arrival == entry.change ? "CreatedEvent" : "ModifiedEvent"
        let isNewMail = name == "CreatedEvent" && folder.distinguished == "inbox" && subscription.events.contains("NewMailEvent")
        for name in isNewMail ? [name, "NewMailEvent"] : [name] where subscription.events.contains(name) {
          found.append(
            Event(name: name, change: entry.change, item: entry.item, changeKey: item?.changeKey ?? "AQAAAA==", folder: id))
        }
      }
    }
    return found.sorted { $0.change < $1.change }
  }

  func write(_ event: Event, withWatermark: Bool, _ xml: inout XMLWriter) {
    xml.within("t:\(event.name)") { xml in
      if withWatermark { xml.element("t:Watermark", Self.watermark(event.change)) }
      xml.element("t:TimeStamp", Self.timeText(configuration.now()))
      xml.empty("t:ItemId", [("Id", event.item), ("ChangeKey", event.changeKey)])
      xml.empty("t:ParentFolderId", [("Id", event.folder), ("ChangeKey", "AQAAAA==")])
    }
  }

  private static func watermark(_ change: Int) -> String { Data("W|\(change)".utf8).base64EncodedString() }

  private static func number(_ watermark: String) -> Int? {
    guard let data = Data(base64Encoded: watermark) else { return nil }
    let text = String(decoding: data, as: UTF8.self)
    return text.hasPrefix("W|") ? Int(text.dropFirst(2)) : nil
  }
}
