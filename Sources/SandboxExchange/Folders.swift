import Foundation
import SandboxStore
import XMLStream

/// Reading and making folders.
extension ExchangeServer {
  func get(_ shape: XMLElement?, _ place: FolderPlace) throws -> Message {
    guard let mailbox = mailboxes[place.mailbox], let folder = mailbox.folders[place.folder] else { throw Refusal.folderNotFound }
    return Message { xml in xml.within("m:Folders") { writeFolder(folder, mailbox, &$0) } }
  }

  static func folderElement(_ folder: ServerFolder) -> String {
    switch folder.folderClass {
    case let name where name == "IPF.Contact" || name.hasPrefix("IPF.Contact."): "ContactsFolder"
    case "IPF.Appointment": "CalendarFolder"
    case "IPF.Task": "TasksFolder"
    default: "Folder"
    }
  }

  func writeFolder(_ folder: ServerFolder, _ mailbox: ServerMailbox, _ xml: inout XMLWriter) {
    let element = Self.folderElement(folder)
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

  func findFolder(_ operation: XMLElement, _ place: FolderPlace) throws -> Message {
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

  func createFolders(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) throws -> [Message] {
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
    let classes = ["ContactsFolder": "IPF.Contact", "CalendarFolder": "IPF.Appointment", "TasksFolder": "IPF.Task"]
    if element.child("FolderClass") != nil, classes[element.name] != nil {
      throw Refusal("ErrorNoFolderClassOverride", "The folder class of a typed folder cannot be set.")
    }
    try checkName(name, in: place.folder, except: nil, place.mailbox)
    change += 1
    let id = identities.id()
    owners[id] = place.mailbox
    let folder = ServerFolder(
      id: id, changeKey: identities.changeKey(), parent: place.folder, name: name,
      folderClass: classes[element.name] ?? element.text("FolderClass") ?? "IPF.Note", distinguished: nil, change: change, arrival: change)
    mailbox.folders[id] = folder
    mailboxes[place.mailbox] = mailbox
    return Message { xml in xml.within("m:Folders") { writeFolder(folder, mailbox, &$0) } }
  }
}
