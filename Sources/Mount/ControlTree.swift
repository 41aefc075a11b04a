import Control
import Model
import Synchronization

/// The control directories as inodes: made of paths alone, so they are the same at every start.
final class ControlTree: Sendable {
  /// A control directory or file.
  enum Node: Sendable, Hashable {
    /// `.control` of the mount or of an employee, or a directory in it.
    case directory(employee: String?, path: [String])
    case file(ControlFile)

    var isFile: Bool { if case .file = self { true } else { false } }
  }

  private struct Snapshot {
    var bytes: [UInt8]
    var modified: Timestamp
    var taken: ContinuousClock.Instant
    var isOld = false
    /// The file was written to since: the kernel may have the written bytes in its pages, until it hears of another time.
    var isOverwritten = false
  }

  private let plane: any ControlPlane
  private let nodes = Mutex<[Int64: Node]>([:])
  private let snapshots = Mutex<[Int64: Snapshot]>([:])
  /// Files that somebody writes to, and how many: the kernel holds their pages until the write is answered, and whoever brings it another
  /// size or time waits for them. So these stay as they were told last.
  private let written = Mutex<[Int64: Int]>([:])

  /// How long one rendering of a file is served: readers of one moment read the same bytes.
  private static let snapshotAge = Duration.milliseconds(500)

  init(plane: any ControlPlane) { self.plane = plane }

  /// Bit 59 set, then 40 bits of the path: below the directories and records of the tree.
  private static func number(_ employee: String?, _ path: [String]) -> Int64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in "\(employee ?? "")/.control/\(path.joined(separator: "/"))".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    hash = (hash ^ (hash >> 29)) &* 0xbf58_476d_1ce4_e5b9
    return 1 << 59 | Int64(hash >> 24)
  }

  static func isControl(_ ino: Int64) -> Bool { ino >> 59 == 1 }

  func node(_ ino: Int64) -> Node? { nodes.withLock { $0[ino] } }

  func number(of node: Node) -> Int64 {
    let ino =
      switch node {
      case .directory(let employee, let path): Self.number(employee, path)
      case .file(let file): Self.number(file.employee, file.path)
      }
    nodes.withLock { $0[ino] = node }
    return ino
  }

  /// What lies in a control directory, by name.
  func entries(employee: String?, path: [String]) -> [(name: String, node: Node)] {
    var result: [(name: String, node: Node)] = []
    var directories: Set<String> = []
    if employee == nil && path.isEmpty { directories = ["policies", "holds"] }
    for file in plane.files(employee: employee) where file.path.starts(with: path) && file.path.count > path.count {
      if file.path.count == path.count + 1 {
        result.append((file.name, .file(file)))
      } else {
        directories.insert(file.path[path.count])
      }
    }
    result += directories.map { ($0, .directory(employee: employee, path: path + [$0])) }
    return result.sorted { $0.name < $1.name }
  }

  /// A file's bytes of this moment.
  func contents(_ file: ControlFile, ino: Int64) -> (bytes: [UInt8], modified: Timestamp) {
    if written.withLock({ $0[ino] != nil }), let told = snapshots.withLock({ $0[ino] }) { return (told.bytes, told.modified) }
    // A log only grows: it needs no snapshot, and who follows it waits for nothing.
    if file.name == "log" { return plane.contents(of: file) }
    let now = ContinuousClock.now
    if let known = snapshots.withLock({ $0[ino] }), !known.isOld, now - known.taken < Self.snapshotAge {
      return (known.bytes, known.modified)
    }
    var fresh = plane.contents(of: file)
    snapshots.withLock { all in
      guard let known = all[ino], known.isOverwritten else { return }
      fresh.modified = max(fresh.modified, known.modified.advanced(milliseconds: 1))
    }
    snapshots.withLock { $0[ino] = Snapshot(bytes: fresh.bytes, modified: fresh.modified, taken: now) }
    return fresh
  }

  /// After a write the next reader sees what it led to.
  func forgetSnapshots() { snapshots.withLock { all in for ino in all.keys { all[ino]?.isOld = true } } }

  func write(
    _ bytes: [UInt8], to file: ControlFile, user: UInt32, completion: @escaping @Sendable (Int32) -> Void
  ) -> (any ControlWriteHandle)? {
    let ino = number(of: .file(file))
    written.withLock { $0[ino, default: 0] += 1 }
    return plane.write(bytes, to: file, user: user) { [self] code in
      forgetSnapshots()
      snapshots.withLock { $0[ino]?.isOverwritten = true }
      // Before the answer: whoever reads after it sees what the write led to. Who reads in between waits for the answer, which waits for nobody.
      written.withLock { all in all[ino] = all[ino].flatMap { $0 > 1 ? $0 - 1 : nil } }
      completion(code)
    }
  }
}
