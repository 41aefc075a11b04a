import Foundation
internal import GRDB
public import Model
import Synchronization

/// The SQLite cache: everything that the engine knows, and the files of the mount. Losing it loses nothing but time.
public final class Store: Sendable {
  let pool: any DatabaseWriter
  let path: String
  /// Nil: there is one connection for all.
  private let readers: Readers?
  private let observers = Mutex<[@Sendable ([TreeChange]) -> Void]>([])

  private static let readsAtOnce = 4
  /// How long a writer waits for another process before it gives up, in seconds.
  private static let busySeconds = 10.0
  /// How much of the file SQLite maps into memory, in bytes.
  private static let mappedBytes = 256 << 20

  /// What the writing connection keeps in memory, in bytes: a transaction of thousands of scattered records fits, and no page is written
  /// twice for it.
  private static let writerCacheBytes = 32 << 20
  /// Pages of 4 KiB after which the log is carried over into the file.
  private static let pagesPerCheckpoint = 8192

  /// Opens the cache, creating it when it is missing.
  /// - Parameters:
  ///   - path: of the database file; its directory is created with mode 0700, the file with 0600.
  ///   - readOnly: for reading beside the daemon that owns the store.
  ///   - isOnDisk: false: the path is a URI of SQLite's that names a file system of its own, as tests have.
  /// - Throws: `storage`, with what to do: a newer schema, a corrupt or unreadable file, a full disk.
  public init(path: String, readOnly: Bool = false, isOnDisk: Bool = true) throws(SyncError) {
    self.path = path
    do {
      var configuration = Self.configuration()
      configuration.readonly = readOnly
      if !readOnly && isOnDisk { try Self.prepareFile(path) }
      let pool = try DatabasePool(path: path, configuration: configuration)
      // A commit is on the disk before anything is sent for it: were an intent lost with the power, the next start would create the record
      // once more. Set here, since the pool's own opening sets NORMAL, which syncs only when the log is carried over.
      if !readOnly { try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") } }
      let migrator = Migrations.migrator()
      if try pool.read({ try migrator.hasBeenSuperseded($0) }) {
        throw SyncError(
          .storage, "\(path) was written by a newer version of concordfs: use that version, or move the file away to rebuild the cache",
          retry: .never)
      }
      if readOnly {
        guard try pool.read({ try migrator.hasCompletedMigrations($0) }) else {
          throw SyncError(
            .storage, "\(path) is of an older version: start 'concordfs mount' or 'concordfs sync' once to bring it up to date",
            retry: .never)
        }
      } else {
        try migrator.migrate(pool)
      }
      self.pool = pool
      readers = Readers(path: path, configuration: configuration, limit: Self.readsAtOnce)
    } catch {
      throw Self.described(error, path)
    }
  }

  /// A store in memory, for tests and simulations.
  public init(inMemory name: String) throws(SyncError) {
    path = ":memory: \(name)"
    readers = nil
    do {
      pool = try DatabaseQueue(named: name, configuration: Self.configuration())
      try Migrations.migrator().migrate(pool)
    } catch {
      throw Self.described(error, path)
    }
  }

  static func configuration() -> GRDB.Configuration {
    var configuration = GRDB.Configuration()
    configuration.busyMode = .timeout(busySeconds)
    configuration.label = "store"
    configuration.prepareDatabase { db in
      try db.execute(sql: "PRAGMA trusted_schema = OFF")
      try db.execute(sql: "PRAGMA secure_delete = OFF")
      try db.execute(sql: "PRAGMA mmap_size = \(mappedBytes)")
      guard !db.configuration.readonly else { return }
      try db.execute(sql: "PRAGMA cache_size = -\(writerCacheBytes / 1024)")
      try db.execute(sql: "PRAGMA wal_autocheckpoint = \(pagesPerCheckpoint)")
    }
    return configuration
  }

  /// The directory is the owner's alone, and so is the file before anything is in it.
  private static func prepareFile(_ path: String) throws {
    let directory = (path as NSString).deletingLastPathComponent
    if !directory.isEmpty {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw SyncError(.storage, "\(path) cannot be opened for writing: \(String(cString: strerror(errno)))")
    }
    Glibc.close(descriptor)
  }

  /// Reads one consistent state.
  public func read<Answer>(_ body: (StoreReader) throws -> Answer) throws(SyncError) -> Answer {
    do {
      if let readers { return try readers.read { db in try body(StoreReader(db: db)) } }
      return try pool.unsafeRead { db in try db.transaction(.deferred) { try body(StoreReader(db: db)) } }
    } catch {
      throw Self.described(error, path)
    }
  }

  /// Runs one transaction: all of it is stored, or nothing. Observers of the tree hear of it after the commit.
  public func write<Answer>(_ body: (StoreTransaction) throws -> Answer) throws(SyncError) -> Answer {
    do {
      let (answer, changes) = try pool.writeWithoutTransaction { db in
        let transaction = StoreTransaction(db: db)
        let answer = try db.transaction(.immediate) { try body(transaction) }
        return (answer, transaction.treeChanges)
      }
      if !changes.isEmpty {
        for observer in observers.withLock({ $0 }) { observer(changes) }
      }
      return answer
    } catch {
      throw Self.described(error, path)
    }
  }

  /// Calls back after each commit that changed files of the mount, on the thread that committed.
  public func addTreeObserver(_ observer: @escaping @Sendable ([TreeChange]) -> Void) { observers.withLock { $0.append(observer) } }

  /// Writes a consistent copy to a new file.
  public func copy(to target: String) throws(SyncError) {
    do {
      try Self.prepareFile(target)
      let destination = try DatabaseQueue(path: target)
      try pool.backup(to: destination)
      try destination.close()
    } catch {
      throw Self.described(error, target)
    }
  }

  /// Closes the file. Later calls throw.
  public func close() {
    readers?.close()
    try? pool.close()
  }

  /// An error of the cache, with what to do about it.
  static func described(_ error: any Error, _ path: String) -> SyncError {
    if let error = error as? SyncError { return error }
    guard let error = error as? DatabaseError else { return SyncError(.storage, "the cache \(path) failed: \(error)") }
    let cause = error.message
    switch error.resultCode {
    case .SQLITE_FULL:
      return SyncError(.storage, "no space left for the cache \(path): free space and try again, nothing was half done", cause: cause)
    case .SQLITE_CORRUPT, .SQLITE_NOTADB:
      return SyncError(
        .storage, "the cache \(path) is damaged: stop concordfs, move the file away and start again; it is rebuilt from both systems",
        cause: cause,
        retry: .never)
    case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM:
      return SyncError(
        .storage, "the cache \(path) cannot be opened or written: check its directory and rights", cause: cause, retry: .never)
    case .SQLITE_BUSY, .SQLITE_LOCKED: return SyncError(.storage, "the cache \(path) is in use by another process: try again", cause: cause)
    case .SQLITE_IOERR:
      return SyncError(.storage, "reading or writing the cache \(path) failed: check the disk", cause: cause, retry: .never)
    default: return SyncError(.storage, "the cache \(path) failed", cause: cause)
    }
  }
}
