public import Model

/// A record's file, as the engine wants it in the mount.
public struct TreeFile: Sendable, Hashable {
  /// Stable for ever.
  public var uid: String
  /// The name that the record asks for, ending included; a taken one gets a mark.
  public var wishedName: String
  /// The file's content.
  public var bytes: [UInt8]
  /// The record's last change: the file's mtime.
  public var modified: Timestamp
  /// Extended attributes by their names below `user.concordfs.`.
  public var attributes: [String: String]

  /// Creates the value from its parts.
  public init(uid: String, wishedName: String, bytes: [UInt8], modified: Timestamp, attributes: [String: String]) {
    self.uid = uid
    self.wishedName = wishedName
    self.bytes = bytes
    self.modified = modified
    self.attributes = attributes
  }
}

/// What a commit changed in the tree: what the kernel has to be told.
public enum TreeChange: Sendable, Hashable {
  /// A name of a directory means something else now, or nothing.
  case entry(parent: Int64, name: String)
  /// A name is gone, and so is the inode behind it.
  case removed(parent: Int64, name: String, ino: Int64)
  /// A directory's listing or times changed.
  case directory(Int64)
}

/// A directory of the tree.
public struct TreeDirectory: Sendable, Hashable {
  /// Its inode number.
  public var ino: Int64
  /// Number of the directory that it lies in.
  public var parent: Int64
  /// Its name.
  public var name: String
  /// The record type of a policy's folder; nil: an employee's folder.
  public var kind: RecordKind?
  /// Who owns an employee's folder; nil: the mount's owner.
  public var unixUser: String?
  /// The latest change of an entry.
  public var modified: Timestamp
}

/// A file of the tree, without its content.
public struct TreeNode: Sendable, Hashable {
  /// Its inode number.
  public var ino: Int64
  /// Number of the directory that it lies in.
  public var parent: Int64
  /// Its name.
  public var name: String
  /// The UID of the record's file.
  public var uid: String
  /// Exact size in bytes.
  public var size: Int64
  /// Time of the last change.
  public var modified: Timestamp
}

/// A file as a listing shows it.
public struct TreeEntry: Sendable, Hashable {
  /// Its inode number.
  public var ino: Int64
  /// Its name.
  public var name: String
  /// Exact size in bytes.
  public var size: Int64
  /// Time of the last change.
  public var modified: Timestamp

  /// Creates the value from its parts.
  public init(ino: Int64, name: String, size: Int64, modified: Timestamp) {
    self.ino = ino
    self.name = name
    self.size = size
    self.modified = modified
  }
}
