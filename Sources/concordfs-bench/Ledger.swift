import Foundation
import Model

/// What is committed and since when, in a file that readers in other processes map: 16 bytes a record, milliseconds of CLOCK_MONOTONIC and
/// the version, both little-endian. The time is written first and read last, so that nobody takes a new version for an old one.
final class Ledger {
  private let bytes: UnsafeMutableRawPointer
  private let size: Int

  init(path: String, records: Int) throws {
    size = records * 16
    let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
    guard descriptor >= 0, ftruncate(descriptor, off_t(size)) == 0,
      let mapped = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), mapped != MAP_FAILED
    else { throw SyncError(.failed, "\(path) cannot be made: \(String(cString: strerror(errno)))") }
    close(descriptor)
    bytes = mapped
  }

  deinit { munmap(bytes, size) }

  static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
  }

  func version(_ record: Int) -> Int { Int(bytes.load(fromByteOffset: record * 16 + 8, as: UInt64.self)) }

  func note(_ record: Int, _ version: Int, at time: UInt64) {
    bytes.storeBytes(of: time.littleEndian, toByteOffset: record * 16, as: UInt64.self)
    bytes.storeBytes(of: UInt64(version).littleEndian, toByteOffset: record * 16 + 8, as: UInt64.self)
  }
}
