import Foundation
import GRDB

/// Why the sandbox's file cannot be used.
public struct SandboxStoreError: Error, Sendable, CustomStringConvertible {
  /// One line for people: what failed, on which file, what to do.
  public var description: String
}

/// What is to be written: whole values as rows, by space and key.
public struct RowChanges: Sendable {
  struct Row: Sendable {
    var space: String
    var key: String
    /// Nil: the row goes.
    var value: Data?
  }

  private(set) var rows: [Row] = []
  private let areWritten: Bool

  /// Nothing to write.
  /// - Parameter areWritten: false: there is no file, so what is put is not even encoded.
  public init(areWritten: Bool = true) { self.areWritten = areWritten }

  /// Whether there is nothing to write.
  public var isEmpty: Bool { rows.isEmpty }

  /// Writes a value, or removes it where it is nil.
  public mutating func put(_ value: (some Encodable)?, space: String, key: String) throws {
    guard areWritten else { return }
    rows.append(Row(space: space, key: key, value: try value.map { try JSONEncoder().encode($0) }))
  }

  /// Writes what changed of a dictionary.
  public mutating func put<Value>(_ records: inout Records<Value>, space: String) throws {
    for key in records.takeTouched() { try put(records[key] as Value?, space: space, key: key) }
  }
}

/// The sandbox's file: SQLite, one table of encoded values. Both servers write what a request changed before they answer it.
public final class SandboxDatabase: Sendable {
  private let queue: DatabaseQueue
  private let path: String

  /// Marks the file as the sandbox's ("csbx"), so that no other database is taken for it.
  private static let applicationID = 0x6373_6278
  /// Version of the table and of the values.
  private static let format = 1

  /// Opens the file, or makes it, for its owner alone.
  /// - Throws: `SandboxStoreError` when it is in use by another sandbox, is no sandbox's file, or cannot be written.
  public init(path: String) throws {
    self.path = path
    guard
      FileManager.default.fileExists(atPath: path)
        || FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
    else { throw SandboxStoreError(description: "\(path) cannot be made: check that its directory exists and is writable") }
    var configuration = Configuration()
    configuration.prepareDatabase { db in
      try db.execute(sql: "PRAGMA locking_mode = EXCLUSIVE")
      try db.execute(sql: "PRAGMA synchronous = NORMAL")
      try db.execute(sql: "PRAGMA trusted_schema = OFF")
    }
    do {
      queue = try DatabaseQueue(path: path, configuration: configuration)
      try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = WAL") }
      try queue.write { db in
        let isEmpty = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") == 0
        if isEmpty {
          try db.execute(sql: "PRAGMA application_id = \(Self.applicationID)")
          try db.execute(sql: "PRAGMA user_version = \(Self.format)")
          try db.execute(
            sql: "CREATE TABLE record (space TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (space, key)) WITHOUT ROWID"
          )
        }
        let identity = try Int.fetchOne(db, sql: "PRAGMA application_id")
        let version = try Int.fetchOne(db, sql: "PRAGMA user_version")
        guard identity == Self.applicationID, version == Self.format else {
          throw SandboxStoreError(description: "\(path) is not a store of this version's sandbox: name another file, or remove it")
        }
      }
    } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY || error.resultCode == .SQLITE_LOCKED {
      throw SandboxStoreError(description: "\(path) is in use by another sandbox: stop it, or name another file")
    } catch let error as DatabaseError {
      throw SandboxStoreError(description: "\(path) cannot be used as the sandbox's store: \(error.message ?? "\(error.resultCode)")")
    }
  }

  /// Writes all or nothing.
  public func save(_ changes: RowChanges) throws {
    try queue.write { db in
      let put = try db.cachedStatement(sql: "INSERT OR REPLACE INTO record (space, key, value) VALUES (?, ?, ?)")
      let remove = try db.cachedStatement(sql: "DELETE FROM record WHERE space = ? AND key = ?")
      for row in changes.rows {
        if let value = row.value {
          try put.execute(arguments: [row.space, row.key, value])
        } else {
          try remove.execute(arguments: [row.space, row.key])
        }
      }
    }
  }

  /// Every value of a space, in the order of the keys.
  public func load<Value: Decodable>(_ space: String, as type: Value.Type) throws -> [(key: String, value: Value)] {
    let rows = try queue.read { db in
      try Row.fetchAll(db, sql: "SELECT key, value FROM record WHERE space = ? ORDER BY key", arguments: [space])
    }
    return try rows.map { row in
      let (key, value): (String, Data) = (row[0], row[1])
      do { return (key, try JSONDecoder().decode(type, from: value)) } catch {
        throw SandboxStoreError(
          description: "\(path): '\(key)' in \(space) is not what this version writes: name another file, or remove it (\(error))")
      }
    }
  }
}
