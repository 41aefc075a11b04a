import ERP
import Foundation

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
