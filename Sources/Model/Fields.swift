/// The mapped values of one record. An absent field is empty: both systems leave nulls out.
public struct Fields: Sendable, Hashable {
  private var values: [Field: Value]

  /// No values.
  public init() { values = [:] }

  /// These values.
  public init(_ values: [Field: Value]) { self.values = values }

  /// One field's value; nil where it is empty. Setting an empty text or set removes it.
  public subscript(_ field: Field) -> Value? {
    get { values[field] }
    set {
      switch newValue {
      case .text(let text) where text.isEmpty: values[field] = nil
      case .set(let elements) where elements.isEmpty: values[field] = nil
      case .attendees(let people) where people.isEmpty: values[field] = nil
      default: values[field] = newValue
      }
    }
  }

  /// The text of a field; nil where it is empty or no text.
  public func text(_ field: Field) -> String? { values[field]?.text }

  /// What a record is looked up by beside its ids: a contact's first address in lower case, an email's Message-ID.
  public var lookupKey: String? { text(.email1)?.lowercased() ?? text(.messageID) }

  /// The names of the fields that have a value, in the order of their names.
  public var names: [Field] { values.keys.sorted() }

  /// Whether no field has a value.
  public var isEmpty: Bool { values.isEmpty }

  /// The fields whose values differ in meaning, in the order of their names.
  public func differences(from other: Fields) -> [Field] {
    Set(values.keys).union(other.values.keys).filter { !same($0, in: other) }.sorted()
  }

  /// Whether both hold a value of the same meaning, or none.
  public func same(_ field: Field, in other: Fields) -> Bool {
    switch (values[field], other.values[field]) {
    case (nil, nil): true
    case (let left?, let right?): left.means(right, as: field)
    default: false
    }
  }

  /// Only the fields in the set.
  public func restricted(to fields: Set<Field>) -> Fields { Fields(values.filter { fields.contains($0.key) }) }
}

extension Fields: Codable {
  /// Decoded from an object of field names.
  public init(from decoder: any Decoder) throws {
    let named = try decoder.singleValueContainer().decode([String: Value].self)
    values = Dictionary(uniqueKeysWithValues: named.map { (Field(rawValue: $0.key), $0.value) })
  }

  /// Encoded as an object of field names.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(Dictionary(uniqueKeysWithValues: values.map { ($0.key.rawValue, $0.value) }))
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
