import Foundation
internal import GRDB
import Synchronization

/// Connections that only read, each for one read at a time. GRDB's own pool asks before each read whether the schema changed, and keeps more books
/// of who reads; that takes longer than most reads, and the cache's schema does not change while it is open.
final class Readers: Sendable {
  private let path: String
  private let configuration: GRDB.Configuration
  /// Nil: closed.
  private let idle = Mutex<[DatabaseQueue]?>([])
  /// How many more may read.
  private let free: DispatchSemaphore

  /// - Parameter limit: reads at once; more wait.
  init(path: String, configuration: GRDB.Configuration, limit: Int) {
    self.path = path
    self.configuration = configuration
    free = DispatchSemaphore(value: limit)
  }

  /// Reads one consistent state.
  func read<Answer>(_ body: (Database) throws -> Answer) throws -> Answer {
    free.wait()
    defer { free.signal() }
    let queue = try take()
    defer { give(queue) }
    // GRDB calls it unsafe where the caller begins the transaction.
    return try queue.unsafeRead { db in try db.transaction(.deferred) { try body(db) } }
  }

  private func take() throws -> DatabaseQueue {
    let known = try idle.withLock { idle in
      if idle == nil { throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "it is closed") }
      return idle?.popLast()
    }
    if let known { return known }
    var configuration = configuration
    configuration.readonly = true
    return try DatabaseQueue(path: path, configuration: configuration)
  }

  private func give(_ queue: DatabaseQueue) {
    let isKept = idle.withLock { idle in
      idle?.append(queue)
      return idle != nil
    }
    if !isKept { try? queue.close() }
  }

  /// Closes the connections; those that read just now, when they are done. Later reads throw.
  func close() { for queue in idle.withLock({ $0.take() }) ?? [] { try? queue.close() } }
}
