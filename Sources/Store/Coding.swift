import Foundation
import Model

/// Values as text: records in a compact form, for they are read and written all the time; all else as JSON with sorted keys.
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
      throw unreadable(type, error)
    }
  }

  /// A record as compact text; as JSON where it holds a NUL, at which SQLite would cut the text.
  static func recordText(_ record: some CompactRecord & Encodable) throws -> String {
    var writer = CompactWriter()
    record.write(to: &writer)
    return writer.bytes.contains(0) ? try text(record) : String(decoding: writer.bytes, as: UTF8.self)
  }

  /// Reads `recordText`, and the JSON of older caches.
  static func record<Record: CompactRecord & Decodable>(_ type: Record.Type, _ text: String) throws -> Record {
    guard var reader = CompactReader(text) else { return try value(type, text) }
    do {
      let record = try Record(from: &reader)
      guard reader.isAtEnd else { throw reader.malformed }
      return record
    } catch {
      throw unreadable(type, error)
    }
  }

  static func optionalRecord<Record: CompactRecord & Decodable>(_ type: Record.Type, _ text: String?) throws -> Record? {
    guard let text else { return nil }
    return try record(type, text)
  }

  /// The key of an entity's text alone.
  static func entityKey(_ text: String) throws -> String {
    guard var reader = CompactReader(text) else { return try value(Entity.self, text).key }
    do {
      _ = try reader.text()
      return try reader.text()
    } catch {
      throw unreadable(Entity.self, error)
    }
  }

  private static func unreadable(_ type: any Any.Type, _ error: any Error) -> SyncError {
    SyncError(
      .storage, "the cache holds a \(type) that cannot be read: move the cache away, it is rebuilt from both systems", cause: "\(error)",
      retry: .never)
  }
}

extension StatementRow {
  func kind(_ column: Int) throws -> RecordKind {
    guard let kind = RecordKind(rawValue: self[column]) else { throw SyncError(.storage, "the cache holds an unknown record type") }
    return kind
  }

  func side(_ column: Int) -> SystemSide { SystemSide(rawValue: self[column]) ?? .erp }

  func time(_ column: Int) -> Timestamp { Timestamp(milliseconds: self[column]) }

  func optionalTime(_ column: Int) -> Timestamp? { (self[column] as Int64?).map { Timestamp(milliseconds: $0) } }
}
