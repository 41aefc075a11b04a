import HashTreeCollections
import SandboxStore
import XMLStream

/// Renaming, moving, emptying and deleting folders.
extension ExchangeServer {
  private static let folderElements: Set<String> = ["Folder", "ContactsFolder", "CalendarFolder", "TasksFolder", "SearchFolder"]

  func updateFolders(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) -> [Message] {
    let changes = operation.child("FolderChanges")?.children("FolderChange") ?? []
    entry.items = changes.count
    return changes.map { folderChange in
      do {
        guard let reference = folderChange.children.first, reference.name != "Updates" else { throw Refusal.schema("FolderId is missing") }
        let place = try folderPlace(reference, caller)
        entry.mailbox = place.mailbox
        return try updateFolder(folderChange.child("Updates")?.children ?? [], place)
      } catch {
        return Message(error as? Refusal ?? Refusal.folderNotFound) { $0.empty("m:Folders") }
      }
    }
  }

  private func updateFolder(_ updates: [XMLElement], _ place: FolderPlace) throws -> Message {
    guard var folder = mailboxes[place.mailbox]?.folders[place.folder] else { throw Refusal.folderNotFound }
    for update in updates {
      let path = update.child("FieldURI")?.attribute("FieldURI") ?? ""
      // Rights are the server's to give here: what is sent of them is taken note of, and they stay as they are.
      if path == "folder:PermissionSet" { continue }
      guard update.name == "SetFolderField" else {
        throw Refusal("ErrorInvalidPropertyDelete", "Delete action is not supported for this property.", path: path)
      }
      let value = update.children.first { Self.folderElements.contains($0.name) }?.children.first
      switch path {
      case "folder:DisplayName":
        let name = value?.text ?? ""
        guard folder.distinguished == nil || name == folder.name else {
          throw Refusal("ErrorAccessDenied", "Distinguished folders cannot be renamed.")
        }
        try checkName(name, in: folder.parent, except: folder.id, place.mailbox)
        folder.name = name
      case "folder:FolderClass": folder.folderClass = value?.text ?? folder.folderClass
      default: throw Refusal("ErrorInvalidPropertySet", "Set action is invalid for property.", path: path)
      }
    }
    return reply(touchFolder(folder, place.mailbox))
  }

  func moveFolders(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) throws -> [Message] {
    guard let reference = operation.child("ToFolderId")?.children.first else { throw Refusal.schema("ToFolderId is missing") }
    return folderReferences(operation.child("FolderIds"), caller, &entry) { server, place in
      let target = try server.folderPlace(reference, caller)
      guard target.mailbox == place.mailbox, var folder = server.mailboxes[place.mailbox]?.folders[place.folder] else {
        throw Refusal("ErrorMoveCopyFailed", "Folders stay in their mailbox here.")
      }
      guard folder.distinguished == nil else { throw Refusal("ErrorMoveDistinguishedFolder", "Distinguished folders cannot be moved.") }
      guard !server.subtree(place).contains(target.folder) else {
        throw Refusal("ErrorMoveCopyFailed", "A folder cannot be moved into itself.")
      }
      try server.checkName(folder.name, in: target.folder, except: folder.id, place.mailbox)
      folder.parent = target.folder
      return server.reply(server.touchFolder(folder, place.mailbox))
    }
  }

  func deleteFolder(_ operation: XMLElement, _ place: FolderPlace, _ caller: Caller) throws -> Message {
    guard var mailbox = mailboxes[place.mailbox], var folder = mailbox.folders[place.folder] else { throw Refusal.folderNotFound }
    guard folder.distinguished == nil else { throw Refusal("ErrorDeleteDistinguishedFolder", "Distinguished folders cannot be deleted.") }
    if operation.attribute("DeleteType") == "MoveToDeletedItems" {
      guard caller.home == place.mailbox else { throw Refusal("ErrorCannotDeleteObject", "The object could not be deleted.") }
      if let trash = mailbox.distinguished("deleteditems"),
        !subtree(FolderPlace(mailbox: place.mailbox, folder: trash.id)).contains(folder.id)
      {
        folder.parent = trash.id
        _ = touchFolder(folder, place.mailbox)
        return Message { _ in }
      }
    }
    change += 1
    for id in subtree(place) { end(folder: id, &mailbox) }
    mailboxes[place.mailbox] = mailbox
    return Message { _ in }
  }

  func emptyFolder(_ operation: XMLElement, _ place: FolderPlace, _ caller: Caller) throws -> Message {
    guard var mailbox = mailboxes[place.mailbox], let folder = mailbox.folders[place.folder] else { throw Refusal.folderNotFound }
    let trash = mailbox.distinguished("deleteditems")
    let isMove = operation.attribute("DeleteType") == "MoveToDeletedItems" && trash?.id != folder.id
    if isMove && caller.home != place.mailbox { throw Refusal("ErrorCannotDeleteObject", "The object could not be deleted.") }
    for item in folder.items.compactMap({ mailbox.items[$0] }).sorted(by: { $0.arrival < $1.arrival }) {
      if isMove, let trash { _ = move(item, to: trash.id, &mailbox) } else { remove(item, &mailbox) }
    }
    if operation.attribute("DeleteSubFolders") == "true" {
      change += 1
      for id in subtree(place) where id != place.folder && mailbox.folders[id]?.distinguished == nil { end(folder: id, &mailbox) }
    }
    mailboxes[place.mailbox] = mailbox
    return Message { _ in }
  }

  // MARK: Parts

  /// The folder and all below it.
  func subtree(_ place: FolderPlace) -> Set<String> {
    let folders = mailboxes[place.mailbox]?.folders ?? [:]
    var all: Set<String> = []
    var level: Set<String> = [place.folder]
    while !level.isEmpty {
      all.formUnion(level)
      level = Set(folders.values.filter { $0.parent.map(level.contains) ?? false && !all.contains($0.id) }.map(\.id))
    }
    return all
  }

  /// A folder goes with its items.
  private func end(folder id: String, _ mailbox: inout ServerMailbox) {
    guard let folder = mailbox.folders.removeValue(forKey: id) else { return }
    for item in folder.items { mailbox.items[item] = nil }
    mailbox.deletedFolders.append(DeletedFolder(change: change, folder: id))
  }

  func checkName(_ name: String, in parent: String?, except id: String?, _ address: String) throws {
    guard !name.isEmpty else { throw Refusal("ErrorInvalidPropertySet", "DisplayName is required.", path: "folder:DisplayName") }
    let isTaken = mailboxes[address]?.folders.values.contains {
      $0.parent == parent && $0.id != id && $0.name.lowercased() == name.lowercased()
    }
    if isTaken ?? false { throw Refusal("ErrorFolderExists", "A folder with the specified name already exists.") }
  }

  private func touchFolder(_ folder: ServerFolder, _ address: String) -> ServerFolder {
    change += 1
    var folder = folder
    folder.change = change
    folder.changeKey = identities.changeKey()
    mailboxes[address]?.folders[folder.id] = folder
    return folder
  }

  /// A changed folder's id and new change key.
  private func reply(_ folder: ServerFolder) -> Message {
    let element = Self.folderElement(folder)
    return Message { xml in
      xml.within("m:Folders") { xml in
        xml.within("t:\(element)") { $0.empty("t:FolderId", [("Id", folder.id), ("ChangeKey", folder.changeKey)]) }
      }
    }
  }
}
