import Foundation
internal import GRDB
public import Model
import Render

/// A policy's folder of an employee.
struct TreeFolder: Hashable {
  var name: String
  var employee: String

  /// Where the folder is in the tree.
  struct Place {
    var path: String
    var ino: Int64
  }
}

extension StoreTransaction {
  private func place(_ folder: String, _ employee: String) -> TreeFolder.Place {
    let key = TreeFolder(name: folder, employee: employee)
    if let known = folders[key] { return known }
    let path = "/\(FileName.folder(employee))/\(FileName.folder(folder))"
    let place = TreeFolder.Place(path: path, ino: TreeInode.directory(path: path))
    folders[key] = place
    return place
  }

  /// Makes sure that an employee has a folder, owned by this user.
  public func ensureEmployee(_ email: String, unixUser: String?) throws {
    let name = FileName.folder(email)
    let ino = TreeInode.directory(path: "/" + name)
    let known = try reader.directory(ino)
    if let known, known.unixUser == unixUser { return }
    try db.run(
      "INSERT INTO directory (ino, parent, name, unix_user) VALUES (?, ?, ?, ?) ON CONFLICT (ino) DO UPDATE SET unix_user = excluded.unix_user",
      [ino, TreeInode.root, name, unixUser])
    treeChanges.append(.entry(parent: TreeInode.root, name: name))
    treeChanges.append(.directory(TreeInode.root))
  }

  /// Removes an employee's folder with everything in it.
  public func removeEmployee(_ email: String) throws {
    let name = FileName.folder(email)
    let ino = TreeInode.directory(path: "/" + name)
    guard try reader.directory(ino) != nil else { return }
    for folder in try reader.directories(in: ino) { try removeFolder(folder.name, employee: email) }
    try db.run("DELETE FROM directory WHERE ino = ?", [ino])
    treeChanges.append(.removed(parent: TreeInode.root, name: name, ino: ino))
    treeChanges.append(.directory(TreeInode.root))
  }

  /// Makes sure that a policy's folder is there, with vdir's `displayname` and `color` files.
  /// - Parameter color: `#RRGGBB`; nil: no color file.
  public func ensureFolder(_ name: String, kind: RecordKind, employee: String, displayName: String, color: String?) throws {
    let (employeeName, folderName) = (FileName.folder(employee), FileName.folder(name))
    let parent = TreeInode.directory(path: "/" + employeeName)
    let ino = TreeInode.directory(path: "/\(employeeName)/\(folderName)")
    let known: [String?]? = try db.row("SELECT kind, display, color FROM directory WHERE ino = ?", [ino]) { [$0[0], $0[1], $0[2]] }
    if known == [kind.rawValue, displayName, color] { return }
    try db.run(
      """
      INSERT INTO directory (ino, parent, name, kind, display, color) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (ino) DO UPDATE SET kind = excluded.kind, display = excluded.display, color = excluded.color
      """, [ino, parent, folderName, kind.rawValue, displayName, color])
    treeChanges.append(.entry(parent: parent, name: folderName))
    treeChanges.append(.directory(parent))
    // vdir: metadata are plain values without an ending, so no record's name can be theirs.
    try putMetadata("displayname", displayName, folder: name, employee: employee)
    try putMetadata("color", color, folder: name, employee: employee)
  }

  private func putMetadata(_ name: String, _ value: String?, folder: String, employee: String) throws {
    let uid = "." + name
    guard let value else { return try removeFile(uid: uid, folder: folder, employee: employee) }
    let file = TreeFile(uid: uid, wishedName: name, bytes: Array(value.utf8), modified: Timestamp(milliseconds: 0), attributes: [:])
    _ = try putFile(file, folder: folder, employee: employee)
  }

  /// Removes a policy's folder with everything in it.
  public func removeFolder(_ name: String, employee: String) throws {
    let (employeeName, folderName) = (FileName.folder(employee), FileName.folder(name))
    let parent = TreeInode.directory(path: "/" + employeeName)
    let ino = TreeInode.directory(path: "/\(employeeName)/\(folderName)")
    while true {
      let nodes = try reader.nodes(in: ino, after: 0, limit: 1000)
      if nodes.isEmpty { break }
      for node in nodes { try remove(node) }
    }
    try forgetListing(of: ino)
    try db.run("DELETE FROM directory WHERE ino = ?", [ino])
    touched[ino] = nil
    treeChanges.append(.removed(parent: parent, name: folderName, ino: ino))
    treeChanges.append(.directory(parent))
  }

  /// Puts a record's file into its folder, or replaces it.
  ///
  /// Unchanged bytes keep the inode, an unchanged wish keeps the name. A changed record is a new inode under the same name; the old one
  /// is served until the kernel forgets it.
  /// - Returns: the name that the file has.
  public func putFile(_ file: TreeFile, folder: String, employee: String) throws -> String {
    let target = place(folder, employee)
    let (path, parent) = (target.path, target.ino)
    let known = try reader.node(uid: file.uid, in: parent)
    let wish: String? = try known.flatMap { node in
      try db.row("SELECT coalesce(wished, name) FROM node WHERE ino = ?", [node.ino]) { $0[0] }
    }
    let name = try known.flatMap { wish == file.wishedName ? $0.name : nil } ?? freeName(file, in: parent)
    let ino = try inode(file, path: path, parent: parent, known: known)
    if let known, known.ino == ino, known.name == name, known.modified == file.modified {
      try putAttributes(file, ino)
      return name
    }
    if let known {
      if known.ino == ino {
        // Only the name or the time changed: the inode stays, its content too.
        try db.run("DELETE FROM node WHERE ino = ?", [ino])
        treeChanges.append(.entry(parent: parent, name: known.name))
      } else {
        try remove(known)
      }
    }
    try db.run(
      "INSERT INTO node (ino, parent, name, wished, uid, size, modified) VALUES (?, ?, ?, ?, ?, ?, ?)",
      [ino, parent, name, name == file.wishedName ? nil : file.wishedName, file.uid, file.bytes.count, file.modified.milliseconds])
    if known?.ino != ino {
      try db.run("DELETE FROM retired WHERE ino = ?", [ino])
      try db.run("INSERT OR REPLACE INTO content VALUES (?, ?)", [ino, Data(file.bytes)])
    }
    try putAttributes(file, ino)
    treeChanges.append(.entry(parent: parent, name: name))
    try touch(parent, file.modified)
    return name
  }

  /// Removes a record's file.
  public func removeFile(uid: String, folder: String, employee: String) throws {
    let parent = place(folder, employee).ino
    guard let node = try reader.node(uid: uid, in: parent) else { return }
    try remove(node)
    try touch(parent, node.modified)
  }

  /// Notes that a directory's entries changed. Tools as khal look at its time alone to see whether they have to read it again: it moves
  /// with every transaction, also where a file went or an older one came. A kept listing is valid no longer.
  private func touch(_ directory: Int64, _ modified: Timestamp) throws {
    let told = touched[directory]
    if let told, modified.milliseconds <= told { return }
    touched[directory] = modified.milliseconds
    try db.run(
      "UPDATE directory SET modified = max(modified + ?, ?), listed = 0 WHERE ino = ?",
      [told == nil ? 1 : 0, modified.milliseconds, directory])
    if told == nil { treeChanges.append(.directory(directory)) }
  }

  /// Forgets contents of replaced and removed files that the kernel no longer knows.
  public func purgeRetired(_ inodes: [Int64]?) throws {
    guard let inodes else {
      try db.run("DELETE FROM content WHERE ino IN (SELECT ino FROM retired)")
      return try db.run("DELETE FROM retired")
    }
    for ino in inodes {
      try db.run("DELETE FROM content WHERE ino = ?1 AND EXISTS (SELECT 1 FROM retired WHERE ino = ?1)", [ino])
      try db.run("DELETE FROM retired WHERE ino = ?", [ino])
    }
  }

  private func remove(_ node: TreeNode) throws {
    try db.run("DELETE FROM node WHERE ino = ?", [node.ino])
    try db.run("DELETE FROM attribute WHERE ino = ?", [node.ino])
    try db.run("INSERT OR IGNORE INTO retired VALUES (?, ?, ?)", [node.ino, node.parent, node.modified.milliseconds])
    treeChanges.append(.removed(parent: node.parent, name: node.name, ino: node.ino))
  }

  private func putAttributes(_ file: TreeFile, _ ino: Int64) throws {
    if file.attributes.isEmpty { return try db.run("DELETE FROM attribute WHERE ino = ?", [ino]) }
    try db.run("INSERT OR REPLACE INTO attribute VALUES (?, ?)", [ino, try Coding.recordText(file.attributes)])
  }

  /// The wished name, or where it is taken the name with a mark from the UID.
  private func freeName(_ file: TreeFile, in parent: Int64) throws -> String {
    for digits in [0, 4, 8, 16] {
      let name =
        digits == 0 ? file.wishedName : FileName.distinguished(file.wishedName, mark: TreeInode.mark(uid: file.uid, digits: digits))
      guard let holder = try reader.node(name: name, in: parent), holder.uid != file.uid else { return name }
    }
    throw SyncError(.storage, "no free name for a record's file like '\(file.wishedName)'")
  }

  private func inode(_ file: TreeFile, path: String, parent: Int64, known: TreeNode?) throws -> Int64 {
    if let known, known.size == file.bytes.count, try reader.content(known.ino) == file.bytes { return known.ino }
    for probe in Int64(0)..<64 {
      let place = TreeInode.place(directoryPath: path, uid: file.uid, probe: probe)
      let others = try db.rows("SELECT uid, parent FROM node WHERE ino BETWEEN ? AND ?", [place.lowerBound, place.upperBound]) {
        (uid: $0[0] as String, parent: $0[1] as Int64)
      }
      if others.contains(where: { $0.uid != file.uid || $0.parent != parent }) { continue }
      // A number that stands for other bytes, now or to a reader who has them open, is passed over.
      let first = TreeInode.content(file.bytes)
      for step in 0..<(place.upperBound - place.lowerBound) {
        let ino = place.lowerBound + (first + step) & (1 << TreeInode.contentBits - 1)
        guard let taken = try reader.content(ino) else { return ino }
        if taken == file.bytes { return ino }
      }
    }
    throw SyncError(.storage, "no free inode for '\(file.wishedName)' in \(path)")
  }
}
