public import Model
import XMLStream

extension EWSClient {
  /// Items asked for in one GetItem at most.
  static let getItemLimit = 100
  /// Items of a FindItem page.
  static let findPage = 500
  /// Foreign ids searched in one restriction; the limit is 255 nodes.
  private static let searchedIDs = 60

  /// See `ExchangePort`.
  public func changes(in folder: FolderID, of mailbox: Mailbox, since cursor: String?, limit: Int) async throws(SyncError) -> ItemChangePage
  {
    let messages = try await call("SyncFolderItems", in: mailbox) { xml in
      xml.within("m:SyncFolderItems") { xml in
        xml.within("m:ItemShape") { xml in
          xml.element("t:BaseShape", "IdOnly")
          xml.within("t:AdditionalProperties") { EWSNames.foreignID.write(&$0) }
        }
        xml.within("m:SyncFolderId") { $0.empty("t:FolderId", [("Id", folder.rawValue)]) }
        if let cursor { xml.element("m:SyncState", cursor) }
        xml.element("m:MaxChangesReturned", String(min(max(limit, 1), 512)))
        xml.element("m:SyncScope", "NormalItems")
      }
    }
    let message = messages[0]
    if let error = EWSErrors.error(for: message, "changes of a folder of \(mailbox.address)") { throw error }
    guard let state = message.text("SyncState"), !state.isEmpty, let last = message.text("IncludesLastItemInRange") else {
      throw SyncError(.malformedAnswer, "Exchange answered changes without a sync state (\(mailbox.address))")
    }
    let changes = message.child("Changes")?.children.compactMap(Self.change) ?? []
    return ItemChangePage(changes: changes, cursor: state, isLast: last == "true" || last == "1")
  }

  private static func change(_ element: XMLElement) -> ItemChange? {
    switch element.name {
    case "Delete": return element.child("ItemId")?.attribute("Id").map { .removed(ItemID(rawValue: $0)) }
    case "Create", "Update":
      guard let item = element.children.first, let version = version(of: item) else { return nil }
      return .present(version, foreignID: EWSNames.foreignID.value(in: item).map(EntityID.init))
    // A read flag is no change that is carried.
    default: return nil
    }
  }

  static func version(of item: XMLElement) -> ItemVersion? {
    guard let id = item.child("ItemId"), let value = id.attribute("Id") else { return nil }
    return ItemVersion(id: ItemID(rawValue: value), changeKey: id.attribute("ChangeKey") ?? "")
  }

  /// See `ExchangePort`.
  public func items(_ ids: [ItemID], kind: RecordKind, in mailbox: Mailbox) async throws(SyncError) -> [Result<Item, SyncError>] {
    try await inBatches(ids) { ids throws(SyncError) in try await getItem(ids, kind, mailbox) }
  }

  /// Asks for so many at once as the server takes in time at the moment.
  func inBatches<Answer: Sendable>(
    _ ids: [ItemID], _ ask: ([ItemID]) async throws(SyncError) -> [Result<Answer, SyncError>]
  ) async throws(SyncError) -> [Result<Answer, SyncError>] {
    var results: [Result<Answer, SyncError>] = []
    while results.count < ids.count {
      results += try await batch(Array(ids[results.count..<min(results.count + readBatch, ids.count)]), ask)
    }
    return results
  }

  /// One GetItem; halved when the server takes too long, repeated for what it did not get to.
  private func batch<Answer: Sendable>(
    _ ids: [ItemID], _ ask: ([ItemID]) async throws(SyncError) -> [Result<Answer, SyncError>]
  ) async throws(SyncError) -> [Result<Answer, SyncError>] {
    if ids.isEmpty { return [] }
    var results: [Result<Answer, SyncError>]
    do throws(SyncError) {
      results = try await ask(ids)
      learn(isWrite: false, count: ids.count, timedOut: false)
    } catch  where error.code == .timedOut && ids.count > 1 {
      learn(isWrite: false, count: ids.count, timedOut: true)
      let middle = ids.count / 2
      return try await batch(Array(ids[..<middle]), ask) + batch(Array(ids[middle...]), ask)
    }
    let unprocessed = results.indices.filter { if case .failure(let error) = results[$0] { error.code == .notProcessed } else { false } }
    if !unprocessed.isEmpty && unprocessed.count < ids.count {
      let again = try await batch(unprocessed.map { ids[$0] }, ask)
      for (index, result) in zip(unprocessed, again) { results[index] = result }
    }
    return results
  }

  private func getItem(_ ids: [ItemID], _ kind: RecordKind, _ mailbox: Mailbox) async throws(SyncError) -> [Result<Item, SyncError>] {
    let mapping = try ItemMapping.of(kind)
    let messages = try await call("GetItem", in: mailbox, expecting: ids.count) { xml in
      xml.within("m:GetItem") { xml in
        xml.within("m:ItemShape") { xml in
          xml.element("t:BaseShape", "IdOnly")
          xml.element("t:BodyType", "Text")
          xml.within("t:AdditionalProperties") { xml in for path in mapping.paths { path.write(&xml) } }
        }
        xml.within("m:ItemIds") { xml in for id in ids { xml.empty("t:ItemId", [("Id", id.rawValue)]) } }
      }
    }
    let results: [Result<Item, SyncError>] = zip(ids, messages).map { id, message in
      if let error = EWSErrors.error(for: message, "an item of \(mailbox.address)") {
        // Asked for the type's own properties, an item of another class refuses, as a distribution list among contacts does.
        if error.cause?.hasPrefix("ErrorInvalidPropertyRequest") == true {
          return .success(Item(version: ItemVersion(id: id, changeKey: ""), fields: Fields(), isForeignClass: true))
        }
        return .failure(error)
      }
      guard let element = message.child("Items")?.children.first, let item = mapping.item(element) else {
        return .failure(SyncError(.malformedAnswer, "Exchange answered no item where it promised one (\(mailbox.address))"))
      }
      return .success(item)
    }
    return try await assembled(results, messages, mapping, kind, mailbox)
  }

  /// Reads what belongs into items of this reading, and puts it there. A part that is gone by now is left out: its item has changed again.
  private func assembled(
    _ results: [Result<Item, SyncError>], _ messages: [XMLElement], _ mapping: ItemMapping, _ kind: RecordKind, _ mailbox: Mailbox
  ) async throws(SyncError) -> [Result<Item, SyncError>] {
    let wanted = messages.flatMap { message in message.child("Items")?.children.first.map(mapping.parts) ?? [] }
    if wanted.isEmpty { return results }
    var parts: [ItemID: Item] = [:]
    for (id, answer) in zip(wanted, try await items(wanted, kind: kind, in: mailbox)) {
      switch answer {
      case .success(let part): parts[id] = part
      case .failure(let error) where error.code == .notFound: break
      case .failure(let error): throw error
      }
    }
    return zip(results, messages).map { result, message in
      result.map { item in message.child("Items")?.children.first.map { mapping.assemble(item, $0, parts) } ?? item }
    }
  }

  /// See `ExchangePort`.
  public func stampedItems(_ foreignIDs: [EntityID]?, kind: RecordKind, in mailbox: Mailbox) async throws(SyncError) -> [StampedItem] {
    if foreignIDs?.isEmpty == true { return [] }
    let all = try await folders(below: "msgfolderroot", mailbox, deep: true)
    let trash = try await distinguished("deleteditems", mailbox).id
    let inTrash = Self.descendants(of: trash, among: all)
    let wanted = all.filter {
      inTrash.contains($0.id) || $0.folderClass.lowercased().hasPrefix(EWSNames.folderClass(kind).lowercased())
    }
    var ids = wanted.map(\.id)
    if !ids.contains(trash) { ids.append(trash) }
    let groups =
      foreignIDs.map { list in
        stride(from: 0, to: list.count, by: Self.searchedIDs).map {
          Array(list[$0..<min($0 + Self.searchedIDs, list.count)]) as [EntityID]?
        }
      } ?? [nil]
    var found: [StampedItem] = []
    for group in groups {
      for folder in ids { found += try await search(group, folder, mailbox, isTrash: inTrash.contains(folder)) }
    }
    return found
  }

  static func descendants(of root: FolderID, among folders: [FoundFolder]) -> Set<FolderID> {
    var result: Set<FolderID> = [root]
    var grows = true
    while grows {
      grows = false
      for folder in folders where !result.contains(folder.id) && folder.parent.map(result.contains) == true {
        result.insert(folder.id)
        grows = true
      }
    }
    return result
  }

  private func search(_ ids: [EntityID]?, _ folder: FolderID, _ mailbox: Mailbox, isTrash: Bool) async throws(SyncError) -> [StampedItem] {
    var found: [StampedItem] = []
    var offset = 0
    while true {
      let start = offset
      let messages = try await call("FindItem", in: mailbox) { Self.writeSearch(ids, folder, start, &$0) }
      if let error = EWSErrors.error(for: messages[0], "a search in \(mailbox.address)") {
        // Deleted between the listing and the search.
        if error.code == .folderNotFound { return found }
        throw error
      }
      let view = messages[0].child("RootFolder")
      let page = view?.child("Items")?.children ?? []
      for element in page {
        guard let version = Self.version(of: element), let stamp = EWSNames.foreignID.value(in: element) else { continue }
        found.append(
          StampedItem(
            version: version, foreignID: EntityID(rawValue: stamp),
            operationID: EWSNames.operationID.value(in: element).map(OperationID.init), folder: folder, isInDeletedItems: isTrash))
      }
      offset = view?.attribute("IndexedPagingOffset").flatMap(Int.init) ?? offset + page.count
      if view?.attribute("IncludesLastItemInRange") != "false" || page.isEmpty { return found }
    }
  }

  private static func writeSearch(_ ids: [EntityID]?, _ folder: FolderID, _ offset: Int, _ xml: inout XMLWriter) {
    xml.within("m:FindItem", [("Traversal", "Shallow")]) { xml in
      xml.within("m:ItemShape") { xml in
        xml.element("t:BaseShape", "IdOnly")
        xml.within("t:AdditionalProperties") { xml in
          EWSNames.foreignID.write(&xml)
          EWSNames.operationID.write(&xml)
        }
      }
      xml.empty(
        "m:IndexedPageItemView", [("MaxEntriesReturned", String(findPage)), ("Offset", String(offset)), ("BasePoint", "Beginning")])
      xml.within("m:Restriction") { xml in
        guard let ids else { return xml.within("t:Exists") { EWSNames.foreignID.write(&$0) } }
        if ids.count == 1 { return writeEquals(ids[0], &xml) }
        xml.within("t:Or") { xml in for id in ids { writeEquals(id, &xml) } }
      }
      xml.within("m:ParentFolderIds") { $0.empty("t:FolderId", [("Id", folder.rawValue)]) }
    }
  }

  private static func writeEquals(_ id: EntityID, _ xml: inout XMLWriter) {
    xml.within("t:IsEqualTo") { xml in
      EWSNames.foreignID.write(&xml)
      xml.within("t:FieldURIOrConstant") { $0.empty("t:Constant", [("Value", id.rawValue)]) }
    }
  }
}
