import FuseShim
import Glibc
import Model
import Store
import Synchronization

/// Modes of what the tree shows.
enum Modes {
  static let root: UInt32 = S_IFDIR | 0o755
  static let directory: UInt32 = S_IFDIR | 0o700
  static let record: UInt32 = S_IFREG | 0o400
  static let controlFile: UInt32 = S_IFREG | 0o400
  static let writableControlFile: UInt32 = S_IFREG | 0o600
}

/// User and group ids of folder owners, looked up once.
final class Owners: Sendable {
  /// Who owns what no employee owns: the user who mounts.
  let mountOwner: (user: UInt32, group: UInt32) = (getuid(), getgid())
  private let known = Mutex<[String: (user: UInt32, group: UInt32)]>([:])

  /// Ids of a user; of an unknown one the mount's owner, so that nobody else gets in.
  func ids(of user: String?) -> (user: UInt32, group: UInt32) {
    guard let user else { return mountOwner }
    if let ids = known.withLock({ $0[user] }) { return ids }
    guard let entry = getpwnam(user) else { return mountOwner }
    let ids = (user: entry.pointee.pw_uid, group: entry.pointee.pw_gid)
    known.withLock { $0[user] = ids }
    return ids
  }
}

extension cfs_attributes {
  init(ino: Int64, mode: UInt32, links: UInt32 = 1, owner: (user: UInt32, group: UInt32), size: Int64, modified: Timestamp, timeout: Double)
  {
    self.init(
      ino: UInt64(bitPattern: ino), mode: mode, nlink: links, uid: owner.user, gid: owner.group, size: UInt64(max(size, 0)),
      seconds: modified.seconds, nanoseconds: UInt32(modified.millisecondOfSecond) * 1_000_000, timeout: timeout)
  }
}
