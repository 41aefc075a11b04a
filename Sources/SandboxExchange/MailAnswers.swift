import Foundation
import XMLStream

/// Answers and forwarded messages: response objects that become messages before they are saved or sent.
extension ExchangeServer {
  static let mailAnswers: Set<String> = ["ReplyToItem", "ReplyAllToItem", "ForwardItem"]

  /// The message that a response object stands for; other elements come back as they are.
  func messageOfAnswer(_ element: XMLElement, _ caller: Caller) throws -> XMLElement {
    guard Self.mailAnswers.contains(element.name) else { return element }
    guard let reference = element.child("ReferenceItemId") else { throw Refusal.schema("ReferenceItemId is missing") }
    let (original, address) = try item(reference, caller)
    guard original.mail != nil else { throw Refusal("ErrorInvalidReferenceItem", "The item is no message.") }
    let isForward = element.name == "ForwardItem"
    let subject = original.text("Subject") ?? ""
    var message = XMLElement(name: "Message")
    message.children = [element.child("Subject") ?? XMLElement(name: "Subject", text: (isForward ? "FW: " : "RE: ") + subject)]
    message.children.append(body(element, original))
    if isForward, !original.attachments.isEmpty { message.children.append(Self.copied(original.attachments)) }
    let id = original.text("InternetMessageId")
    if let id { message.children.append(XMLElement(name: "InReplyTo", text: id)) }
    for name in ["ToRecipients", "CcRecipients", "BccRecipients"] {
      guard let people = element.child(name) ?? recipients(name, element.name, original, of: address) else { continue }
      message.children.append(people)
    }
    if let from = element.child("From") { message.children.append(from) }
    let references = [original.text("References"), id].compactMap { $0 }
    if !references.isEmpty { message.children.append(XMLElement(name: "References", text: references.joined(separator: " "))) }
    return message
  }

  /// The new words, and below them those that they answer.
  private func body(_ element: XMLElement, _ original: ServerItem) -> XMLElement {
    var body = element.child("NewBodyContent") ?? element.child("Body") ?? XMLElement(name: "Body", attributes: ["BodyType": "Text"])
    body.name = "Body"
    guard let quoted = original.elements["Body"] else { return body }
    let isHTML = body.attribute("BodyType") == "HTML"
    let words = quoted.attribute("BodyType") == "HTML" && !isHTML ? Self.plain(quoted.text) : quoted.text
    body.text += isHTML ? "<hr>\(words)" : "\n\n-----\n\(words)"
    return body
  }

  /// Whom an answer goes to where it does not say: the sender, and for all also who got the message, without the one who answers.
  private func recipients(_ list: String, _ answer: String, _ original: ServerItem, of address: String) -> XMLElement? {
    let names: [String]
    switch (answer, list) {
    case ("ReplyToItem", "ToRecipients"): names = ["From"]
    case ("ReplyAllToItem", "ToRecipients"): names = ["From", "ToRecipients"]
    case ("ReplyAllToItem", "CcRecipients"): names = ["CcRecipients"]
    default: return nil
    }
    let people = names.flatMap { original.elements[$0]?.children ?? [] }.filter { $0.text("EmailAddress")?.lowercased() != address }
    return people.isEmpty ? nil : XMLElement(name: list, children: people)
  }

  private static func copied(_ files: [ServerAttachment]) -> XMLElement {
    XMLElement(
      name: "Attachments",
      children: files.map { file in
        let parts = [("Name", file.name), ("ContentType", file.type), ("ContentId", file.contentID), ("IsInline", "\(file.isInline)")]
        var element = XMLElement(
          name: file.elementName, children: parts.compactMap { part in part.1.map { XMLElement(name: part.0, text: $0) } })
        element.children.append(file.item ?? XMLElement(name: "Content", text: Data(file.bytes).base64EncodedString()))
        return element
      })
  }
}
