import Foundation
import Model
import XMLStream

/// A hidden message of the Calendar folder in which settings are kept (EWS UserConfiguration).
struct UserConfigurationName: Sendable {
  /// Its name in the folder.
  var name: String
  /// What it is called in errors.
  var title: String
}

extension EWSClient {
  /// GetUserConfiguration: its XML document; nil: there is none.
  func configuration(_ wanted: UserConfigurationName, _ mailbox: Mailbox) async throws(SyncError) -> XMLElement? {
    let messages = try await call("GetUserConfiguration", in: mailbox) { [self] xml in
      xml.within("m:GetUserConfiguration") { xml in
        writeName("m:UserConfigurationName", wanted, mailbox, &xml)
        xml.element("m:UserConfigurationProperties", "XmlData")
      }
    }
    if let error = EWSErrors.error(for: messages[0], "the \(wanted.title) of \(mailbox.address)") {
      if error.code == .notFound { return nil }
      throw error
    }
    guard let text = messages[0].text("UserConfiguration", "XmlData"),
      let data = Data(base64Encoded: text, options: .ignoreUnknownCharacters)
    else {
      return nil
    }
    do {
      return try XML.parse([UInt8](data))
    } catch {
      throw SyncError(.invalidRecord, "the \(wanted.title) of \(mailbox.address) is damaged and left as it is: \(error.message)")
    }
  }

  /// CreateUserConfiguration or UpdateUserConfiguration with this XML document.
  func writeConfiguration(_ wanted: UserConfigurationName, _ document: XMLElement, isNew: Bool, _ mailbox: Mailbox) async throws(SyncError)
  {
    try assertWritable("writing the \(wanted.title) of \(mailbox.address)")
    let operation = isNew ? "CreateUserConfiguration" : "UpdateUserConfiguration"
    let encoded = Data(Self.text(document)).base64EncodedString()
    let messages = try await call(operation, in: mailbox) { [self] xml in
      xml.within("m:\(operation)") { xml in
        xml.within("m:UserConfiguration") { xml in
          writeName("t:UserConfigurationName", wanted, mailbox, &xml)
          xml.element("t:XmlData", encoded)
        }
      }
    }
    if let error = EWSErrors.error(for: messages[0], "the \(wanted.title) of \(mailbox.address)") { throw error }
  }

  private func writeName(_ element: String, _ wanted: UserConfigurationName, _ mailbox: Mailbox, _ xml: inout XMLWriter) {
    xml.within(element, [("Name", wanted.name)]) { writeDistinguished("calendar", mailbox, &$0) }
  }

  /// The document as text again, with every attribute that it had.
  private static func text(_ document: XMLElement) -> [UInt8] {
    var xml = XMLWriter()
    xml.raw(Array("<?xml version=\"1.0\"?>\n".utf8))
    let namespace = document.namespace.isEmpty ? [] : [("xmlns", document.namespace)]
    let attributes = namespace + document.attributes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    xml.within(document.name, attributes) { xml in
      for child in document.children { xml.empty(child.name, child.attributes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }) }
    }
    return xml.bytes
  }
}
