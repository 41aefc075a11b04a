import Foundation
import FuseShim
import Store
import Synchronization

/// Tells the kernel what changed, on a thread of its own: a notification from inside a request could wait for that very request.
final class Notifier: @unchecked Sendable {
  // Sendable by hand: `news` and `isStopped` are only touched under `condition`, `session` is a C object that libfuse allows to be
  // notified from any thread, and it outlives this object's thread.

  /// What the kernel has to be told. A name that changed twice is told once.
  private struct News {
    struct Entry: Hashable {
      var parent: Int64
      var name: String
    }
    var entries: Set<Entry> = []
    var removed: Set<Int64> = []
    var directories: Set<Int64> = []

    var isEmpty: Bool { entries.isEmpty && removed.isEmpty && directories.isEmpty }

    mutating func add(_ change: TreeChange) {
      switch change {
      case .entry(let parent, let name): entries.insert(Entry(parent: parent, name: name))
      case .removed(let parent, let name, let ino):
        entries.insert(Entry(parent: parent, name: name))
        removed.insert(ino)
      case .directory(let ino): directories.insert(ino)
      }
    }
  }

  private let condition = NSCondition()
  private var news = News()
  private var isStopped = false
  private let session: OpaquePointer
  private let retirement: Retirement
  private let ended = DispatchSemaphore(value: 0)

  init(session: OpaquePointer, retirement: Retirement) {
    self.session = session
    self.retirement = retirement
    let thread = Thread { [self] in
      run()
      ended.signal()
    }
    thread.name = "notify"
    thread.start()
  }

  func tell(_ changes: [TreeChange]) {
    condition.lock()
    for change in changes { news.add(change) }
    condition.signal()
    condition.unlock()
  }

  /// Listings, contents and times changed.
  func refresh(_ inodes: [Int64]) {
    condition.lock()
    news.directories.formUnion(inodes)
    condition.signal()
    condition.unlock()
  }

  func stop() {
    condition.lock()
    isStopped = true
    condition.signal()
    condition.unlock()
    ended.wait()
  }

  private func run() {
    while true {
      condition.lock()
      while news.isEmpty && !isStopped { condition.wait() }
      if isStopped { return condition.unlock() }
      let batch = news
      news = News()
      condition.unlock()
      carryOut(batch)
    }
  }

  /// Names first: telling of one waits until the kernel has taken in the answers that are on their way for its directory, so that an
  /// answer from before the commit cannot come after the news.
  private func carryOut(_ batch: News) {
    for entry in batch.entries { _ = cfs_invalidate_entry(session, UInt64(bitPattern: entry.parent), entry.name) }
    var unknown: [Int64] = []
    for ino in batch.removed {
      retirement.expect(ino)
      // Whoever has the file open, under this name or one of before, has its inode in the kernel's memory.
      if cfs_invalidate_attributes(session, UInt64(bitPattern: ino)) == -ENOENT { unknown.append(ino) }
    }
    for ino in batch.directories { _ = cfs_invalidate_inode(session, UInt64(bitPattern: ino)) }
    retirement.discard(unknown)
  }
}

/// Replaced and removed files: their contents are kept until the kernel has forgotten them.
final class Retirement: Sendable {
  private struct State {
    var expected: Set<Int64> = []
    var discarded: [Int64] = []
    var isScheduled = false
  }

  private let store: Store
  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "retirement", qos: .utility)

  /// Contents are discarded in batches: every one is a transaction that a cycle waits for.
  private static let pause = DispatchTimeInterval.milliseconds(500)
  /// Files of one transaction.
  private static let batch = 5000

  init(store: Store) { self.store = store }

  /// The file is replaced or removed; the kernel may know it.
  func expect(_ ino: Int64) { state.withLock { _ = $0.expected.insert(ino) } }

  /// The kernel forgot an inode; if its file was replaced, its content can go.
  func forgotten(_ ino: Int64) {
    if state.withLock({ $0.expected.contains(ino) }) { discard([ino]) }
  }

  /// The kernel does not know these.
  func discard(_ inodes: [Int64]) {
    guard !inodes.isEmpty else { return }
    let mustSchedule = state.withLock { state in
      state.expected.subtract(inodes)
      state.discarded += inodes
      defer { state.isScheduled = true }
      return !state.isScheduled
    }
    if mustSchedule { queue.asyncAfter(deadline: .now() + Self.pause) { [self] in work() } }
  }

  private func work() {
    let inodes = state.withLock { state in
      state.isScheduled = false
      defer { state.discarded = [] }
      return state.discarded
    }
    for start in stride(from: 0, to: inodes.count, by: Self.batch) {
      // A content that stays costs only space; the next start clears it.
      try? store.write { try $0.purgeRetired(Array(inodes[start..<min(start + Self.batch, inodes.count)])) }
    }
  }

  /// Waits until nothing is being discarded.
  func finish() { queue.sync {} }
}
