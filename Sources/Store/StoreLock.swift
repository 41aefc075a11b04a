import Foundation
public import Model
import Synchronization

/// One process writes a store: held as a lock on a file beside it, which names its owner.
public final class StoreLock: Sendable {
  /// The locked file; nil: given free.
  private let descriptor: Mutex<Int32?>

  /// How often a lock is tried that nobody seems to own: who asks for the owner has it for a moment.
  private static let tries = 200
  /// The pause between two tries, in microseconds.
  private static let pause: UInt32 = 1000

  private init(descriptor: Int32) { self.descriptor = Mutex(descriptor) }

  /// Who holds a store.
  public struct Owner: Sendable, Hashable {
    /// Process id.
    public var process: Int32
    /// Where it mounts the tree; nil: nowhere.
    public var mountPoint: String?
  }

  private static func lockPath(_ store: String) -> String { store + ".lock" }

  /// Takes the store for this process.
  /// - Throws: `storage` when another process has it, with its process id.
  public static func acquire(path store: String) throws(SyncError) -> StoreLock {
    let path = lockPath(store)
    let directory = (path as NSString).deletingLastPathComponent
    if !directory.isEmpty {
      do {
        try FileManager.default.createDirectory(
          atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      } catch { throw SyncError(.storage, "\(directory) cannot be created: \(error.localizedDescription)", retry: .never) }
    }
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SyncError(.storage, "\(path) cannot be opened: \(String(cString: strerror(errno)))", retry: .never) }
    var isLocked = false
    var owner: Owner?
    for attempt in 0..<tries where !isLocked && owner == nil {
      if attempt > 0 { usleep(pause) }
      isLocked = flock(descriptor, LOCK_EX | LOCK_NB) == 0
      if !isLocked { owner = Self.owner(path: store) }
    }
    guard isLocked else {
      close(descriptor)
      let holder = owner.map { " (process \($0.process)\($0.mountPoint.map { ", mounted at " + $0 } ?? ""))" } ?? ""
      throw SyncError(.storage, "\(store) is in use by another concordfs\(holder)", retry: .later)
    }
    let lock = StoreLock(descriptor: descriptor)
    lock.note(mountPoint: nil)
    return lock
  }

  /// Who holds the store now; nil: nobody.
  public static func owner(path store: String) -> Owner? {
    let path = lockPath(store)
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    if flock(descriptor, LOCK_SH | LOCK_NB) == 0 { return nil }
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard let process = lines.first.flatMap({ Int32($0) }) else { return nil }
    return Owner(process: process, mountPoint: lines.count > 1 && !lines[1].isEmpty ? String(lines[1]) : nil)
  }

  /// Tells other processes where this one mounts the tree.
  public func note(mountPoint: String?) {
    let text = "\(getpid())\n\(mountPoint ?? "")\n"
    descriptor.withLock { descriptor in
      guard let descriptor else { return }
      ftruncate(descriptor, 0)
      _ = text.utf8CString.withUnsafeBufferPointer { pwrite(descriptor, $0.baseAddress, text.utf8.count, 0) }
    }
  }

  /// Gives the store free. The file stays: removing it would let two processes lock two files.
  public func release() {
    descriptor.withLock { descriptor in
      guard let open = descriptor.take() else { return }
      ftruncate(open, 0)
      close(open)
    }
  }
}
