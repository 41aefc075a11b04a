import Foundation
public import Model
import XMLStream

extension EWSClient {
  /// See `ExchangePort`. The list is one XML document in the Calendar folder's configuration; it is read just before it is written.
  public func ensureCategory(_ category: Policy.Category, in mailbox: Mailbox, correctColor: Bool) async throws(SyncError) -> Bool {
    let current = try await categoryDocument(mailbox)
    var list = current ?? XMLElement(namespace: "CategoryList.xsd", name: "categories")
    let wanted = category.name.lowercased()
    if let index = list.children.firstIndex(where: { $0.name == "category" && $0.attribute("name")?.lowercased() == wanted }) {
      guard correctColor, list.children[index].attribute("color") != String(category.color) else { return false }
      list.children[index].attributes["color"] = String(category.color)
    } else {
      let id = surroundings.operationID().rawValue.uppercased()
      let guid = [id.prefix(8), id.dropFirst(8).prefix(4), id.dropFirst(12).prefix(4), id.dropFirst(16).prefix(4), id.dropFirst(20)].joined(
        separator: "-")
      list.children.append(
        XMLElement(
          namespace: "CategoryList.xsd", name: "category",
          attributes: ["name": category.name, "color": String(category.color), "keyboardShortcut": "0", "guid": "{\(guid)}"]))
    }
    try assertWritable("writing the category list of \(mailbox.address)")
    let operation = current == nil ? "CreateUserConfiguration" : "UpdateUserConfiguration"
    let encoded = Data(Self.document(list)).base64EncodedString()
    let messages = try await call(operation, in: mailbox) { [self] xml in
      xml.within("m:\(operation)") { xml in
        xml.within("m:UserConfiguration") { xml in
          writeName("t:UserConfigurationName", mailbox, &xml)
          xml.element("t:XmlData", encoded)
        }
      }
    }
    if let error = EWSErrors.error(for: messages[0], "the category list of \(mailbox.address)") { throw error }
    return true
  }

  private func categoryDocument(_ mailbox: Mailbox) async throws(SyncError) -> XMLElement? {
    let messages = try await call("GetUserConfiguration", in: mailbox) { [self] xml in
      xml.within("m:GetUserConfiguration") { xml in
        writeName("m:UserConfigurationName", mailbox, &xml)
        xml.element("m:UserConfigurationProperties", "XmlData")
      }
    }
    if let error = EWSErrors.error(for: messages[0], "the category list of \(mailbox.address)") {
      if error.code == .notFound { return nil }
      throw error
    }
    guard let text = messages[0].text("UserConfiguration", "XmlData"),
      let data = Data(base64Encoded: text, options: .ignoreUnknownCharacters)
    else {
      return nil
    }
    do {
      return try XML.parse([UInt8](data))
    } catch {
      throw SyncError(.invalidRecord, "the category list of \(mailbox.address) is damaged and left as it is: \(error.message)")
    }
  }

  private func writeName(_ element: String, _ mailbox: Mailbox, _ xml: inout XMLWriter) {
    xml.within(element, [("Name", "CategoryList")]) { writeDistinguished("calendar", mailbox, &$0) }
  }

  /// The document as text again, with every attribute that it had.
  private static func document(_ list: XMLElement) -> [UInt8] {
    var xml = XMLWriter()
    xml.raw(Array("<?xml version=\"1.0\"?>\n".utf8))
    let attributes = [("xmlns", "CategoryList.xsd")] + list.attributes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    xml.within("categories", attributes) { xml in
      for child in list.children { xml.empty(child.name, child.attributes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }) }
    }
    return xml.bytes
  }
}
