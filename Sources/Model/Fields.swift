/// The mapped values of one record. An absent field is empty: both systems leave nulls out.
public struct Fields: Sendable, Hashable {
  /// A field with its value.
  public struct Entry: Sendable, Hashable {
    /// The field.
    public var field: Field
    /// Its value.
    public var value: Value
  }

  /// The fields that have a value, in the order of their names. A record has few: they are looked through, which is faster than hashing.
  public private(set) var entries: [Entry]

  /// No values.
  public init() { entries = [] }

  /// These values.
  public init(_ values: [Field: Value]) {
    entries = values.map { Entry(field: $0, value: $1) }.sorted { $0.field < $1.field }
  }

  private init(inOrder entries: [Entry]) { self.entries = entries }

  private func index(of field: Field) -> Int? {
    for index in entries.indices where entries[index].field == field { return index }
    return nil
  }

  /// One field's value; nil where it is empty. Setting an empty text or set removes it.
  public subscript(_ field: Field) -> Value? {
    get { index(of: field).map { entries[$0].value } }
    set {
      let index = index(of: field)
      if let newValue, !newValue.isEmpty {
        if let index {
          entries[index].value = newValue
        } else {
          entries.insert(Entry(field: field, value: newValue), at: entries.firstIndex { field < $0.field } ?? entries.count)
        }
      } else if let index {
        entries.remove(at: index)
      }
    }
  }

  /// The text of a field; nil where it is empty or no text.
  public func text(_ field: Field) -> String? { index(of: field).flatMap { entries[$0].value.text } }

  /// What a record is looked up by beside its ids: a contact's first address in lower case, an email's Message-ID.
  public var lookupKey: String? { text(.email1)?.lowercased() ?? text(.messageID) }

  /// The names of the fields that have a value, in the order of their names.
  public var names: [Field] { entries.map(\.field) }

  /// Whether no field has a value.
  public var isEmpty: Bool { entries.isEmpty }

  /// The fields whose values differ in meaning, in the order of their names.
  public func differences(from other: Fields) -> [Field] {
    var result: [Field] = []
    var (here, there) = (0, 0)
    while here < entries.count || there < other.entries.count {
      if here < entries.count, there < other.entries.count, entries[here].field == other.entries[there].field {
        let field = entries[here].field
        if !entries[here].value.means(other.entries[there].value, as: field) { result.append(field) }
        (here, there) = (here + 1, there + 1)
      } else if there == other.entries.count || here < entries.count && entries[here].field < other.entries[there].field {
        result.append(entries[here].field)
        here += 1
      } else {
        result.append(other.entries[there].field)
        there += 1
      }
    }
    return result
  }

  /// Whether both hold a value of the same meaning, or none.
  public func same(_ field: Field, in other: Fields) -> Bool {
    switch (index(of: field), other.index(of: field)) {
    case (nil, nil): true
    case (let left?, let right?): entries[left].value.means(other.entries[right].value, as: field)
    default: false
    }
  }

  /// Only the fields in the set.
  public func restricted(to fields: Set<Field>) -> Fields { Fields(inOrder: entries.filter { fields.contains($0.field) }) }

  /// Only these fields, given in the order of their names.
  public func restricted(to fields: [Field]) -> Fields { mapped(along: fields, by: { $0 }) { $1.value } }

  /// The values of the fields of a list in the order of their names, each as it is made of its place there; nil leaves it out.
  func mapped<Place>(along places: [Place], by field: (Place) -> Field, _ value: (Place, Entry) -> Value?) -> Fields {
    var result: [Entry] = []
    result.reserveCapacity(entries.count)
    var position = 0
    for entry in entries {
      while position < places.count, field(places[position]) < entry.field { position += 1 }
      guard position < places.count, field(places[position]) == entry.field, let value = value(places[position], entry), !value.isEmpty
      else {
        continue
      }
      result.append(Entry(field: entry.field, value: value))
    }
    return Fields(inOrder: result)
  }
}

extension Value {
  /// Whether it is the same as no value: an empty text or set.
  fileprivate var isEmpty: Bool {
    switch self {
    case .text(let text): text.isEmpty
    case .set(let elements): elements.isEmpty
    case .attendees(let people): people.isEmpty
    default: false
    }
  }
}

extension Fields: Codable {
  /// Decoded from an object of field names.
  public init(from decoder: any Decoder) throws {
    let named = try decoder.singleValueContainer().decode([String: Value].self)
    self.init(Dictionary(uniqueKeysWithValues: named.map { (Field(rawValue: $0.key), $0.value) }))
  }

  /// Encoded as an object of field names.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(Dictionary(uniqueKeysWithValues: entries.map { ($0.field.rawValue, $0.value) }))
  }
}

/// Whether a text is one line with nothing to take off its end: nearly all are, and need no work.
private func isCanonicalLine(_ text: String) -> Bool {
  for byte in text.utf8 where byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") { return false }
  // 0xA0 ends a no-break space, and some letters, which the long way leaves alone.
  guard let last = text.utf8.last else { return true }
  return last != UInt8(ascii: " ") && last != UInt8(ascii: "\t") && last != 0xA0
}

/// Text in the form it is compared in: LF line ends, no trailing white space on a line or at the end.
public func canonicalText(_ text: String) -> String {
  if isCanonicalLine(text) { return text }
  let lines = text.replacing("\r\n", with: "\n").replacing("\r", with: "\n").split(separator: "\n", omittingEmptySubsequences: false)
  var trimmed = lines.map { line -> Substring in
    var line = line
    while let last = line.last, last == " " || last == "\t" || last == "\u{A0}" { line.removeLast() }
    return line
  }
  while let last = trimmed.last, last.isEmpty { trimmed.removeLast() }
  return trimmed.joined(separator: "\n")
}
