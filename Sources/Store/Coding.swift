import Foundation
internal import GRDB
import Model

/// Values as JSON text: sorted keys, so that the same value is the same text.
enum Coding {
  static func text(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  static func value<Decoded: Decodable>(_ type: Decoded.Type, _ text: String) throws -> Decoded {
    do {
      return try JSONDecoder().decode(type, from: Data(text.utf8))
    } catch {
      throw SyncError(
        .storage, "the cache holds a \(type) that cannot be read: move the cache away, it is rebuilt from both systems", cause: "\(error)",
        retry: .never)
    }
  }

  static func optional<Decoded: Decodable>(_ type: Decoded.Type, _ text: String?) throws -> Decoded? {
    guard let text else { return nil }
    return try value(type, text)
  }
}

extension Row {
  func kind(_ column: Int) throws -> RecordKind {
    guard let kind = RecordKind(rawValue: self[column]) else { throw SyncError(.storage, "the cache holds an unknown record type") }
    return kind
  }

  func side(_ column: Int) -> SystemSide { SystemSide(rawValue: self[column]) ?? .erp }

  func time(_ column: Int) -> Timestamp { Timestamp(milliseconds: self[column]) }

  func optionalTime(_ column: Int) -> Timestamp? { (self[column] as Int64?).map { Timestamp(milliseconds: $0) } }
}

extension Database {
  /// Runs a statement that is prepared once a connection.
  func run(_ sql: String, _ arguments: StatementArguments = []) throws { try cachedStatement(sql: sql).execute(arguments: arguments) }

  /// The rows of a query that is prepared once a connection.
  func rows<Element>(_ sql: String, _ arguments: StatementArguments = [], _ decode: (Row) throws -> Element) throws -> [Element] {
    let cursor = try Row.fetchCursor(try cachedStatement(sql: sql), arguments: arguments)
    var result: [Element] = []
    while let row = try cursor.next() { result.append(try decode(row)) }
    return result
  }

  /// The first row.
  func row<Element>(_ sql: String, _ arguments: StatementArguments = [], _ decode: (Row) throws -> Element) throws -> Element? {
    try Row.fetchOne(try cachedStatement(sql: sql), arguments: arguments).map(decode)
  }
}
