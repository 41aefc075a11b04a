import Foundation
internal import GRDB
import Model

/// Listings of folders a second time, as a few large values. Rows of `node` lie scattered over the file, as records came: whoever lists a folder for
/// the first time after a start has the disk read all that lies between them. A kept listing lies in one piece.
///
/// It is valid while `directory.listed` is 1: whatever changes a folder's files sets it back in the same transaction.
func registerKeptListings(_ migrator: inout DatabaseMigrator) {
  migrator.registerMigration("kept listings") { db in
    try db.execute(
      sql: """
        ALTER TABLE directory ADD COLUMN listed INTEGER NOT NULL DEFAULT 0;
        CREATE TABLE listing (last INTEGER PRIMARY KEY, directory INTEGER NOT NULL, entries BLOB NOT NULL) STRICT;
        """)
  }
}

/// A part of a directory's listing.
public struct TreePage: Sendable {
  /// Files by their inode numbers.
  public var entries: [TreeEntry]
  /// Whether nothing comes after it.
  public var isLast: Bool
  /// Whether it came from a kept listing.
  public var isKept: Bool
}

/// Entries as bytes: of each its number, size and time in milliseconds (8 bytes each, little-endian), the length of its name (1), the name.
enum ListingCoding {
  private static let fixedSize = 25

  static func bytes(_ entries: [TreeEntry]) -> Data {
    var data = Data()
    for entry in entries {
      for number in [entry.ino, entry.size, entry.modified.milliseconds] {
        withUnsafeBytes(of: number.littleEndian) { data.append(contentsOf: $0) }
      }
      // No name has more than 255 bytes (`FileName.byteLimit`).
      let name = Array(entry.name.utf8.prefix(255))
      data.append(UInt8(name.count))
      data.append(contentsOf: name)
    }
    return data
  }

  /// All entries; nil when the bytes are not what `bytes` makes.
  static func entries(_ data: UnsafeRawBufferPointer) -> [TreeEntry]? {
    var result: [TreeEntry] = []
    result.reserveCapacity(StoreReader.pageSize)
    var offset = 0
    while offset < data.count {
      guard offset + fixedSize <= data.count else { return nil }
      func number(_ index: Int) -> Int64 { Int64(littleEndian: data.loadUnaligned(fromByteOffset: offset + index * 8, as: Int64.self)) }
      let start = offset + fixedSize
      let end = start + Int(data[start - 1])
      guard end <= data.count else { return nil }
      let name = String(decoding: UnsafeRawBufferPointer(rebasing: data[start..<end]), as: UTF8.self)
      result.append(TreeEntry(ino: number(0), name: name, size: number(1), modified: Timestamp(milliseconds: number(2))))
      offset = end
    }
    return result
  }
}

extension StoreReader {
  /// Files of a page, at most; those of a kept listing's part.
  public static let pageSize = 512

  /// Files of a directory after a place, in the order of their numbers: from its kept listing where that is valid.
  public func page(of directory: Int64, after place: Int64) throws -> TreePage {
    if let kept = try keptPage(of: directory, after: place) { return kept }
    let entries = try entries(in: directory, after: place, limit: Self.pageSize)
    return TreePage(entries: entries, isLast: entries.count < Self.pageSize, isKept: false)
  }

  /// One statement, so that what is valid and what it says are of the same state. Nil: none is kept, or it cannot be read.
  private func keptPage(of directory: Int64, after place: Int64) throws -> TreePage? {
    let range = TreeInode.records(of: directory)
    let found: [TreeEntry]?? = try db.row(
      """
      SELECT (SELECT entries FROM listing WHERE last > ?1 AND last <= ?2 AND directory = ?3 ORDER BY last LIMIT 1)
      FROM directory WHERE ino = ?3 AND listed = 1
      """, [max(place, range.lowerBound - 1), range.upperBound, directory]
    ) { row in
      row.withBytes(0) { bytes in bytes.map(ListingCoding.entries) ?? [] }
    }
    guard let entries = found.flatMap(\.self) else { return nil }
    let rest = entries.first.map { $0.ino > place } ?? true ? entries : entries.filter { $0.ino > place }
    return TreePage(entries: rest, isLast: entries.count < Self.pageSize, isKept: true)
  }
}

extension StoreTransaction {
  /// Keeps a directory's listing as it is now, until its next change.
  public func keepListing(of directory: Int64) throws {
    try forgetListing(of: directory)
    var place: Int64 = 0
    while true {
      let entries = try reader.entries(in: directory, after: place, limit: StoreReader.pageSize)
      guard let last = entries.last else { break }
      try db.run("INSERT INTO listing (last, directory, entries) VALUES (?, ?, ?)", [last.ino, directory, ListingCoding.bytes(entries)])
      place = last.ino
    }
    try db.run("UPDATE directory SET listed = 1 WHERE ino = ?", [directory])
    touched[directory] = nil
  }

  func forgetListing(of directory: Int64) throws {
    let range = TreeInode.records(of: directory)
    try db.run(
      "DELETE FROM listing WHERE last >= ? AND last <= ? AND directory = ?", [range.lowerBound, range.upperBound, directory])
  }
}
