import Foundation
import Model
import Synchronization
import Testing

@testable import Store

/// A tree with one employee and one folder, and short ways to ask for it.
struct TreeFixture {
  let store: Store
  static let email = "alice@example.test"
  static let folder = "ERP Contacts"
  static let directory = TreeInode.directory(path: "/alice@example.test/ERP Contacts")

  init(_ store: Store) throws {
    self.store = store
    try store.write { transaction in
      try transaction.ensureEmployee(Self.email, unixUser: nil)
      try transaction.ensureFolder(Self.folder, kind: .contacts, employee: Self.email, displayName: "Contacts", color: nil)
    }
  }

  init() throws { try self.init(Samples.store()) }

  @discardableResult
  func put(
    _ uid: String, _ name: String, _ text: String = "text", at seconds: Int64 = 1000, _ attributes: [String: String] = ["origin": "erp"]
  ) throws -> String {
    let file = TreeFile(
      uid: uid, wishedName: name, bytes: Array(text.utf8), modified: Timestamp(seconds: seconds), attributes: attributes)
    return try store.write { try $0.putFile(file, folder: Self.folder, employee: Self.email) }
  }

  func remove(_ uid: String) throws { try store.write { try $0.removeFile(uid: uid, folder: Self.folder, employee: Self.email) } }

  func node(_ uid: String) throws -> TreeNode? { try store.read { try $0.node(uid: uid, in: Self.directory) } }

  func inode(_ uid: String) throws -> Int64 { try #require(try node(uid)).ino }

  func text(_ uid: String) throws -> String? {
    let ino = try inode(uid)
    return try store.read { try $0.content(ino) }.map { String(decoding: $0, as: UTF8.self) }
  }

  /// Names and inodes of all files but vdir's, by UID.
  func listing() throws -> [String: String] {
    let nodes = try store.read { try $0.nodes(in: Self.directory, after: 0, limit: 10_000) }.filter { !$0.uid.hasPrefix(".") }
    return Dictionary(uniqueKeysWithValues: nodes.map { ($0.uid, "\($0.name) \($0.ino)") })
  }

  func modified() throws -> Timestamp { try #require(try store.read { try $0.directory(Self.directory) }).modified }
}

@Suite struct TreeTests {
  private let tree: TreeFixture

  init() throws { tree = try TreeFixture() }

  // MARK: Names

  @Test func `a file has the name that its record asks for, its exact size, time, bytes and attributes`() throws {
    #expect(try tree.put("u1", "Jane Doe.vcf", "Zoë", at: 77, ["change_key": "k"]) == "Jane Doe.vcf")
    let node = try #require(try tree.node("u1"))
    #expect(node.name == "Jane Doe.vcf" && node.size == 4 && node.modified == Timestamp(seconds: 77))
    #expect(node.parent == TreeFixture.directory && TreeInode.isRecord(node.ino))
    let found = try tree.store.read { reader in
      (try reader.node(name: "Jane Doe.vcf", in: TreeFixture.directory), try reader.node(node.ino), try reader.attributes(node.ino))
    }
    #expect(found.0 == node && found.1 == node && found.2 == ["change_key": "k"])
    #expect(try tree.text("u1") == "Zoë")
  }

  @Test func `a taken name gets four digits from the UID before its ending`() throws {
    #expect(try tree.put("u1", "Jane.vcf") == "Jane.vcf")
    let second = try tree.put("u2", "Jane.vcf")
    #expect(second == "Jane ~\(TreeInode.mark(uid: "u2", digits: 4)).vcf")
    #expect(second.wholeMatch(of: #/Jane ~[0-9a-f]{4}\.vcf/#) != nil)
    #expect(try tree.put("u3", "noending") == "noending")
    #expect(try tree.put("u4", "noending") == "noending ~\(TreeInode.mark(uid: "u4", digits: 4))")
  }

  @Test func `a mark that is taken too gets more digits`() throws {
    // Two UIDs whose marks begin with the same four digits.
    let (first, second) = ("u317", "u384")
    #expect(TreeInode.mark(uid: first, digits: 4) == TreeInode.mark(uid: second, digits: 4))
    try tree.put("u1", "Jane.vcf")
    #expect(try tree.put(first, "Jane.vcf") == "Jane ~\(TreeInode.mark(uid: first, digits: 4)).vcf")
    #expect(try tree.put(second, "Jane.vcf") == "Jane ~\(TreeInode.mark(uid: second, digits: 8)).vcf")
  }

  @Test func `a marked name is cut so that name, mark and ending fit into 255 bytes`() throws {
    let long = String(repeating: "é", count: 125) + ".vcf"
    #expect(long.utf8.count == 254)
    try tree.put("u1", long)
    let marked = try tree.put("u2", long)
    #expect(marked.utf8.count <= 255 && marked.hasSuffix("é ~\(TreeInode.mark(uid: "u2", digits: 4)).vcf"))
  }

  @Test func `a file keeps its name until its own record is renamed, whatever becomes of the others`() throws {
    try tree.put("u1", "Jane.vcf")
    let marked = try tree.put("u2", "Jane.vcf")
    try tree.remove("u1")
    #expect(try tree.put("u2", "Jane.vcf", "changed") == marked)
    #expect(try tree.put("u3", "Jane.vcf") == "Jane.vcf")
    #expect(try tree.put("u2", "Janet.vcf", "changed") == "Janet.vcf")
    #expect(try tree.put("u2", "Jane.vcf", "changed") == marked)
  }

  @Test func `records that swap their names do not lose a file`() throws {
    try tree.put("u1", "A.vcf", "one")
    try tree.put("u2", "B.vcf", "two")
    #expect(try tree.put("u1", "B.vcf", "one") == "B ~\(TreeInode.mark(uid: "u1", digits: 4)).vcf")
    #expect(try tree.put("u2", "A.vcf", "two") == "A.vcf")
    #expect(try tree.text("u1") == "one")
    #expect(try tree.text("u2") == "two")
    #expect(try tree.store.read { try $0.node(name: "B.vcf", in: TreeFixture.directory) } == nil)
  }

  // MARK: Inodes

  @Test func `an inode stays with the content, over a change of name, time and attributes`() throws {
    try tree.put("u1", "Jane.vcf", "one")
    let ino = try tree.inode("u1")
    try tree.put("u1", "Jane.vcf", "one", at: 2000, ["origin": "exchange"])
    #expect(try tree.inode("u1") == ino)
    #expect(try tree.node("u1")?.modified == Timestamp(seconds: 2000))
    try tree.put("u1", "Janet.vcf", "one", at: 2000)
    #expect(try tree.inode("u1") == ino)
    #expect(try tree.text("u1") == "one")
    #expect(try tree.store.read { try $0.retiredNode(ino) } == nil)
  }

  @Test func `changed content is a new inode under the same name, the old bytes are served until they are forgotten`() throws {
    try tree.put("u1", "Jane.vcf", "one")
    let old = try tree.inode("u1")
    #expect(try tree.put("u1", "Jane.vcf", "other") == "Jane.vcf")
    let new = try tree.inode("u1")
    #expect(new != old && TreeInode.endOfPlace(new) == TreeInode.endOfPlace(old), "its place in listings stays")
    #expect(try tree.store.read { try $0.content(old) } == Array("one".utf8))
    #expect(try tree.store.read { try $0.retiredNode(old) }?.size == 3)
    #expect(try tree.store.read { try $0.node(old) } == nil)
    #expect(try tree.store.read { try $0.attributes(old) } == [:])
    try tree.store.write { try $0.purgeRetired([old, new]) }
    #expect(try tree.store.read { try $0.content(old) } == nil)
    #expect(try tree.store.read { try $0.retiredNode(old) } == nil)
    #expect(try tree.text("u1") == "other", "what is in use is not forgotten")
  }

  @Test func `content that comes back has its inode again, also while the old one was open`() throws {
    try tree.put("u1", "Jane.vcf", "one")
    let first = try tree.inode("u1")
    try tree.put("u1", "Jane.vcf", "two")
    try tree.put("u1", "Jane.vcf", "one")
    #expect(try tree.inode("u1") == first)
    try tree.store.write { try $0.purgeRetired([first]) }
    #expect(try tree.text("u1") == "one")
  }

  @Test func `contents that share the bits of an inode are told apart while one is still read`() throws {
    let (one, two) = ("bytes 80", "bytes 108")
    #expect(TreeInode.content(Array(one.utf8)) == TreeInode.content(Array(two.utf8)))
    try tree.put("u1", "Jane.vcf", one)
    let first = try tree.inode("u1")
    try tree.put("u1", "Jane.vcf", two)
    #expect(try tree.inode("u1") != first)
    #expect(try tree.store.read { try $0.content(first) } == Array(one.utf8))
    #expect(try tree.text("u1") == two)
  }

  @Test func `records that share the bits of an inode get places of their own`() throws {
    let (one, two) = ("u199847", "u547246")
    let path = "/alice@example.test/ERP Contacts"
    #expect(
      TreeInode.place(directoryPath: path, uid: one, probe: 0) == TreeInode.place(directoryPath: path, uid: two, probe: 0))
    try tree.put(one, "A.vcf", "same")
    try tree.put(two, "B.vcf", "same")
    #expect(try TreeInode.endOfPlace(tree.inode(one)) != TreeInode.endOfPlace(tree.inode(two)))
    let second = try tree.inode(two)
    try tree.put(one, "A.vcf", "changed")
    try tree.put(two, "B.vcf", "same", at: 5000)
    #expect(try tree.inode(two) == second)
    #expect(try tree.text(one) == "changed")
    try tree.remove(one)
    #expect(try tree.text(two) == "same")
  }

  @Test func `files of the same content and of no content are files of their own`() throws {
    for index in 0..<20 { try tree.put("u\(index)", "f\(index).vcf", index < 10 ? "same" : "") }
    let inodes = try (0..<20).map { try tree.inode("u\($0)") }
    #expect(Set(inodes).count == 20)
    try tree.remove("u3")
    #expect(try tree.text("u4") == "same")
    #expect(try tree.text("u12") == "")
  }

  @Test func `inode numbers are kinds of their own and do not depend on the process`() {
    // Fixed for ever: a change of these numbers makes every backup tool take everything again.
    #expect(TreeInode.hash("u1".utf8) == 0x715f_dd7b_59a9_a19f)
    #expect(TreeInode.directory(path: "/alice@example.test") == TreeFixture.directory(of: "/alice@example.test"))
    for path in ["/a", "/a/b", ""] {
      let directory = TreeInode.directory(path: path)
      #expect(directory >> 60 == 1 && !TreeInode.isRecord(directory) && directory > 1 << 59)
      let place = TreeInode.place(directoryPath: path, uid: "u", probe: 0)
      #expect(TreeInode.isRecord(place.lowerBound) && TreeInode.isRecord(place.upperBound) && place.lowerBound > 0)
      #expect(TreeInode.endOfPlace(place.lowerBound) == place.upperBound)
    }
    let last = (Int64(0)..<64).map { TreeInode.place(directoryPath: "/a", uid: "u", probe: $0) }
    #expect(Set(last.map(\.lowerBound)).count == 64)
  }

  // MARK: Restarts and rebuilds

  private func fill(_ tree: TreeFixture, _ order: [Int]) throws {
    for index in order { try tree.put("u\(index)", index.isMultiple(of: 10) ? "Jane.vcf" : "Person \(index).vcf", "content \(index / 2)") }
  }

  @Test func `a rebuilt cache gives the same names and inodes`() throws {
    try fill(tree, Array(0..<100))
    for index in 0..<100 where index.isMultiple(of: 3) {
      try tree.put("u\(index)", "Renamed \(index).vcf", "new \(index)")
      try fill(tree, [index])
    }
    let before = try tree.listing()
    let rebuilt = try TreeFixture()
    try fill(rebuilt, Array(0..<100))
    #expect(try rebuilt.listing() == before.mapValues { $0 })
    #expect(before.count == 100)
  }

  @Test func `a rebuild in another order gives the same inodes, and the same names where none was taken`() throws {
    try fill(tree, Array(0..<100))
    let rebuilt = try TreeFixture()
    try fill(rebuilt, Array((0..<100).reversed()))
    let (before, after) = (try tree.listing(), try rebuilt.listing())
    for (uid, entry) in before {
      let index = try #require(Int(uid.dropFirst()))
      #expect(after[uid]?.split(separator: " ").last == entry.split(separator: " ").last)
      if !index.isMultiple(of: 10) { #expect(after[uid] == entry) }
    }
  }

  @Test func `a restart changes neither names nor inodes`() throws {
    try Samples.withDirectory { directory in
      let first = try Store(path: directory + "/cache.db")
      let before = try TreeFixture(first)
      try fill(before, Array(0..<50))
      let listing = try before.listing()
      first.close()
      let second = try Store(path: directory + "/cache.db")
      defer { second.close() }
      let told = Mutex<[TreeChange]>([])
      second.addTreeObserver { changes in told.withLock { $0 += changes } }
      let after = try TreeFixture(second)
      try fill(after, Array((0..<50).reversed()))
      #expect(try after.listing() == listing)
      #expect(told.withLock { $0 }.isEmpty, "what is as it was is told to nobody")
    }
  }
}

extension TreeFixture {
  /// The number of a directory by its path, from the bits that are documented.
  static func directory(of path: String) -> Int64 { 1 << 60 | Int64(TreeInode.hash(path.utf8) >> 24) }
}
