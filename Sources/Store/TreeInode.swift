/// Inode numbers of the mounted tree: derived from what a file is, so that they are the same after a restart and after a rebuild of the cache.
///
/// A record's file: bit 62 set, then 13 bits of the directory's path, 36 of the record's UID, 13 of the content. So the files of a
/// directory lie together in inode order, the place of a record in a listing does not depend on its content, and a changed record is
/// a new inode, as an editor's atomic save makes it. Two records of one directory that share their 36 bits are told apart by probing.
/// A directory: bit 60 set, then 40 bits of its path. Numbers below 2^59 are left to the mount itself.
public enum TreeInode {
  static let contentBits: Int64 = 13
  static let recordBits: Int64 = 36
  static let directoryBits: Int64 = 13

  /// The root of every mount (FUSE_ROOT_ID).
  public static let root: Int64 = 1

  /// Whether the number is a record's file.
  public static func isRecord(_ ino: Int64) -> Bool { ino >> 62 == 1 }

  /// The last number that a record at the same place of its directory can have: where a listing goes on.
  public static func endOfPlace(_ ino: Int64) -> Int64 { ino | (1 << contentBits - 1) }

  /// The last number that a file of the same directory can have.
  public static func lastNeighbour(of ino: Int64) -> Int64 { ino | (1 << (recordBits + contentBits) - 1) }

  /// The numbers that a directory's files can have: the first bits of its own number are theirs.
  static func records(of directory: Int64) -> ClosedRange<Int64> {
    let mark = (directory & (1 << 40 - 1)) >> (40 - directoryBits)
    let first = 1 << 62 | mark << (recordBits + contentBits)
    return first...lastNeighbour(of: first)
  }

  static func directory(path: String) -> Int64 { 1 << 60 | cut(hash(path.utf8), 40) }

  /// First and last number of a record's place.
  static func place(directoryPath: String, uid: String, probe: Int64) -> ClosedRange<Int64> {
    let record = (cut(hash(uid.utf8), recordBits) + probe) & (1 << recordBits - 1)
    let first = 1 << 62 | cut(hash(directoryPath.utf8), directoryBits) << (recordBits + contentBits) | record << contentBits
    return first...(first | (1 << contentBits - 1))
  }

  static func content(_ bytes: [UInt8]) -> Int64 { cut(hash(bytes), contentBits) }

  /// Hexadecimal digits that tell records of one name apart.
  static func mark(uid: String, digits: Int) -> String {
    let text = String(hash(uid.utf8), radix: 16)
    return String((String(repeating: "0", count: 16 - text.count) + text).prefix(digits))
  }

  private static func cut(_ hash: UInt64, _ bits: Int64) -> Int64 { Int64(hash >> UInt64(64 - bits)) }

  /// FNV-1a, 64 bits, with a last mixing step (the finaliser of SplitMix64), so that the high bits are as good as the low ones.
  static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
    hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
    return hash ^ (hash >> 31)
  }
}
