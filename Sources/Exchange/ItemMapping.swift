import Model
import XMLStream

/// How one record type stands in EWS: what GetItem asks for, how an item is read, created and changed.
struct ItemMapping: Sendable {
  /// What GetItem asks for.
  let paths: [PropertyPath]
  /// What a mailbox can hold.
  let support: FieldSupport
  /// A whole item; nil without an id.
  let item: @Sendable (XMLElement) -> Item?
  /// The item's element for CreateItem.
  let writeNew: @Sendable (NewItem, inout XMLWriter) -> Void
  /// The `t:ItemChange` for UpdateItem: a field an update.
  let writeChange: @Sendable (ItemUpdate, inout XMLWriter) -> Void

  /// Further items that belong into this one, and the item with them: the changed occurrences of a series.
  var parts: @Sendable (XMLElement) -> [ItemID] = { _ in [] }
  var assemble: @Sendable (Item, XMLElement, [ItemID: Item]) -> Item = { item, _, _ in item }

  private static let mappings: [RecordKind: ItemMapping] = [
    .contacts: ContactProperties.mapping, .tasks: TaskProperties.mapping, .events: CalendarProperties.mapping,
    .emails: MessageProperties.mapping,
  ]

  /// The mapping of a record type.
  /// - Throws: `configuration` for a type that this version does not synchronize.
  static func of(_ kind: RecordKind) throws(SyncError) -> ItemMapping {
    guard let mapping = mappings[kind] else {
      throw SyncError(.configuration, "\(kind.rawValue) are not synchronized by this version")
    }
    return mapping
  }

  /// What a mailbox can hold of a record type; nothing of a type that is not synchronized.
  static func support(for kind: RecordKind) -> FieldSupport { mappings[kind]?.support ?? FieldSupport(limits: [:]) }
}
