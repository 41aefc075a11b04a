import FakeTransport
import Foundation
import Model
import Testing
import Transport
import XMLStream

@testable import Exchange

/// Replies of an Exchange server, written by hand, and a client in front of them.
enum Wire {
  static let alice = Mailbox(address: "alice@example.test")

  private static let start = """
    <?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" \
    xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" \
    xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">
    """

  /// A reply with these response messages.
  static func reply(_ operation: String, _ messages: [String], headers: [String: String] = [:]) -> HTTPResponse {
    let header =
      "<s:Header><t:ServerVersionInfo MajorVersion=\"15\" MinorVersion=\"2\" MajorBuildNumber=\"2562\" MinorBuildNumber=\"17\"/></s:Header>"
    let body =
      "<s:Body><m:\(operation)Response><m:ResponseMessages>\(messages.joined())</m:ResponseMessages></m:\(operation)Response></s:Body>"
    return HTTPResponse(200, start + header + body + "</s:Envelope>", headers: headers)
  }

  /// One response message.
  static func message(_ operation: String, _ content: String = "", code: String = "NoError", values: [(String, String)] = []) -> String {
    let name = "m:\(operation)ResponseMessage"
    if code == "NoError" { return "<\(name) ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>\(content)</\(name)>" }
    let details =
      values.isEmpty ? "" : "<m:MessageXml>" + values.map { "<t:Value Name=\"\($0.0)\">\($0.1)</t:Value>" }.joined() + "</m:MessageXml>"
    return
      "<\(name) ResponseClass=\"Error\"><m:MessageText>in words</m:MessageText><m:ResponseCode>\(code)</m:ResponseCode>\(details)\(content)</\(name)>"
  }

  /// A SOAP fault, status 500.
  static func fault(_ code: String, values: [(String, String)] = []) -> HTTPResponse {
    let details = values.map { "<t:Value Name=\"\($0.0)\">\($0.1)</t:Value>" }.joined()
    let errors = "http://schemas.microsoft.com/exchange/services/2006/errors"
    return HTTPResponse(
      500,
      start + """
        <s:Body><s:Fault><faultcode>a:\(code)</faultcode><faultstring>in words</faultstring><detail>\
        <e:ResponseCode xmlns:e="\(errors)">\(code)</e:ResponseCode><e:Message xmlns:e="\(errors)">in words</e:Message>\
        <t:MessageXml>\(details)</t:MessageXml></detail></s:Fault></s:Body></s:Envelope>
        """)
  }

  static func contact(_ id: String, _ content: String = "") -> String {
    "<t:Contact><t:ItemId Id=\"\(id)\" ChangeKey=\"k\"/>\(content)</t:Contact>"
  }

  /// A client in front of a function that answers parsed requests: the operation's element and the number of the request.
  static func client(
    clock: FakeClock = FakeClock(), change: (inout ExchangeAccount) -> Void = { _ in },
    _ answer: @escaping @Sendable (_ operation: XMLElement, _ number: Int) throws(SyncError) -> HTTPResponse
  ) -> (EWSClient, FakeTransport) {
    var account = ExchangeAccount(name: "HQ", email: "concord-sync@example.test")
    change(&account)
    let transport = FakeTransport { (request, number) throws(SyncError) in
      guard let operation = operation(of: request) else { return HTTPResponse(400) }
      return try answer(operation, number)
    }
    let client = EWSClient(
      account: account, authentication: .basic(user: "concord-sync@example.test", password: "planted-secret"),
      endpoint: "https://mail.example.test/EWS/Exchange.asmx", transport: transport, surroundings: clock.surroundings)
    return (client, transport)
  }

  /// The operation's element of a request.
  static func operation(of request: HTTPRequest) -> XMLElement? { envelope(of: request)?.child("Body")?.children.first }

  static func envelope(of request: HTTPRequest) -> XMLElement? { request.body.flatMap { try? XML.parse($0) } }

  /// The samples of the reference beside the repository; nil where they are not here.
  static let samples: URL? = {
    let environment = ProcessInfo.processInfo.environment["CONCORDFS_SHARED"]
    let beside = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../../shared").standardizedFileURL
    let directory = (environment.map { URL(fileURLWithPath: $0) } ?? beside).appendingPathComponent("reference/ews/samples")
    return FileManager.default.fileExists(atPath: directory.path) ? directory : nil
  }()

  static func sample(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: try #require(samples).appendingPathComponent(name + ".xml")))
  }
}
