/// One element of a parsed document, with everything below it. Prefixes are resolved; comments and processing instructions are dropped.
public struct XMLElement: Sendable, Equatable, Codable {
  /// The namespace name (URI); empty when the element is in none.
  public var namespace: String
  /// The local name, without prefix.
  public var name: String
  /// Attribute values by local name. Namespace declarations are not among them.
  public var attributes: [String: String]
  /// The child elements, in document order.
  public var children: [XMLElement]
  /// All character data that stands directly in the element, concatenated, white space included; that of children is not.
  public var text: String

  /// An element from its parts.
  public init(
    namespace: String = "", name: String, attributes: [String: String] = [:], children: [XMLElement] = [], text: String = ""
  ) {
    self.namespace = namespace
    self.name = name
    self.attributes = attributes
    self.children = children
    self.text = text
  }

  /// The first child element of that local name.
  public func child(_ name: String) -> XMLElement? { children.first { $0.name == name } }

  /// All child elements of that local name, in document order.
  public func children(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }

  /// Walks down, at each step to the first child of the next local name; nil where a step finds none.
  public func descendant(_ path: String...) -> XMLElement? { descendant(path) }

  /// The text of the descendant at `path`; nil when there is none, empty when it is empty.
  public func text(_ path: String...) -> String? { descendant(path)?.text }

  /// The value of the attribute of that local name.
  public func attribute(_ name: String) -> String? { attributes[name] }

  private func descendant(_ path: [String]) -> XMLElement? {
    var element = self
    for name in path {
      guard let next = element.child(name) else { return nil }
      element = next
    }
    return element
  }
}
