/// Makes the tree from the events of the parser. Names recur, so each is made a `String` once and then shared.
final class XMLTreeBuilder {
  /// The finished root element.
  private(set) var root: XMLElement?
  private var open: [XMLElement] = []
  private var names = NameCache()

  func start(
    _ name: UnsafePointer<CChar>, _ namespace: UnsafePointer<CChar>?, _ attributes: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int
  ) {
    var element = XMLElement(namespace: namespace.map { names.string($0) } ?? "", name: names.string(name))
    if let attributes, count > 0 {
      element.attributes.reserveCapacity(count)
      for index in 0..<count {
        let field = attributes + index * 5
        guard let local = field[0], let begin = field[3], let end = field[4] else { continue }
        element.attributes[names.string(local)] = Self.attributeValue(UnsafeRawBufferPointer(start: begin, count: end - begin))
      }
    }
    open.append(element)
  }

  func end(_ text: UnsafePointer<CChar>, _ length: Int) {
    guard var element = open.popLast() else { return }
    if length > 0 { element.text = String(decoding: UnsafeRawBufferPointer(start: text, count: length), as: UTF8.self) }
    if open.isEmpty {
      root = element
    } else {
      open[open.count - 1].children.append(element)
    }
  }

  /// libxml2 hands over an ampersand in an attribute as `&#38;` unless it is told to replace entities; no other `&` can stand there.
  private static func attributeValue(_ bytes: UnsafeRawBufferPointer) -> String {
    let ampersand: UInt8 = 0x26
    guard bytes.contains(ampersand) else { return String(decoding: bytes, as: UTF8.self) }
    let escape = Array("&#38;".utf8)
    var value: [UInt8] = []
    value.reserveCapacity(bytes.count)
    var rest = bytes[...]
    while let byte = rest.first {
      value.append(byte)
      rest = rest.dropFirst(byte == ampersand && rest.starts(with: escape) ? escape.count : 1)
    }
    return String(decoding: value, as: UTF8.self)
  }
}

/// Strings for names by the address that the parser's dictionary gives them: equal names have equal addresses as long as the parser lives.
/// A direct-mapped table: two names that fall on one slot only cost making the string again.
private struct NameCache {
  private static let slots = 512
  private var addresses = [UInt](repeating: 0, count: slots)
  private var strings = [String](repeating: "", count: slots)

  mutating func string(_ name: UnsafePointer<CChar>) -> String {
    let address = UInt(bitPattern: name)
    let slot = Int(truncatingIfNeeded: (address ^ address >> 9) % UInt(Self.slots))
    if addresses[slot] != address {
      addresses[slot] = address
      strings[slot] = String(cString: name)
    }
    return strings[slot]
  }
}
