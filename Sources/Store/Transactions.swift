internal import GRDB

extension Database {
  /// Runs a transaction whose first and last statements are prepared once a connection. GRDB's own prepares them anew each time, which takes
  /// longer than most of what the cache is asked for.
  /// - Parameter kind: deferred to read, immediate to write.
  func transaction<Answer>(_ kind: TransactionKind, _ body: () throws -> Answer) throws -> Answer {
    try cachedStatement(sql: kind == .deferred ? "BEGIN DEFERRED" : "BEGIN IMMEDIATE").execute()
    do {
      let answer = try body()
      try checkTransaction()
      try cachedStatement(sql: "COMMIT").execute()
      return answer
    } catch {
      // What failed is told, not what its undoing says.
      try? rollback()
      throw error
    }
  }

  /// SQLite ends a transaction by itself on some errors; what is written after that would be stored alone.
  func checkTransaction() throws {
    if !isInsideTransaction { throw DatabaseError(resultCode: .SQLITE_ABORT, message: "SQLite has ended the transaction") }
  }
}
