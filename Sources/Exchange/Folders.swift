public import Model
import XMLStream

/// A folder as FindFolder and GetFolder give it.
struct FoundFolder: Sendable {
  var id: FolderID
  var parent: FolderID?
  var name: String
  var folderClass: String
  var count: Int

  init?(_ element: XMLElement) {
    guard let id = element.child("FolderId")?.attribute("Id") else { return nil }
    self.id = FolderID(rawValue: id)
    parent = element.child("ParentFolderId")?.attribute("Id").map(FolderID.init)
    name = element.text("DisplayName") ?? ""
    folderClass = element.text("FolderClass") ?? ""
    count = element.text("TotalCount").flatMap(Int.init) ?? 0
  }
}

extension EWSClient {
  /// Folders asked for a page.
  private static let folderPage = 500

  /// See `ExchangePort`.
  public func folder(of kind: RecordKind, named name: String?, in mailbox: Mailbox, create: Bool) async throws(SyncError) -> FolderID? {
    let key = FolderKey(mailbox: mailbox, kind: kind, name: name)
    if let known = knownFolder(key) {
      // Known by its id, which a rename keeps; one that is gone is looked for again.
      do throws(SyncError) {
        _ = try await readFolder(known, mailbox)
        return known
      } catch  where error.code == .folderNotFound || error.code == .notFound {
        remember(nil, as: key)
      }
    }
    guard let found = try await find(kind, name, mailbox, create: create) else { return nil }
    remember(found, as: key)
    return found
  }

  private func find(_ kind: RecordKind, _ name: String?, _ mailbox: Mailbox, create: Bool) async throws(SyncError) -> FolderID? {
    guard let name else { return try await distinguished(EWSNames.distinguishedFolder(kind), mailbox).id }
    if let found = try await topFolder(kind, name, mailbox) { return found }
    guard create else { return nil }
    do throws(SyncError) {
      return try await createFolder(kind, name, mailbox)
    } catch  where error.code == .alreadyExists {
      if let found = try await topFolder(kind, name, mailbox) { return found }
      throw SyncError(
        .configuration,
        "\(mailbox.address) has a folder '\(name)' that is not for \(kind.rawValue): rename it, or choose another name in the policy")
    }
  }

  private func topFolder(_ kind: RecordKind, _ name: String, _ mailbox: Mailbox) async throws(SyncError) -> FolderID? {
    try await folders(below: "msgfolderroot", mailbox, deep: false).first {
      $0.name.lowercased() == name.lowercased() && $0.folderClass.lowercased().hasPrefix(EWSNames.folderClass(kind).lowercased())
    }?.id
  }

  /// GetFolder of a distinguished folder.
  func distinguished(_ id: String, _ mailbox: Mailbox) async throws(SyncError) -> FoundFolder {
    let messages = try await call("GetFolder", in: mailbox) { [self] xml in
      xml.within("m:GetFolder") { xml in
        xml.within("m:FolderShape") { $0.element("t:BaseShape", "Default") }
        xml.within("m:FolderIds") { writeDistinguished(id, mailbox, &$0) }
      }
    }
    if let error = EWSErrors.error(for: messages[0], "folder \(id) of \(mailbox.address)") { throw error }
    guard let folder = messages[0].child("Folders")?.children.first.flatMap(FoundFolder.init) else {
      throw SyncError(.malformedAnswer, "Exchange answered no folder for \(id) of \(mailbox.address)")
    }
    return folder
  }

  private func readFolder(_ id: FolderID, _ mailbox: Mailbox) async throws(SyncError) -> FoundFolder? {
    let messages = try await call("GetFolder", in: mailbox) { xml in
      xml.within("m:GetFolder") { xml in
        xml.within("m:FolderShape") { $0.element("t:BaseShape", "Default") }
        xml.within("m:FolderIds") { $0.empty("t:FolderId", [("Id", id.rawValue)]) }
      }
    }
    if let error = EWSErrors.error(for: messages[0], "a folder of \(mailbox.address)") { throw error }
    return messages[0].child("Folders")?.children.first.flatMap(FoundFolder.init)
  }

  /// FindFolder below a distinguished folder, all pages.
  func folders(below root: String, _ mailbox: Mailbox, deep: Bool) async throws(SyncError) -> [FoundFolder] {
    var found: [FoundFolder] = []
    while true {
      let offset = found.count
      let messages = try await call("FindFolder", in: mailbox) { [self] xml in
        xml.within("m:FindFolder", [("Traversal", deep ? "Deep" : "Shallow")]) { xml in
          xml.within("m:FolderShape") { xml in
            xml.element("t:BaseShape", "Default")
            xml.within("t:AdditionalProperties") { xml in
              PropertyPath.field("folder:ParentFolderId").write(&xml)
              PropertyPath.field("folder:FolderClass").write(&xml)
            }
          }
          xml.empty(
            "m:IndexedPageFolderView",
            [("MaxEntriesReturned", String(Self.folderPage)), ("Offset", String(offset)), ("BasePoint", "Beginning")])
          xml.within("m:ParentFolderIds") { writeDistinguished(root, mailbox, &$0) }
        }
      }
      if let error = EWSErrors.error(for: messages[0], "folders of \(mailbox.address)") { throw error }
      let view = messages[0].child("RootFolder")
      let page = view?.child("Folders")?.children.compactMap(FoundFolder.init) ?? []
      found += page
      if view?.attribute("IncludesLastItemInRange") != "false" || page.isEmpty { return found }
    }
  }

  private func createFolder(_ kind: RecordKind, _ name: String, _ mailbox: Mailbox) async throws(SyncError) -> FolderID {
    try assertWritable("creating the folder '\(name)' in \(mailbox.address)")
    let messages = try await call("CreateFolder", in: mailbox) { [self] xml in
      xml.within("m:CreateFolder") { xml in
        xml.within("m:ParentFolderId") { writeDistinguished("msgfolderroot", mailbox, &$0) }
        xml.within("m:Folders") { xml in
          xml.within(EWSNames.folderElement(kind)) { xml in
            if kind == .emails { xml.element("t:FolderClass", EWSNames.folderClass(kind)) }
            xml.element("t:DisplayName", name)
          }
        }
      }
    }
    if let error = EWSErrors.error(for: messages[0], "creating '\(name)' in \(mailbox.address)") { throw error }
    guard let folder = messages[0].child("Folders")?.children.first.flatMap(FoundFolder.init) else {
      throw SyncError(.malformedAnswer, "Exchange answered no id for the new folder '\(name)' of \(mailbox.address)")
    }
    return folder.id
  }

  /// See `ExchangePort`.
  public func probe(_ mailbox: Mailbox) async throws(SyncError) -> MailboxProbe {
    let folder = try await distinguished("contacts", mailbox)
    return MailboxProbe(serverVersion: serverVersion, contactCount: folder.count)
  }
}
