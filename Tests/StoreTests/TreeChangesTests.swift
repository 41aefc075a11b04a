import Foundation
import Model
import Synchronization
import Testing

@testable import Store

@Suite struct TreeChangesTests {
  private let tree: TreeFixture
  private let log = ChangeLog()

  /// What observers were told.
  final class ChangeLog: Sendable {
    private let changes = Mutex<[TreeChange]>([])

    func add(_ more: [TreeChange]) { changes.withLock { $0 += more } }

    /// What came since the last call.
    func take() -> Set<TreeChange> {
      changes.withLock { changes in
        defer { changes = [] }
        return Set(changes)
      }
    }
  }

  private let parent = TreeFixture.directory

  init() throws {
    tree = try TreeFixture()
    tree.store.addTreeObserver { [log] in log.add($0) }
  }

  @Test func `each change tells the kernel what to forget`() throws {
    try tree.put("u1", "A.vcf", "one")
    #expect(log.take() == [.entry(parent: parent, name: "A.vcf"), .directory(parent)])
    let first = try tree.inode("u1")
    try tree.put("u1", "A.vcf", "two")
    #expect(log.take() == [.removed(parent: parent, name: "A.vcf", ino: first), .entry(parent: parent, name: "A.vcf"), .directory(parent)])
    try tree.put("u1", "B.vcf", "two")
    #expect(log.take() == [.entry(parent: parent, name: "A.vcf"), .entry(parent: parent, name: "B.vcf"), .directory(parent)])
    try tree.put("u1", "B.vcf", "two")
    #expect(log.take().isEmpty)
    let second = try tree.inode("u1")
    try tree.remove("u1")
    #expect(log.take() == [.removed(parent: parent, name: "B.vcf", ino: second), .directory(parent)])
    try tree.remove("u1")
    #expect(log.take().isEmpty)
  }

  @Test func `the directory's time moves with every change of its entries, so that tools look again`() throws {
    var last = try tree.modified()
    func expectMoved(_ what: String) throws {
      let now = try tree.modified()
      #expect(now > last, "\(what)")
      last = now
    }
    try tree.put("u1", "A.vcf", "one", at: 1000)
    try expectMoved("a file came")
    #expect(last == Timestamp(seconds: 1000))
    try tree.put("u2", "B.vcf", "one", at: 900)
    try expectMoved("an older file came")
    try tree.put("u2", "B.vcf", "two", at: 900)
    try expectMoved("a file changed")
    try tree.put("u2", "C.vcf", "two", at: 900)
    try expectMoved("a file was renamed")
    try tree.remove("u2")
    try expectMoved("a file went")
    try tree.put("u1", "A.vcf", "one", at: 1000)
    try tree.remove("u2")
    #expect(try tree.modified() == last, "nothing changed")
  }

  @Test func `attributes that a file no longer has are gone`() throws {
    try tree.put("u1", "A.vcf", "one", ["origin": "erp", "erp_id": "e"])
    try tree.put("u1", "A.vcf", "one", ["origin": "erp"])
    let ino = try tree.inode("u1")
    #expect(try tree.store.read { try $0.attributes(ino) } == ["origin": "erp"])
    try tree.put("u1", "A.vcf", "one", [:])
    #expect(try tree.store.read { try $0.attributes(ino) } == [:])
  }

  @Test func `totals follow every change`() throws {
    func totals() throws -> [Int64] {
      let totals = try tree.store.read { try $0.treeTotals() }
      return [totals.files, totals.bytes]
    }
    let empty = try totals()
    #expect(empty == [1, 8], "displayname")
    try tree.put("u1", "A.vcf", "12345")
    try tree.put("u2", "A.vcf", "123")
    #expect(try totals() == [3, 16])
    try tree.put("u1", "B.vcf", "12345678")
    try tree.put("u1", "C.vcf", "12345678")
    #expect(try totals() == [3, 19])
    try tree.remove("u1")
    try tree.remove("u2")
    #expect(try totals() == empty)
  }

  @Test func `files are listed in inode order, in pages, with contents in the same order`() throws {
    for index in 0..<30 { try tree.put("u\(index)", "\(index).vcf", "content \(index)") }
    var (seen, after): ([TreeNode], Int64) = ([], 0)
    while true {
      let page = try tree.store.read { try $0.nodes(in: parent, after: after, limit: 7) }
      guard let last = page.last else { break }
      seen += page
      after = last.ino
    }
    #expect(seen.count == 31 && seen.map(\.ino) == seen.map(\.ino).sorted())
    let contents = try tree.store.read { try $0.contents(after: seen[3].ino, limit: 5) }
    #expect(contents.map(\.ino) == seen[4...8].map(\.ino))
    #expect(contents.map { Int64($0.bytes.count) } == seen[4...8].map(\.size))
    // The names of ten and more have a byte more of content: they are passed over.
    let short = try tree.store.read { try $0.contents(after: seen[0].ino - 1, limit: 100, largest: 9) }
    #expect(short.map(\.ino) == seen.filter { $0.size <= 9 }.map(\.ino) && short.count == 11)
  }

  @Test func `a folder is a vdir with displayname and color`() throws {
    func ensure(_ display: String, _ color: String?, _ kind: RecordKind = .contacts) throws {
      try tree.store.write {
        try $0.ensureFolder(TreeFixture.folder, kind: kind, employee: TreeFixture.email, displayName: display, color: color)
      }
    }
    func file(_ name: String) throws -> String? {
      try tree.store.read { reader in
        try reader.node(name: name, in: parent).flatMap { try reader.content($0.ino) }.map { String(decoding: $0, as: UTF8.self) }
      }
    }
    #expect(try file("displayname") == "Contacts")
    #expect(try file("color") == nil)
    try ensure("Kontakte", "#0000FF")
    #expect(try file("displayname") == "Kontakte")
    #expect(try file("color") == "#0000FF")
    _ = log.take()
    try ensure("Kontakte", "#0000FF")
    #expect(log.take().isEmpty)
    try ensure("Kontakte", nil)
    #expect(try file("color") == nil)
    #expect(try tree.store.read { try $0.directory(parent) }?.kind == .contacts)
    try ensure("Kontakte", nil, .tasks)
    #expect(try tree.store.read { try $0.directory(parent) }?.kind == .tasks)
  }

  @Test func `an employee's folder has its owner, and goes with everything in it`() throws {
    try tree.put("u1", "A.vcf", "one")
    let ino = try tree.inode("u1")
    try tree.store.write { try $0.ensureEmployee("bob@example.test", unixUser: "bob") }
    func directories() throws -> [String: String?] {
      Dictionary(uniqueKeysWithValues: try tree.store.read { try $0.directories(in: TreeInode.root) }.map { ($0.name, $0.unixUser) })
    }
    #expect(try directories() == ["alice@example.test": nil, "bob@example.test": "bob"])
    try tree.store.write { try $0.ensureEmployee(TreeFixture.email, unixUser: "alice") }
    #expect(try directories()["alice@example.test"] == "alice")
    #expect(try tree.inode("u1") == ino)
    _ = log.take()
    try tree.store.write { try $0.removeEmployee(TreeFixture.email) }
    #expect(try directories() == ["bob@example.test": "bob"])
    #expect(try tree.node("u1") == nil)
    #expect(try tree.store.read { try $0.treeTotals() } == (0, 0))
    #expect(try tree.store.read { try $0.content(ino) } == Array("one".utf8), "who has it open reads on")
    let told = log.take()
    #expect(told.contains(.removed(parent: parent, name: "A.vcf", ino: ino)))
    #expect(told.contains(.directory(TreeInode.root)))
    try tree.store.write { transaction in
      try transaction.purgeRetired(nil)
      try transaction.removeEmployee(TreeFixture.email)
      try transaction.removeEmployee("nobody@example.test")
    }
    #expect(try tree.store.read { try $0.content(ino) } == nil)
    #expect(log.take().isEmpty)
  }

  @Test func `a folder goes alone, also one of more files than are read at once`() throws {
    try tree.store.write { transaction in
      try transaction.ensureFolder("Tasks", kind: .tasks, employee: TreeFixture.email, displayName: "Tasks", color: nil)
      for index in 0..<1500 {
        _ = try transaction.putFile(
          TreeFile(uid: "t\(index)", wishedName: "same.ics", bytes: [1], modified: Samples.noon, attributes: [:]), folder: "Tasks",
          employee: TreeFixture.email)
      }
    }
    try tree.put("u1", "A.vcf")
    #expect(try tree.store.read { try $0.treeTotals() }.files == 1503)
    try tree.store.write { try $0.removeFolder("Tasks", employee: TreeFixture.email) }
    #expect(try tree.store.read { try $0.treeTotals() }.files == 2)
    #expect(
      try tree.store.read { try $0.directories(in: TreeInode.directory(path: "/alice@example.test")) }.map(\.name) == ["ERP Contacts"])
    #expect(try tree.text("u1") == "text")
  }

  @Test func `an employee or folder whose name means something to a file system lies where it should`() throws {
    try tree.store.write { transaction in
      try transaction.ensureFolder("../../etc", kind: .tasks, employee: TreeFixture.email, displayName: "x", color: nil)
      _ = try transaction.putFile(
        TreeFile(uid: "u", wishedName: "a.ics", bytes: [], modified: Samples.noon, attributes: [:]), folder: "../../etc",
        employee: TreeFixture.email)
    }
    let folders = try tree.store.read { try $0.directories(in: TreeInode.directory(path: "/alice@example.test")) }
    #expect(folders.count == 2 && folders.allSatisfy { !$0.name.contains("/") && !$0.name.hasPrefix(".") })
  }

  @Test func `after random changes each record has one file with its last bytes, and nobody's inode is reused`() throws {
    var state: UInt64 = 5
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(bound))
    }
    var expected: [String: (wish: String, text: String)] = [:]
    var bytesOf: [Int64: String] = [:]
    for _ in 0..<600 {
      let uid = "u\(next(12))"
      if next(5) == 0 {
        try tree.remove(uid)
        expected[uid] = nil
        continue
      }
      let (wish, text) = ("n\(next(4)).vcf", "t\(next(30))")
      let name = try tree.put(uid, wish, text, at: Int64(next(100)))
      #expect(name == wish || name == "\(wish.dropLast(4)) ~\(TreeInode.mark(uid: uid, digits: 4)).vcf")
      expected[uid] = (wish, text)
      let ino = try tree.inode(uid)
      #expect(bytesOf[ino, default: text] == text, "an inode stands for the same bytes as long as they may be open")
      bytesOf[ino] = text
    }
    let listing = try tree.listing()
    #expect(Set(listing.keys) == Set(expected.keys))
    for (uid, (_, text)) in expected { #expect(try tree.text(uid) == text) }
    #expect(Set(listing.values.map { $0.split(separator: " ").dropLast().joined(separator: " ") }).count == listing.count)
  }
}
