import Foundation
import GRDB
import Model
import Synchronization
import Testing

@testable import Store

@Suite struct StoreFileTests {
  private func mode(_ path: String) throws -> Int {
    try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
  }

  private func refusal(_ body: () throws -> Void) -> SyncError? {
    do {
      try body()
      return nil
    } catch { return error as? SyncError }
  }

  /// Changes a closed store behind its back.
  private func tamper(_ path: String, _ sql: String) throws {
    let queue = try DatabaseQueue(path: path)
    try queue.write { try $0.execute(sql: sql) }
    try queue.close()
  }

  @Test func `a new store and its directory are the owner's alone`() throws {
    try Samples.withDirectory { directory in
      let store = try Store(path: directory + "/a/cache.db")
      defer { store.close() }
      #expect(try mode(directory + "/a") == 0o700)
      #expect(try mode(directory + "/a/cache.db") == 0o600)
      #expect(try store.read { try $0.meta("x") } == nil)
    }
  }

  @Test func `what was stored is there after the next start, and migrations run once`() throws {
    try Samples.withDirectory { directory in
      let path = directory + "/cache.db"
      for round in 0..<3 {
        let store = try Store(path: path)
        #expect(try store.read { try $0.cursor("n") } == (round == 0 ? nil : "\(round - 1)"))
        try store.write { try $0.setCursor("n", "\(round)") }
        store.close()
      }
    }
  }

  @Test func `a store of a newer version is refused with what to do, and left as it is`() throws {
    try Samples.withDirectory { directory in
      let path = directory + "/cache.db"
      try Store(path: path).close()
      try tamper(path, "INSERT INTO grdb_migrations VALUES ('999 from the future')")
      for readOnly in [false, true] {
        let error = try #require(refusal { _ = try Store(path: path, readOnly: readOnly) })
        #expect(error.code == .storage)
        #expect(error.message.contains("newer version") && error.message.contains(path))
      }
    }
  }

  @Test func `a store of an older version is refused for reading alone, and brought up to date by its owner`() throws {
    try Samples.withDirectory { directory in
      let path = directory + "/cache.db"
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      try tamper(path, "PRAGMA user_version = 0; CREATE TABLE other (a)")
      #expect(refusal { _ = try Store(path: path, readOnly: true) }?.message.contains("older version") == true)
      let store = try Store(path: path)
      defer { store.close() }
      #expect(try store.read { try $0.treeTotals() } == (0, 0))
    }
  }

  @Test func `a file that is no database, or is damaged, is refused with what to do`() throws {
    try Samples.withDirectory { directory in
      let path = directory + "/cache.db"
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      try Data(repeating: 0x41, count: 8192).write(to: URL(fileURLWithPath: path))
      let error = try #require(refusal { _ = try Store(path: path) })
      #expect(error.code == .storage && error.retry == .never)
      #expect(error.message.contains("is damaged") && error.message.contains("move the file away"))
      #expect(refusal { _ = try Store(path: directory) }?.code == .storage)
      #expect(refusal { _ = try Store(path: directory + "/missing.db", readOnly: true) }?.message.contains("cannot be opened") == true)
    }
  }

  @Test func `a value that cannot be read is an error with what to do, not a crash`() throws {
    try Samples.withDirectory { directory in
      let path = directory + "/cache.db"
      let store = try Store(path: path)
      try store.write { _ = try $0.observe(Samples.entity("e1"), kind: .contacts) }
      store.close()
      for (column, value) in [("record", "'{'"), ("record", "'[]'"), ("record", "'{\"id\":1}'")] {
        try tamper(path, "UPDATE entity SET \(column) = \(value)")
        let again = try Store(path: path)
        defer { again.close() }
        let error = try #require(refusal { _ = try again.read { try $0.entity(EntityID(rawValue: "e1"), kind: .contacts) } })
        #expect(error.code == .storage && error.message.contains("rebuilt from both systems"))
      }
    }
  }

  @Test func `a reader beside the owner sees what is committed and cannot write`() throws {
    try Samples.withDirectory { directory in
      let path = directory + "/cache.db"
      let owner = try Store(path: path)
      defer { owner.close() }
      let reader = try Store(path: path, readOnly: true)
      defer { reader.close() }
      try owner.write { try $0.setMeta("a", "1") }
      #expect(try reader.read { try $0.meta("a") } == "1")
      #expect(refusal { try reader.write { try $0.setMeta("a", "2") } }?.code == .storage)
      try owner.write { try $0.setMeta("a", nil) }
      #expect(try reader.read { try $0.meta("a") } == nil)
    }
  }

  @Test func `a transaction that fails leaves nothing behind, and tells nobody`() throws {
    let store = try Samples.store()
    let told = Mutex(0)
    store.addTreeObserver { changes in told.withLock { $0 += changes.count } }
    let error = refusal {
      try store.write { transaction in
        try transaction.setCursor("c", "1")
        try transaction.ensureEmployee("alice@example.test", unixUser: nil)
        _ = try transaction.save(Samples.link("e1", "i1"))
        throw SyncError(.held, "stop")
      }
    }
    #expect(error == SyncError(.held, "stop"))
    #expect(told.withLock { $0 } == 0)
    let (cursor, links, directories) = try store.read { reader in
      (
        try reader.cursor("c"), try reader.linkCount(kind: .contacts, mailbox: Samples.alice),
        try reader.directories(in: TreeInode.root)
      )
    }
    #expect(cursor == nil && links == 0 && directories.isEmpty)
    try store.write { try $0.ensureEmployee("alice@example.test", unixUser: nil) }
    #expect(told.withLock { $0 } == 2)
  }

  @Test func `a copy holds everything and is the owner's alone`() throws {
    try Samples.withDirectory { directory in
      let store = try Store(path: directory + "/cache.db")
      try store.write { try $0.setMeta("a", "1") }
      try store.copy(to: directory + "/copy/cache.db")
      try store.write { try $0.setMeta("a", "2") }
      store.close()
      #expect(try mode(directory + "/copy/cache.db") == 0o600)
      let copy = try Store(path: directory + "/copy/cache.db")
      defer { copy.close() }
      #expect(try copy.read { try $0.meta("a") } == "1")
    }
  }

  @Test func `a closed store throws`() throws {
    try Samples.withDirectory { directory in
      let store = try Store(path: directory + "/cache.db")
      store.close()
      store.close()
      #expect(refusal { _ = try store.read { try $0.meta("a") } }?.code == .storage)
    }
  }

  @Test func `what follows after SQLite has ended a transaction by itself is refused, not stored alone`() throws {
    try Samples.withDirectory { directory in
      let store = try Store(path: directory + "/cache.db")
      defer { store.close() }
      // As SQLite does on a full disk: the body goes on without noticing.
      func ended(_ body: @escaping (StoreTransaction) throws -> Void) -> SyncError? {
        refusal {
          try store.write { transaction in
            try transaction.setMeta("before", "1")
            try transaction.db.execute(sql: "ROLLBACK")
            try body(transaction)
          }
        }
      }
      #expect(ended { try $0.setMeta("after", "1") }?.code == .storage)
      #expect(ended { _ in }?.code == .storage)
      #expect(try store.read { [try $0.meta("before"), try $0.meta("after")] } == [nil, nil])
      try store.write { try $0.setMeta("after", "2") }
      #expect(try store.read { try $0.meta("after") } == "2")
    }
  }

  @Test func `reads run side by side, each sees one state, and none runs after the store is closed`() async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let store = try Store(path: directory + "/cache.db")
    try store.write { for key in ["a", "b"] { try $0.setMeta(key, "0") } }
    let torn = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<6 {
        group.addTask {
          (0..<200).count { _ in
            let pair = try? store.read { reader in [try reader.meta("a"), try reader.meta("b")] }
            return pair.map { $0[0] != $0[1] || $0[0] == nil } ?? true
          }
        }
      }
      group.addTask {
        for number in 1...200 { try? store.write { for key in ["a", "b"] { try $0.setMeta(key, String(number)) } } }
        return 0
      }
      return await group.reduce(0, +)
    }
    #expect(torn == 0)
    #expect(try store.read { try $0.meta("a") } == "200")
    // A read inside another has a connection of its own.
    #expect(try store.read { _ in try store.read { try $0.meta("b") } } == "200")
    store.close()
    #expect(refusal { _ = try store.read { try $0.meta("a") } }?.code == .storage)
  }
}
