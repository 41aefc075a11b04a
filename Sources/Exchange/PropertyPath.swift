import XMLStream

/// The path of a property in shapes, restrictions and updates (PathToElementType).
enum PropertyPath: Sendable, Hashable {
  /// `t:FieldURI`.
  case field(String)
  /// `t:IndexedFieldURI`: one entry of a dictionary.
  case indexed(String, index: String)
  /// A named String property of the project's own set.
  case named(String)
  /// A MAPI property by its tag.
  case tag(String, type: String)

  func write(_ xml: inout XMLWriter) {
    switch self {
    case .field(let uri): xml.empty("t:FieldURI", [("FieldURI", uri)])
    case .indexed(let uri, let index): xml.empty("t:IndexedFieldURI", [("FieldURI", uri), ("FieldIndex", index)])
    case .named(let name):
      xml.empty("t:ExtendedFieldURI", [("PropertySetId", EWSNames.propertySet), ("PropertyName", name), ("PropertyType", "String")])
    case .tag(let tag, let type): xml.empty("t:ExtendedFieldURI", [("PropertyTag", tag), ("PropertyType", type)])
    }
  }

  /// An extended property with its value.
  func writeProperty(_ value: String, _ xml: inout XMLWriter) {
    xml.within("t:ExtendedProperty") { xml in
      write(&xml)
      xml.element("t:Value", value)
    }
  }

  /// The value of this extended property in an item; servers vary case, padding and the form of tags.
  func value(in item: XMLElement) -> String? {
    for property in item.children("ExtendedProperty") {
      guard let path = property.child("ExtendedFieldURI") else { continue }
      switch self {
      case .named(let name):
        guard path.attribute("PropertySetId")?.lowercased() == EWSNames.propertySet, path.attribute("PropertyName") == name else {
          continue
        }
      case .tag(let tag, _):
        guard let given = path.attribute("PropertyTag").flatMap(Self.number), given == Self.number(tag) else { continue }
      default: continue
      }
      return property.text("Value")
    }
    return nil
  }

  private static func number(_ tag: String) -> Int? {
    tag.lowercased().hasPrefix("0x") ? Int(tag.dropFirst(2), radix: 16) : Int(tag)
  }
}
