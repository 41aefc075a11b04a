import Foundation
import Model
import Store
import Testing

@testable import Mount

@Suite struct ListingKeeperTests {
  private static let employee = "alice@example.test"
  private let store: Store
  private let folder: Int64
  private let other: Int64

  init() throws {
    store = try Store(inMemory: "ListingKeeperTests-\(UInt64.random(in: 0 ... .max))")
    let names = ["Contacts", "Others"]
    let found = try store.write { transaction in
      try transaction.ensureEmployee(Self.employee, unixUser: nil)
      for name in names {
        try transaction.ensureFolder(name, kind: .contacts, employee: Self.employee, displayName: name, color: nil)
      }
      let employee = try #require(try transaction.reader.directory(name: Self.employee, in: TreeInode.root)).ino
      return try names.map { try #require(try transaction.reader.directory(name: $0, in: employee)).ino }
    }
    (folder, other) = (found[0], found[1])
  }

  private func isKept(_ folder: Int64) throws -> Bool { try store.read { try $0.page(of: folder, after: 0).isKept } }

  /// Waits until the listing is kept; false when it is not within some seconds.
  private func becomesKept(_ folder: Int64) async throws -> Bool {
    for _ in 0..<500 {
      if try isKept(folder) { return true }
      try await Task.sleep(for: .milliseconds(10))
    }
    return false
  }

  @Test func `a folder that is listed and is quiet has its listing kept`() async throws {
    let keeper = ListingKeeper(store: store, quiet: .milliseconds(1))
    keeper.want(folder)
    #expect(try await becomesKept(folder))
    keeper.stop()
  }

  @Test func `a folder that changes is not kept, its quiet neighbour is`() async throws {
    let keeper = ListingKeeper(store: store, quiet: .milliseconds(50))
    keeper.want(folder)
    keeper.want(other)
    keeper.changed([folder])
    #expect(try await becomesKept(other))
    #expect(try !isKept(folder))
    keeper.stop()
  }

  @Test func `a large folder that is listed through the cache becomes a kept one`() async throws {
    let keeper = ListingKeeper(store: store, quiet: .milliseconds(1))
    let cache = TreeCache(view: try store.treeView(), owners: Owners(), keeper: keeper)
    store.addTreeObserver { [cache] changes in cache.drop(changes) }
    #expect(try cache.entries(of: folder, after: 0).count == 1)
    let files = (0..<600).map { number in
      TreeFile(uid: "u\(number)", wishedName: "\(number).vcf", bytes: [65], modified: Timestamp(milliseconds: 1), attributes: [:])
    }
    try store.write { transaction in
      for file in files { _ = try transaction.putFile(file, folder: "Contacts", employee: Self.employee) }
    }
    #expect(try cache.entries(of: folder, after: 0).count == StoreReader.pageSize)
    #expect(try await becomesKept(folder))
    keeper.stop()
  }
}
