public import Foundation
import HashTreeCollections
import SandboxStore
import XMLStream

/// An item as somebody sees it who looks into the server itself, for simulations that compare both sides.
public struct ItemView: Sendable {
  /// Its id.
  public var id: String
  /// Its change key.
  public var changeKey: String
  /// The folder's distinguished id, or its name where it has none.
  public var folder: String
  /// Name of its element: `Contact`, `Task`, `CalendarItem`, `Message`.
  public var className: String
  /// Texts by element; those of a dictionary as `EmailAddresses/EmailAddress1`.
  public var texts: [String: String]
  /// Its categories.
  public var categories: [String]
  /// Named properties by name.
  public var named: [String: String]
  /// PidTagSearchKey.
  public var searchKey: String
  /// When it was made.
  public var created: Date
  /// When it was changed.
  public var modified: Date
  /// Number of its last change, and of its coming into the folder.
  public var change: Int
  /// Number of its coming into the folder.
  public var arrival: Int
  /// Of a calendar item.
  public var calendar: Calendar?

  /// What calendar items have beside texts.
  public struct Calendar: Sendable {
    /// Its start.
    public var start: Date
    /// Addresses of those invited, in lower case, sorted.
    public var attendees: [String]
    /// Whether the mailbox is the organizer's.
    public var isOrganizer: Bool
  }
}

/// A message about a meeting that was sent to one person.
public struct MeetingMessageView: Sendable {
  /// UID of the meeting.
  public var uid: String
  /// Address of who sent it.
  public var from: String
  /// Address of who got it.
  public var to: String
}

extension ExchangeServer {
  /// All items of a mailbox in the order in which they came, Deleted Items included.
  public func items(of address: String) -> [ItemView] {
    guard let mailbox = mailboxes[address.lowercased()] else { return [] }
    return mailbox.items.values.map { item in
      let folder = mailbox.folders[item.folder]
      var texts: [String: String] = [:]
      for (name, element) in item.elements {
        texts[name] = element.text
        for entry in element.children { if let key = entry.attribute("Key") { texts["\(name)/\(key)"] = entry.text } }
      }
      var named: [String: String] = [:]
      for (name, values) in item.extended { if let text = name.name { named[text] = values.first } }
      return ItemView(
        id: item.id, changeKey: item.changeKey, folder: folder?.distinguished ?? folder?.name ?? "", className: item.className,
        texts: texts,
        categories: item.elements["Categories"]?.children.map(\.text) ?? [], named: named, searchKey: item.searchKey, created: item.created,
        modified: item.modified, change: item.change, arrival: item.arrival,
        calendar: item.calendar.map {
          .init(start: $0.start, attendees: item.attendeeAddresses.sorted(), isOrganizer: $0.isOrganizer)
        })
    }.sorted { $0.arrival < $1.arrival }
  }

  /// The ids of a mailbox's folders by distinguished id, or by name where they have none.
  public func folders(of address: String) -> [String: String] {
    let folders = mailboxes[address.lowercased()]?.folders ?? [:]
    return Dictionary(folders.values.map { ($0.distinguished ?? $0.name, $0.id) }, uniquingKeysWith: min)
  }

  /// The requests, updates and cancellations that were sent since so many messages.
  public func meetingMessages(after count: Int) -> [MeetingMessageView] {
    outbox.dropFirst(count).filter { [.request, .update, .cancellation].contains($0.kind) }.map {
      MeetingMessageView(uid: $0.uid, from: $0.from, to: $0.to)
    }
  }

  /// How many messages were sent.
  public var sentCount: Int { outbox.count }
}
