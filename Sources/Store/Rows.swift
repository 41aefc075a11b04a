import CSQLite
internal import GRDB

/// The row that a statement stands on, its columns by place. GRDB's own rows make an index of the columns' names for each query, and copy what
/// they give: that takes longer than most of the cache's queries.
struct StatementRow {
  fileprivate let statement: OpaquePointer

  subscript<Value: ColumnValue>(_ column: Int) -> Value { Value(statement, Int32(column)) }

  /// The bytes of a column while the statement stands on this row; nil: it is NULL.
  func withBytes<Answer>(_ column: Int, _ body: (UnsafeRawBufferPointer?) throws -> Answer) rethrows -> Answer {
    if sqlite3_column_type(statement, Int32(column)) == SQLITE_NULL { return try body(nil) }
    // In this order: the bytes' form follows from how they are asked for.
    let start = sqlite3_column_blob(statement, Int32(column))
    return try body(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, Int32(column)))))
  }

  func bytes(_ column: Int) -> [UInt8] { withBytes(column) { $0.map { [UInt8]($0) } ?? [] } }
}

/// What a column gives.
protocol ColumnValue {
  init(_ statement: OpaquePointer, _ column: Int32)
}

extension Int64: ColumnValue {
  init(_ statement: OpaquePointer, _ column: Int32) { self = sqlite3_column_int64(statement, column) }
}

extension Int: ColumnValue {
  init(_ statement: OpaquePointer, _ column: Int32) { self = Int(sqlite3_column_int64(statement, column)) }
}

extension Bool: ColumnValue {
  init(_ statement: OpaquePointer, _ column: Int32) { self = sqlite3_column_int64(statement, column) != 0 }
}

extension String: ColumnValue {
  init(_ statement: OpaquePointer, _ column: Int32) {
    // In this order: the length is that of the text.
    let start = sqlite3_column_text(statement, column)
    self.init(decoding: UnsafeBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column))), as: UTF8.self)
  }
}

extension Optional: ColumnValue where Wrapped: ColumnValue {
  init(_ statement: OpaquePointer, _ column: Int32) {
    self = sqlite3_column_type(statement, column) == SQLITE_NULL ? nil : Wrapped(statement, column)
  }
}

extension Database {
  /// Runs a statement of a transaction that is prepared once a connection.
  func run(_ sql: String, _ arguments: StatementArguments = []) throws {
    try checkTransaction()
    try cachedStatement(sql: sql).execute(arguments: arguments)
  }

  /// The rows of a query that is prepared once a connection.
  func rows<Element>(_ sql: String, _ arguments: StatementArguments = [], _ decode: (StatementRow) throws -> Element) throws -> [Element] {
    let statement = try cachedStatement(sql: sql)
    try statement.setArguments(arguments)
    defer { sqlite3_reset(statement.sqliteStatement) }
    var result: [Element] = []
    while try step(statement) { result.append(try decode(StatementRow(statement: statement.sqliteStatement))) }
    return result
  }

  /// The first row.
  func row<Element>(_ sql: String, _ arguments: StatementArguments = [], _ decode: (StatementRow) throws -> Element) throws -> Element? {
    let statement = try cachedStatement(sql: sql)
    try statement.setArguments(arguments)
    defer { sqlite3_reset(statement.sqliteStatement) }
    return try step(statement) ? try decode(StatementRow(statement: statement.sqliteStatement)) : nil
  }

  /// Whether there is one more row.
  private func step(_ statement: Statement) throws -> Bool {
    let code = sqlite3_step(statement.sqliteStatement)
    switch code {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default: throw DatabaseError(resultCode: ResultCode(rawValue: code), message: lastErrorMessage, sql: statement.sql)
    }
  }
}
