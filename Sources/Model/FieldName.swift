import Synchronization

/// The name of a field. There is one object a name, and it stays as long as the process, so that fields are told apart by their objects and not
/// by their letters.
final class FieldName: Sendable {
  let text: String
  /// The first eight bytes of the name: they put nearly all names in their order.
  private let head: UInt64

  private static let all = Mutex<[String: FieldName]>([:])

  private init(_ text: String) {
    self.text = text
    var head: UInt64 = 0
    var bytes = text.utf8.makeIterator()
    for _ in 0..<8 { head = head << 8 | UInt64(bytes.next() ?? 0) }
    self.head = head
  }

  /// The object of a name.
  static func named(_ text: String) -> FieldName {
    all.withLock { all in
      if let known = all[text] { return known }
      let name = FieldName(text)
      all[text] = name
      return name
    }
  }

  /// Whether the name comes before the other in the order of bytes.
  func precedes(_ other: FieldName) -> Bool {
    head == other.head ? text.utf8.lexicographicallyPrecedes(other.text.utf8) : head < other.head
  }
}
