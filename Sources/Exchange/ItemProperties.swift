import Model
import XMLStream

/// What items of every record type have in common (ItemType of the schema), and how single properties are set and deleted.
enum ItemProperties {
  /// What GetItem asks for whatever the type.
  static let paths: [PropertyPath] =
    [
      "item:ParentFolderId", "item:ItemClass", "item:Sensitivity", "item:Categories", "item:DateTimeCreated", "item:LastModifiedTime",
    ].map(PropertyPath.field) + [EWSNames.searchKey, EWSNames.foreignID, EWSNames.operationID]

  /// A whole item from its element and what the type's own mapping read. Nil without an id.
  /// - Parameters:
  ///   - element: the name of the type's element, e.g. `Contact`; another one is an item of a foreign class.
  ///   - itemClass: how the type's item class begins, in lower case, e.g. `ipm.contact`.
  static func item(from item: XMLElement, element: String, itemClass: String, fields: Fields) -> Item? {
    guard let version = EWSClient.version(of: item) else { return nil }
    let actualClass = item.text("ItemClass")?.lowercased() ?? ""
    var fields = fields
    fields[.categories] = .set(item.child("Categories")?.children("String").map(\.text) ?? [])
    return Item(
      version: version, folder: item.child("ParentFolderId")?.attribute("Id").map(FolderID.init), fields: fields,
      foreignID: EWSNames.foreignID.value(in: item).map(EntityID.init),
      operationID: EWSNames.operationID.value(in: item).map(OperationID.init),
      isPrivate: item.text("Sensitivity") == "Private",
      isForeignClass: item.name != element || !(actualClass.isEmpty || actualClass.hasPrefix(itemClass)),
      created: item.text("DateTimeCreated").flatMap { Timestamp(iso8601: $0) },
      modified: item.text("LastModifiedTime").flatMap { Timestamp(iso8601: $0) }, moveKey: EWSNames.searchKey.value(in: item))
  }

  /// `t:Categories`; nothing where there are none.
  static func writeCategories(_ fields: Fields, _ xml: inout XMLWriter) {
    let categories = fields[.categories]?.elements ?? []
    if !categories.isEmpty { xml.within("t:Categories") { xml in for name in categories { xml.element("t:String", name) } } }
  }

  /// The stamps of a new item: the ERP's id, and the creation that made it.
  static func writeStamps(_ item: NewItem, _ xml: inout XMLWriter) {
    EWSNames.foreignID.writeProperty(item.foreignID.rawValue, &xml)
    EWSNames.operationID.writeProperty(item.operationID.rawValue, &xml)
  }

  /// One `t:ItemChange` with the updates of the type's own properties, and those that every type has: categories and the stamp.
  /// - Parameter element: the type's element, e.g. `t:Contact`.
  static func writeChange(_ update: ItemUpdate, element: String, _ xml: inout XMLWriter, own: (inout XMLWriter) -> Void) {
    xml.within("t:ItemChange") { xml in
      xml.empty("t:ItemId", [("Id", update.version.id.rawValue), ("ChangeKey", update.version.changeKey)])
      xml.within("t:Updates") { xml in
        own(&xml)
        if update.changes[.categories] != nil {
          writeSet(.field("item:Categories"), element: element, isEmpty: update.result[.categories] == nil, &xml) {
            writeCategories(update.result, &$0)
          }
        }
        if let stamp = update.foreignID {
          writeSet(EWSNames.foreignID, element: element, isEmpty: false, &xml) { EWSNames.foreignID.writeProperty(stamp.rawValue, &$0) }
        }
      }
    }
  }

  /// One update of one property. A property is emptied by deleting it: an empty element would be stored as an empty text.
  static func writeSet(
    _ path: PropertyPath, element: String, isEmpty: Bool, _ xml: inout XMLWriter, _ content: (inout XMLWriter) -> Void
  ) {
    if isEmpty { return xml.within("t:DeleteItemField") { path.write(&$0) } }
    xml.within("t:SetItemField") { xml in
      path.write(&xml)
      xml.within(element, [], content)
    }
  }
}
