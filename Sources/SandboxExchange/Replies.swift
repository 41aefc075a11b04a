import Foundation
import XMLStream

/// One response message: its status and payload.
struct Message: Sendable {
  var code = "NoError"
  var isWarning = false
  var text = ""
  var values: [(String, String)] = []
  var path: String?
  /// The payload's elements, written already.
  var payload: [UInt8] = []

  init(_ write: (inout XMLWriter) -> Void) {
    var xml = XMLWriter()
    write(&xml)
    payload = xml.bytes
  }

  init(_ refusal: Refusal, _ write: (inout XMLWriter) -> Void = { _ in }) {
    self.init(write)
    code = refusal.code
    text = refusal.text
    values = refusal.values
    path = refusal.path
  }
}

/// A whole reply.
struct Reply: Sendable {
  /// How the messages are put together.
  enum Form: Sendable {
    case usual
    /// With a status of its own, and messages that are not named after the operation.
    case delegates(deliverMeetingRequests: String?)
  }

  var messages: [Message]
  var form = Form.usual
}

extension ExchangeServer {
  private static let namespaces = [
    ("xmlns:s", "http://schemas.xmlsoap.org/soap/envelope/"), ("xmlns:m", "http://schemas.microsoft.com/exchange/services/2006/messages"),
    ("xmlns:t", "http://schemas.microsoft.com/exchange/services/2006/types"), ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
  ]

  private static let version = [
    ("MajorVersion", "15"), ("MinorVersion", "2"), ("MajorBuildNumber", "2562"), ("MinorBuildNumber", "17"), ("Version", "V2017_07_11"),
  ]

  func write(_ reply: Reply, _ operation: String, _ xml: inout XMLWriter) {
    xml.raw(Array("<?xml version=\"1.0\" encoding=\"utf-8\"?>".utf8))
    xml.within("s:Envelope", Self.namespaces) { xml in
      xml.within("s:Header") { $0.empty("t:ServerVersionInfo", Self.version) }
      xml.within("s:Body") { xml in
        switch reply.form {
        case .usual:
          xml.within("m:\(operation)Response") { xml in
            xml.within("m:ResponseMessages") { xml in
              for message in reply.messages { Self.write(message, "m:\(operation)ResponseMessage", &xml) }
            }
          }
        case .delegates(let deliverMeetingRequests):
          xml.within("m:\(operation)Response", [("ResponseClass", "Success")]) { xml in
            xml.element("m:ResponseCode", "NoError")
            // The schema allows no empty list here.
            if !reply.messages.isEmpty {
              xml.within("m:ResponseMessages") { xml in
                for message in reply.messages { Self.write(message, "m:DelegateUserResponseMessageType", &xml) }
              }
            }
            if let deliverMeetingRequests { xml.element("m:DeliverMeetingRequests", deliverMeetingRequests) }
          }
        }
      }
    }
  }

  private static func write(_ message: Message, _ element: String, _ xml: inout XMLWriter) {
    let isError = message.code != "NoError"
    let responseClass = !isError ? "Success" : message.isWarning ? "Warning" : "Error"
    xml.within(element, [("ResponseClass", responseClass)]) { xml in
      if isError { xml.element("m:MessageText", message.text) }
      xml.element("m:ResponseCode", message.code)
      if isError {
        xml.element("m:DescriptiveLinkKey", "0")
        if !message.values.isEmpty || message.path != nil { writeDetails(message.values, message.path, &xml, "m:MessageXml") }
      }
      xml.raw(message.payload)
    }
  }

  private static func writeDetails(_ values: [(String, String)], _ path: String?, _ xml: inout XMLWriter, _ element: String) {
    xml.within(element) { xml in
      if let path { xml.empty("t:FieldURI", [("FieldURI", path)]) }
      for value in values { xml.element("t:Value", value.1, [("Name", value.0)]) }
    }
  }

  func writeFault(_ refusal: Refusal, _ xml: inout XMLWriter) {
    let errors = [("xmlns:e", "http://schemas.microsoft.com/exchange/services/2006/errors")]
    xml.raw(Array("<?xml version=\"1.0\" encoding=\"utf-8\"?>".utf8))
    xml.within("s:Envelope", [Self.namespaces[0]]) { xml in
      xml.within("s:Body") { xml in
        xml.within("s:Fault") { xml in
          xml.element("faultcode", "a:\(refusal.code)", [("xmlns:a", Self.namespaces[2].1)])
          xml.element("faultstring", refusal.text, [("xml:lang", "en-US")])
          xml.within("detail") { xml in
            xml.element("e:ResponseCode", refusal.code, errors)
            xml.element("e:Message", refusal.text, errors)
            if !refusal.values.isEmpty {
              xml.within("t:MessageXml", [Self.namespaces[2]]) { xml in
                for value in refusal.values { xml.element("t:Value", value.1, [("Name", value.0)]) }
              }
            }
          }
        }
      }
    }
  }

  /// The second half of a batch was not processed: a failing store ends a batch so.
  static func cutShort(_ messages: [Message], _ operation: String) -> [Message] {
    guard messages.count > 1, operation == "GetItem" else { return messages }
    return messages.enumerated().map { index, message in
      guard index >= messages.count / 2 else { return message }
      var stopped = Message(Refusal("ErrorBatchProcessingStopped", "Multiple results were found.")) { $0.empty("m:Items") }
      stopped.isWarning = true
      return stopped
    }
  }

  static func timeText(_ date: Date) -> String {
    let seconds = Int(date.timeIntervalSince1970.rounded(.down))
    return Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
  }
}

extension XMLWriter {
  /// Writes an element of the types namespace with everything in it.
  mutating func copy(_ element: XMLElement, prefix: String = "t") {
    let attributes = element.attributes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    within("\(prefix):\(element.name)", attributes) { xml in
      xml.text(element.children.isEmpty ? element.text : "")
      for child in element.children { xml.copy(child, prefix: prefix) }
    }
  }
}
