import Foundation
import HashTreeCollections
import SandboxStore
import XMLStream

extension ExchangeServer {
  func deleteItem(_ operation: XMLElement, _ item: ServerItem, _ address: String, _ caller: Caller) throws -> Message {
    let type = operation.attribute("DeleteType") ?? ""
    if item.className == "Task" && operation.attribute("AffectedTaskOccurrences") == nil {
      throw Refusal("ErrorAffectedTaskOccurrencesRequired", "AffectedTaskOccurrences is required.")
    }
    if item.className == "CalendarItem" && operation.attribute("SendMeetingCancellations") == nil {
      throw Refusal("ErrorSendMeetingCancellationsRequired", "SendMeetingCancellations is required.")
    }
    if type == "MoveToDeletedItems", caller.home != address {
      throw Refusal("ErrorCannotDeleteObject", "The object could not be deleted.")
    }
    cancelAll(item, operation.attribute("SendMeetingCancellations") ?? "SendToNone")
    guard var mailbox = mailboxes[address] else { throw Refusal.itemNotFound }
    if item.calendar?.master != nil {
      try deleteOccurrence(item, &mailbox)
      mailboxes[address] = mailbox
      return Message { _ in }
    }
    if type != "HardDelete" {
      let isMove = type == "MoveToDeletedItems"
      if let trash = mailbox.distinguished(isMove ? "deleteditems" : "recoverableitemsdeletions"), item.folder != trash.id {
        _ = move(item, to: trash.id, &mailbox)
        mailboxes[address] = mailbox
        return Message { _ in }
      }
    }
    remove(item, &mailbox)
    mailboxes[address] = mailbox
    return Message { _ in }
  }

  func moveItems(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) throws -> [Message] {
    guard let reference = operation.child("ToFolderId")?.children.first else { throw Refusal.schema("ToFolderId is missing") }
    let isCopy = operation.name == "CopyItem"
    return itemReferences(operation, caller, &entry, emptyOnError: true) { server, item, address in
      let place = try server.folderPlace(reference, caller)
      guard place.mailbox == address, var mailbox = server.mailboxes[address] else {
        throw Refusal("ErrorMoveCopyFailed", "Items stay in their mailbox here.")
      }
      if item.calendar?.master != nil {
        throw Refusal("ErrorCalendarCannotMoveOrCopyOccurrence", "An occurrence cannot be moved or copied.")
      }
      let moved = isCopy ? server.copy(item, to: place.folder, &mailbox) : server.move(item, to: place.folder, &mailbox)
      server.mailboxes[address] = mailbox
      return Message { Self.writeReference(moved, &$0) }
    }
  }

  /// A move is a copy under a new id and the end of the old one. The search key goes along.
  func move(_ item: ServerItem, to folder: String, _ mailbox: inout ServerMailbox) -> ServerItem {
    remove(item, &mailbox)
    return copy(item, to: folder, &mailbox, keepsCreation: true)
  }

  func copy(_ item: ServerItem, to folder: String, _ mailbox: inout ServerMailbox, keepsCreation: Bool = false) -> ServerItem {
    change += 1
    var copy = item
    copy.id = identities.id()
    copy.changeKey = keepsCreation ? item.changeKey : identities.changeKey()
    copy.folder = folder
    copy.change = change
    copy.arrival = change
    copy.content = change
    for index in copy.attachments.indices { copy.attachments[index].id = attachmentID(of: copy.id) }
    if !keepsCreation { copy.created = configuration.now() }
    owners[copy.id] = mailbox.address
    mailbox.items[copy.id] = copy
    mailbox.folders[folder]?.items.insert(copy.id)
    mailbox.folders[folder]?.log.append((change, copy.id))
    return copy
  }

  func remove(_ item: ServerItem, _ mailbox: inout ServerMailbox) {
    change += 1
    mailbox.items[item.id] = nil
    mailbox.folders[item.folder]?.items.remove(item.id)
    mailbox.folders[item.folder]?.log.append((change, item.id))
  }
}
