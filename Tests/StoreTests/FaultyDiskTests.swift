import FaultyDisk
import Foundation
import GRDB
import Model
import Testing

@testable import Store

/// The cache on a disk that keeps only what was synced.
@Suite struct FaultyDiskTests {
  /// A cache that is new, made once.
  private static let new: FaultyDisk? = {
    guard let disk = FaultyDisk(seed: 0), let store = try? Store(path: disk.uri(of: "cache.db"), isOnDisk: false) else { return nil }
    store.close()
    return disk
  }()

  private func newDisk(_ seed: UInt64) throws -> FaultyDisk {
    let new = try #require(Self.new)
    return try #require(FaultyDisk(copyOf: new, seed: seed))
  }

  private func open(_ disk: FaultyDisk) throws -> Store { try Store(path: disk.uri(of: "cache.db"), isOnDisk: false) }

  private func count(_ store: Store) throws -> Int { try store.read { try $0.cursor("n") }.flatMap(Int.init) ?? 0 }

  /// Writes that fill pages of the log, so that there is something to tear.
  private func fill(_ store: Store, _ number: Int) throws(SyncError) {
    try store.write { transaction in
      for index in 0..<20 { try transaction.setMeta("key \(index)", String(repeating: "v\(number) ", count: 200)) }
      try transaction.setCursor("n", "\(number)")
    }
  }

  private func isWhole(_ store: Store) throws -> Bool {
    let number = try count(store)
    return try (0..<20).allSatisfy { index in
      let value = try store.read { try $0.meta("key \(index)") }
      return number == 0 ? value == nil : value == String(repeating: "v\(number) ", count: 200)
    }
  }

  @Test func `a store keeps every commit when the power goes after it, whatever becomes of unsynced pages`() throws {
    for seed in 1...60 as ClosedRange<UInt64> {
      let disk = try newDisk(seed)
      var store = try open(disk)
      for number in 1...4 {
        try fill(store, number)
        disk.endProcess(powerLost: true)
        store.close()
        store = try open(disk)
        #expect(try count(store) == number, "seed \(seed): \(number) \(disk.seen)")
        #expect(try isWhole(store), "seed \(seed)")
        #expect(try store.damages().isEmpty, "seed \(seed)")
      }
      store.close()
    }
  }

  @Test func `power that goes in the middle of a transaction or of a checkpoint leaves all of it or nothing`() throws {
    var (torn, lost, before, after) = (0, 0, 0, 0)
    for seed in 1...240 as ClosedRange<UInt64> {
      let disk = try newDisk(seed)
      var store = try open(disk)
      try fill(store, 1)
      disk.arm(.powerCut, after: Int(seed % 60))
      // Every sixth carries the log over into the file, too.
      let isAccepted = (try? fill(store, 2)) != nil
      if seed % 6 == 0 { try? store.pool.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) } }
      let isCut = disk.isCut
      disk.endProcess(powerLost: true)
      store.close()
      store = try open(disk)
      let number = try count(store)
      #expect(
        isAccepted ? number == 2 : (1...2).contains(number), "seed \(seed): \(number), accepted \(isAccepted), cut \(isCut), \(disk.seen)")
      #expect(try isWhole(store), "seed \(seed)")
      #expect(try store.damages().isEmpty, "seed \(seed)")
      store.close()
      torn += disk.seen.torn
      lost += disk.seen.lost
      if isCut { if number == 1 { before += 1 } else { after += 1 } }
    }
    // Else nothing was shown.
    #expect(torn > 20 && lost > 20 && before > 20 && after > 2, "torn \(torn), lost \(lost), before \(before), after \(after)")
  }

  @Test func `a process that is killed loses nothing that it wrote`() throws {
    let disk = try newDisk(1)
    var store = try open(disk)
    for number in 1...20 {
      try fill(store, number)
      disk.endProcess(powerLost: false)
      store.close()
      store = try open(disk)
      #expect(try count(store) == number)
    }
    store.close()
    #expect(disk.seen.lost == 0 && disk.seen.torn == 0)
  }

  @Test(arguments: [FaultyDisk.Fault.full, .writeError])
  func `a full or broken disk is said so, with nothing half done, and the store goes on once it is well`(fault: FaultyDisk.Fault) throws {
    for seed in 1...40 as ClosedRange<UInt64> {
      let disk = try newDisk(seed)
      let store = try open(disk)
      defer { store.close() }
      try fill(store, 1)
      disk.arm(fault, after: Int(seed % 8))
      var refusal: SyncError?
      do { try fill(store, 2) } catch { refusal = error }
      disk.disarm()
      let error = try #require(refusal, "seed \(seed)")
      #expect(error.code == .storage)
      #expect(error.message.contains(fault == .full ? "no space left" : "check the disk"))
      #expect(try count(store) == 1 && isWhole(store), "seed \(seed)")
      try fill(store, 3)
      #expect(try count(store) == 3 && isWhole(store) && store.damages().isEmpty, "seed \(seed)")
    }
  }

  @Test func `without syncs at commits power cuts do take commits back: the disk does lose what was not synced`() throws {
    var gone = 0
    for seed in 1...30 as ClosedRange<UInt64> {
      let disk = try newDisk(seed)
      var store = try open(disk)
      try store.pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = OFF") }
      try fill(store, 1)
      try fill(store, 2)
      disk.endProcess(powerLost: true)
      store.close()
      // Without any sync the file itself may be torn.
      guard let again = try? open(disk) else {
        gone += 1
        continue
      }
      store = again
      if try count(store) < 2 { gone += 1 }
      store.close()
    }
    #expect(gone > 5)
  }

  @Test func `a store that is open finds the files as they were marked, whatever was done to them since, and goes on from there`() throws {
    let disk = try newDisk(1)
    var store = try open(disk)
    try fill(store, 1)
    #expect(disk.mark())
    for seed in 1...40 as ClosedRange<UInt64> {
      for number in 2...2 + Int(seed % 4) { try fill(store, number) }
      if seed % 5 == 0 { try store.pool.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) } }
      if seed % 3 == 0 {
        disk.endProcess(powerLost: seed % 2 == 0)
        store.close()
        store = try open(disk)
      }
      #expect(disk.rewind(seed: seed), "seed \(seed)")
      #expect(try count(store) == 1 && isWhole(store) && store.damages().isEmpty, "seed \(seed)")
      #expect(disk.seen.writes == 0)
      try fill(store, 2)
      #expect(try count(store) == 2 && isWhole(store), "seed \(seed)")
    }
    store.close()
  }

  @Test func `a disk without power, or in the middle of a transaction, is not put back`() throws {
    let disk = try newDisk(1)
    let store = try open(disk)
    #expect(!disk.rewind(seed: 1), "it was never marked")
    #expect(disk.mark())
    try store.read { reader in
      let known = try reader.meta("key 0")
      #expect(known == nil && !disk.rewind(seed: 1))
    }
    #expect(disk.rewind(seed: 1))
    disk.arm(.powerCut, after: 1)
    #expect((try? fill(store, 1)) == nil && !disk.rewind(seed: 1))
    store.close()
  }
}
