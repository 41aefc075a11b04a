import Control
import Model
import Store
import Synchronization

/// The log as the mount's files show it: what the store had at the start, then every new line. It only grows, so `tail -f` follows.
final class LogBuffer: Sendable {
  private struct Text {
    var bytes: [UInt8] = []
    var modified = Timestamp(milliseconds: 0)
  }

  private let texts = Mutex<[String: Text]>([:])

  /// Lines of before that are shown.
  private static let linesOfBefore = 1000
  /// A file that grew beyond this starts over with its latest half, in bytes.
  private static let byteLimit = 16 << 20

  init(store: Store) throws(SyncError) {
    for line in try store.read({ try $0.logTail(limit: Self.linesOfBefore, employee: nil, level: nil) }) { append(line.entry) }
  }

  func append(_ entry: LogEntry) {
    let line = Array((LogText.line(entry) + "\n").utf8)
    texts.withLock { texts in
      for key in [""] + [entry.employee].compactMap({ $0 }) {
        var text = texts[key] ?? Text()
        if text.bytes.count + line.count > Self.byteLimit { text.bytes.removeFirst(text.bytes.count / 2) }
        text.bytes += line
        text.modified = entry.time
        texts[key] = text
      }
    }
  }

  func text(employee: String?) -> (bytes: [UInt8], modified: Timestamp) {
    texts.withLock { texts in texts[employee ?? ""].map { ($0.bytes, $0.modified) } ?? ([], Timestamp(milliseconds: 0)) }
  }
}
