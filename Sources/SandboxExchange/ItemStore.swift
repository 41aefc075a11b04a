import Foundation
import HashTreeCollections
import SandboxStore
import XMLStream

extension ExchangeServer {
  /// Stores a new item after checking it against the schema's order and the properties' rights.
  func create(_ element: XMLElement, in folder: String, _ mailbox: inout ServerMailbox) throws -> ServerItem {
    guard let itemClass = ItemClass.all[element.name], var target = mailbox.folders[folder] else {
      throw Refusal("ErrorInvalidItemForOperationCreateItem", "Items of this class cannot be created.")
    }
    try checkOrder(element, itemClass)
    try checkFolder(itemClass, target)
    change += 1
    let now = configuration.now()
    var item = ServerItem(
      id: identities.id(), changeKey: identities.changeKey(), folder: folder, className: element.name, elements: [:], extended: [:],
      searchKey: identities.changeKey(), created: now, modified: now, change: change, arrival: change)
    for child in element.children {
      if child.name == "ExtendedProperty" {
        try setExtended(child, &item)
      } else if child.name == "Attachments" {
        for file in child.children { item.attachments.append(try attachment(file, of: item.id)) }
      } else {
        if let property = itemClass.property(element: child.name), !property.canCreate && !property.canUpdate {
          throw Refusal("ErrorInvalidPropertySet", "Set action is invalid for property.", path: property.uri)
        }
        item.elements[child.name] = try normalised(child)
        try settleTask(&item, after: child.name)
      }
    }
    if item.className == "Message" { try completeMessage(&item, mailbox) }
    complete(&item)
    completeTask(&item)
    item.content = change
    try settleCalendar(&item, changed: nil, owner: mailbox.address)
    owners[item.id] = mailbox.address
    target.items.insert(item.id)
    target.log.append((change, item.id))
    mailbox.folders[folder] = target
    mailbox.items[item.id] = item
    return item
  }

  private func checkFolder(_ itemClass: ItemClass, _ folder: ServerFolder) throws {
    let (typed, name) =
      switch itemClass.folderClass {
      case "IPF.Contact": (true, "Contact")
      case "IPF.Task": (true, "Task")
      case "IPF.Appointment": (true, "CalendarItem")
      default: (false, "")
      }
    if typed, !folder.folderClass.hasPrefix(itemClass.folderClass), folder.distinguished != "deleteditems" {
      throw Refusal(
        "ErrorCannotCreate\(name)InNon\(name == "CalendarItem" ? "Calendar" : name)Folder", "The item does not belong into this folder.")
    }
  }

  /// The schema is a sequence: an element out of order or unknown fails the whole request.
  func checkOrder(_ element: XMLElement, _ itemClass: ItemClass) throws {
    var last = -1
    for child in element.children {
      guard let place = itemClass.order[child.name] else {
        throw Refusal.schema("The element '\(element.name)' has invalid child element '\(child.name)'.")
      }
      let isRepeatable = child.name == "ExtendedProperty"
      guard place > last || (isRepeatable && place == last) else {
        throw Refusal.schema("The element '\(child.name)' stands out of the sequence of '\(element.name)'.")
      }
      last = place
    }
  }

  func setExtended(_ property: XMLElement, _ item: inout ServerItem) throws {
    guard let uri = property.child("ExtendedFieldURI"), let name = ExtendedName(uri) else {
      throw Refusal("ErrorInvalidExtendedProperty", "The extended property is not valid.")
    }
    let values = property.child("Values")?.children("Value").map(\.text) ?? [property.text("Value") ?? ""]
    if let alias = Self.alias(name) {
      item.elements[alias] = XMLElement(namespace: "", name: alias, text: values.first ?? "")
    } else {
      item.extended[name] = values.map { Self.normalised($0, name.type) }
    }
  }

  private static func alias(_ name: ExtendedName) -> String? {
    name.tag.flatMap { tag in aliases.first { $0.tag == tag }?.element }
  }

  /// The form in which the server keeps a value of a property type.
  private static func normalised(_ value: String, _ type: String) -> String {
    switch type {
    case "Boolean", "BooleanArray": ["1", "true"].contains(value.lowercased()) ? "true" : "false"
    case "SystemTime", "SystemTimeArray": value.replacing(#/\.\d+/#, with: "")
    default: value
    }
  }

  /// Elements of type xs:boolean that clients set; `1` and `0` are as good as the words.
  private static let booleanElements: Set<String> = [
    "ReminderIsSet", "IsAllDayEvent", "IsResponseRequested", "AllowNewTimeProposal", "IsOnlineMeeting", "IsReadReceiptRequested",
    "IsDeliveryReceiptRequested", "IsRead", "DoNotForwardMeeting", "IsAssociated",
  ]

  /// MAPI properties that are the same thing as an element.
  static let aliases: [(tag: Int, element: String)] = [
    (0x37, "Subject"), (0x3A06, "GivenName"), (0x3A11, "Surname"), (0x3A44, "MiddleName"), (0x3A16, "CompanyName"), (0x3A17, "JobTitle"),
    (0x3A18, "Department"), (0x3001, "DisplayName"), (0x3A05, "Generation"), (0x3A4F, "Nickname"), (0x3A48, "SpouseName"),
  ]

  /// The form in which the server keeps a value: seconds are cut from times, dictionaries without empty entries, addresses checked.
  private func normalised(_ element: XMLElement) throws -> XMLElement {
    var element = element
    switch element.name {
    case let name where Self.booleanElements.contains(name):
      guard ["true", "false", "1", "0"].contains(element.text) else {
        throw Refusal.schema("'\(element.text)' of '\(name)' is no boolean.")
      }
      element.text = ["true", "1"].contains(element.text) ? "true" : "false"
    case "Birthday", "WeddingAnniversary", "StartDate", "DueDate", "ReminderDueBy", "CompleteDate":
      guard let time = element.text.wholeMatch(of: #/(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d+)?(Z|[+-]\d{2}:\d{2})?/#) else {
        throw Refusal.schema("The value '\(element.text)' of '\(element.name)' is no dateTime.")
      }
      element.text = String(time.1) + "Z"
    case "EmailAddresses", "PhoneNumbers", "ImAddresses":
      element.children.removeAll { $0.text.isEmpty }
      let allowed = Self.dictionaryKeys[element.name] ?? []
      for entry in element.children where !allowed.contains(entry.attribute("Key") ?? "") {
        throw Refusal.schema("The attribute 'Key' has the invalid value '\(entry.attribute("Key") ?? "")'.")
      }
    case "PhysicalAddresses":
      for index in element.children.indices { element.children[index].children.removeAll { $0.text.isEmpty } }
      element.children.removeAll { $0.children.isEmpty }
    case "Sensitivity":
      guard ["Normal", "Personal", "Private", "Confidential"].contains(element.text) else {
        throw Refusal.schema("'\(element.text)' is no Sensitivity.")
      }
    default: break
    }
    return element
  }

  private static let dictionaryKeys: [String: Set<String>] = [
    "EmailAddresses": ["EmailAddress1", "EmailAddress2", "EmailAddress3"], "ImAddresses": ["ImAddress1", "ImAddress2", "ImAddress3"],
    "PhoneNumbers": [
      "AssistantPhone", "BusinessFax", "BusinessPhone", "BusinessPhone2", "Callback", "CarPhone", "CompanyMainPhone", "HomeFax",
      "HomePhone",
      "HomePhone2", "Isdn", "MobilePhone", "OtherFax", "OtherTelephone", "Pager", "PrimaryPhone", "RadioPhone", "Telex", "TtyTddPhone",
      "BusinessMobile", "IPPhone", "Mms", "Msn",
    ],
  ]

  /// What the server fills in by itself.
  func complete(_ item: inout ServerItem) {
    func set(_ name: String, _ text: String) { item.elements[name] = XMLElement(namespace: "", name: name, text: text) }
    if item.elements["ItemClass"] == nil { set("ItemClass", item.itemClass?.itemClass ?? "IPM.Note") }
    if item.elements["Sensitivity"] == nil { set("Sensitivity", "Normal") }
    if item.elements["Importance"] == nil { set("Importance", "Normal") }
    if item.className == "DistributionList", let name = item.text("DisplayName") {
      for element in ["FileAs", "Subject"] { set(element, name) }
    }
    guard item.className == "Contact" else { return }
    let mapping = item.text("FileAsMapping") ?? (item.elements["FileAs"] == nil ? "LastCommaFirst" : "None")
    let (given, family) = (item.text("GivenName") ?? "", item.text("Surname") ?? "")
    if mapping == "LastCommaFirst" {
      let parts = [family, given].filter { !$0.isEmpty }
      set("FileAs", parts.isEmpty ? item.text("CompanyName") ?? "" : parts.joined(separator: ", "))
    }
    if item.elements["DisplayName"] == nil {
      let shown = [given, item.text("MiddleName") ?? "", family].filter { !$0.isEmpty }.joined(separator: " ")
      if !shown.isEmpty { set("DisplayName", shown) }
    }
    if item.elements["Subject"] == nil, let shown = item.text("DisplayName") { set("Subject", shown) }
  }

  /// After a change: a new key, a new time, an entry in the folder's log.
  func touch(_ item: inout ServerItem, _ mailbox: inout ServerMailbox, isReadFlagAlone: Bool = false) {
    change += 1
    if !isReadFlagAlone { item.content = change }
    item.changeKey = identities.changeKey()
    item.modified = configuration.now()
    item.change = change
    mailbox.items[item.id] = item
    mailbox.folders[item.folder]?.log.append((change, item.id))
  }

  // MARK: Operations

  func createItems(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) throws -> [Message] {
    let items = operation.child("Items")?.children ?? []
    entry.items = items.count
    for item in items { if let itemClass = ItemClass.all[item.name] { try checkOrder(item, itemClass) } }
    return try items.map { given in
      do {
        if Self.responseObjects.contains(given.name) {
          return try respond(given, operation.attribute("MessageDisposition") ?? "SaveOnly", caller, &entry)
        }
        let element = try messageOfAnswer(given, caller)
        if element.name == "CalendarItem" && operation.attribute("SendMeetingInvitations") == nil {
          throw Refusal("ErrorSendMeetingInvitationsRequired", "SendMeetingInvitations is required.")
        }
        if element.name == "Message" && operation.attribute("MessageDisposition") == nil {
          throw Refusal("ErrorMessageDispositionRequired", "MessageDisposition is required.")
        }
        let defaults = ["Contact": "contacts", "DistributionList": "contacts", "Task": "tasks", "CalendarItem": "calendar"]
        let reference =
          operation.child("SavedItemFolderId")?.children.first
          ?? XMLElement(namespace: "", name: "DistinguishedFolderId", attributes: ["Id": defaults[element.name] ?? "drafts"])
        let place = try folderPlace(reference, caller)
        entry.mailbox = place.mailbox
        guard var mailbox = mailboxes[place.mailbox] else { throw Refusal.folderNotFound }
        if element.name == "Message", let disposition = operation.attribute("MessageDisposition"), disposition != "SaveOnly" {
          let isSaved = operation.child("SavedItemFolderId") != nil
          return try sendNew(element, from: place.mailbox, savedTo: disposition == "SendOnly" ? nil : isSaved ? place.folder : "sentitems")
        }
        var item = try create(element, in: place.folder, &mailbox)
        mailboxes[place.mailbox] = mailbox
        inviteAll(&item, operation.attribute("SendMeetingInvitations") ?? "SendToNone")
        mailboxes[place.mailbox]?.items[item.id] = item
        return Message { Self.writeReference(item, &$0) }
      } catch let refusal as Refusal {
        if refusal.isFault { throw refusal }
        return Message(refusal) { $0.empty("m:Items") }
      }
    }
  }

  static func writeReference(_ item: ServerItem, _ xml: inout XMLWriter) {
    xml.within("m:Items") { xml in
      xml.within("t:\(item.className)") { xml in
        xml.empty("t:ItemId", [("Id", item.id), ("ChangeKey", item.changeKey)])
        guard !item.attachments.isEmpty else { return }
        xml.within("t:Attachments") { xml in
          for file in item.attachments { xml.within("t:\(file.elementName)") { $0.empty("t:AttachmentId", [("Id", file.id)]) } }
        }
      }
    }
  }

  func updateItems(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) throws -> [Message] {
    let changes = operation.child("ItemChanges")?.children("ItemChange") ?? []
    entry.items = changes.count
    let resolution = operation.attribute("ConflictResolution") ?? ""
    guard ["NeverOverwrite", "AutoResolve", "AlwaysOverwrite"].contains(resolution) else {
      throw Refusal.schema("ConflictResolution is missing")
    }
    return try changes.map { itemChange in
      do {
        guard let reference = itemChange.children.first(where: { $0.name != "Updates" }) else { throw Refusal.schema("ItemId is missing") }
        var (item, address) = try self.item(reference, caller)
        entry.mailbox = address
        guard let key = reference.attribute("ChangeKey"), !key.isEmpty else {
          throw Refusal("ErrorChangeKeyRequiredForWriteOperations", "A change key is required for this operation.")
        }
        if key != item.changeKey && resolution == "NeverOverwrite" {
          throw Refusal(
            "ErrorIrresolvableConflict",
            "The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item."
          )
        }
        if item.className == "CalendarItem" && operation.attribute("SendMeetingInvitationsOrCancellations") == nil {
          throw Refusal("ErrorSendMeetingInvitationsOrCancellationsRequired", "SendMeetingInvitationsOrCancellations is required.")
        }
        let before = item
        let updates = itemChange.child("Updates")?.children ?? []
        for update in updates { try apply(update, &item) }
        if item.className == "Contact", item.text("FileAsMapping") == "LastCommaFirst" { complete(&item) }
        try settleChange(&item, before: before, operation, itemChange)
        completeTask(&item)
        guard var mailbox = mailboxes[address] else { throw Refusal.itemNotFound }
        try regenerate(&item, &mailbox)
        let isReadFlagAlone = !updates.isEmpty && updates.allSatisfy { $0.children.first?.attribute("FieldURI") == "message:IsRead" }
        try keep(&item, &mailbox, isReadFlagAlone: isReadFlagAlone)
        mailboxes[address] = mailbox
        return Message { xml in
          Self.writeReference(item, &xml)
          xml.within("m:ConflictResults") { $0.element("t:Count", "0") }
        }
      } catch let refusal as Refusal {
        if refusal.isFault { throw refusal }
        return Message(refusal) { $0.empty("m:Items") }
      }
    }
  }

  /// One SetItemField, DeleteItemField or AppendToItemField.
  private func apply(_ update: XMLElement, _ item: inout ServerItem) throws {
    guard let path = update.children.first, let itemClass = item.itemClass else { throw Refusal.schema("the path is missing") }
    let isDelete = update.name == "DeleteItemField"
    let value = update.children.count > 1 ? update.children[1].children : []
    if !isDelete && value.count != 1 {
      throw Refusal("ErrorIncorrectUpdatePropertyCount", "An update must contain exactly one property.")
    }
    try noteMessageChange(path.attribute("FieldURI"), &item)
    switch path.name {
    case "ExtendedFieldURI":
      guard let name = ExtendedName(path) else { throw Refusal("ErrorInvalidExtendedProperty", "The extended property is not valid.") }
      if isDelete {
        item.extended[name] = nil
        if let alias = Self.alias(name) { item.elements[alias] = nil }
      } else {
        try setExtended(value[0], &item)
      }
    case "IndexedFieldURI": try applyIndexed(path, isDelete ? nil : value[0], &item)
    default:
      let uri = path.attribute("FieldURI") ?? ""
      guard let property = itemClass.property(uri: uri) else {
        throw Refusal("ErrorInvalidPropertyRequest", "The property is not of this class.", path: uri)
      }
      if isDelete {
        guard property.canDelete else {
          throw Refusal("ErrorInvalidPropertyDelete", "Delete action is not supported for this property.", path: uri)
        }
        item.elements[property.element] = nil
      } else {
        guard property.canUpdate else { throw Refusal("ErrorInvalidPropertySet", "Set action is invalid for property.", path: uri) }
        guard value[0].name == property.element else {
          throw Refusal("ErrorUpdatePropertyMismatch", "The property does not match the path.", path: uri)
        }
        item.elements[property.element] = try normalised(value[0])
      }
      try settleTask(&item, after: property.element)
    }
  }

  /// One entry of a dictionary: `contacts:EmailAddress/EmailAddress1`, `contacts:PhysicalAddress:City/Business`.
  private func applyIndexed(_ path: XMLElement, _ value: XMLElement?, _ item: inout ServerItem) throws {
    let uri = (path.attribute("FieldURI") ?? "").split(separator: ":").map(String.init)
    let index = path.attribute("FieldIndex") ?? ""
    let names = [
      "EmailAddress": "EmailAddresses", "PhoneNumber": "PhoneNumbers", "ImAddress": "ImAddresses", "PhysicalAddress": "PhysicalAddresses",
    ]
    guard uri.count >= 2, let dictionary = names[uri[1]] else { throw Refusal("ErrorInvalidPropertyRequest", "The path is not known.") }
    var element = item.elements[dictionary] ?? XMLElement(namespace: "", name: dictionary)
    let entry = value?.children.first { $0.attribute("Key") == index }
    let place = element.children.firstIndex { $0.attribute("Key") == index }
    if uri.count == 3 {
      var address = place.map { element.children[$0] } ?? XMLElement(namespace: "", name: "Entry", attributes: ["Key": index])
      address.children.removeAll { $0.name == uri[2] }
      if let part = entry?.child(uri[2]), !part.text.isEmpty { address.children.append(part) }
      let order = ["Street", "City", "State", "CountryOrRegion", "PostalCode"]
      address.children.sort { (order.firstIndex(of: $0.name) ?? 9) < (order.firstIndex(of: $1.name) ?? 9) }
      if let place { element.children[place] = address } else { element.children.append(address) }
    } else {
      if let place { element.children.remove(at: place) }
      if let entry { element.children.append(entry) }
      element.children.sort { ($0.attribute("Key") ?? "") < ($1.attribute("Key") ?? "") }
    }
    element = try normalised(element)
    item.elements[dictionary] = element.children.isEmpty ? nil : element
  }
}
