import Model

/// A record of the simulated ERP.
struct SimEntity: Sendable {
  let id: EntityID
  let kind: RecordKind
  let key: String
  var version: Int
  var modified: Int64
  var fields: Fields
  var owner: String?
  var isActive = true
  var operationID: OperationID?
  var created: Int64
  /// Position in the order of changes.
  var sequence: Int
  /// Of an email activity: its files, by name.
  var files: [String: [UInt8]]?

  /// Whether anything that is synchronized tells the two apart.
  func differs(from other: SimEntity) -> Bool {
    !fields.differences(from: other.fields).isEmpty || isActive != other.isActive || owner != other.owner
  }
}

/// An item of a simulated mailbox.
struct SimItem: Sendable {
  /// Where it lies.
  enum Place: Int, Sendable, CaseIterable { case own, policy, elsewhere, trash }

  var id: ItemID
  let kind: RecordKind
  var changeKey: Int
  var place: Place
  var fields: Fields
  var foreignID: EntityID?
  var operationID: OperationID?
  var isPrivate = false
  var created: Int64
  var modified: Int64
  let moveKey: String
  /// Position in the order of changes, and the one at which it came to its folder.
  var sequence: Int
  var arrival: Int
  /// A user copied it from another.
  var isUserCopy = false
  /// A user copied it from one that the engine had made just before: its marks and times are those of a second one that a server made of the
  /// same request. Whoever has read the first knows better.
  var isLikeTwin = false
  /// It was copied from one that the engine had not read.
  var isOfUnread = false
  /// No user has taken it out of its folder or out of what is synchronized.
  var hasStayed = false
  /// A user moved it to another folder, once.
  var wasElsewhere = false
  /// The version that the engine read last.
  var seenByEngine = 0
  /// An attendee's copy of a meeting; nil: an item like any other.
  var form: ItemForm?
  /// Of a message: its bytes.
  var content: [UInt8]?
}

/// A simulated mailbox.
struct SimMailbox: Sendable {
  let address: String
  var items: [SimItem] = []
  /// What left a folder, for listings.
  var departures: [Departure] = []
  var incarnation = 0
  /// Which installation says that it serves the mailbox.
  var ownerMark: OwnerMark?
  var folders: Set<Int> = []

  struct Departure: Sendable {
    let id: ItemID
    let kind: RecordKind
    let place: SimItem.Place
    let arrival: Int
    let sequence: Int
  }
}
