import FuseShim
import Glibc
import Store
import Synchronization

extension FileSystem {
  /// Places in a listing: `.`, `..` and `.control` come first; then directories and files by their inode numbers, so that a place
  /// means the same while other entries come and go.
  private enum Place {
    static let itself: Int64 = 1
    static let parent: Int64 = 2
    static let control: Int64 = 3
  }

  /// Fills one reply with the entries after a place.
  func list(_ request: OpaquePointer, _ ino: Int64, room: Int, after place: Int64, plus: Bool, process: Int32) throws {
    var filler = Filler(request: request, room: room, plus: plus)
    if try fill(&filler, ino, after: place, process) {
      filler.buffer.withUnsafeBytes { cfs_reply_bytes(request, $0.baseAddress, filler.used) }
    } else {
      throw Failure(ENOTDIR)
    }
  }

  private func fill(_ filler: inout Filler, _ ino: Int64, after place: Int64, _ process: Int32) throws -> Bool {
    guard var own = try attributes(ino), own.mode & S_IFMT == S_IFDIR else { return false }
    if place < Place.itself, !filler.add(".", &own, Place.itself) { return true }
    if place < Place.parent {
      var above = try attributes(try parent(of: ino)) ?? own
      if !filler.add("..", &above, Place.parent) { return true }
    }
    if ControlTree.isControl(ino) {
      guard case .directory(let employee, let path)? = control.node(ino) else { return false }
      let entries = control.entries(employee: employee, path: path)
      if entries.contains(where: { $0.node.isFile }) { listingPolicy.withLock { $0.listControl(process) } }
      for (index, entry) in entries.enumerated() where Int64(index) + Place.control > place {
        var attributes = try controlAttributes(entry.node)
        if !filler.add(entry.name, &attributes, Int64(index) + Place.control) { return true }
      }
      return true
    }
    let folder = ino == TreeInode.root ? nil : try tree.folder(ino)
    if let folder, folder.directory.kind != nil {
      try fillRecords(&filler, folder, after: place, process)
      return true
    }
    if place < Place.control {
      var attributes = try controlAttributes(.directory(employee: folder?.directory.name, path: []))
      if !filler.add(Self.controlName, &attributes, Place.control) { return true }
    }
    let entries = try view.read { reader in
      try reader.directories(in: ino).filter { $0.ino > place }.map { ($0.name, try attributes(of: $0, reader)) }
    }
    for (name, attributes) in entries {
      var attributes = attributes
      if !filler.add(name, &attributes, Int64(bitPattern: attributes.ino)) { break }
    }
    return true
  }

  private func fillRecords(_ filler: inout Filler, _ folder: TreeCache.Folder, after place: Int64, _ process: Int32) throws {
    let ino = folder.directory.ino
    var bare = listingPolicy.withLock { $0.bareEntries(process, folder: ino, isStart: place <= Place.control) }
    var last = max(place, 0)
    while true {
      let page = try tree.entries(of: ino, after: last)
      if page.isEmpty { return }
      for entry in page {
        var attributes = attributes(of: entry, folder.owner)
        let next = TreeInode.endOfPlace(entry.ino)
        guard filler.add(entry.name, &attributes, next, isBare: bare > 0) else { return }
        last = next
        bare -= 1
      }
    }
  }

  private func parent(of ino: Int64) throws -> Int64 {
    if ControlTree.isControl(ino) {
      guard case .directory(let employee, let path)? = control.node(ino) else { return TreeInode.root }
      if !path.isEmpty { return control.number(of: .directory(employee: employee, path: Array(path.dropLast()))) }
      guard let employee else { return TreeInode.root }
      return try view.read { try $0.directory(name: employee, in: TreeInode.root)?.ino } ?? TreeInode.root
    }
    return try tree.folder(ino)?.directory.parent ?? TreeInode.root
  }

  /// One reply's buffer.
  private struct Filler {
    let request: OpaquePointer
    let plus: Bool
    var buffer: [CChar]
    var used = 0

    init(request: OpaquePointer, room: Int, plus: Bool) {
      self.request = request
      self.plus = plus
      buffer = [CChar](repeating: 0, count: room)
    }

    /// Adds an entry; false when it does not fit.
    mutating func add(_ name: String, _ attributes: inout cfs_attributes, _ place: Int64, isBare: Bool = false) -> Bool {
      let room = buffer.count - used
      let start = used
      let form = Int32(plus ? (isBare ? CFS_BARE : CFS_ATTRIBUTES) : CFS_NAME)
      let request = request
      let size = buffer.withUnsafeMutableBufferPointer { pointer in
        pointer.baseAddress.map { cfs_add_entry(request, $0 + start, room, name, &attributes, place, form) } ?? room + 1
      }
      guard size <= room else { return false }
      used += size
      return true
    }
  }
}
