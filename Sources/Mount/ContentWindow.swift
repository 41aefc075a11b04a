import Store
import Synchronization

/// Contents of neighbouring files, read from the store in one go: a reader who walks a directory causes one query for many files.
final class ContentWindow: Sendable {
  private struct State {
    var contents: [Int64: [UInt8]] = [:]
    var order: [Int64] = []
    var bytes = 0
    /// The one larger file that somebody is reading, and how many of its bytes were read.
    var large: (ino: Int64, bytes: [UInt8], read: Int)?
  }

  private let store: Store
  private let state = Mutex(State())
  /// Held while a larger file is read: the kernel asks for several pieces at once, and one copy serves them all.
  private let loading = Mutex(())

  /// Files read at once.
  private static let filesPerQuery = 64
  /// The most that is kept, in bytes.
  private static let bytesKept = 8 << 20
  /// Larger files are read alone, and only the last of them is kept, until it was read to its end.
  private static let largestKept = 256 << 10

  init(store: Store) { self.store = store }

  /// A file's content; nil: there is none.
  func content(_ ino: Int64) throws -> [UInt8]? {
    let known = state.withLock { state in state.contents[ino] ?? state.large.flatMap { $0.ino == ino ? $0.bytes : nil } }
    if let known { return known }
    let fetched = try store.read { try $0.contents(after: ino - 1, limit: Self.filesPerQuery, largest: Self.largestKept) }
    guard let own = fetched.first(where: { $0.ino == ino })?.bytes else { return try largeContent(ino) }
    state.withLock { state in
      for file in fetched where state.contents[file.ino] == nil {
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

  private func largeContent(_ ino: Int64) throws -> [UInt8]? {
    try loading.withLock { _ in
      if let known = state.withLock({ $0.large.flatMap { $0.ino == ino ? $0.bytes : nil } }) { return known }
      state.withLock { $0.large = nil }
      guard let bytes = try store.read({ try $0.content(ino) }) else { return nil }
      state.withLock { $0.large = (ino, bytes, 0) }
      return bytes
    }
  }

  /// So many bytes of a file went to the kernel. Once it has them all, they are not kept here.
  func wasRead(_ ino: Int64, count: Int) {
    state.withLock { state in
      guard state.large?.ino == ino else { return }
      state.large?.read += count
      if let large = state.large, large.read >= large.bytes.count { state.large = nil }
    }
  }
}
