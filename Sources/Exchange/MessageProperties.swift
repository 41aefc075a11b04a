import Foundation
public import Model
import XMLStream

/// The mapping of a message's fields to EWS. Its contents are its MIME content, read and written whole.
enum MessageProperties {
  /// The mapping as the client uses it.
  static let mapping = ItemMapping(
    paths: paths, support: FieldSupport(limits: Dictionary(uniqueKeysWithValues: (Field.emailFields + [.categories]).map { ($0, nil) })),
    item: { item(from: $0) }, writeNew: { writeNew($0, &$1) },
    // A message is never changed, only marked.
    writeChange: { update, xml in ItemProperties.writeChange(update, element: "t:Message", &xml) { _ in } })

  /// PidTagMessageFlags: MSGFLAG_READ without MSGFLAG_UNSENT, so that what is saved is a message and no draft.
  private static let flags = PropertyPath.tag("0x0E07", type: "Integer")
  private static let readAndSent = "1"

  private static let paths: [PropertyPath] =
    ItemProperties.paths
    + [
      "item:Subject", "item:DateTimeReceived", "item:Size", "item:IsDraft", "item:DateTimeSent", "message:Sender", "message:ToRecipients",
      "message:CcRecipients", "message:BccRecipients", "message:From", "message:InternetMessageId",
    ].map(PropertyPath.field)

  private static func item(from element: XMLElement) -> Item? {
    var item = ItemProperties.item(from: element, element: "Message", itemClass: "ipm.note", fields: fields(of: element))
    item?.size = element.text("Size").flatMap { Int($0) }
    // A draft is no message yet.
    if element.text("IsDraft") == "true" { item?.isForeignClass = true }
    return item
  }

  private static func fields(of element: XMLElement) -> Fields {
    var fields = Fields()
    fields[.subject] = element.text("Subject").map { .text(canonicalText($0)) }
    fields[.messageID] = element.text("InternetMessageId").map { .text(canonicalText($0)) }
    let time = (element.text("DateTimeSent") ?? element.text("DateTimeReceived")).flatMap { Timestamp(iso8601: $0) }
    fields[.start] = time.map { .instant($0, zone: nil) }
    var addresses: [String] = []
    let lists = [(Field.from, "From"), (.to, "ToRecipients"), (.cc, "CcRecipients"), (.bcc, "BccRecipients")]
    for (field, name) in lists {
      let source = element.child(name) ?? (field == .from ? element.child("Sender") : nil)
      let people = source?.children("Mailbox").compactMap(person) ?? []
      addresses += people.compactMap { $0.address?.lowercased() }
      fields[field] = .text(people.map(\.text).joined(separator: "; "))
    }
    fields[.participants] = .set(Set(addresses).sorted())
    return fields
  }

  /// A recipient as people read it. One that is routed within the organisation alone (EX) has no address here: its name stands for it.
  private static func person(_ mailbox: XMLElement) -> (text: String, address: String?)? {
    let name = canonicalText(mailbox.text("Name") ?? "").replacing("\n", with: " ")
    let address = mailbox.text("EmailAddress").flatMap { $0.contains("@") ? canonicalText($0) : nil }
    guard let address else { return name.isEmpty ? nil : (name, nil) }
    if name.isEmpty || name.lowercased() == address.lowercased() { return (address, address) }
    let isPlain = !name.contains { "\"<>;,@\\".contains($0) }
    return (isPlain ? "\(name) <\(address)>" : "\"\(name.replacing("\"", with: "'").replacing("\\", with: ""))\" <\(address)>", address)
  }

  private static func writeNew(_ item: NewItem, _ xml: inout XMLWriter) {
    xml.within("t:Message") { xml in
      xml.start("t:MimeContent", [("CharacterSet", "UTF-8")])
      xml.raw(Data(item.content ?? []).base64EncodedData())
      xml.end()
      ItemProperties.writeCategories(item.fields, &xml)
      ItemProperties.writeStamps(item, &xml)
      flags.writeProperty(readAndSent, &xml)
      xml.element("t:IsRead", "true")
    }
  }
}

extension EWSClient {
  /// See `ExchangeMailPort`.
  public func contents(of messages: [ItemID], in mailbox: Mailbox) async throws(SyncError) -> [Result<[UInt8], SyncError>] {
    try await inBatches(messages) { ids throws(SyncError) in try await contents(ids, mailbox) }
  }

  private func contents(_ messages: [ItemID], _ mailbox: Mailbox) async throws(SyncError) -> [Result<[UInt8], SyncError>] {
    let answers = try await call("GetItem", in: mailbox, expecting: messages.count) { xml in
      xml.within("m:GetItem") { xml in
        xml.within("m:ItemShape") { xml in
          xml.element("t:BaseShape", "IdOnly")
          xml.element("t:IncludeMimeContent", "true")
        }
        xml.within("m:ItemIds") { xml in for message in messages { xml.empty("t:ItemId", [("Id", message.rawValue)]) } }
      }
    }
    return answers.map { answer in
      if let error = EWSErrors.error(for: answer, "a message of \(mailbox.address)") { return .failure(error) }
      guard let text = answer.child("Items")?.children.first?.text("MimeContent"),
        let data = Data(base64Encoded: text, options: .ignoreUnknownCharacters), !data.isEmpty
      else {
        return .failure(SyncError(.malformedAnswer, "Exchange answered a message without its MIME content (\(mailbox.address))"))
      }
      return .success([UInt8](data))
    }
  }
}
