import Foundation
import Model
import Testing

@testable import Store

@Suite struct KeptListingTests {
  private let tree: TreeFixture
  private static let count = 1300

  init() throws {
    tree = try TreeFixture()
    let files = (0..<Self.count).map { number in
      TreeFile(
        uid: "u\(number)", wishedName: "Ärger \(number).vcf", bytes: Array("text \(number)".utf8),
        modified: Timestamp(milliseconds: Int64(number) - 5), attributes: [:])
    }
    try tree.store.write { transaction in
      for file in files { _ = try transaction.putFile(file, folder: TreeFixture.folder, employee: TreeFixture.email) }
    }
  }

  private func keep() throws { try tree.store.write { try $0.keepListing(of: TreeFixture.directory) } }

  private func page(after place: Int64 = 0) throws -> TreePage {
    try tree.store.read { try $0.page(of: TreeFixture.directory, after: place) }
  }

  private func rows() throws -> [TreeEntry] { try tree.store.read { try $0.entries(in: TreeFixture.directory, after: 0, limit: 10_000) } }

  /// The whole listing by pages, and whether all of them were kept ones.
  private func listing() throws -> (entries: [TreeEntry], isKept: Bool) {
    var (entries, isKept): ([TreeEntry], Bool) = ([], true)
    while true {
      let page = try page(after: entries.last.map { TreeInode.endOfPlace($0.ino) } ?? 0)
      entries += page.entries
      isKept = isKept && page.isKept
      if page.isLast { return (entries, isKept) }
    }
  }

  @Test func `a kept listing is the same listing`() throws {
    let before = try listing()
    let wanted = try rows()
    #expect(!before.isKept && before.entries == wanted)
    try keep()
    let after = try listing()
    #expect(after.isKept && after.entries == before.entries && after.entries.count > Self.count)
  }

  @Test func `a page of a kept listing begins at any place`() throws {
    let all = try rows()
    try keep()
    for index in [0, 1, 510, 511, 512, 513, 1024, all.count - 2] {
      let page = try page(after: TreeInode.endOfPlace(all[index].ino))
      #expect(page.isKept && page.entries == Array(all[(index + 1)...].prefix(page.entries.count)) && !page.entries.isEmpty)
    }
    let end = try page(after: TreeInode.endOfPlace(all[all.count - 1].ino))
    #expect(end.isKept && end.isLast && end.entries.isEmpty)
  }

  enum Change: CaseIterable { case content, name, time, removal, arrival, olderArrival }

  private func make(_ change: Change) throws {
    switch change {
    case .content: try tree.put("u7", "Ärger 7.vcf", "another text")
    case .name: try tree.put("u7", "Freude.vcf", "text 7", at: 0)
    case .time: try tree.put("u7", "Ärger 7.vcf", "text 7", at: 77)
    case .removal: try tree.remove("u7")
    case .arrival: try tree.put("new", "New.vcf")
    case .olderArrival: try tree.put("new", "New.vcf", at: -1000)
    }
  }

  @Test(arguments: Change.allCases) func `every change of a folder ends its kept listing in the same transaction`(_ change: Change) throws {
    try keep()
    try make(change)
    let found = try listing()
    let wanted = try rows()
    #expect(!found.isKept && found.entries == wanted)
    try keep()
    let again = try listing()
    #expect(again.isKept && again.entries == wanted)
  }

  @Test func `a change after the keeping, in one transaction, ends it too`() throws {
    try tree.store.write { transaction in
      try transaction.removeFile(uid: "u8", folder: TreeFixture.folder, employee: TreeFixture.email)
      try transaction.keepListing(of: TreeFixture.directory)
      try transaction.removeFile(uid: "u1", folder: TreeFixture.folder, employee: TreeFixture.email)
    }
    let found = try listing()
    let wanted = try rows()
    #expect(!found.isKept && found.entries == wanted)
  }

  @Test func `unchanged files keep it`() throws {
    try keep()
    try tree.store.write { transaction in
      let file = TreeFile(
        uid: "u7", wishedName: "Ärger 7.vcf", bytes: Array("text 7".utf8), modified: Timestamp(milliseconds: 2), attributes: ["a": "b"])
      _ = try transaction.putFile(file, folder: TreeFixture.folder, employee: TreeFixture.email)
    }
    #expect(try listing().isKept)
  }

  @Test func `a removed folder leaves none behind`() throws {
    try keep()
    try tree.store.write { try $0.removeFolder(TreeFixture.folder, employee: TreeFixture.email) }
    _ = try TreeFixture(tree.store)
    let page = try page()
    #expect(!page.isKept && page.entries.map(\.name) == ["displayname"])
    try keep()
    let again = try listing()
    #expect(again.isKept && again.entries == page.entries)
  }

  @Test func `bytes that are no listing are refused`() throws {
    let entries = Array(try rows().prefix(3))
    let bytes = ListingCoding.bytes(entries)
    for cut in [1, 24, 25, bytes.count - 1] {
      #expect(bytes.prefix(cut).withUnsafeBytes(ListingCoding.entries) == nil)
    }
    #expect(bytes.withUnsafeBytes(ListingCoding.entries) == entries)
  }
}
