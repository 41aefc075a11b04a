import Foundation
internal import GRDB
import Model

extension StoreReader {
  private func directory(_ row: StatementRow) throws -> TreeDirectory {
    TreeDirectory(
      ino: row[0], parent: row[1], name: row[2], kind: (row[3] as String?).flatMap(RecordKind.init), unixUser: row[4], modified: row.time(5)
    )
  }

  private static let directoryColumns = "SELECT ino, parent, name, kind, unix_user, modified FROM directory "

  /// A directory by its number.
  public func directory(_ ino: Int64) throws -> TreeDirectory? { try db.row(Self.directoryColumns + "WHERE ino = ?", [ino], directory) }

  /// A directory by its name.
  public func directory(name: String, in parent: Int64) throws -> TreeDirectory? {
    try db.row(Self.directoryColumns + "WHERE parent = ? AND name = ?", [parent, name], directory)
  }

  /// The directories in a directory; there are few.
  public func directories(in parent: Int64) throws -> [TreeDirectory] {
    try db.rows(Self.directoryColumns + "WHERE parent = ? ORDER BY ino", [parent], directory)
  }

  private func node(_ row: StatementRow) throws -> TreeNode {
    TreeNode(ino: row[0], parent: row[1], name: row[2], uid: row[3], size: row[4], modified: row.time(5))
  }

  private static let nodeColumns = "SELECT ino, parent, name, uid, size, modified FROM node "

  /// A file by its number.
  public func node(_ ino: Int64) throws -> TreeNode? { try db.row(Self.nodeColumns + "WHERE ino = ?", [ino], node) }

  /// A file by its name.
  public func node(name: String, in parent: Int64) throws -> TreeNode? {
    try db.row(Self.nodeColumns + "WHERE parent = ? AND name = ?", [parent, name], node)
  }

  /// A record's file by the record's UID.
  public func node(uid: String, in parent: Int64) throws -> TreeNode? {
    try db.row(Self.nodeColumns + "WHERE parent = ? AND uid = ?", [parent, uid], node)
  }

  /// The same with what an answer to a name needs.
  public func entry(name: String, in parent: Int64) throws -> TreeEntry? {
    try db.row("SELECT ino, name, size, modified FROM node WHERE parent = ? AND name = ?", [parent, name], entry)
  }

  private func entry(_ row: StatementRow) throws -> TreeEntry { TreeEntry(ino: row[0], name: row[1], size: row[2], modified: row.time(3)) }

  /// Files of a directory whose numbers come after one, in the order of their numbers: the order of listings.
  public func nodes(in parent: Int64, after ino: Int64, limit: Int) throws -> [TreeNode] {
    let range = TreeInode.records(of: parent)
    // By number, not by an index over directories: the files of a directory lie together, and few others among them.
    return try db.rows(
      Self.nodeColumns + "WHERE ino > ? AND ino <= ? AND +parent = ? ORDER BY ino LIMIT ?",
      [max(ino, range.lowerBound - 1), range.upperBound, parent, limit], node)
  }

  /// The same with what a listing needs of each.
  public func entries(in parent: Int64, after ino: Int64, limit: Int) throws -> [TreeEntry] {
    let range = TreeInode.records(of: parent)
    return try db.rows(
      "SELECT ino, name, size, modified FROM node WHERE ino > ? AND ino <= ? AND +parent = ? ORDER BY ino LIMIT ?",
      [max(ino, range.lowerBound - 1), range.upperBound, parent, limit], entry)
  }

  /// A replaced or removed file that is still served to those who have it open: without a name.
  public func retiredNode(_ ino: Int64) throws -> TreeNode? {
    try db.row(
      "SELECT retired.ino, parent, '', '', length(bytes), modified FROM retired JOIN content ON content.ino = retired.ino WHERE retired.ino = ?",
      [ino],
      node)
  }

  /// A file's content; also of a replaced one that is still in use.
  public func content(_ ino: Int64) throws -> [UInt8]? {
    try db.row("SELECT bytes FROM content WHERE ino = ?", [ino]) { $0.bytes(0) }
  }

  /// Contents of neighbours: files of the same directory that come after one in inode order.
  /// - Parameter largest: larger files, in bytes, are passed over unread.
  public func contents(after ino: Int64, limit: Int, largest: Int = .max) throws -> [(ino: Int64, bytes: [UInt8])] {
    try db.rows(
      "SELECT ino, bytes FROM content WHERE ino > ? AND ino <= ? AND length(bytes) <= ? ORDER BY ino LIMIT ?",
      [ino, TreeInode.lastNeighbour(of: ino), largest, limit]
    ) { row in
      (ino: row[0], bytes: row.bytes(1))
    }
  }

  /// Extended attributes of a file by their names below `user.concordfs.`.
  public func attributes(_ ino: Int64) throws -> [String: String] {
    try db.row("SELECT value FROM attribute WHERE ino = ?", [ino]) { try Coding.record([String: String].self, $0[0]) } ?? [:]
  }

  /// How many files there are, and their bytes.
  public func treeTotals() throws -> (files: Int64, bytes: Int64) {
    try db.row("SELECT files, bytes FROM total") { ($0[0], $0[1]) } ?? (0, 0)
  }
}
