import Foundation
import SandboxStore
import XMLStream

/// What of an item is asked for.
struct Shape: Sendable {
  var base = "IdOnly"
  var paths: [XMLElement] = []
  var includesMime = false
  var bodyType = "Best"

  init(_ shape: XMLElement?) {
    base = shape?.text("BaseShape") ?? "IdOnly"
    paths = shape?.child("AdditionalProperties")?.children ?? []
    includesMime = ["true", "1"].contains(shape?.text("IncludeMimeContent") ?? "")
    bodyType = shape?.text("BodyType") ?? "Best"
  }
}

extension ExchangeServer {
  func getItem(_ operation: XMLElement, _ item: ServerItem, _ address: String) throws -> Message {
    let shape = Shape(operation.child("ItemShape"))
    // A property of another class is left out: clients read items of mixed classes with one list of properties.
    return Message { xml in xml.within("m:Items") { writeItem(item, shape, &$0) } }
  }

  /// Writes an item: its id, then what was asked for, in schema order.
  func writeItem(_ item: ServerItem, _ shape: Shape, _ xml: inout XMLWriter) {
    var wanted: Set<String> = []
    var extended: [ExtendedName] = []
    if shape.base == "AllProperties" { wanted = Set(item.elements.keys).union(Self.computed).union(Self.calendarComputed) }
    if shape.base == "Default" {
      wanted = [
        "Subject", "HasAttachments", "Sensitivity", "FileAs", "DisplayName", "GivenName", "Surname", "CompanyName", "EmailAddresses",
        "PhoneNumbers", "PhysicalAddresses", "JobTitle", "Start", "End", "DueDate", "PercentComplete", "StartDate",
      ]
    }
    var indexed: [String: Set<String>] = [:]
    for path in shape.paths {
      switch path.name {
      case "FieldURI": if let property = item.itemClass?.property(uri: path.attribute("FieldURI") ?? "") { wanted.insert(property.element) }
      case "IndexedFieldURI":
        let parts = (path.attribute("FieldURI") ?? "").split(separator: ":").map(String.init)
        let names = [
          "EmailAddress": "EmailAddresses", "PhoneNumber": "PhoneNumbers", "ImAddress": "ImAddresses",
          "PhysicalAddress": "PhysicalAddresses",
        ]
        if parts.count > 1, let name = names[parts[1]] {
          indexed[name, default: []].insert(path.attribute("FieldIndex") ?? "")
          wanted.insert(name)
        }
      case "ExtendedFieldURI": if let name = ExtendedName(path), !extended.contains(name) { extended.append(name) }
      default: break
      }
    }
    if shape.includesMime, item.mail != nil { wanted.insert("MimeContent") }
    xml.within("t:\(item.className)") { xml in
      for property in item.itemClass?.properties ?? [] {
        if property.element == "ItemId" {
          xml.empty("t:ItemId", [("Id", item.id), ("ChangeKey", item.changeKey)])
        } else if property.element == "ExtendedProperty" {
          for name in extended { writeExtended(name, item, &xml) }
        } else if wanted.contains(property.element), !writeMailElement(property.element, item, shape, &xml) {
          writeElement(property.element, item, indexed[property.element], &xml)
        }
      }
    }
  }

  private static let computed: Set<String> = [
    "ParentFolderId", "DateTimeCreated", "LastModifiedTime", "HasAttachments", "Size", "LastModifiedName", "DateTimeReceived",
    "DateTimeSent", "IsDraft", "IsFromMe", "DisplayTo", "DisplayCc", "Attachments",
  ]

  private func writeElement(_ name: String, _ item: ServerItem, _ keys: Set<String>?, _ xml: inout XMLWriter) {
    if writeCalendar(name, item, &xml) { return }
    switch name {
    case "ParentFolderId":
      xml.empty(
        "t:ParentFolderId",
        [("Id", item.folder), ("ChangeKey", owners[item.folder].flatMap { mailboxes[$0]?.folders[item.folder]?.changeKey } ?? "AQAAAA==")])
    case "DateTimeCreated", "DateTimeReceived", "DateTimeSent": xml.element("t:\(name)", Self.timeText(item.created))
    case "LastModifiedTime": xml.element("t:LastModifiedTime", Self.timeText(item.modified))
    case "LastModifiedName": xml.element("t:LastModifiedName", "Sandbox")
    case "Size": xml.element("t:Size", String(item.elements.values.reduce(300) { $0 + $1.text.utf8.count }))
    case "CompleteName": if item.className == "Contact" { writeCompleteName(item, &xml) }
    case "HasPicture": if item.className == "Contact" { xml.element("t:HasPicture", "false") }
    case "TextBody": if let body = item.elements["Body"] { xml.element("t:TextBody", body.text, [("BodyType", "Text")]) }
    default:
      guard var element = item.elements[name] else { return }
      if let keys { element.children.removeAll { !keys.contains($0.attribute("Key") ?? "") } }
      if keys != nil && element.children.isEmpty { return }
      xml.copy(element)
    }
  }

  private func writeCompleteName(_ item: ServerItem, _ xml: inout XMLWriter) {
    let title = item.extended[ExtendedName(tag: 0x3A45, type: "String")]?.first
    let parts = [
      ("Title", title), ("FirstName", item.text("GivenName")), ("MiddleName", item.text("MiddleName")), ("LastName", item.text("Surname")),
      ("Suffix", item.text("Generation")), ("Initials", item.text("Initials")), ("FullName", item.text("DisplayName")),
      ("Nickname", item.text("Nickname")),
    ]
    xml.within("t:CompleteName") { xml in
      for case (let name, let text?) in parts where !text.isEmpty { xml.element("t:\(name)", text) }
    }
  }

  private func writeExtended(_ name: ExtendedName, _ item: ServerItem, _ xml: inout XMLWriter) {
    guard let values = extendedValues(name, item) else { return }
    xml.within("t:ExtendedProperty") { xml in
      xml.empty("t:ExtendedFieldURI", name.attributes)
      if name.type.hasSuffix("Array") {
        xml.within("t:Values") { xml in for value in values { xml.element("t:Value", value) } }
      } else {
        xml.element("t:Value", values.first ?? "")
      }
    }
  }

  func extendedValues(_ name: ExtendedName, _ item: ServerItem) -> [String]? {
    if let values = item.extended[name] { return values }
    if let alias = Self.aliases.first(where: { $0.tag == name.tag && name.tag != nil }), let text = item.text(alias.element) {
      return [text]
    }
    switch name.tag {
    case 0x300B: return [item.searchKey]
    case 0x3008: return [Self.timeText(item.modified)]
    case 0x3007: return [Self.timeText(item.created)]
    case nil where name.name == "urn:schemas:calendar:uid": return item.text("UID").map { [$0] }
    case 0x1A: return [item.text("ItemClass") ?? ""]
    case 0x0E23: return [String(item.arrival)]
    default: return mailProperty(name.tag, item)
    }
  }

  // MARK: Synchronization

  /// Where a client has got to: era, folder and change number, opaque to it.
  private func syncState(_ folder: String, _ change: Int, isHierarchy: Bool = false) -> String {
    Data("\(isHierarchy ? "H" : "F")|\(era)|\(change)|\(folder)".utf8).base64EncodedString()
  }

  private func change(in state: String, _ folder: String, isHierarchy: Bool = false) throws -> Int {
    let invalid = Refusal("ErrorInvalidSyncStateData", "Synchronization state data is corrupt or otherwise invalid.")
    guard let data = Data(base64Encoded: state) else { throw invalid }
    let parts = String(decoding: data, as: UTF8.self).split(separator: "|", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 4, parts[0] == (isHierarchy ? "H" : "F"), parts[1] == String(era), parts[3] == folder, let number = Int(parts[2])
    else { throw invalid }
    return number
  }

  func syncItems(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) throws -> Message {
    guard let limit = operation.text("MaxChangesReturned").flatMap(Int.init), (1...512).contains(limit) else {
      throw Refusal.schema("MaxChangesReturned is not in the range 1 to 512.")
    }
    let shape = Shape(operation.child("ItemShape"))
    do {
      guard let reference = operation.child("SyncFolderId")?.children.first else { throw Refusal.schema("SyncFolderId is missing") }
      let place: FolderPlace
      do { place = try folderPlace(reference, caller) } catch {
        throw Refusal("ErrorSyncFolderNotFound", "The folder could not be found.")
      }
      entry.mailbox = place.mailbox
      guard let mailbox = mailboxes[place.mailbox], let folder = mailbox.folders[place.folder] else { throw Refusal.folderNotFound }
      let given = operation.text("SyncState") ?? ""
      let since = given.isEmpty ? 0 : try change(in: given, place.folder)
      let ignored = Set((operation.child("Ignore")?.children ?? []).compactMap { $0.attribute("Id") })
      let page = changes(of: folder, mailbox, since: since, limit: limit, ignoring: ignored)
      entry.items = page.items.count
      return Message { xml in
        xml.element("m:SyncState", syncState(place.folder, page.last))
        xml.element("m:IncludesLastItemInRange", page.isLast ? "true" : "false")
        xml.within("m:Changes") { xml in
          for found in shown(page.items) {
            switch found {
            case .gone(let id): xml.within("t:Delete") { $0.empty("t:ItemId", [("Id", id), ("ChangeKey", "AQAAAA==")]) }
            case .here(let item) where item.arrival <= since && item.content <= since:
              xml.within("t:ReadFlagChange") { xml in
                xml.empty("t:ItemId", [("Id", item.id), ("ChangeKey", item.changeKey)])
                xml.element("t:IsRead", item.text("IsRead") ?? "false")
              }
            case .here(let item): xml.within(item.arrival > since ? "t:Create" : "t:Update") { writeItem(item, shape, &$0) }
            }
          }
        }
      }
    } catch let refusal as Refusal where !refusal.isFault {
      // Some clients read these before the response code.
      return Message(refusal) { xml in
        xml.element("m:SyncState", "")
        xml.element("m:IncludesLastItemInRange", "true")
      }
    }
  }

  private enum Found {
    case here(ServerItem)
    case gone(String)
  }

  /// The next changes of a folder's log; of several changes of one item only the last counts.
  private func changes(of folder: ServerFolder, _ mailbox: ServerMailbox, since: Int, limit: Int, ignoring ignored: Set<String>) -> (
    items: [Found], last: Int, isLast: Bool
  ) {
    var low = 0
    var high = folder.log.count
    while low < high {
      let middle = (low + high) / 2
      if folder.log[middle].change > since { high = middle } else { low = middle + 1 }
    }
    var found: [Found] = []
    var last = since
    var seen: Set<String> = []
    var index = low
    while index < folder.log.count && found.count < limit {
      let entry = folder.log[index]
      index += 1
      last = entry.change
      if ignored.contains(entry.item) { continue }
      if let item = mailbox.items[entry.item], item.folder == folder.id {
        if item.change == entry.change || item.arrival == entry.change && item.change == item.arrival { found.append(.here(item)) }
      } else if seen.insert(entry.item).inserted, since > 0 {
        found.append(.gone(entry.item))
      }
    }
    return (found, last, index >= folder.log.count)
  }

  func syncHierarchy(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) throws -> Message {
    do {
      let reference =
        operation.child("SyncFolderId")?.children.first
        ?? XMLElement(namespace: "", name: "DistinguishedFolderId", attributes: ["Id": "root"])
      let place = try folderPlace(reference, caller)
      entry.mailbox = place.mailbox
      guard let mailbox = mailboxes[place.mailbox] else { throw Refusal.folderNotFound }
      let given = operation.text("SyncState") ?? ""
      let since = given.isEmpty ? -1 : try change(in: given, place.folder, isHierarchy: true)
      let folders = mailbox.folders.values.filter { $0.change > since && $0.id != place.folder }.sorted {
        ($0.change, $0.name) < ($1.change, $1.name)
      }
      return Message { xml in
        xml.element("m:SyncState", syncState(place.folder, change, isHierarchy: true))
        xml.element("m:IncludesLastFolderInRange", "true")
        xml.within("m:Changes") { xml in
          for folder in folders { xml.within(folder.arrival > since ? "t:Create" : "t:Update") { writeFolder(folder, mailbox, &$0) } }
          for gone in mailbox.deletedFolders where gone.change > since {
            xml.within("t:Delete") { $0.empty("t:FolderId", [("Id", gone.folder), ("ChangeKey", "AQAAAA==")]) }
          }
        }
      }
    } catch let refusal as Refusal where !refusal.isFault {
      return Message(refusal) { xml in
        xml.element("m:SyncState", "")
        xml.element("m:IncludesLastFolderInRange", "true")
      }
    }
  }
}
