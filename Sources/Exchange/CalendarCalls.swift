public import Model
import XMLStream

extension EWSClient {
  /// Occurrences asked for in one view; a full answer is asked for again in halves.
  private static let viewLimit = 1000
  /// The shortest window that is still halved, in seconds.
  private static let shortestWindow: Int64 = 3600

  /// See `ExchangePort`.
  public func occurrences(
    in folder: FolderID, of mailbox: Mailbox, from start: Timestamp, to end: Timestamp
  ) async throws(SyncError) -> [OccurrenceVersion] {
    let messages = try await call("FindItem", in: mailbox) { xml in
      xml.within("m:FindItem", [("Traversal", "Shallow")]) { xml in
        xml.within("m:ItemShape") { xml in
          xml.element("t:BaseShape", "IdOnly")
          xml.within("t:AdditionalProperties") { xml in
            for name in ["UID", "Start", "OriginalStart", "CalendarItemType"] { PropertyPath.field("calendar:\(name)").write(&xml) }
          }
        }
        xml.empty(
          "m:CalendarView",
          [("MaxEntriesReturned", String(Self.viewLimit)), ("StartDate", start.iso8601), ("EndDate", end.iso8601)])
        xml.within("m:ParentFolderIds") { $0.empty("t:FolderId", [("Id", folder.rawValue)]) }
      }
    }
    if let error = EWSErrors.error(for: messages[0], "the calendar of \(mailbox.address)") { throw error }
    let view = messages[0].child("RootFolder")
    let found = view?.child("Items")?.children ?? []
    // A view has no pages.
    if view?.attribute("IncludesLastItemInRange") == "false" || found.count >= Self.viewLimit {
      guard end.seconds - start.seconds > Self.shortestWindow else {
        throw SyncError(
          .tooLarge, "the calendar of \(mailbox.address) has more than \(Self.viewLimit) entries in an hour (\(start.iso8601))")
      }
      let middle = Timestamp(seconds: (start.seconds + end.seconds) / 2)
      let both =
        try await occurrences(in: folder, of: mailbox, from: start, to: middle)
        + occurrences(in: folder, of: mailbox, from: middle, to: end)
      var seen: Set<ItemID> = []
      return both.filter { seen.insert($0.version.id).inserted }
    }
    return found.compactMap { item in
      guard ["Occurrence", "Exception"].contains(item.text("CalendarItemType")), let version = Self.version(of: item),
        let start = item.text("Start").flatMap({ Timestamp(iso8601: $0) })
      else { return nil }
      return OccurrenceVersion(
        version: version, uid: item.text("UID") ?? "", start: start,
        original: item.text("OriginalStart").flatMap { Timestamp(iso8601: $0) })
    }
  }

  /// See `ExchangePort`.
  public func series(_ uids: Set<String>, outside folder: FolderID, in mailbox: Mailbox) async throws(SyncError) -> Set<String> {
    if uids.isEmpty { return [] }
    let all = try await folders(below: "msgfolderroot", mailbox, deep: true)
    let deleted = Self.descendants(of: try await distinguished("deleteditems", mailbox).id, among: all)
    var found: Set<String> = []
    for place in all where place.id != folder && !deleted.contains(place.id) && found != uids {
      guard place.folderClass.lowercased().hasPrefix(EWSNames.folderClass(.events).lowercased()) else { continue }
      found.formUnion(try await seriesUIDs(in: place.id, of: mailbox).intersection(uids))
    }
    return found
  }

  /// The UIDs of a calendar's series. Servers search by no UID: they are compared here.
  private func seriesUIDs(in folder: FolderID, of mailbox: Mailbox) async throws(SyncError) -> Set<String> {
    var (found, offset): (Set<String>, Int) = ([], 0)
    while true {
      let start = offset
      let messages = try await call("FindItem", in: mailbox) { xml in
        xml.within("m:FindItem", [("Traversal", "Shallow")]) { xml in
          xml.within("m:ItemShape") { xml in
            xml.element("t:BaseShape", "IdOnly")
            xml.within("t:AdditionalProperties") { xml in
              for name in ["UID", "CalendarItemType"] { PropertyPath.field("calendar:\(name)").write(&xml) }
            }
          }
          xml.empty(
            "m:IndexedPageItemView",
            [("MaxEntriesReturned", String(Self.findPage)), ("Offset", String(start)), ("BasePoint", "Beginning")])
          xml.within("m:ParentFolderIds") { $0.empty("t:FolderId", [("Id", folder.rawValue)]) }
        }
      }
      if let error = EWSErrors.error(for: messages[0], "a calendar of \(mailbox.address)") {
        // Deleted between the listing and the search.
        if error.code == .folderNotFound { return found }
        throw error
      }
      let view = messages[0].child("RootFolder")
      let page = view?.child("Items")?.children ?? []
      found.formUnion(page.filter { $0.text("CalendarItemType") == "RecurringMaster" }.compactMap { $0.text("UID") })
      offset = view?.attribute("IndexedPagingOffset").flatMap(Int.init) ?? offset + page.count
      if view?.attribute("IncludesLastItemInRange") != "false" || page.isEmpty { return found }
    }
  }

  /// See `ExchangePort`.
  public func cancel(_ versions: [ItemVersion], in mailbox: Mailbox) async throws(SyncError) -> [Result<ItemID?, SyncError>] {
    try assertWritable("cancelling \(versions.count) meetings of \(mailbox.address)")
    let messages = try await write("CreateItem", in: mailbox, count: versions.count) { xml in
      xml.within("m:CreateItem", [("MessageDisposition", "SendAndSaveCopy")]) { xml in
        xml.within("m:Items") { xml in
          for version in versions {
            xml.within("t:CancelCalendarItem") {
              $0.empty("t:ReferenceItemId", [("Id", version.id.rawValue), ("ChangeKey", version.changeKey)])
            }
          }
        }
      }
    }
    return messages.map { message in
      EWSErrors.error(for: message, "cancelling a meeting of \(mailbox.address)").map { .failure($0) } ?? .success(nil)
    }
  }

  /// See `ExchangePort`.
  public func deleteOccurrences(_ ids: [ItemID], in mailbox: Mailbox) async throws(SyncError) -> [Result<ItemID?, SyncError>] {
    try assertWritable("deleting \(ids.count) occurrences in \(mailbox.address)")
    let messages = try await write("DeleteItem", in: mailbox, count: ids.count) { xml in
      let attributes = [
        ("DeleteType", "SoftDelete"), ("SendMeetingCancellations", "SendToNone"), ("AffectedTaskOccurrences", "SpecifiedOccurrenceOnly"),
      ]
      xml.within("m:DeleteItem", attributes) { xml in
        xml.within("m:ItemIds") { xml in for id in ids { xml.empty("t:ItemId", [("Id", id.rawValue)]) } }
      }
    }
    return messages.map { message in
      EWSErrors.error(for: message, "deleting an occurrence of \(mailbox.address)").map { .failure($0) } ?? .success(nil)
    }
  }
}
