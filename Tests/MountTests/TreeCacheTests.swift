import Model
import Store
import Testing

@testable import Mount

@Suite struct TreeCacheTests {
  private static let employee = "alice@example.test"
  private let store: Store
  private let cache: TreeCache
  private let folder: Int64
  private let view: TreeView

  init() throws {
    store = try Store(inMemory: "TreeCacheTests-\(UInt64.random(in: 0 ... .max))")
    try store.write { transaction in
      try transaction.ensureEmployee(Self.employee, unixUser: nil)
      try transaction.ensureFolder("Contacts", kind: .contacts, employee: Self.employee, displayName: "Contacts", color: nil)
    }
    view = try store.treeView()
    cache = TreeCache(view: view, owners: Owners())
    store.addTreeObserver { [cache] changes in cache.drop(changes) }
    let employee = try store.read { try $0.directory(name: Self.employee, in: TreeInode.root)?.ino }
    folder = try store.read { try $0.directories(in: employee ?? 0).first?.ino } ?? 0
  }

  private func put(_ uid: String, _ text: String = "text") throws {
    let file = TreeFile(
      uid: uid, wishedName: uid + ".vcf", bytes: Array(text.utf8), modified: Timestamp(seconds: 1), attributes: ["origin": "erp"])
    _ = try store.write { try $0.putFile(file, folder: "Contacts", employee: Self.employee) }
  }

  /// A whole listing by pages from any place, as the kernel asks: each page is cut after `taken` entries.
  private func listing(taken: Int, between: (Int) throws -> Void = { _ in }) throws -> [TreeEntry] {
    var (found, place, pages): ([TreeEntry], Int64, Int) = ([], 0, 0)
    while true {
      let page = try cache.entries(of: folder, after: place).prefix(taken)
      guard let last = page.last else { return found }
      found += page
      place = TreeInode.endOfPlace(last.ino)
      pages += 1
      try between(pages)
    }
  }

  @Test(arguments: [1, 7, 100, 2000]) func `pages of any size make the same listing`(_ taken: Int) throws {
    for index in 0..<1200 { try put("u\(index)") }
    let found = try listing(taken: taken)
    #expect(found.count == 1201 && Set(found.map(\.name)).count == 1201)
    #expect(found.map(\.ino) == found.map(\.ino).sorted())
  }

  @Test func `a listing under change repeats and skips nothing that was there all the time`() throws {
    for index in 0..<1200 { try put("u\(index)") }
    let found = try listing(taken: 50) { page in
      // Every record changes, and so gets another number; some come, some go.
      for index in stride(from: page, to: 1200, by: 40) { try put("u\(index)", "changed \(page)") }
      try put("new \(page)")
      try store.write { try $0.removeFile(uid: "new \(page / 2)", folder: "Contacts", employee: Self.employee) }
    }
    let names = found.map(\.name)
    #expect(Set(names).count == names.count, "nothing twice")
    #expect((0..<1200).allSatisfy { names.contains("u\($0).vcf") })
  }

  @Test func `what a commit changed is never answered from before it`() throws {
    for index in 0..<10 { try put("u\(index)") }
    let before = try listing(taken: 100)
    try put("u3", "another text")
    let after = try listing(taken: 100)
    let (old, new) = (try #require(before.first { $0.name == "u3.vcf" }), try #require(after.first { $0.name == "u3.vcf" }))
    #expect(old.ino != new.ino && new.size == 12)
    #expect(after.filter { $0.name != "u3.vcf" } == before.filter { $0.name != "u3.vcf" })
  }

  @Test func `a folder's owner follows the configuration`() throws {
    let before = try #require(try cache.folder(folder))
    #expect(before.owner == Owners().mountOwner && before.directory.kind == .contacts)
    try store.write { try $0.ensureEmployee(Self.employee, unixUser: "nobody") }
    let after = try #require(try cache.folder(folder))
    #expect(after.owner == Owners().ids(of: "nobody"))
    try store.write { try $0.removeEmployee(Self.employee) }
    #expect(try cache.folder(folder) == nil)
  }

  @Test func `contents come whole and exactly, small ones with their neighbours, large ones alone`() throws {
    let large = String(repeating: "x", count: ContentWindow.largestKept + 1)
    for index in 0..<100 { try put("u\(index)", index % 10 == 0 ? "\(index)" + large : "text \(index)") }
    var window = ContentWindow()
    for entry in try listing(taken: 1000) + listing(taken: 1000).reversed() where entry.name.hasPrefix("u") {
      let index = try #require(Int(entry.name.dropFirst().dropLast(4)))
      let bytes = try #require(try window.content(entry.ino, from: view))
      #expect(bytes == Array((index % 10 == 0 ? "\(index)" + large : "text \(index)").utf8))
      window.wasRead(entry.ino, count: bytes.count)
    }
    #expect(try window.content(folder, from: view) == nil)
  }
}
