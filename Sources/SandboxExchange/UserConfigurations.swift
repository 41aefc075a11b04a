import Foundation
import SandboxStore
import XMLStream

/// User configurations: the hidden messages in which clients keep settings, as the list of categories (ews.md section 9).
extension ExchangeServer {
  /// The parts of a configuration in the schema's order.
  private static let parts = ["Dictionary", "XmlData", "BinaryData"]

  func userConfiguration(_ operation: XMLElement, _ caller: Caller, _ entry: inout RequestLog.Entry) throws -> Message {
    let name = operation.child("UserConfigurationName") ?? operation.descendant("UserConfiguration", "UserConfigurationName")
    guard let name, let reference = name.children.first else { throw Refusal.schema("UserConfigurationName is missing") }
    do {
      let place = try folderPlace(reference, caller)
      entry.mailbox = place.mailbox
      let key = "\(place.folder)/\(name.attribute("Name") ?? "")"
      let known = mailboxes[place.mailbox]?.configurations[key]
      switch operation.name {
      case "CreateUserConfiguration" where known != nil:
        throw Refusal("ErrorItemSave", "A configuration of that name exists.")
      case "CreateUserConfiguration":
        mailboxes[place.mailbox]?.configurations[key] = try Self.parts(of: operation, over: [:])
      case _ where known == nil: throw Refusal.itemNotFound
      case "UpdateUserConfiguration":
        mailboxes[place.mailbox]?.configurations[key] = try Self.parts(of: operation, over: known ?? [:])
      case "DeleteUserConfiguration": mailboxes[place.mailbox]?.configurations[key] = nil
      default: return Self.configuration(name, known ?? [:], wanted: operation.text("UserConfigurationProperties") ?? "All")
      }
      return Message { _ in }
    } catch let refusal as Refusal where !refusal.isFault {
      return Message(refusal)
    }
  }

  private static func parts(of operation: XMLElement, over known: [String: XMLElement]) throws -> [String: XMLElement] {
    var result = known
    for part in parts {
      guard let element = operation.descendant("UserConfiguration", part) else { continue }
      if part != "Dictionary", Data(base64Encoded: element.text, options: .ignoreUnknownCharacters) == nil {
        throw Refusal.schema("'\(part)' is not base64.")
      }
      result[part] = part == "Dictionary" ? normalised(element) : element
    }
    return result
  }

  /// Booleans of a dictionary come back as the words that xs:boolean has for them.
  private static func normalised(_ element: XMLElement) -> XMLElement {
    var element = element
    if element.text("Type") == "Boolean", let index = element.children.firstIndex(where: { $0.name == "Value" }) {
      element.children[index].text = ["true", "1"].contains(element.children[index].text.lowercased()) ? "true" : "false"
    }
    element.children = element.children.map(normalised)
    return element
  }

  private static func configuration(_ name: XMLElement, _ known: [String: XMLElement], wanted: String) -> Message {
    let names = Set(wanted.split(separator: " ").map(String.init))
    return Message { xml in
      xml.within("m:UserConfiguration") { xml in
        xml.copy(name)
        for part in parts where names.contains("All") || names.contains(part) {
          if let element = known[part] { xml.copy(element) }
        }
      }
    }
  }
}
