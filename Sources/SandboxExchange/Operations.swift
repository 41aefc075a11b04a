import Foundation
import SandboxStore
import XMLStream

extension ExchangeServer {
  /// Carries out one operation.
  func perform(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) throws -> Reply {
    switch operation.name {
    case "GetDelegate", "AddDelegate", "UpdateDelegate", "RemoveDelegate": return try delegates(operation, caller, &entry)
    default: return Reply(messages: try messages(operation, caller, &entry))
    }
  }

  /// Operations of the usual form: one message an object asked for.
  private func messages(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) throws -> [Message] {
    switch operation.name {
    case "GetFolder":
      return folderReferences(operation.child("FolderIds"), caller, &entry) { try $0.get(operation.child("FolderShape"), $1) }
    case "FindFolder": return folderReferences(operation.child("ParentFolderIds"), caller, &entry) { try $0.findFolder(operation, $1) }
    case "CreateFolder": return try createFolders(operation, caller, &entry)
    case "UpdateFolder": return updateFolders(operation, caller, &entry)
    case "MoveFolder": return try moveFolders(operation, caller, &entry)
    case "DeleteFolder":
      return folderReferences(operation.child("FolderIds"), caller, &entry) { try $0.deleteFolder(operation, $1, caller) }
    case "EmptyFolder": return folderReferences(operation.child("FolderIds"), caller, &entry) { try $0.emptyFolder(operation, $1, caller) }
    case "SyncFolderItems": return [try syncItems(operation, caller, &entry)]
    case "SyncFolderHierarchy": return [try syncHierarchy(operation, caller, &entry)]
    case "FindItem": return folderReferences(operation.child("ParentFolderIds"), caller, &entry) { try $0.findItem(operation, $1) }
    case "GetItem": return itemReferences(operation, caller, &entry, emptyOnError: true) { try $0.getItem(operation, $1, $2) }
    case "CreateItem": return try createItems(operation, caller, &entry)
    case "UpdateItem": return try updateItems(operation, caller, &entry)
    case "DeleteItem": return itemReferences(operation, caller, &entry) { try $0.deleteItem(operation, $1, $2, caller) }
    case "MoveItem", "CopyItem": return try moveItems(operation, caller, &entry)
    case "GetUserConfiguration", "CreateUserConfiguration", "UpdateUserConfiguration", "DeleteUserConfiguration":
      return [try userConfiguration(operation, caller, &entry)]
    case "SendItem": return itemReferences(operation, caller, &entry) { try $0.sendItem(operation, $1, $2, caller) }
    case "CreateAttachment": return createAttachments(operation, caller, &entry)
    case "GetAttachment": return attachmentReferences(operation, caller, &entry) { try $0.getAttachment($1, $2) }
    case "DeleteAttachment": return attachmentReferences(operation, caller, &entry) { try $0.deleteAttachment($1, $2) }
    case "Subscribe": return [try subscribe(operation, caller, &entry)]
    case "Unsubscribe": return [unsubscribe(operation, caller)]
    case "GetEvents": return [getEvents(operation, caller, &entry)]
    case "ConvertId": return convertIDs(operation)
    case "GetServerTimeZones": return [serverTimeZones(operation)]
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
      let folder = mailbox.distinguished(reference.attribute("Id") ?? "")
      try check(caller, address, folder: folder?.id)
      guard let folder else { throw Refusal.folderNotFound }
      return FolderPlace(mailbox: address, folder: folder.id)
    }
    guard let id = reference.attribute("Id"), let address = owners[id], mailboxes[address]?.folders[id] != nil else {
      throw Refusal.folderNotFound
    }
    try check(caller, address, folder: id)
    return FolderPlace(mailbox: address, folder: id)
  }

  private static let answersWithFolders: Set<String> = ["GetFolder", "MoveFolder"]

  func folderReferences(
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
        return Message(refusal) { if Self.answersWithFolders.contains(caller.operation) { $0.empty("m:Folders") } }
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
    let (item, address) = try resolve(reference)
    try check(caller, address, folder: item.folder)
    return (item, address)
  }

  // MARK: Other

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
