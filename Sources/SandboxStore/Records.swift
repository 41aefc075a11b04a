import Foundation
public import HashTreeCollections

/// A dictionary that remembers which of its entries changed since they were last written to the store.
///
/// It is a hash tree: a copy that is changed shares all but a few nodes, so that a request that works on a copy of a mailbox and puts it
/// back when it succeeded costs the same however many entries there are.
/// Inside another value that is encoded it takes no place: its entries are rows of their own (`RowChanges.add`).
public struct Records<Value: Codable & Sendable>: Sendable {
  private var entries: TreeDictionary<String, Value> = [:]
  private var touched: TreeSet<String> = []

  /// No entries.
  public init() {}

  /// Entries as they were read from the store: none of them is changed.
  public init(stored: [(key: String, value: Value)]) {
    entries = TreeDictionary(stored.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
  }

  /// One entry. Setting, also to nil, marks it as changed.
  public subscript(_ key: String) -> Value? {
    get { entries[key] }
    _modify {
      touched.insert(key)
      yield &entries[key]
    }
  }

  /// Takes an entry out.
  @discardableResult public mutating func removeValue(forKey key: String) -> Value? {
    touched.insert(key)
    return entries.removeValue(forKey: key)
  }

  /// The keys, in no order.
  public var keys: TreeDictionary<String, Value>.Keys { entries.keys }

  /// The values, in no order.
  public var values: TreeDictionary<String, Value>.Values { entries.values }

  /// How many entries there are.
  public var count: Int { entries.count }

  /// Whether there are none.
  public var isEmpty: Bool { entries.isEmpty }

  /// The keys that changed since the last call.
  public mutating func takeTouched() -> [String] {
    defer { touched = [] }
    return touched.sorted()
  }

  /// Changes an entry without marking it: what is marked inside it is taken out, for one.
  public mutating func withoutMark<Answer>(_ key: String, _ body: (inout Value) throws -> Answer) rethrows -> Answer? {
    guard var value = entries.removeValue(forKey: key) else { return nil }
    defer { entries[key] = value }
    return try body(&value)
  }
}

extension Records: ExpressibleByDictionaryLiteral {
  /// These entries, all of them changed.
  public init(dictionaryLiteral elements: (String, Value)...) { for (key, value) in elements { self[key] = value } }
}

extension Records: Codable {
  /// Nothing is read: the entries come from rows of their own.
  public init(from decoder: any Decoder) throws { self.init() }

  /// Nothing is written.
  public func encode(to encoder: any Encoder) throws {}
}

/// A value that follows from others, and is not stored with the value it is part of.
@propertyWrapper
public struct Derived<Value: Sendable>: Sendable {
  /// The value.
  public var wrappedValue: Value

  /// A derived value.
  public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }
}

extension Derived: Codable where Value: ExpressibleByArrayLiteral {
  /// Nothing is read: whoever restores the whole fills it in.
  public init(from decoder: any Decoder) throws { self.init(wrappedValue: []) }

  /// Nothing is written.
  public func encode(to encoder: any Encoder) throws {}
}

/// Bytes that are stored as base64, not as a list of numbers.
@propertyWrapper
public struct Packed<Value: PackedBytes>: Sendable, Codable {
  /// The bytes.
  public var wrappedValue: Value

  /// These bytes.
  public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }

  /// Decoded from base64, or nothing.
  public init(from decoder: any Decoder) throws {
    wrappedValue = Value(packed: try decoder.singleValueContainer().decode(Data?.self).map(Array.init))
  }

  /// Encoded as base64, or nothing.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(wrappedValue.packed.map { Data($0) })
  }
}

/// Bytes, or perhaps none.
public protocol PackedBytes: Sendable {
  /// From what was stored.
  init(packed: [UInt8]?)
  /// What is stored.
  var packed: [UInt8]? { get }
}

extension [UInt8]: PackedBytes {
  /// From what was stored.
  public init(packed: [UInt8]?) { self = packed ?? [] }
  /// What is stored.
  public var packed: [UInt8]? { self }
}

extension [UInt8]?: PackedBytes {
  /// From what was stored.
  public init(packed: [UInt8]?) { self = packed }
  /// What is stored.
  public var packed: [UInt8]? { self }
}
