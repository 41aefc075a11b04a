import Foundation
import SandboxStore
import XMLStream

/// A file or an item attached to an item, as the server keeps it.
struct ServerAttachment: Sendable, Codable {
  var id: String
  var name: String
  var type: String
  var contentID: String?
  var isInline = false
  var isContactPhoto = false
  @Packed var bytes: [UInt8]
  var modified: Date
  /// The attached item as it was given; nil for a file.
  var item: XMLElement?

  var elementName: String { item == nil ? "FileAttachment" : "ItemAttachment" }
}

extension ExchangeServer {
  /// The most bytes of one attachment: a request ends at 64 MiB, and base64 costs a third.
  private static let largestAttachment = 45 << 20

  /// Makes an id for an attachment of the item.
  func attachmentID(of item: String) -> String {
    let id = identities.id()
    attachmentOwners[id] = item
    return id
  }

  /// Reads a `t:FileAttachment` or `t:ItemAttachment` of a request.
  func attachment(_ element: XMLElement, of item: String) throws -> ServerAttachment {
    guard let name = element.text("Name"), !name.isEmpty else {
      throw Refusal("ErrorRequiredPropertyMissing", "The attachment has no Name.")
    }
    if element.name == "ItemAttachment" { return try attachedItem(element, named: name, of: item) }
    guard element.name == "FileAttachment" else {
      throw Refusal("ErrorInvalidOperation", "Files and items can be attached here, not '\(element.name)'.")
    }
    guard let data = Data(base64Encoded: element.text("Content") ?? "", options: .ignoreUnknownCharacters) else {
      throw Refusal.schema("The Content of the attachment is no base64.")
    }
    guard data.count <= Self.largestAttachment else {
      throw Refusal("ErrorAttachmentSizeLimitExceeded", "The attachment is larger than the server takes.")
    }
    func flag(_ name: String) -> Bool { ["true", "1"].contains(element.text(name) ?? "") }
    return ServerAttachment(
      id: attachmentID(of: item), name: name, type: element.text("ContentType") ?? "application/octet-stream",
      contentID: element.text("ContentId"), isInline: flag("IsInline"), isContactPhoto: flag("IsContactPhoto"), bytes: [UInt8](data),
      modified: configuration.now())
  }

  private func attachedItem(_ element: XMLElement, named name: String, of item: String) throws -> ServerAttachment {
    guard let inner = element.children.first(where: { ItemClass.all[$0.name] != nil }), let itemClass = ItemClass.all[inner.name] else {
      throw Refusal("ErrorInvalidOperation", "The attached item is of no class that is known here.")
    }
    try checkOrder(inner, itemClass)
    return ServerAttachment(id: attachmentID(of: item), name: name, type: "", bytes: [], modified: configuration.now(), item: inner)
  }

  func createAttachments(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) -> [Message] {
    let files = operation.child("Attachments")?.children ?? []
    entry.items = files.count
    return files.map { element in
      do {
        guard let reference = operation.child("ParentItemId") else { throw Refusal.schema("ParentItemId is missing") }
        var (item, address) = try item(reference, caller)
        guard var mailbox = mailboxes[address] else { throw Refusal.itemNotFound }
        entry.mailbox = address
        let file = try attachment(element, of: item.id)
        item.attachments.append(file)
        item.mail?.mime = nil
        touch(&item, &mailbox)
        mailboxes[address] = mailbox
        return Message { xml in
          xml.within("m:Attachments") { xml in
            xml.within("t:\(file.elementName)") {
              $0.empty("t:AttachmentId", [("Id", file.id), ("RootItemId", item.id), ("RootItemChangeKey", item.changeKey)])
            }
          }
        }
      } catch {
        return Message(error as? Refusal ?? .itemNotFound) { $0.empty("m:Attachments") }
      }
    }
  }

  func attachmentReferences(
    _ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry,
    _ body: (isolated ExchangeServer, ServerItem, ServerAttachment) throws -> Message
  ) -> [Message] {
    let references = operation.child("AttachmentIds")?.children ?? []
    entry.items = references.count
    return references.map { reference in
      do {
        guard let id = reference.attribute("Id"), let owner = attachmentOwners[id] else { throw Refusal.itemNotFound }
        let (item, address) = try item(XMLElement(namespace: "", name: "ItemId", attributes: ["Id": owner]), caller)
        entry.mailbox = address
        guard let file = item.attachments.first(where: { $0.id == id }) else { throw Refusal.itemNotFound }
        return try body(self, item, file)
      } catch {
        let isRead = operation.name == "GetAttachment"
        return Message(error as? Refusal ?? .itemNotFound) { if isRead { $0.empty("m:Attachments") } }
      }
    }
  }

  func getAttachment(_ item: ServerItem, _ file: ServerAttachment) throws -> Message {
    Message { xml in xml.within("m:Attachments") { Self.write(file, of: item, withContent: true, &$0) } }
  }

  func deleteAttachment(_ item: ServerItem, _ file: ServerAttachment) throws -> Message {
    guard let address = owners[item.id], var mailbox = mailboxes[address] else { throw Refusal.itemNotFound }
    var item = item
    item.attachments.removeAll { $0.id == file.id }
    item.mail?.mime = nil
    attachmentOwners[file.id] = nil
    touch(&item, &mailbox)
    mailboxes[address] = mailbox
    let (id, key) = (item.id, item.changeKey)
    return Message { $0.empty("m:RootItemId", [("RootItemId", id), ("RootItemChangeKey", key)]) }
  }

  static func write(_ file: ServerAttachment, of item: ServerItem, withContent: Bool, _ xml: inout XMLWriter) {
    xml.within("t:\(file.elementName)") { xml in
      xml.empty("t:AttachmentId", [("Id", file.id)])
      xml.element("t:Name", file.name)
      if file.item == nil { xml.element("t:ContentType", file.type) }
      if let contentID = file.contentID { xml.element("t:ContentId", contentID) }
      xml.element("t:Size", String(file.item.map(textSize) ?? file.bytes.count))
      xml.element("t:LastModifiedTime", timeText(file.modified))
      xml.element("t:IsInline", file.isInline ? "true" : "false")
      if file.item == nil { xml.element("t:IsContactPhoto", file.isContactPhoto ? "true" : "false") }
      guard withContent else { return }
      if let inner = file.item { return xml.copy(inner) }
      xml.start("t:Content")
      xml.raw(Data(file.bytes).base64EncodedData())
      xml.end()
    }
  }

  private static func textSize(_ element: XMLElement) -> Int {
    element.text.utf8.count + element.children.reduce(0) { $0 + textSize($1) }
  }
}
