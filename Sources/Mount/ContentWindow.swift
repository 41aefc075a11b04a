import Store

/// Contents of neighbouring files, read from the store in one go where a reader walks a directory. For one thread.
struct ContentWindow {
  private var contents: [Int64: [UInt8]] = [:]
  /// The one larger file that somebody is reading, and how many of its bytes were read.
  private var large: (ino: Int64, bytes: [UInt8], read: Int)?
  /// Files of the last query, and how many of them were asked for.
  private var asked = 1
  private var used = 1

  /// Files read at once, at most.
  static let largestQuery = 64
  /// Larger files, in bytes, are read alone, and only the last of them is kept, until all of it was read.
  static let largestKept = 64 << 10

  /// A file's content; nil: there is none. Contents of an inode never change, so nothing kept can be stale.
  mutating func content(_ ino: Int64, from view: TreeView) throws -> [UInt8]? {
    if let known = contents[ino] {
      used += 1
      return known
    }
    if let large, large.ino == ino { return large.bytes }
    // As many more as the last query's were of use: where the page cache is filled ahead, only single files are asked for.
    asked = used * 2 >= asked ? min(asked * 2, Self.largestQuery) : 1
    used = 1
    let files = try view.read { try $0.contents(after: ino - 1, limit: asked, largest: Self.largestKept) }
    contents = [:]
    for file in files { contents[file.ino] = file.bytes }
    if let own = contents[ino] { return own }
    large = nil
    guard let bytes = try view.read({ try $0.content(ino) }) else { return nil }
    large = (ino, bytes, 0)
    return bytes
  }

  /// So many bytes of a file went to the kernel. Once it has them all, they are not kept here.
  mutating func wasRead(_ ino: Int64, count: Int) {
    guard let known = large, known.ino == ino else { return }
    large = known.read + count >= known.bytes.count ? nil : (ino, known.bytes, known.read + count)
  }
}
