import FuseShim
import Glibc
import Store

extension FileSystem {
  /// Files asked of the store at once while a listing is filled.
  private static let listingPage = 1000

  /// Places in a listing: `.`, `..` and `.control` come first; then directories and files by their inode numbers, so that a place
  /// means the same while other entries come and go.
  private enum Place {
    static let itself: Int64 = 1
    static let parent: Int64 = 2
    static let control: Int64 = 3
  }

  /// Fills one reply with the entries after a place.
  func list(_ request: OpaquePointer, _ ino: Int64, room: Int, after place: Int64, plus: Bool) throws {
    var filler = Filler(request: request, room: room, plus: plus)
    if try fill(&filler, ino, after: place) {
      filler.buffer.withUnsafeBytes { cfs_reply_bytes(request, $0.baseAddress, filler.used) }
    } else {
      throw Failure(ENOTDIR)
    }
  }

  private func fill(_ filler: inout Filler, _ ino: Int64, after place: Int64) throws -> Bool {
    guard var own = try attributes(ino), own.mode & S_IFMT == S_IFDIR else { return false }
    if place < Place.itself, !filler.add(".", &own, Place.itself) { return true }
    if place < Place.parent {
      var above = try attributes(try parent(of: ino)) ?? own
      if !filler.add("..", &above, Place.parent) { return true }
    }
    if ControlTree.isControl(ino) {
      guard case .directory(let employee, let path)? = control.node(ino) else { return false }
      for (index, entry) in control.entries(employee: employee, path: path).enumerated() where Int64(index) + Place.control > place {
        var attributes = try controlAttributes(entry.node)
        if !filler.add(entry.name, &attributes, Int64(index) + Place.control) { return true }
      }
      return true
    }
    let directory = ino == TreeInode.root ? nil : try store.read { try $0.directory(ino) }
    if directory?.kind != nil { return try fillRecords(&filler, ino, after: place) }
    if place < Place.control {
      var attributes = try controlAttributes(.directory(employee: directory?.name, path: []))
      if !filler.add(Self.controlName, &attributes, Place.control) { return true }
    }
    let entries = try store.read { reader in
      try reader.directories(in: ino).filter { $0.ino > place }.map { ($0.name, try attributes(of: $0, reader)) }
    }
    for (name, attributes) in entries {
      var attributes = attributes
      if !filler.add(name, &attributes, Int64(bitPattern: attributes.ino)) { break }
    }
    return true
  }

  private func fillRecords(_ filler: inout Filler, _ ino: Int64, after place: Int64) throws -> Bool {
    var last = max(place, 0)
    let owner = try store.read { reader in
      owners.ids(of: try reader.directory(ino).flatMap { try reader.directory($0.parent) }?.unixUser)
    }
    while true {
      let page = try store.read { try $0.nodes(in: ino, after: last, limit: Self.listingPage) }
      for node in page {
        var attributes = attributes(of: node, owner)
        last = TreeInode.endOfPlace(node.ino)
        if !filler.add(node.name, &attributes, last) { return true }
      }
      if page.count < Self.listingPage { return true }
    }
  }

  private func parent(of ino: Int64) throws -> Int64 {
    if ControlTree.isControl(ino) {
      guard case .directory(let employee, let path)? = control.node(ino) else { return TreeInode.root }
      if !path.isEmpty { return control.number(of: .directory(employee: employee, path: Array(path.dropLast()))) }
      guard let employee else { return TreeInode.root }
      return try store.read { try $0.directory(name: employee, in: TreeInode.root)?.ino } ?? TreeInode.root
    }
    return try store.read { try $0.directory(ino)?.parent } ?? TreeInode.root
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
    mutating func add(_ name: String, _ attributes: inout cfs_attributes, _ place: Int64) -> Bool {
      let room = buffer.count - used
      let start = used
      let plus = plus
      let request = request
      let size = buffer.withUnsafeMutableBufferPointer { pointer in
        pointer.baseAddress.map { cfs_add_entry(request, $0 + start, room, name, &attributes, place, plus ? 1 : 0) } ?? room + 1
      }
      guard size <= room else { return false }
      used += size
      return true
    }
  }
}
