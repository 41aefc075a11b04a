import Dispatch
import Store
import Synchronization

/// Has the store keep listings of large folders that are read and are quiet, so that the first listing after a start reads one piece of the disk.
final class ListingKeeper: Sendable {
  private struct State {
    var wanted: Set<Int64> = []
    /// When the store kept a listing last.
    var kept: [Int64: ContinuousClock.Instant] = [:]
    var isScheduled = false
    var isStopped = false
  }

  private let store: Store
  private let quiet: Duration
  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "listings", qos: .utility)

  /// A folder whose listing is read and whose files change by turns is kept so often at most: each time writes the whole listing.
  private static let shortestInterval = Duration.seconds(60)
  /// Folders whose last time is remembered.
  private static let folderLimit = 65_536

  /// - Parameter quiet: how long nothing must have changed in a folder.
  init(store: Store, quiet: Duration = .seconds(2)) {
    self.store = store
    self.quiet = quiet
  }

  /// A folder was listed that has no kept listing.
  func want(_ directory: Int64) {
    let mustSchedule = state.withLock { state in
      if let last = state.kept[directory], last + Self.shortestInterval > .now { return false }
      state.wanted.insert(directory)
      defer { state.isScheduled = true }
      return !state.isScheduled && !state.isStopped
    }
    if mustSchedule { schedule() }
  }

  /// A commit changed these: they are not quiet.
  func changed(_ directories: Set<Int64>) { state.withLock { $0.wanted.subtract(directories) } }

  private func schedule() {
    let (seconds, attoseconds) = quiet.components
    let pause = DispatchTimeInterval.nanoseconds(Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000))
    queue.asyncAfter(deadline: .now() + pause) { [self] in work() }
  }

  private func work() {
    let due = state.withLock { state in
      state.isScheduled = false
      defer { state.wanted = [] }
      return state.isStopped ? [] : state.wanted.sorted()
    }
    for directory in due {
      if state.withLock({ $0.isStopped }) { return }
      // What cannot be kept is listed row by row.
      guard (try? store.write { try $0.keepListing(of: directory) }) != nil else { continue }
      state.withLock { state in
        if state.kept.count >= Self.folderLimit { state.kept = [:] }
        state.kept[directory] = .now
      }
    }
  }

  /// Nothing is kept from now on. Waits for what is under way.
  func stop() {
    state.withLock { $0.isStopped = true }
    queue.sync {}
  }
}
