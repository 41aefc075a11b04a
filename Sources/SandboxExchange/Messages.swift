import Foundation
import MIME
import SandboxStore
import XMLStream

/// What only messages have.
struct MailState: Sendable, Codable {
  /// The message as it came, byte for byte; nil: it is composed from the properties when somebody asks.
  @Packed var mime: [UInt8]?
  /// Neither sent nor received yet (MSGFLAG_UNSENT of PidTagMessageFlags).
  var isDraft = true
  var received: Date
  var sent: Date
}

extension ExchangeServer {
  private static let unsent = 8
  private static let recipients: [(element: String, path: any WritableKeyPath<MIMEMessage, [MIMEAddress]> & Sendable)] = [
    ("ToRecipients", \.to), ("CcRecipients", \.cc), ("BccRecipients", \.bcc),
  ]
  /// What a sent or received message no longer lets go of.
  private static let fixedOnceSent: Set<String> = [
    "message:ToRecipients", "message:CcRecipients", "message:BccRecipients", "message:From", "message:IsReadReceiptRequested",
    "message:IsDeliveryReceiptRequested",
  ]
  /// Properties whose change leaves the MIME content as it came.
  private static let outsideMIME: Set<String> = ["message:IsRead", "item:Categories", "item:Flag", "item:Sensitivity", "item:Importance"]

  // MARK: Coming into being

  /// Gives a new message what it came without: properties from its MIME content, an id, a sender, its flags.
  func completeMessage(_ item: inout ServerItem, _ mailbox: ServerMailbox) throws {
    var state = MailState(received: item.created, sent: item.created)
    if let content = item.elements.removeValue(forKey: "MimeContent") {
      guard let data = Data(base64Encoded: content.text, options: .ignoreUnknownCharacters),
        let message = MIMEMessage(parsing: [UInt8](data))
      else { throw Refusal("ErrorMimeContentInvalid", "The MIME content is invalid.") }
      state.mime = [UInt8](data)
      if let date = message.date { state.sent = Date(timeIntervalSince1970: Double(date)) }
      adopt(message, &item)
    }
    let flags = takeExtended(0x0E07, &item).flatMap { Int($0) }
    state.isDraft = flags.map { $0 & Self.unsent != 0 } ?? true
    if item.elements["IsRead"] == nil { set("IsRead", flags.map { $0 & 1 != 0 } ?? true ? "true" : "false", &item) }
    if let received = takeExtended(0x0E06, &item).flatMap({ try? Date($0, strategy: .iso8601) }) { state.received = received }
    if item.elements["InternetMessageId"] == nil {
      let id = identities.changeKey().filter { $0.isLetter || $0.isNumber }
      set("InternetMessageId", takeExtended(0x1035, &item) ?? "<\(id)@sandbox.test>", &item)
    }
    if state.mime == nil {
      let owner = [MIMEAddress(name: mailbox.name, address: mailbox.address)]
      for name in ["Sender", "From"] where item.elements[name] == nil { item.elements[name] = list(owner, name) }
      for entry in Self.recipients {
        if let given = item.elements[entry.element] { item.elements[entry.element] = list(Self.people(given), entry.element) }
      }
    }
    item.mail = state
  }

  /// Puts a message into a folder below the mailbox's root, as if it had come there; the folder is made where it is missing.
  /// - Parameter mime: the message as it came.
  public func seedMessage(_ mime: [UInt8], mailbox address: String, folder name: String) throws {
    guard var mailbox = mailboxes[address.lowercased()], let root = mailbox.distinguished("msgfolderroot") else {
      throw Refusal.folderNotFound
    }
    var target = mailbox.folders.values.first { $0.parent == root.id && $0.name == name }
    if target == nil {
      change += 1
      let folder = ServerFolder(
        id: identities.id(), changeKey: identities.changeKey(), parent: root.id, name: name, folderClass: "IPF.Note", distinguished: nil,
        change: change)
      owners[folder.id] = mailbox.address
      mailbox.folders[folder.id] = folder
      target = folder
    }
    guard let target else { throw Refusal.folderNotFound }
    let content = Data(mime).base64EncodedString()
    let message =
      "<Message><MimeContent>\(content)</MimeContent><ExtendedProperty><ExtendedFieldURI PropertyTag=\"0x0E07\" PropertyType=\"Integer\"/>"
      + "<Value>1</Value></ExtendedProperty></Message>"
    _ = try create(try XML.parse(Array(message.utf8)), in: target.id, &mailbox)
    mailboxes[address.lowercased()] = mailbox
  }

  private func takeExtended(_ tag: Int, _ item: inout ServerItem) -> String? {
    guard let name = item.extended.keys.first(where: { $0.tag == tag }) else { return nil }
    return item.extended.removeValue(forKey: name)?.first
  }

  private func set(_ name: String, _ text: String, _ item: inout ServerItem, attributes: [String: String] = [:]) {
    item.elements[name] = XMLElement(namespace: "", name: name, attributes: attributes, text: text)
  }

  private func adopt(_ message: MIMEMessage, _ item: inout ServerItem) {
    if item.elements["Subject"] == nil, !message.subject.isEmpty { set("Subject", String(message.subject.prefix(255)), &item) }
    if let id = message.messageID { set("InternetMessageId", id, &item) }
    if let html = message.html {
      set("Body", html, &item, attributes: ["BodyType": "HTML"])
    } else if let text = message.text {
      set("Body", text, &item, attributes: ["BodyType": "Text"])
    }
    if !message.from.isEmpty { item.elements["From"] = list(Array(message.from.prefix(1)), "From") }
    if let sender = message.sender ?? message.from.first { item.elements["Sender"] = list([sender], "Sender") }
    for entry in Self.recipients where !message[keyPath: entry.path].isEmpty {
      item.elements[entry.element] = list(message[keyPath: entry.path], entry.element)
    }
    for file in message.attachments {
      item.attachments.append(
        ServerAttachment(
          id: attachmentID(of: item.id), name: file.name, type: file.type, contentID: file.contentID, isInline: file.contentID != nil,
          bytes: file.bytes, modified: item.created))
    }
  }

  /// Recipients as servers write them: a name always, how it is routed, whether it is a mailbox here.
  private func list(_ people: [MIMEAddress], _ name: String) -> XMLElement {
    var element = XMLElement(namespace: "", name: name)
    element.children = people.map { person in
      let known = mailboxes[person.address.lowercased()]
      let shown = person.name.isEmpty ? known?.name ?? person.address : person.name
      var mailbox = XMLElement(namespace: "", name: "Mailbox")
      mailbox.children = [
        ("Name", shown), ("EmailAddress", person.address), ("RoutingType", "SMTP"), ("MailboxType", known == nil ? "OneOff" : "Mailbox"),
      ].map { XMLElement(namespace: "", name: $0.0, text: $0.1) }
      return mailbox
    }
    return element
  }

  private static func people(_ element: XMLElement?) -> [MIMEAddress] {
    (element?.children ?? []).compactMap { mailbox in
      guard let address = mailbox.text("EmailAddress"), !address.isEmpty else { return nil }
      let name = mailbox.text("Name") ?? ""
      return MIMEAddress(name: name == address ? "" : name, address: address)
    }
  }

  /// Before a property changes: what was sent stays, and MIME content that no longer holds goes.
  func noteMessageChange(_ path: String?, _ item: inout ServerItem) throws {
    guard let path, let state = item.mail, !Self.outsideMIME.contains(path) else { return }
    if !state.isDraft, Self.fixedOnceSent.contains(path) {
      throw Refusal("ErrorInvalidPropertyUpdateSentMessage", "The property cannot be changed on a sent message.", path: path)
    }
    item.mail?.mime = nil
  }

  // MARK: Reading

  /// The message's bytes: as it came, or composed from its properties; the same properties give the same bytes.
  func mimeContent(of item: ServerItem) -> [UInt8] {
    guard let state = item.mail else { return [] }
    if let mime = state.mime { return mime }
    var message = MIMEMessage()
    message.subject = item.text("Subject") ?? ""
    message.messageID = item.text("InternetMessageId")
    message.date = Int64(state.sent.timeIntervalSince1970.rounded(.down))
    message.from = Self.people(item.elements["From"])
    message.sender = Self.people(item.elements["Sender"]).first.flatMap { message.from.first?.address == $0.address ? nil : $0 }
    for entry in Self.recipients { message[keyPath: entry.path] = Self.people(item.elements[entry.element]) }
    if let body = item.elements["Body"] {
      if body.attribute("BodyType") == "HTML" { message.html = body.text } else { message.text = body.text }
    }
    // An item within the message has no bytes: it is no part of its MIME content here.
    message.attachments = item.attachments.filter { $0.item == nil }.map {
      MIMEAttachment(name: $0.name, type: $0.type, contentID: $0.contentID, bytes: $0.bytes)
    }
    return message.composed(seed: item.searchKey) ?? []
  }

  /// Writes an element that depends on attachments or on a message's state; false: it is one like any other.
  func writeMailElement(_ name: String, _ item: ServerItem, _ shape: Shape, _ xml: inout XMLWriter) -> Bool {
    switch name {
    case "HasAttachments":
      xml.element("t:HasAttachments", item.attachments.contains { !$0.isInline } ? "true" : "false")
      return true
    case "Attachments":
      guard !item.attachments.isEmpty else { return true }
      xml.within("t:Attachments") { xml in for file in item.attachments { Self.write(file, of: item, withContent: false, &xml) } }
      return true
    default: break
    }
    guard let state = item.mail else { return false }
    switch name {
    case "MimeContent":
      xml.start("t:MimeContent", [("CharacterSet", "UTF-8")])
      xml.raw(Data(mimeContent(of: item)).base64EncodedData())
      xml.end()
    case "Body":
      guard let body = item.elements["Body"] else { return true }
      let isHTML = body.attribute("BodyType") == "HTML"
      let wanted = shape.bodyType == "Best" ? isHTML ? "HTML" : "Text" : shape.bodyType
      let text =
        wanted == "HTML" && !isHTML ? HTMLText.html(from: body.text) : wanted == "Text" && isHTML ? Self.plain(body.text) : body.text
      xml.element("t:Body", text, [("BodyType", wanted)])
    case "TextBody":
      guard let body = item.elements["Body"] else { return true }
      xml.element("t:TextBody", body.attribute("BodyType") == "HTML" ? Self.plain(body.text) : body.text, [("BodyType", "Text")])
    case "Size":
      let files = item.attachments.reduce(0) { $0 + $1.bytes.count }
      xml.element("t:Size", String(state.mime?.count ?? (item.elements["Body"]?.text.utf8.count ?? 0) + files + 600))
    case "IsDraft": xml.element("t:IsDraft", state.isDraft ? "true" : "false")
    case "IsSubmitted", "IsResend", "IsUnmodified": xml.element("t:\(name)", "false")
    case "IsFromMe":
      let isOwn = Self.people(item.elements["From"]).first?.address.lowercased() == owners[item.id]
      xml.element("t:IsFromMe", isOwn ? "true" : "false")
    case "DateTimeReceived": xml.element("t:DateTimeReceived", Self.timeText(state.received))
    case "DateTimeSent": xml.element("t:DateTimeSent", Self.timeText(state.sent))
    case "DisplayTo": xml.element("t:DisplayTo", Self.names(item.elements["ToRecipients"]))
    case "DisplayCc": xml.element("t:DisplayCc", Self.names(item.elements["CcRecipients"]))
    default: return false
    }
    return true
  }

  private static func names(_ element: XMLElement?) -> String {
    (element?.children ?? []).compactMap { $0.text("Name") }.joined(separator: "; ")
  }

  static func plain(_ html: String) -> String {
    html.replacing(#/<(?i)(br|\/p|\/div)[^>]*>/#, with: "\n").replacing(#/<[^>]*>/#, with: "").replacing("&lt;", with: "<").replacing(
      "&gt;", with: ">"
    ).replacing("&quot;", with: "\"").replacing("&amp;", with: "&")
  }

  /// MAPI properties of messages.
  func mailProperty(_ tag: Int?, _ item: ServerItem) -> [String]? {
    guard let state = item.mail else { return nil }
    switch tag {
    case 0x0E07: return [String((item.text("IsRead") == "true" ? 1 : 0) | (state.isDraft ? Self.unsent : 0))]
    case 0x0E06: return [Self.timeText(state.received)]
    case 0x0E08: return [String(mimeContent(of: item).count)]
    case 0x1035: return item.text("InternetMessageId").map { [$0] }
    default: return nil
    }
  }

  // MARK: Sending

  /// CreateItem with SendOnly or SendAndSaveCopy.
  /// - Parameter folder: id or distinguished name of where the copy is saved; nil: nowhere.
  func sendNew(_ element: XMLElement, from address: String, savedTo folder: String?) throws -> Message {
    guard var mailbox = mailboxes[address], let drafts = mailbox.distinguished("drafts") else { throw Refusal.folderNotFound }
    let draft = try create(element, in: drafts.id, &mailbox)
    try send(draft, &mailbox, savedTo: folder)
    return Message { $0.empty("m:Items") }
  }

  func sendItem(_ operation: XMLElement, _ item: ServerItem, _ address: String, _ caller: Caller) throws -> Message {
    guard var mailbox = mailboxes[address] else { throw Refusal.itemNotFound }
    let reference = operation.child("ItemIds")?.children.first { $0.attribute("Id") == item.id }
    guard let key = reference?.attribute("ChangeKey"), !key.isEmpty else {
      throw Refusal("ErrorChangeKeyRequiredForWriteOperations", "A change key is required for this operation.")
    }
    guard key == item.changeKey else { throw Refusal("ErrorIrresolvableConflict", "The change key does not match.") }
    let isSaved = ["true", "1"].contains(operation.attribute("SaveItemToFolder") ?? "")
    let folder = operation.child("SavedItemFolderId")?.children.first
    if folder != nil && !isSaved { throw Refusal("ErrorInvalidSendItemSaveSettings", "SavedItemFolderId contradicts SaveItemToFolder.") }
    let place = try folder.map { try folderPlace($0, caller).folder }
    try send(item, &mailbox, savedTo: isSaved ? place ?? "sentitems" : nil)
    return Message { _ in }
  }

  /// The draft goes, copies come: to where it is saved, and to each recipient's Inbox here. Every message is in the outbox log.
  private func send(_ draft: ServerItem, _ mailbox: inout ServerMailbox, savedTo folder: String?) throws {
    guard draft.mail?.isDraft == true else { throw Refusal("ErrorMessageOperationFailed", "The message was sent already.") }
    let people = Self.recipients.flatMap { Self.people(draft.elements[$0.element]) }
    guard !people.isEmpty else { throw Refusal("ErrorInvalidRecipients", "At least one recipient is not valid.") }
    let now = configuration.now()
    var sent = draft
    sent.mail?.isDraft = false
    sent.mail?.sent = now
    sent.mail?.received = now
    set("IsRead", "true", &sent)
    remove(draft, &mailbox)
    if let folder, let target = mailbox.folders[folder] ?? mailbox.distinguished(folder) { _ = copy(sent, to: target.id, &mailbox) }
    mailboxes[mailbox.address] = mailbox
    let addresses = Set(people.map { $0.address.lowercased() }).sorted()
    for address in addresses {
      noteSent(
        .mail, from: mailbox.address, to: address, subject: draft.text("Subject") ?? "", uid: draft.text("InternetMessageId") ?? "")
    }
    for address in addresses {
      guard var recipient = mailboxes[address], let inbox = recipient.distinguished("inbox") else { continue }
      var delivered = sent
      // Nobody sees who else got a blind copy, neither in the properties nor in the MIME content.
      if delivered.elements.removeValue(forKey: "BccRecipients") != nil { delivered.mail?.mime = nil }
      delivered.extended = [:]
      set("IsRead", "false", &delivered)
      _ = copy(delivered, to: inbox.id, &recipient)
      mailboxes[address] = recipient
    }
  }
}
