import Control
import FuseShim
import Glibc
import Model
import Store
import Synchronization

extension FileSystem {
  /// The callbacks that libfuse's thread enters by. Each gets back to the object and leaves errors to `answer`.
  static let operations = cfs_operations(
    lookup: { context, request, parent, name, process in
      FileSystem.from(context).answer(request) { try $0.lookup(request, Int64(bitPattern: parent), String(cString: name), process) }
    },
    forget: { context, ino in FileSystem.from(context).retirement.forgotten(Int64(bitPattern: ino)) },
    getattr: { context, request, ino in FileSystem.from(context).answer(request) { try $0.getattr(request, Int64(bitPattern: ino)) } },
    setattr: { context, request, ino, onlySize in
      FileSystem.from(context).answer(request) { try $0.setattr(request, Int64(bitPattern: ino), onlySize: onlySize != 0) }
    },
    read: { context, request, ino, size, offset in
      FileSystem.from(context).answer(request) { try $0.read(request, Int64(bitPattern: ino), size: size, offset: offset) }
    },
    write: { context, request, ino, bytes, size, offset, user in
      FileSystem.from(context).answer(request) {
        try $0.write(request, Int64(bitPattern: ino), Array(UnsafeBufferPointer(start: bytes, count: size)), user: user)
      }
    },
    readdir: { context, request, ino, size, offset, plus, process in
      FileSystem.from(context).answer(request) {
        try $0.list(request, Int64(bitPattern: ino), room: size, after: offset, plus: plus != 0, process: process)
      }
    },
    statfs: { context, request in FileSystem.from(context).answer(request) { try $0.statfs(request) } },
    getxattr: { context, request, ino, name, size in
      FileSystem.from(context).answer(request) { try $0.getxattr(request, Int64(bitPattern: ino), String(cString: name), room: size) }
    },
    listxattr: { context, request, ino, size in
      FileSystem.from(context).answer(request) { try $0.listxattr(request, Int64(bitPattern: ino), room: size) }
    })

  private static func from(_ context: UnsafeMutableRawPointer?) -> FileSystem {
    // The context is the object that mounted, which outlives its session: `run` returns only after the last request.
    Unmanaged<FileSystem>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
  }

  /// What a request fails with.
  struct Failure: Error {
    var code: Int32
    init(_ code: Int32) { self.code = code }
  }

  /// Runs a handler; what it throws is the reply. A fault of the store is EIO.
  private func answer(_ request: OpaquePointer, _ handler: (FileSystem) throws -> Void) {
    do {
      try handler(self)
    } catch {
      cfs_reply_error(request, (error as? Failure)?.code ?? EIO)
    }
  }

  // MARK: Names and attributes

  private func lookup(_ request: OpaquePointer, _ parent: Int64, _ name: String, _ process: Int32) throws {
    guard var attributes = try child(name, of: parent, process) else { throw Failure(ENOENT) }
    cfs_reply_entry(request, &attributes)
  }

  private func child(_ name: String, of parent: Int64, _ process: Int32) throws -> cfs_attributes? {
    if ControlTree.isControl(parent) {
      guard case .directory(let employee, let path)? = control.node(parent) else { return nil }
      guard let entry = control.entries(employee: employee, path: path).first(where: { $0.name == name }) else { return nil }
      if entry.node.isFile { listingPolicy.withLock { $0.lookupControl(process) } }
      return try controlAttributes(entry.node)
    }
    let folder = parent == TreeInode.root ? nil : try tree.folder(parent)
    if parent != TreeInode.root && folder == nil { return nil }
    if let folder, folder.directory.kind != nil {
      let drop = listingPolicy.withLock { $0.lookup(process, folder: parent) }
      if !drop.isEmpty { notifier?.refresh(drop) }
      return try view.read { try $0.entry(name: name, in: parent) }.map { attributes(of: $0, folder.owner) }
    }
    if name == Self.controlName { return try controlAttributes(.directory(employee: folder?.directory.name, path: [])) }
    return try view.read { reader in try reader.directory(name: name, in: parent).map { try attributes(of: $0, reader) } }
  }

  static let controlName = ".control"

  private func getattr(_ request: OpaquePointer, _ ino: Int64) throws {
    guard var attributes = try attributes(ino) else { throw Failure(ENOENT) }
    cfs_reply_attributes(request, &attributes)
  }

  func attributes(_ ino: Int64) throws -> cfs_attributes? {
    if ControlTree.isControl(ino) { return try control.node(ino).map(controlAttributes) }
    return try view.read { reader in
      if ino == TreeInode.root {
        let employees = try reader.directories(in: ino)
        return cfs_attributes(
          ino: ino, mode: Modes.root, links: UInt32(employees.count + 3), owner: owners.mountOwner, size: 0,
          modified: employees.map(\.modified).max() ?? Timestamp(milliseconds: 0), timeout: Self.recordTimeout)
      }
      if let directory = try reader.directory(ino) { return try attributes(of: directory, reader) }
      if let node = try reader.node(ino) {
        guard let folder = try tree.folder(node.parent) else { return nil }
        return attributes(of: TreeEntry(ino: ino, name: node.name, size: node.size, modified: node.modified), folder.owner)
      }
      guard let node = try reader.retiredNode(ino) else { return nil }
      // Its folder may be gone too.
      let owner = try tree.folder(node.parent)?.owner ?? owners.mountOwner
      return attributes(of: TreeEntry(ino: ino, name: "", size: node.size, modified: node.modified), owner, links: 0)
    }
  }

  private func owner(of directory: TreeDirectory, _ reader: StoreReader) throws -> (user: UInt32, group: UInt32) {
    if directory.parent == TreeInode.root { return owners.ids(of: directory.unixUser) }
    return owners.ids(of: try reader.directory(directory.parent)?.unixUser)
  }

  func attributes(of directory: TreeDirectory, _ reader: StoreReader) throws -> cfs_attributes {
    let folders = directory.kind == nil ? try reader.directories(in: directory.ino) : []
    let modified = folders.map(\.modified).max() ?? directory.modified
    return cfs_attributes(
      ino: directory.ino, mode: Modes.directory, links: UInt32(directory.kind == nil ? folders.count + 3 : 2),
      owner: try owner(of: directory, reader), size: 0, modified: modified, timeout: Self.recordTimeout)
  }

  func attributes(of entry: TreeEntry, _ owner: (user: UInt32, group: UInt32), links: UInt32 = 1) -> cfs_attributes {
    cfs_attributes(
      ino: entry.ino, mode: Modes.record, links: links, owner: owner, size: entry.size, modified: entry.modified,
      timeout: Self.recordTimeout)
  }

  func controlAttributes(_ node: ControlTree.Node) throws -> cfs_attributes {
    let ino = control.number(of: node)
    switch node {
    case .directory(let employee, let path):
      let directories = control.entries(employee: employee, path: path).count { !$0.node.isFile }
      return cfs_attributes(
        ino: ino, mode: Modes.directory, links: UInt32(directories + 2), owner: try controlOwner(employee), size: 0,
        modified: Timestamp(milliseconds: 0), timeout: Self.controlTimeout)
    case .file(let file):
      let contents = control.contents(file, ino: ino)
      return cfs_attributes(
        ino: ino, mode: file.isWritable ? Modes.writableControlFile : Modes.controlFile, owner: try controlOwner(file.employee),
        size: Int64(contents.bytes.count), modified: contents.modified, timeout: Self.controlTimeout)
    }
  }

  private func controlOwner(_ employee: String?) throws -> (user: UInt32, group: UInt32) {
    guard let employee else { return owners.mountOwner }
    return try view.read { owners.ids(of: try $0.directory(name: employee, in: TreeInode.root)?.unixUser) }
  }

  /// `echo x > FILE` first cuts the file to size 0: a control file takes no notice. Times (touch) are taken no notice of either.
  private func setattr(_ request: OpaquePointer, _ ino: Int64, onlySize: Bool) throws {
    guard case .file(let file)? = control.node(ino), file.isWritable else { throw Failure(EROFS) }
    guard onlySize else { throw Failure(EPERM) }
    try getattr(request, ino)
  }

  // MARK: Contents

  private func read(_ request: OpaquePointer, _ ino: Int64, size: Int, offset: Int64) throws {
    let bytes: [UInt8]
    if case .file(let file)? = control.node(ino) {
      bytes = control.contents(file, ino: ino).bytes
    } else {
      let content = try contents.withLock { try $0.content(ino, from: view) }
      guard let content else { throw Failure(ENOENT) }
      bytes = content
      if offset == 0 { prefetcher?.noteRead(ino) }
    }
    let start = min(max(Int(offset), 0), bytes.count)
    let end = min(start + size, bytes.count)
    bytes.withUnsafeBytes { buffer in cfs_reply_bytes(request, buffer.baseAddress.map { $0 + start }, end - start) }
    contents.withLock { $0.wasRead(ino, count: end - start) }
  }

  private func write(_ request: OpaquePointer, _ ino: Int64, _ bytes: [UInt8], user: UInt32) throws {
    guard case .file(let file)? = control.node(ino), file.isWritable else { throw Failure(EROFS) }
    // A pointer as a number: requests are answered once, by whichever thread the completion comes on.
    let key = UInt(bitPattern: request)
    let pending = PendingWrite()
    pendingWrites.withLock { $0[key] = pending }
    cfs_on_interrupt(
      request,
      { request, context in
        let key = UInt(bitPattern: request)
        FileSystem.from(context).pendingWrites.withLock { $0[key] }?.interrupt()
      }, Unmanaged.passUnretained(self).toOpaque())
    let handle = control.write(bytes, to: file, user: user) { [self] code in
      pending.finish()
      // Answered under the lock: an unmount in this moment answers what is left, and ends the session only then.
      pendingWrites.withLock { all in
        guard all.removeValue(forKey: key) != nil, let request = OpaquePointer(bitPattern: key) else { return }
        if code == 0 { cfs_reply_written(request, bytes.count) } else { cfs_reply_error(request, code) }
      }
      // The kernel is not told to drop the file's pages: the next writer holds them until its own cycle has ended, and who drops them would wait
      // for that, deaf to everything, SIGKILL too. The file's time tells it (`ControlTree.contents`).
    }
    if let handle { pending.wait(for: handle) }
  }

  private func statfs(_ request: OpaquePointer) throws {
    let totals = try view.read { try $0.treeTotals() }
    cfs_reply_statfs(request, UInt64((totals.bytes + 511) / 512), UInt64(totals.files))
  }

  // MARK: Extended attributes

  private static let attributePrefix = "user.concordfs."

  private func getxattr(_ request: OpaquePointer, _ ino: Int64, _ name: String, room: Int) throws {
    // No access lists, labels or capabilities here: `ls -l` asks once a file system where it hears so, else twice a file.
    guard name.hasPrefix("user.") else { throw Failure(EOPNOTSUPP) }
    guard TreeInode.isRecord(ino), name.hasPrefix(Self.attributePrefix) else { throw Failure(ENODATA) }
    let all = try view.read { try $0.attributes(ino) }
    guard let value = all[String(name.dropFirst(Self.attributePrefix.count))] else { throw Failure(ENODATA) }
    try reply(request, Array(value.utf8), room: room)
  }

  private func listxattr(_ request: OpaquePointer, _ ino: Int64, room: Int) throws {
    let names = TreeInode.isRecord(ino) ? try view.read { try $0.attributes(ino) }.keys.sorted() : []
    try reply(request, names.flatMap { Array((Self.attributePrefix + $0).utf8) + [0] }, room: room)
  }

  private func reply(_ request: OpaquePointer, _ bytes: [UInt8], room: Int) throws {
    if room == 0 { return cfs_reply_xattr_size(request, bytes.count) }
    guard bytes.count <= room else { throw Failure(ERANGE) }
    bytes.withUnsafeBytes { cfs_reply_bytes(request, $0.baseAddress, $0.count) }
  }
}
