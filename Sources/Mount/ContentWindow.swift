import Store
import Synchronization

/// Contents of neighbouring files, read from the store in one go: a reader who walks a directory causes one query for many files.
final class ContentWindow: Sendable {
  private struct State {
    var contents: [Int64: [UInt8]] = [:]
    var order: [Int64] = []
    var bytes = 0
  }

  private let store: Store
  private let state = Mutex(State())

  /// Files read at once.
  private static let filesPerQuery = 64
  /// The most that is kept, in bytes.
  private static let bytesKept = 8 << 20
  /// Larger files are read alone and not kept.
  private static let largestKept = 256 << 10

  init(store: Store) { self.store = store }

  /// A file's content; nil: there is none.
  func content(_ ino: Int64) throws -> [UInt8]? {
    if let known = state.withLock({ $0.contents[ino] }) { return known }
    let fetched = try store.read { try $0.contents(after: ino - 1, limit: Self.filesPerQuery) }
    let own = fetched.first { $0.ino == ino }?.bytes
    state.withLock { state in
      for file in fetched where file.bytes.count <= Self.largestKept && state.contents[file.ino] == nil {
        state.contents[file.ino] = file.bytes
        state.order.append(file.ino)
        state.bytes += file.bytes.count
      }
      while state.bytes > Self.bytesKept, !state.order.isEmpty {
        // An inode's content never changes, so nothing kept can be stale.
        if let gone = state.contents.removeValue(forKey: state.order.removeFirst()) { state.bytes -= gone.count }
      }
    }
    return own
  }
}
