import Foundation
import FuseShim
import Store
import Synchronization

/// Tells the kernel what changed, on a thread of its own: a notification from inside a request could wait for that very request.
final class Notifier: @unchecked Sendable {
  // Sendable by hand: `jobs` is only touched under `condition`, `session` is set before the thread starts and is a C object that
  // libfuse allows to be notified from any thread.
  private enum Job {
    case changes([TreeChange])
    case forgotten(Int64)
    case directories([Int64])
    case prefetch(after: Int64, count: Int)
    case stop
  }

  private let condition = NSCondition()
  private var jobs: [Job] = []
  private let session: OpaquePointer
  private let store: Store
  private let retired = Mutex<Set<Int64>>([])
  private let ended = DispatchSemaphore(value: 0)

  /// Files above this size are left to READ.
  private static let largestPushed = 64 << 10

  init(session: OpaquePointer, store: Store) {
    self.session = session
    self.store = store
    let thread = Thread { [self] in
      run()
      ended.signal()
    }
    thread.name = "notify"
    thread.start()
  }

  func tell(_ changes: [TreeChange]) { add(.changes(changes)) }

  /// Listings and times of directories changed.
  func refresh(_ directories: [Int64]) { add(.directories(directories)) }

  /// Reads run through a directory: the next files go into the page cache before they are asked for.
  func prefetch(after ino: Int64, count: Int) { add(.prefetch(after: ino, count: count)) }

  /// The kernel forgot an inode; if its file was replaced, its content can go.
  func forgotten(_ ino: Int64) {
    if retired.withLock({ $0.contains(ino) }) { add(.forgotten(ino)) }
  }

  func stop() {
    add(.stop)
    ended.wait()
  }

  private func add(_ job: Job) {
    condition.lock()
    jobs.append(job)
    condition.signal()
    condition.unlock()
  }

  private func run() {
    while true {
      condition.lock()
      while jobs.isEmpty { condition.wait() }
      let batch = jobs
      jobs = []
      condition.unlock()
      var purge: [Int64] = []
      for job in batch {
        switch job {
        case .changes(let changes): purge += carryOut(changes)
        case .forgotten(let ino): purge.append(ino)
        case .directories(let inodes): for ino in inodes { _ = cfs_invalidate_inode(session, UInt64(bitPattern: ino)) }
        case .prefetch(let ino, let count): push(after: ino, count)
        case .stop: return
        }
      }
      if !purge.isEmpty { discard(purge) }
    }
  }

  /// Returns the inodes of replaced files that the kernel does not know.
  private func carryOut(_ changes: [TreeChange]) -> [Int64] {
    var unknown: [Int64] = []
    for change in Set(changes) {
      switch change {
      case .entry(let parent, let name): _ = cfs_invalidate_entry(session, UInt64(bitPattern: parent), name)
      case .directory(let ino): _ = cfs_invalidate_inode(session, UInt64(bitPattern: ino))
      case .removed(let parent, let name, let ino):
        retired.withLock { _ = $0.insert(ino) }
        // An open file pins its name: where the kernel does not know the name, nobody has the file open.
        if cfs_invalidate_entry(session, UInt64(bitPattern: parent), name) == -ENOENT { unknown.append(ino) }
      }
    }
    return unknown
  }

  private func discard(_ inodes: [Int64]) {
    retired.withLock { $0.subtract(inodes) }
    // A content that stays costs only space; the next start clears it.
    try? store.write { try $0.purgeRetired(inodes) }
  }

  private func push(after ino: Int64, _ count: Int) {
    guard let files = try? store.read({ try $0.contents(after: ino, limit: count, largest: Self.largestPushed) }) else { return }
    // The last one is left out: its READ tells where the reader is.
    for file in files.dropLast() where !file.bytes.isEmpty && file.bytes.count <= Self.largestPushed {
      _ = file.bytes.withUnsafeBytes { buffer in
        buffer.baseAddress.map { cfs_store(session, UInt64(bitPattern: file.ino), $0, buffer.count) } ?? 0
      }
    }
  }
}
