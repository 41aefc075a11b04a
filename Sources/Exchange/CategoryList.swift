public import Model
import XMLStream

extension EWSClient {
  private static let categoryList = UserConfigurationName(name: "CategoryList", title: "category list")

  /// See `ExchangePort`. The list is one XML document in the Calendar folder's configuration; it is read just before it is written.
  public func ensureCategory(_ category: Policy.Category, in mailbox: Mailbox, correctColor: Bool) async throws(SyncError) -> Bool {
    let current = try await configuration(Self.categoryList, mailbox)
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
    try await writeConfiguration(Self.categoryList, list, isNew: current == nil, mailbox)
    return true
  }
}
