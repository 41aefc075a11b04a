public import Control
import Foundation
import FuseShim
public import Model
public import Store
import Synchronization

/// How the tree is mounted.
public struct MountOptions: Sendable {
  /// FUSE options as given to `-o`, e.g. `allow_other`, `ro`.
  public var options: [String]

  /// Options as given to `-o`.
  public init(options: [String]) { self.options = options }

  /// What mount programs and fstab add for themselves.
  private static let ignored: Set<String> = [
    "rw", "auto", "noauto", "user", "nouser", "users", "owner", "group", "_netdev", "nofail", "defaults", "relatime", "norelatime",
    // mount.fuse asks for these as root; nothing here is a device or a program.
    "dev", "suid", "exec",
  ]

  /// The options for libfuse: the kernel checks modes always, and nothing in the tree is a device or a program.
  var text: String {
    let given = options.filter { !Self.ignored.contains($0) && !$0.hasPrefix("x-") && !$0.hasPrefix("comment=") }
    let own = ["fsname=concordfs", "subtype=concordfs", "default_permissions", "nosuid", "nodev", "noexec", "noatime"]
    return (own.filter { !given.contains($0) } + given).joined(separator: ",")
  }
}

/// The mounted tree: answers the kernel from the store and the control plane, never from the network.
public final class FileSystem: @unchecked Sendable {
  // Sendable by hand: the constants are Sendable; `session`, `notifier` and `prefetcher` are written in `mount`, before any other thread
  // knows this object, and only read afterwards.
  let store: Store
  /// What the thread that answers reads by.
  let view: TreeView
  let tree: TreeCache
  let control: ControlTree
  let owners = Owners()
  let contents = Mutex(ContentWindow())
  let listingPolicy = Mutex(ListingPolicy())
  let retirement: Retirement
  private let keeper: ListingKeeper
  let pendingWrites = Mutex<[UInt: PendingWrite]>([:])
  private let options: MountOptions
  private var session: OpaquePointer?
  private(set) var notifier: Notifier?
  private(set) var prefetcher: Prefetcher?
  private let hasEnded = Mutex(false)

  /// How long the kernel may believe what it was told of records, in seconds: changes are told to it.
  static let recordTimeout = 3600.0
  /// Control files change by themselves.
  static let controlTimeout = 0.0

  /// A file system over a store and a control plane; nothing is mounted yet.
  /// - Throws: `storage` when the store cannot be opened once more for reading.
  public init(store: Store, control: any ControlPlane, options: MountOptions) throws(SyncError) {
    self.store = store
    self.control = ControlTree(plane: control)
    self.options = options
    view = try store.treeView()
    keeper = ListingKeeper(store: store)
    tree = TreeCache(view: view, owners: owners, keeper: keeper)
    retirement = Retirement(store: store)
  }

  /// Mounts the tree. A mount that a killed daemon left behind is replaced.
  /// - Throws: `configuration` for a directory that cannot be mounted on; `accessDenied` without the right to mount.
  public func mount(at directory: String) throws(SyncError) {
    try Self.prepare(directory)
    try store.write { try $0.purgeRetired(nil) }
    let readingAhead = try store.treeView()
    var operations = Self.operations
    var error = [CChar](repeating: 0, count: 512)
    let context = Unmanaged.passUnretained(self).toOpaque()
    guard let session = cfs_session_mount(directory, options.text, &operations, context, &error, error.count) else {
      let text = String(decoding: error.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).trimmingCharacters(
        in: .whitespacesAndNewlines)
      throw SyncError(
        .configuration, "\(directory) cannot be mounted: check that fuse3 is installed and the options are known", cause: text)
    }
    self.session = session
    let notifier = Notifier(session: session, retirement: retirement)
    self.notifier = notifier
    prefetcher = Prefetcher(session: session, view: readingAhead)
    store.addTreeObserver { [tree, weak notifier] changes in
      tree.drop(changes)
      notifier?.tell(changes)
    }
  }

  /// Serves the kernel until the tree is unmounted, by `unmount`, `fusermount3 -u` or umount. Blocks.
  /// - Throws: `failed` when the kernel's questions could not be read any more; the tree is unmounted then too.
  public func run() throws(SyncError) {
    guard let session else { return }
    let result = cfs_session_loop(session)
    hasEnded.withLock { $0 = true }
    prefetcher?.stop()
    notifier?.stop()
    retirement.finish()
    keeper.stop()
    // Whoever still waits for a cycle gets an answer while there is a session to send it by.
    pendingWrites.withLock { pending in
      for key in pending.keys { if let request = OpaquePointer(bitPattern: key) { cfs_reply_error(request, EINTR) } }
      pending = [:]
    }
    cfs_session_destroy(session)
    view.close()
    guard result >= 0 else {
      throw SyncError(
        .failed, "the mount ended, for the kernel's questions cannot be read: mount it again", cause: String(cString: strerror(-result)))
    }
  }

  /// Ends `run`, which takes the mount away. Safe to call more than once, and from any other thread.
  public func unmount() {
    guard let session else { return }
    // Under the lock to its end: `run` destroys the session only after it had the lock.
    hasEnded.withLock { if !$0 { cfs_session_stop(session) } }
  }

  /// Control directories changed: new holds, other policies, a longer log.
  public func controlChanged() {
    control.forgetSnapshots()
    notifier?.refresh([
      control.number(of: .directory(employee: nil, path: [])), control.number(of: .directory(employee: nil, path: ["holds"])),
      control.number(of: .directory(employee: nil, path: ["policies"])),
    ])
  }

  /// The directory is there, is empty, and nothing lives on it.
  private static func prepare(_ directory: String) throws(SyncError) {
    var entries: [String] = []
    var code = list(directory, into: &entries)
    if code == ENOTCONN {
      guard cfs_detach(directory) == 0 || detachByHelper(directory) else {
        throw SyncError(
          .configuration,
          "\(directory) holds the mount of a process that ended, and it cannot be taken away: fusermount3 -uz \(directory)")
      }
      code = list(directory, into: &entries)
    }
    var status = stat()
    guard code == 0, stat(directory, &status) == 0 else {
      throw SyncError(.configuration, "\(directory) cannot be mounted on: \(String(cString: strerror(code == 0 ? errno : code)))")
    }
    if isMountPoint(directory, status) { throw SyncError(.configuration, "\(directory) is mounted already: fusermount3 -u \(directory)") }
    guard entries.isEmpty else { throw SyncError(.configuration, "\(directory) is not empty: mount on an empty directory") }
  }

  /// The names in a directory. The kernel may still know the attributes of a dead mount: only a listing asks its process.
  /// - Returns: 0 or an errno value.
  private static func list(_ directory: String, into names: inout [String]) -> Int32 {
    guard let stream = opendir(directory) else { return errno }
    defer { closedir(stream) }
    errno = 0
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(entry.pointee.d_reclen)) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
      errno = 0
    }
    return errno
  }

  private static func isMountPoint(_ directory: String, _ status: stat) -> Bool {
    var parent = stat()
    return stat(directory + "/..", &parent) == 0 && (parent.st_dev != status.st_dev || parent.st_ino == status.st_ino)
  }

  /// Without the right to unmount, the setuid helper of fuse3 may have it.
  private static func detachByHelper(_ directory: String) -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["fusermount3", "-uz", directory]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }
}
