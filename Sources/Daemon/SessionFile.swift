import ERP
import Foundation
import Model
import OAuth

extension SessionMemory {
  /// Kept in a file that only this user can read, while the session is open.
  static func file(_ path: String) -> SessionMemory {
    SessionMemory(
      load: { FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } },
      save: { cookies in
        // Removed before it is made: the rights of an older file would stay.
        unlink(path)
        guard let cookies else { return }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes = Array(cookies.utf8)
        _ = write(descriptor, bytes, bytes.count)
      })
  }
}

extension RefreshTokenMemory {
  /// Kept in a file that only this user can read. It is written anew and takes the old one's place, on the disk before it is relied on.
  static func file(_ path: String) -> RefreshTokenMemory {
    RefreshTokenMemory(
      load: { FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } },
      save: { token throws(SyncError) in
        let fresh = path + ".new"
        unlink(fresh)
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        let bytes = Array(token.utf8)
        let isWritten = descriptor >= 0 && write(descriptor, bytes, bytes.count) == bytes.count && fsync(descriptor) == 0
        if descriptor >= 0 { close(descriptor) }
        guard isWritten, rename(fresh, path) == 0 else {
          throw SyncError(.storage, "the ERP's new refresh token could not be kept in \(path): \(String(cString: strerror(errno)))")
        }
      })
  }
}
