import FaultyDisk
import Model
import Store
import Synchronization

/// Disks with a cache that is open and new, for one schedule after the other: opening one, and preparing its statements, takes longer than
/// what most schedules ask of it. Between two schedules the files are put back under the open cache, as if another process had written; by
/// SQLite's own rules it then forgets what it knew of them.
enum WireDisks {
  static let database = "cache.db"

  /// A migrated cache that is new and closed, made once.
  static let new: FaultyDisk? = {
    guard let disk = FaultyDisk(seed: 0), let store = try? Store(path: disk.uri(of: database), isOnDisk: false) else { return nil }
    store.close()
    return disk
  }()

  private static let idle = Mutex<[(disk: FaultyDisk, store: Store)]>([])

  /// A disk whose choices follow from the seed, with a new cache.
  /// - Throws: `storage` where no disk can be made.
  static func take(seed: UInt64) throws(SyncError) -> (FaultyDisk, Store) {
    while let (disk, store) = idle.withLock({ $0.popLast() }) {
      if disk.rewind(seed: seed) { return (disk, store) }
      store.close()
    }
    guard let new, let disk = FaultyDisk(copyOf: new, seed: seed) else {
      throw SyncError(.storage, "SQLite takes no file systems of ours")
    }
    let store = try Store(path: disk.uri(of: database), isOnDisk: false)
    guard disk.mark() else { throw SyncError(.storage, "no memory for the state of a disk") }
    return (disk, store)
  }

  /// Takes back what no schedule uses any more.
  static func give(_ disk: FaultyDisk, _ store: Store) { idle.withLock { $0.append((disk, store)) } }
}
