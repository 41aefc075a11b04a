import Foundation
import Model
import Testing

@testable import Store

@Suite struct TreeViewTests {
  /// A view over a store in a file, and the tree behind it.
  private func withFile(_ body: (TreeFixture, TreeView) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("view-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: directory) }
    let store = try Store(path: directory.appendingPathComponent("cache.db").path)
    defer { store.close() }
    let view = try store.treeView()
    defer { view.close() }
    try body(try TreeFixture(store), view)
  }

  @Test func `a view sees each commit at once`() throws {
    try withFile { tree, view in
      for index in 0..<5 {
        try tree.put("u", "A.vcf", "content \(index)")
        let entry = try #require(try view.read { try $0.entry(name: "A.vcf", in: TreeFixture.directory) })
        let bytes = try view.read { try $0.content(entry.ino) }
        #expect(bytes == Array("content \(index)".utf8) && entry.size == 9)
      }
    }
  }

  @Test func `a read may be made inside another`() throws {
    try withFile { tree, view in
      try tree.put("u", "A.vcf")
      let name = try view.read { reader in
        try reader.node(uid: "u", in: TreeFixture.directory).flatMap { node in try view.read { try $0.node(node.ino) } }?.name
      }
      #expect(name == "A.vcf")
    }
  }

  @Test func `a view of a store in memory is the store itself`() throws {
    let tree = try TreeFixture()
    let view = try tree.store.treeView()
    try tree.put("u", "A.vcf")
    view.close()
    #expect(try view.read { try $0.node(uid: "u", in: TreeFixture.directory) }?.name == "A.vcf")
  }

  @Test func `entries for listings are the nodes, and only of their own directory`() throws {
    let tree = try TreeFixture()
    for index in 0..<20 { try tree.put("u\(index)", "\(index).vcf") }
    let (nodes, entries) = try tree.store.read { reader in
      (
        try reader.nodes(in: TreeFixture.directory, after: 0, limit: 100),
        try reader.entries(in: TreeFixture.directory, after: 0, limit: 100)
      )
    }
    #expect(nodes.count == 21 && nodes.map(\.name) == entries.map(\.name) && nodes.map(\.ino) == entries.map(\.ino))
    let other = TreeInode.directory(path: "/bob@example.test/ERP Contacts")
    #expect(try tree.store.read { try $0.entries(in: other, after: 0, limit: 100) }.isEmpty)
    #expect(nodes.allSatisfy { TreeInode.records(of: TreeFixture.directory).contains($0.ino) })
  }

  @Test func `the number of linked pairs follows every change of a link`() throws {
    let store = try Samples.store()
    let mailbox = Mailbox(address: "alice@example.test")
    var link = Link(
      id: 0, mailbox: mailbox, kind: .contacts, entityID: EntityID(rawValue: "e"), itemID: nil, baseEntity: nil, baseItem: nil,
      state: .linked, origin: .erp, uid: "e", operationID: nil, moveKey: nil, syncedAt: nil)
    func count() throws -> Int { try store.read { try $0.linkCount(kind: .contacts, mailbox: mailbox) } }
    #expect(try count() == 0)
    link = try store.write { try $0.save(link) }
    #expect(try count() == 1)
    link.state = .detached
    link = try store.write { try $0.save(link) }
    #expect(try count() == 0)
    link.state = .linked
    link = try store.write { try $0.save(link) }
    #expect(try count() == 1)
    try store.write { try $0.remove(link) }
    #expect(try count() == 0)
  }
}
