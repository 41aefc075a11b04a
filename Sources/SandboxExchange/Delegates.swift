import SandboxStore
import XMLStream

/// Somebody who may act in another's mailbox, as GetDelegate shows it.
struct ServerDelegate: Sendable, Codable {
  /// Level by distinguished folder: None, Reviewer, Author, Editor or Custom.
  var levels: [String: String] = [:]
  var viewsPrivateItems = false
  var receivesMeetingCopies = false

  /// Folders in the schema's order.
  static let folders = ["Calendar", "Tasks", "Inbox", "Contacts", "Notes", "Journal"]
}

/// Delegates of a mailbox: GetDelegate, AddDelegate, UpdateDelegate, RemoveDelegate.
extension ExchangeServer {
  private static let levels: Set<String> = ["None", "Reviewer", "Author", "Editor", "Custom"]

  /// Delegates answer with messages of their own shape; the list's owner alone, or who reaches all of the mailbox, may see it.
  func delegates(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) throws -> Reply {
    let address = (operation.text("Mailbox", "EmailAddress") ?? caller.home).lowercased()
    guard mailboxes[address] != nil else {
      throw Refusal("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.", isFault: true)
    }
    try check(caller, address)
    entry.mailbox = address
    var messages: [Message]
    switch operation.name {
    case "GetDelegate": messages = getDelegates(operation, address)
    case "RemoveDelegate":
      messages = (operation.child("UserIds")?.children ?? []).map { user in
        answered { try $0.removeDelegate(user, address) }
      }
    default:
      messages = (operation.child("DelegateUsers")?.children ?? []).map { user in
        answered { try $0.setDelegate(user, address, isNew: operation.name == "AddDelegate") }
      }
    }
    if let deliver = operation.text("DeliverMeetingRequests") { mailboxes[address]?.meetingRequests = deliver }
    entry.items = messages.count
    let deliver = operation.name == "GetDelegate" ? mailboxes[address]?.meetingRequests : nil
    return Reply(messages: messages, form: .delegates(deliverMeetingRequests: deliver))
  }

  private func answered(_ body: (isolated ExchangeServer) throws -> Message) -> Message {
    do { return try body(self) } catch { return Message(error as? Refusal ?? Refusal("ErrorInternalServerError", "\(error)")) }
  }

  private func getDelegates(_ operation: XMLElement, _ address: String) -> [Message] {
    let wanted = operation.child("UserIds")?.children.compactMap { $0.text("PrimarySmtpAddress")?.lowercased() }
    let known = mailboxes[address]?.delegates ?? [:]
    let includesPermissions = ["true", "1"].contains(operation.attribute("IncludePermissions") ?? "")
    return (wanted ?? known.keys.sorted()).map { user in
      guard let delegate = known[user] else { return Message(Refusal("ErrorNotDelegate", "The user is not a delegate of the mailbox.")) }
      return Message { writeDelegate(user, delegate, includesPermissions: includesPermissions, &$0) }
    }
  }

  private func removeDelegate(_ user: XMLElement, _ address: String) throws -> Message {
    let name = user.text("PrimarySmtpAddress")?.lowercased() ?? ""
    guard mailboxes[address]?.delegates.removeValue(forKey: name) != nil else {
      throw Refusal("ErrorNotDelegate", "The user is not a delegate of the mailbox.")
    }
    return Message { _ in }
  }

  private func setDelegate(_ element: XMLElement, _ address: String, isNew: Bool) throws -> Message {
    let user = element.text("UserId", "PrimarySmtpAddress")?.lowercased() ?? ""
    guard mailboxes[user] != nil else { throw Refusal("ErrorDelegateNoUser", "The delegate is not known.") }
    guard user != address else { throw Refusal("ErrorDelegateCannotAddOwner", "The owner of a mailbox is no delegate of it.") }
    let known = mailboxes[address]?.delegates[user]
    if isNew && known != nil { throw Refusal("ErrorDelegateAlreadyExists", "The user is a delegate of the mailbox already.") }
    if !isNew && known == nil { throw Refusal("ErrorNotDelegate", "The user is not a delegate of the mailbox.") }
    var delegate = known ?? ServerDelegate()
    for folder in ServerDelegate.folders {
      guard let level = element.text("DelegatePermissions", "\(folder)FolderPermissionLevel") else { continue }
      guard Self.levels.contains(level) else { throw Refusal.schema("'\(level)' is no permission level.") }
      delegate.levels[folder.lowercased()] = level
    }
    if let text = element.text("ViewPrivateItems") { delegate.viewsPrivateItems = ["true", "1"].contains(text) }
    if let text = element.text("ReceiveCopiesOfMeetingMessages") { delegate.receivesMeetingCopies = ["true", "1"].contains(text) }
    mailboxes[address]?.delegates[user] = delegate
    return Message { writeDelegate(user, delegate, includesPermissions: true, &$0) }
  }

  private func writeDelegate(_ user: String, _ delegate: ServerDelegate, includesPermissions: Bool, _ xml: inout XMLWriter) {
    xml.within("m:DelegateUser") { xml in
      xml.within("t:UserId") { xml in
        xml.element("t:PrimarySmtpAddress", user)
        xml.element("t:DisplayName", mailboxes[user]?.name ?? user)
      }
      if includesPermissions {
        xml.within("t:DelegatePermissions") { xml in
          for folder in ServerDelegate.folders {
            xml.element("t:\(folder)FolderPermissionLevel", delegate.levels[folder.lowercased()] ?? "None")
          }
        }
      }
      xml.element("t:ReceiveCopiesOfMeetingMessages", delegate.receivesMeetingCopies ? "true" : "false")
      xml.element("t:ViewPrivateItems", delegate.viewsPrivateItems ? "true" : "false")
    }
  }

  // MARK: Rights

  private static let readingOperations: Set<String> = [
    "GetFolder", "FindFolder", "FindItem", "GetItem", "SyncFolderItems", "SyncFolderHierarchy", "GetAttachment", "GetUserConfiguration",
    "Subscribe",
  ]

  /// The account with full access reaches every mailbox, who impersonates the one named, a user their own, a delegate the folders that
  /// they were given.
  func check(_ caller: Caller, _ address: String, folder: String? = nil) throws {
    if let impersonated = caller.impersonated {
      guard impersonated == address else { throw Refusal.accessDenied }
      return
    }
    if caller.user == configuration.delegateAddress.lowercased() || caller.user == address { return }
    guard let delegate = mailboxes[address]?.delegates[caller.user], let folder else { throw Refusal.accessDenied }
    let level = distinguishedAncestor(folder, address).flatMap { delegate.levels[$0] } ?? "None"
    let isReading = Self.readingOperations.contains(caller.operation)
    guard level == "Editor" || level == "Author" || level == "Reviewer" && isReading else { throw Refusal.accessDenied }
  }

  /// The distinguished folder that a folder is or lies in.
  private func distinguishedAncestor(_ folder: String, _ address: String) -> String? {
    var current = mailboxes[address]?.folders[folder]
    while let folder = current {
      if let name = folder.distinguished { return name }
      current = folder.parent.flatMap { mailboxes[address]?.folders[$0] }
    }
    return nil
  }
}
