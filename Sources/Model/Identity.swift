/// The ERP's permanent id of a record (NoteID), lower-case GUID text.
public struct EntityID: RawRepresentable, Sendable, Hashable, Codable, Comparable, CustomStringConvertible {
  /// The id as text.
  public let rawValue: String
  /// An id; letters are lowered.
  public init(rawValue: String) { self.rawValue = rawValue.lowercased() }
  /// The id as text.
  public var description: String { rawValue }
  /// Whether the left one comes first.
  public static func < (left: EntityID, right: EntityID) -> Bool { left.rawValue < right.rawValue }
}

/// Exchange's id of an item: opaque, case-sensitive, changes when the item moves to another folder.
public struct ItemID: RawRepresentable, Sendable, Hashable, Codable, Comparable, CustomStringConvertible {
  /// The id as the server gave it.
  public let rawValue: String
  /// An id as the server gave it.
  public init(rawValue: String) { self.rawValue = rawValue }
  /// The id as the server gave it.
  public var description: String { rawValue }
  /// Whether the left one comes first.
  public static func < (left: ItemID, right: ItemID) -> Bool { left.rawValue < right.rawValue }
}

/// Exchange's id of a folder: opaque, case-sensitive, kept over moves and renames.
public struct FolderID: RawRepresentable, Sendable, Hashable, Codable {
  /// The id as the server gave it.
  public let rawValue: String
  /// An id as the server gave it.
  public init(rawValue: String) { self.rawValue = rawValue }
}

/// The name of one creation in doubt: sent inside the create request, so that a lost answer is found again. 32 hexadecimal digits.
public struct OperationID: RawRepresentable, Sendable, Hashable, Codable {
  /// 32 hexadecimal digits, time-ordered (UUID version 7 without dashes).
  public let rawValue: String
  /// An id from its digits.
  public init(rawValue: String) { self.rawValue = rawValue }

  /// When the id was made: the first 48 bits of a UUID version 7 (RFC 9562 section 5.7); nil for an id of another form.
  public var time: Timestamp? { Int64(rawValue.prefix(12), radix: 16).map { Timestamp(milliseconds: $0) } }
}

/// A mailbox: whose it is.
public struct Mailbox: Sendable, Hashable, Codable {
  /// Primary SMTP address, lower case.
  public let address: String
  /// A mailbox by its address.
  public init(address: String) { self.address = address.lowercased() }
}
