import Foundation
import HashTreeCollections
import SandboxStore
import XMLStream

/// An item as the server keeps it.
struct ServerItem: Sendable, Codable {
  var id: String
  var changeKey: String
  var folder: String
  var className: String
  /// Sub-elements by name, as they were sent, in the server's form.
  var elements: [String: XMLElement]
  var extended: [ExtendedName: [String]]
  /// PidTagSearchKey: kept over moves and copies.
  var searchKey: String
  var created: Date
  var modified: Date
  /// Number of its last change, and of its coming into the folder.
  var change: Int
  var arrival: Int
  /// Of a calendar item: its times and, of a series, what differs from the pattern.
  var calendar: CalendarState?
  /// Number of its last change that is more than the read flag.
  var content = 0
  /// What only messages have.
  var mail: MailState?
  var attachments: [ServerAttachment] = []

  var itemClass: ItemClass? { ItemClass.all[className] }
  func text(_ element: String) -> String? { elements[element]?.text }
}

/// A folder as the server keeps it.
struct ServerFolder: Sendable, Codable {
  var id: String
  var changeKey: String
  var parent: String?
  var name: String
  var folderClass: String
  /// Distinguished id, for those that every mailbox has.
  var distinguished: String?
  var change: Int
  /// Number of its making.
  var arrival = 0
  /// Changes of the folder in order: number and item. The latest number of an item counts.
  @Derived var log: ChangeLog = []
  /// How many entries of the log are in the store.
  var storedLog = 0
  @Derived var items: TreeSet<String> = []
}

/// A folder's changes in order. A copy that is appended to shares all but a few nodes with the original.
struct ChangeLog: Sendable, ExpressibleByArrayLiteral {
  /// One change: its number and the item.
  typealias Entry = (change: Int, item: String)

  private var entries: TreeDictionary<Int, Entry> = [:]

  init(arrayLiteral elements: Entry...) { for entry in elements { append(entry) } }

  var count: Int { entries.count }

  subscript(_ index: Int) -> Entry { entries[index, default: (change: 0, item: "")] }

  mutating func append(_ entry: Entry) { entries[entries.count] = entry }

  /// What came after a change, the newest first.
  func entries(after change: Int) -> some Sequence<Entry> {
    (0..<count).reversed().lazy.map { self[$0] }.prefix { $0.change > change }
  }
}

/// A folder that is gone, by the number of its deletion.
struct DeletedFolder: Sendable, Codable {
  var change: Int
  var folder: String
}

/// One mailbox.
struct ServerMailbox: Sendable, Codable {
  var address: String
  var name: String
  var password: String
  var folders = Records<ServerFolder>()
  var items = Records<ServerItem>()
  /// User configurations by folder and name: their parts (Dictionary, XmlData, BinaryData) by name.
  var configurations: [String: [String: XMLElement]] = [:]
  /// Deleted folders by the number of their deletion, for the hierarchy.
  var deletedFolders: [DeletedFolder] = []

  /// Who else may act here, by address.
  var delegates: [String: ServerDelegate] = [:]
  /// Who gets requests for meetings: DelegatesOnly, DelegatesAndMe, DelegatesAndSendInformationToMe or NoForward.
  var meetingRequests = "DelegatesAndMe"

  func distinguished(_ name: String) -> ServerFolder? { folders.values.first { $0.distinguished == name.lowercased() } }

  static let distinguishedFolders: [(id: String, parent: String?, name: String, folderClass: String)] = [
    ("root", nil, "", "IPF.Note"), ("msgfolderroot", "root", "Top of Information Store", "IPF.Note"),
    ("inbox", "msgfolderroot", "Inbox", "IPF.Note"), ("drafts", "msgfolderroot", "Drafts", "IPF.Note"),
    ("sentitems", "msgfolderroot", "Sent Items", "IPF.Note"), ("outbox", "msgfolderroot", "Outbox", "IPF.Note"),
    ("deleteditems", "msgfolderroot", "Deleted Items", "IPF.Note"), ("junkemail", "msgfolderroot", "Junk Email", "IPF.Note"),
    ("calendar", "msgfolderroot", "Calendar", "IPF.Appointment"), ("contacts", "msgfolderroot", "Contacts", "IPF.Contact"),
    ("tasks", "msgfolderroot", "Tasks", "IPF.Task"), ("notes", "msgfolderroot", "Notes", "IPF.StickyNote"),
    ("journal", "msgfolderroot", "Journal", "IPF.Journal"), ("searchfolders", "root", "Finder", "IPF.Note"),
    ("recoverableitemsroot", "root", "Recoverable Items", "IPF.Note"),
    ("recoverableitemsdeletions", "recoverableitemsroot", "Deletions", "IPF.Note"),
    ("recoverableitemspurges", "recoverableitemsroot", "Purges", "IPF.Note"),
    ("recoverableitemsversions", "recoverableitemsroot", "Versions", "IPF.Note"),
  ]
}

/// Makes ids and change keys: opaque, base64, unique, the same for the same seed.
struct IdentityMaker: Sendable, Codable {
  private var state: UInt64
  private var count: UInt64 = 0

  init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 0x1234_5678_9abc_def1 }

  private mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// An id of 152 characters of base64, as long as Exchange's, beginning like Exchange's.
  mutating func id() -> String {
    count += 1
    var bytes: [UInt8] = [0x00, 0x03, 0x24]
    while bytes.count < 106 { withUnsafeBytes(of: next().littleEndian) { bytes += $0 } }
    withUnsafeBytes(of: count.bigEndian) { bytes += $0 }
    return Data(bytes.prefix(114)).base64EncodedString()
  }

  mutating func changeKey() -> String {
    var bytes: [UInt8] = [0x11, 0, 0, 0, 0x16, 0, 0, 0]
    for _ in 0..<2 { withUnsafeBytes(of: next().littleEndian) { bytes += $0 } }
    return Data(bytes).base64EncodedString()
  }
}
