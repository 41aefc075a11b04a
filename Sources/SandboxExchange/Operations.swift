import Foundation
import XMLStream

extension ExchangeServer {
  /// Carries out one operation; one message an object asked for.
  func perform(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) throws -> [Message] {
    switch operation.name {
    case "GetFolder":
      return folderReferences(operation.child("FolderIds"), caller, &entry) { try $0.get(operation.child("FolderShape"), $1) }
    case "FindFolder": return folderReferences(operation.child("ParentFolderIds"), caller, &entry) { try $0.findFolder(operation, $1) }
    case "CreateFolder": return try createFolders(operation, caller, &entry)
    case "DeleteFolder": return folderReferences(operation.child("FolderIds"), caller, &entry) { try $0.deleteFolder($1) }
    case "SyncFolderItems": return [try syncItems(operation, caller, &entry)]
    case "SyncFolderHierarchy": return [try syncHierarchy(operation, caller, &entry)]
    case "FindItem": return folderReferences(operation.child("ParentFolderIds"), caller, &entry) { try $0.findItem(operation, $1) }
    case "GetItem": return itemReferences(operation, caller, &entry, emptyOnError: true) { try $0.getItem(operation, $1, $2) }
    case "CreateItem": return try createItems(operation, caller, &entry)
    case "UpdateItem": return try updateItems(operation, caller, &entry)
    case "DeleteItem": return itemReferences(operation, caller, &entry) { try $0.deleteItem(operation, $1, $2, caller) }
    case "MoveItem", "CopyItem": return try moveItems(operation, caller, &entry)
    case "GetUserConfiguration", "CreateUserConfiguration", "UpdateUserConfiguration":
      return [try userConfiguration(operation, caller, &entry)]
    case "ConvertId": return convertIDs(operation)
    case "ResolveNames": return [resolveNames(operation)]
    default: throw Refusal("ErrorInvalidOperation", "The operation \(operation.name) is not known here.", isFault: true)
    }
  }

  // MARK: References

  /// A folder and the mailbox that it lies in.
  struct FolderPlace {
    var mailbox: String
    var folder: String
  }

  func folderPlace(_ reference: XMLElement, _ caller: Caller) throws -> FolderPlace {
    if reference.name == "DistinguishedFolderId" {
      let address = (reference.text("Mailbox", "EmailAddress") ?? caller.home).lowercased()
      guard let mailbox = mailboxes[address] else {
        throw Refusal("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
      }
      try check(caller, address)
      guard let folder = mailbox.distinguished(reference.attribute("Id") ?? "") else { throw Refusal.folderNotFound }
      return FolderPlace(mailbox: address, folder: folder.id)
    }
    guard let id = reference.attribute("Id"), let address = owners[id], mailboxes[address]?.folders[id] != nil else {
      throw Refusal.folderNotFound
    }
    try check(caller, address)
    return FolderPlace(mailbox: address, folder: id)
  }

  /// The delegate reaches every mailbox, a user their own.
  private func check(_ caller: Caller, _ address: String) throws {
    if let impersonated = caller.impersonated {
      guard impersonated == address else { throw Refusal.accessDenied }
    } else if caller.user != configuration.delegateAddress.lowercased() && caller.user != address {
      throw Refusal.accessDenied
    }
  }

  private func folderReferences(
    _ list: XMLElement?, _ caller: Caller, _ entry: inout RequestLog.Entry, _ body: (isolated ExchangeServer, FolderPlace) throws -> Message
  ) -> [Message] {
    let references = list?.children ?? []
    entry.items = references.count
    return references.map { reference in
      do {
        let place = try folderPlace(reference, caller)
        entry.mailbox = place.mailbox
        return try body(self, place)
      } catch {
        let refusal = error as? Refusal ?? Refusal("ErrorInternalServerError", "\(error)")
        return Message(refusal) { if list?.name == "FolderIds" { $0.empty("m:Folders") } }
      }
    }
  }

  func itemReferences(
    _ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry, emptyOnError: Bool = false,
    _ body: (isolated ExchangeServer, ServerItem, String) throws -> Message
  ) -> [Message] {
    let references = operation.child("ItemIds")?.children ?? []
    entry.items = references.count
    return references.map { reference in
      do {
        let (item, address) = try item(reference, caller)
        entry.mailbox = address
        return try body(self, item, address)
      } catch {
        let refusal = error as? Refusal ?? Refusal("ErrorInternalServerError", "\(error)")
        return Message(refusal) { if emptyOnError { $0.empty("m:Items") } }
      }
    }
  }

  func item(_ reference: XMLElement, _ caller: Caller) throws -> (ServerItem, String) {
    guard let id = reference.attribute("Id") else { throw Refusal("ErrorInvalidIdMalformed", "Id is malformed.") }
    guard let address = owners[id], let item = mailboxes[address]?.items[id] else { throw Refusal.itemNotFound }
    try check(caller, address)
    return (item, address)
  }

  // MARK: Folders

  private func get(_ shape: XMLElement?, _ place: FolderPlace) throws -> Message {
    guard let mailbox = mailboxes[place.mailbox], let folder = mailbox.folders[place.folder] else { throw Refusal.folderNotFound }
    return Message { xml in xml.within("m:Folders") { writeFolder(folder, mailbox, &$0) } }
  }

  func writeFolder(_ folder: ServerFolder, _ mailbox: ServerMailbox, _ xml: inout XMLWriter) {
    let element =
      switch folder.folderClass {
      case "IPF.Contact": "ContactsFolder"
      case "IPF.Appointment": "CalendarFolder"
      case "IPF.Task": "TasksFolder"
      default: "Folder"
      }
    xml.within("t:\(element)") { xml in
      xml.empty("t:FolderId", [("Id", folder.id), ("ChangeKey", folder.changeKey)])
      if let parent = folder.parent {
        xml.empty("t:ParentFolderId", [("Id", parent), ("ChangeKey", mailbox.folders[parent]?.changeKey ?? "AQAAAA==")])
      }
      xml.element("t:FolderClass", folder.folderClass)
      xml.element("t:DisplayName", folder.name)
      xml.element("t:TotalCount", String(folder.items.count))
      xml.element("t:ChildFolderCount", String(mailbox.folders.values.count { $0.parent == folder.id }))
      xml.within("t:EffectiveRights") { xml in
        for right in ["CreateAssociated", "CreateContents", "CreateHierarchy", "Delete", "Modify", "Read"] {
          xml.element("t:\(right)", "true")
        }
      }
      if let distinguished = folder.distinguished { xml.element("t:DistinguishedFolderId", distinguished) }
      if element == "Folder" || element == "TasksFolder" { xml.element("t:UnreadCount", "0") }
    }
  }

  private func findFolder(_ operation: XMLElement, _ place: FolderPlace) throws -> Message {
    guard let mailbox = mailboxes[place.mailbox] else { throw Refusal.folderNotFound }
    let isDeep = operation.attribute("Traversal") == "Deep"
    var found: [ServerFolder] = []
    var parents: Set<String> = [place.folder]
    while !parents.isEmpty {
      let children = mailbox.folders.values.filter { $0.parent.map(parents.contains) ?? false }.sorted { $0.name < $1.name }
      found += children
      parents = isDeep ? Set(children.map(\.id)) : []
    }
    let view = operation.child("IndexedPageFolderView")
    let offset = min(max(view?.attribute("Offset").flatMap(Int.init) ?? 0, 0), found.count)
    let limit = min(max(view?.attribute("MaxEntriesReturned").flatMap(Int.init) ?? 1000, 1), 1000)
    let page = found[offset..<min(offset + limit, found.count)]
    let isLast = offset + page.count >= found.count
    return Message { xml in
      let attributes = [
        ("IndexedPagingOffset", String(offset + page.count)), ("TotalItemsInView", String(found.count)),
        ("IncludesLastItemInRange", isLast ? "true" : "false"),
      ]
      xml.within("m:RootFolder", attributes) { xml in
        xml.within("t:Folders") { xml in for folder in page { writeFolder(folder, mailbox, &xml) } }
      }
    }
  }

  private func createFolders(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) throws -> [Message] {
    guard let reference = operation.child("ParentFolderId")?.children.first else { throw Refusal.schema("ParentFolderId is missing") }
    let folders = operation.child("Folders")?.children ?? []
    entry.items = folders.count
    do {
      let place = try folderPlace(reference, caller)
      entry.mailbox = place.mailbox
      return folders.map { folder in
        do { return try createFolder(folder, place) } catch {
          return Message(error as? Refusal ?? Refusal.folderNotFound) { $0.empty("m:Folders") }
        }
      }
    } catch let refusal as Refusal {
      return folders.map { _ in Message(refusal) { $0.empty("m:Folders") } }
    }
  }

  private func createFolder(_ element: XMLElement, _ place: FolderPlace) throws -> Message {
    guard var mailbox = mailboxes[place.mailbox] else { throw Refusal.folderNotFound }
    let name = element.text("DisplayName") ?? ""
    guard !name.isEmpty else { throw Refusal("ErrorInvalidPropertySet", "DisplayName is required.", path: "folder:DisplayName") }
    let classes = ["ContactsFolder": "IPF.Contact", "CalendarFolder": "IPF.Appointment", "TasksFolder": "IPF.Task"]
    if element.child("FolderClass") != nil, classes[element.name] != nil {
      throw Refusal("ErrorNoFolderClassOverride", "The folder class of a typed folder cannot be set.")
    }
    guard !mailbox.folders.values.contains(where: { $0.parent == place.folder && $0.name.lowercased() == name.lowercased() }) else {
      throw Refusal("ErrorFolderExists", "A folder with the specified name already exists.")
    }
    change += 1
    let id = identities.id()
    owners[id] = place.mailbox
    let folder = ServerFolder(
      id: id, changeKey: identities.changeKey(), parent: place.folder, name: name,
      folderClass: classes[element.name] ?? element.text("FolderClass") ?? "IPF.Note", distinguished: nil, change: change)
    mailbox.folders[id] = folder
    mailboxes[place.mailbox] = mailbox
    return Message { xml in xml.within("m:Folders") { writeFolder(folder, mailbox, &$0) } }
  }

  private func deleteFolder(_ place: FolderPlace) throws -> Message {
    guard var mailbox = mailboxes[place.mailbox], let folder = mailbox.folders[place.folder] else { throw Refusal.folderNotFound }
    guard folder.distinguished == nil else { throw Refusal("ErrorDeleteDistinguishedFolder", "Distinguished folders cannot be deleted.") }
    change += 1
    for id in folder.items { mailbox.items[id] = nil }
    mailbox.folders[place.folder] = nil
    mailbox.deletedFolders.append((change, place.folder))
    mailboxes[place.mailbox] = mailbox
    return Message { _ in }
  }

  // MARK: Other

  private func userConfiguration(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) throws -> Message {
    let name = operation.child("UserConfigurationName") ?? operation.descendant("UserConfiguration", "UserConfigurationName")
    guard let name, let reference = name.children.first else { throw Refusal.schema("UserConfigurationName is missing") }
    do {
      let place = try folderPlace(reference, caller)
      entry.mailbox = place.mailbox
      let key = "\(place.folder)/\(name.attribute("Name") ?? "")"
      let known = mailboxes[place.mailbox]?.configurations[key]
      switch operation.name {
      case "GetUserConfiguration":
        guard let known else { throw Refusal.itemNotFound }
        return Message { xml in
          xml.within("m:UserConfiguration") { xml in
            xml.copy(name)
            xml.element("t:XmlData", known)
          }
        }
      case "CreateUserConfiguration" where known != nil: throw Refusal("ErrorItemSave", "A configuration of that name exists.")
      case "UpdateUserConfiguration" where known == nil: throw Refusal.itemNotFound
      default:
        mailboxes[place.mailbox]?.configurations[key] = operation.text("UserConfiguration", "XmlData") ?? ""
        return Message { _ in }
      }
    } catch let refusal as Refusal {
      return Message(refusal)
    }
  }

  private func convertIDs(_ operation: XMLElement) -> [Message] {
    let format = operation.attribute("DestinationFormat") ?? "EwsId"
    return (operation.child("SourceIds")?.children ?? []).map { source in
      guard let id = source.attribute("Id"), let address = owners[id] else {
        return Message(Refusal("ErrorInvalidIdMalformed", "Id is malformed."))
      }
      return Message {
        $0.empty("m:AlternateId", [("xsi:type", "t:AlternateIdType"), ("Format", format), ("Id", id), ("Mailbox", address)])
      }
    }
  }

  private func resolveNames(_ operation: XMLElement) -> Message {
    let wanted = (operation.text("UnresolvedEntry") ?? "").lowercased().replacing("smtp:", with: "")
    let found = mailboxes.values.filter { $0.address.hasPrefix(wanted) || $0.name.lowercased().contains(wanted) }.sorted {
      $0.address < $1.address
    }
    guard !found.isEmpty, !wanted.isEmpty else { return Message(Refusal("ErrorNameResolutionNoResults", "No results were found.")) }
    var message = Message { xml in
      xml.within("m:ResolutionSet", [("TotalItemsInView", String(found.count)), ("IncludesLastItemInRange", "true")]) { xml in
        for mailbox in found.prefix(100) {
          xml.within("t:Resolution") { xml in
            xml.within("t:Mailbox") { xml in
              xml.element("t:Name", mailbox.name)
              xml.element("t:EmailAddress", mailbox.address)
              xml.element("t:RoutingType", "SMTP")
              xml.element("t:MailboxType", "Mailbox")
            }
          }
        }
      }
    }
    if found.count > 1 {
      (message.code, message.isWarning, message.text) = ("ErrorNameResolutionMultipleResults", true, "Multiple results were found.")
    }
    return message
  }
}
