public import Model
import XMLStream

extension EWSClient {
  /// See `ExchangePort`. Messages are saved only; of events the notice says whom Exchange tells.
  public func create(
    _ items: [NewItem], kind: RecordKind, in folder: FolderID, of mailbox: Mailbox
  ) async throws(SyncError) -> [Result<ItemVersion, SyncError>] {
    try assertWritable("creating \(items.count) items in \(mailbox.address)")
    let mapping = try ItemMapping.of(kind)
    let invitations = try Self.notice(items.map(\.notice), kind) == .none ? "SendToNone" : "SendToAllAndSaveCopy"
    let messages = try await write("CreateItem", in: mailbox, count: items.count) { xml in
      xml.within("m:CreateItem", [("MessageDisposition", "SaveOnly"), ("SendMeetingInvitations", invitations)]) { xml in
        xml.within("m:SavedItemFolderId") { $0.empty("t:FolderId", [("Id", folder.rawValue)]) }
        xml.within("m:Items") { xml in for item in items { mapping.writeNew(item, &xml) } }
      }
    }
    return messages.map { Self.version(from: $0, "creating an item in \(mailbox.address)") }
  }

  /// See `ExchangePort`. NeverOverwrite: a stale change key fails instead of overwriting.
  public func update(_ updates: [ItemUpdate], kind: RecordKind, in mailbox: Mailbox) async throws(SyncError) -> [Result<
    ItemVersion, SyncError
  >] {
    try assertWritable("changing \(updates.count) items in \(mailbox.address)")
    let mapping = try ItemMapping.of(kind)
    let notices: [Notice: String] = [.all: "SendToAllAndSaveCopy", .changed: "SendToChangedAndSaveCopy"]
    let invitations = notices[try Self.notice(updates.map(\.notice), kind)] ?? "SendToNone"
    let messages = try await write("UpdateItem", in: mailbox, count: updates.count) { [self] xml in
      let attributes = [
        ("ConflictResolution", "NeverOverwrite"), ("MessageDisposition", "SaveOnly"),
        ("SendMeetingInvitationsOrCancellations", invitations),
      ]
      // Older schemas do not know it, and refuse the whole request. Nothing here marks a message as read, so no receipt is due anyway.
      let receipts = speaksServicePack1 ? [("SuppressReadReceipts", "true")] : []
      xml.within("m:UpdateItem", attributes + receipts) { xml in
        xml.within("m:ItemChanges") { xml in for update in updates { mapping.writeChange(update, &xml) } }
      }
    }
    return messages.map { Self.version(from: $0, "changing an item in \(mailbox.address)") }
  }

  /// The one notice of a call. The last line of defence against mail that nobody asked for: only events have any.
  private static func notice(_ notices: [Notice], _ kind: RecordKind) throws(SyncError) -> Notice {
    let distinct = Set(notices)
    if distinct.count > 1 || kind != .events && distinct != [.none] && !distinct.isEmpty {
      throw SyncError(.malformedRequest, "writes with different notices, or a notice for \(kind.rawValue), in one request")
    }
    return distinct.first ?? .none
  }

  /// See `ExchangePort`. A delegate may not delete into another's Deleted Items: moving there is what works, and keeps the item.
  public func moveToDeletedItems(_ ids: [ItemID], kind: RecordKind, in mailbox: Mailbox) async throws(SyncError) -> [Result<
    ItemID?, SyncError
  >] {
    try assertWritable("moving \(ids.count) items of \(mailbox.address) to Deleted Items")
    return try await move(ids, in: mailbox) { [self] in writeDistinguished("deleteditems", mailbox, &$0) }
  }

  /// See `ExchangePort`.
  public func move(_ ids: [ItemID], kind: RecordKind, to folder: FolderID, in mailbox: Mailbox) async throws(SyncError) -> [Result<
    ItemID, SyncError
  >] {
    if ids.isEmpty { return [] }
    try assertWritable("moving \(ids.count) items of \(mailbox.address)")
    return try await move(ids, in: mailbox) { $0.empty("t:FolderId", [("Id", folder.rawValue)]) }.map { answer in
      answer.flatMap { id in
        id.map { .success($0) } ?? .failure(SyncError(.malformedAnswer, "Exchange moved an item of \(mailbox.address) and gave no new id"))
      }
    }
  }

  private func move(
    _ ids: [ItemID], in mailbox: Mailbox, to target: @escaping @Sendable (inout XMLWriter) -> Void
  ) async throws(SyncError) -> [Result<ItemID?, SyncError>] {
    let messages = try await write("MoveItem", in: mailbox, count: ids.count) { xml in
      xml.within("m:MoveItem") { xml in
        xml.within("m:ToFolderId") { target(&$0) }
        xml.within("m:ItemIds") { xml in for id in ids { xml.empty("t:ItemId", [("Id", id.rawValue)]) } }
        xml.element("m:ReturnNewItemIds", "true")
      }
    }
    return messages.map { message in
      if let error = EWSErrors.error(for: message, "moving an item of \(mailbox.address)") { return .failure(error) }
      return .success(message.child("Items")?.children.first.flatMap(Self.version)?.id)
    }
  }

  /// One request for a batch of writes. It is never split here: what a part of it did would be lost with the failure of another.
  func write(
    _ operation: String, in mailbox: Mailbox, count: Int, _ body: @escaping @Sendable (inout XMLWriter) -> Void
  ) async throws(SyncError) -> [XMLElement] {
    do throws(SyncError) {
      let messages = try await call(operation, in: mailbox, expecting: count, body)
      learn(isWrite: true, count: count, timedOut: false)
      return messages
    } catch {
      if error.code == .timedOut { learn(isWrite: true, count: count, timedOut: true) }
      throw error
    }
  }

  private static func version(from message: XMLElement, _ what: String) -> Result<ItemVersion, SyncError> {
    if let error = EWSErrors.error(for: message, what) { return .failure(error) }
    guard let version = message.child("Items")?.children.first.flatMap(version) else {
      return .failure(SyncError(.malformedAnswer, "Exchange answered no id (\(what))"))
    }
    return .success(version)
  }
}
