import FakeTransport
import Foundation
import Model
import Testing
import Transport
import XMLStream

@testable import Exchange

/// Finding the server: the order of the ways, what is followed, and where a password never goes.
@Suite struct AutodiscoverTests {
  private static let address = "concord-sync@example.test"
  private static let endpoint = "https://mail.example.test/EWS/Exchange.asmx"
  private static let ways = [
    "https://example.test/autodiscover/autodiscover.svc", "https://example.test/autodiscover/autodiscover.xml",
    "https://autodiscover.example.test/autodiscover/autodiscover.svc", "https://autodiscover.example.test/autodiscover/autodiscover.xml",
    "http://autodiscover.example.test/autodiscover/autodiscover.xml",
  ]

  private static func pox(_ content: String) -> HTTPResponse {
    let outlook = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
    return HTTPResponse(200, "<Autodiscover><Response xmlns=\"\(outlook)\"><Account>\(content)</Account></Response></Autodiscover>")
  }

  private static func poxSettings(_ url: String) -> HTTPResponse {
    pox(
      "<Action>settings</Action><Protocol><Type>EXCH</Type><EwsUrl>https://inside.example.test/x</EwsUrl></Protocol><Protocol><Type>EXPR</Type><EwsUrl>\(url)</EwsUrl></Protocol>"
    )
  }

  private static func soap(_ content: String) -> HTTPResponse {
    HTTPResponse(
      200,
      """
      <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>\
      <GetUserSettingsResponseMessage xmlns="http://schemas.microsoft.com/exchange/2010/Autodiscover"><Response><ErrorCode>NoError</ErrorCode>\
      <UserResponses><UserResponse>\(content)</UserResponse></UserResponses></Response></GetUserSettingsResponseMessage></s:Body></s:Envelope>
      """)
  }

  private static func moved(_ url: String, status: Int = 302) -> HTTPResponse { HTTPResponse(status, headers: ["Location": url]) }

  private func search(
    hosts: [String] = [], records: [ServiceRecord] = [], _ answers: [String: HTTPResponse]
  ) -> (Autodiscover, FakeTransport) {
    let transport = FakeTransport { (request, _) throws(SyncError) in
      guard let answer = answers[request.url] else { throw SyncError(.unreachable, "nobody is there") }
      return answer
    }
    let search = Autodiscover(
      transport: transport, authentication: .basic(user: Self.address, password: "planted-secret"), hosts: hosts,
      resolve: { $0 == "_autodiscover._tcp.example.test" ? records : [] })
    return (search, transport)
  }

  /// Credentials went over https to hosts that were named, and nowhere else.
  private func checkSecrets(_ transport: FakeTransport, hosts: Set<String> = []) {
    for request in transport.requests where request.authentication != .none {
      let url = URLComponents(string: request.url)
      #expect(
        url?.scheme == "https" && (hosts.union(["example.test", "autodiscover.example.test"])).contains(url?.host ?? ""), "\(request.url)")
    }
  }

  @Test func `every way is tried in its order, and the failure tells of all of them`() async {
    let (search, transport) = search([:])
    await #expect { try await search.find(Self.address) } throws: { error in
      guard let error = error as? SyncError, error.code == .configuration else { return false }
      return Self.ways.allSatisfy { error.description.contains($0) } && error.description.contains("SRV")
        && !error.description.contains("planted-secret")
    }
    #expect(transport.requests.map(\.url) == Self.ways)
    #expect(transport.requests.last?.authentication == HTTPAuthentication.none)
    checkSecrets(transport)
  }

  @Test(arguments: Array(ways.prefix(4)))
  func `the first good answer ends the search, whatever the others said`(way: String) async throws {
    let good =
      way.hasSuffix("svc")
      ? Self.soap(
        "<ErrorCode>NoError</ErrorCode><UserSettings><UserSetting><Name>ExternalEwsUrl</Name><Value>\(Self.endpoint)</Value></UserSetting></UserSettings>"
      )
      : Self.poxSettings(Self.endpoint)
    var answers: [String: HTTPResponse] = [:]
    let wrong = [HTTPResponse(401), HTTPResponse(200, "<html/>"), HTTPResponse(404), HTTPResponse(200, "not XML")]
    for (url, answer) in zip(Self.ways, wrong) { answers[url] = url == way ? good : answer }
    let (search, transport) = search(answers)
    let found = try await search.find(Self.address)
    #expect(found.url == Self.endpoint && !found.isTrusted)
    #expect(transport.requests.map(\.url) == Array(Self.ways.prefix { $0 != way }) + [way])
    checkSecrets(transport)
  }

  @Test func `a server whose host was named may be used`() async throws {
    let (search, _) = search(hosts: ["Mail.example.test"], [Self.ways[1]: Self.poxSettings(Self.endpoint)])
    #expect(try await search.find(Self.address).isTrusted)
  }

  @Test(arguments: [
    "http://example.test/autodiscover/autodiscover.xml", "https://evil.test/autodiscover/autodiscover.xml",
    "https://example.test.evil.test/autodiscover/autodiscover.xml", "https://user@evil.test/", "https://example.test@evil.test/",
    "ftp://example.test/",
    "/autodiscover/elsewhere", "",
  ])
  func `a redirect to http, to a host that nobody confirmed, or to nonsense gets no request`(target: String) async {
    for answer in [Self.moved(target), Self.pox("<Action>redirectUrl</Action><RedirectUrl>\(target)</RedirectUrl>")] {
      let (search, transport) = search([Self.ways[1]: answer, target: Self.poxSettings(Self.endpoint)])
      await #expect(throws: SyncError.self) { try await search.find(Self.address) }
      #expect(transport.requests.map(\.url) == Self.ways)
      checkSecrets(transport)
    }
  }

  @Test func `an unconfirmed host is named, and followed once it is confirmed`() async throws {
    let target = "https://mail.hoster.test/autodiscover/autodiscover.xml"
    let answers = [Self.ways[4]: Self.moved(target, status: 301), target: Self.poxSettings("https://mail.hoster.test/EWS/Exchange.asmx")]
    let (first, transport) = search(answers)
    await #expect { try await first.find(Self.address) } throws: {
      ($0 as? SyncError)?.message.contains("mail.hoster.test") == true && ($0 as? SyncError)?.message.contains("autodiscover_hosts") == true
    }
    #expect(!transport.requests.contains { $0.url == target })
    let (second, other) = search(hosts: ["mail.hoster.test"], answers)
    let found = try await second.find(Self.address)
    #expect(found.url == "https://mail.hoster.test/EWS/Exchange.asmx" && found.isTrusted)
    checkSecrets(other, hosts: ["mail.hoster.test"])
  }

  @Test func `redirects in a circle end, be they the same address again or ever new ones`() async {
    let circle = [Self.ways[1]: Self.moved(Self.ways[3]), Self.ways[3]: Self.moved(Self.ways[1])]
    let (search, transport) = search(circle)
    await #expect(throws: SyncError.self) { try await search.find(Self.address) }
    #expect(transport.requests.count <= Self.ways.count)
    var chain: [String: HTTPResponse] = [:]
    for number in 0..<50 {
      let url = number == 0 ? Self.ways[0] : "https://example.test/\(number)/autodiscover.svc"
      chain[url] = Self.moved("https://example.test/\(number + 1)/autodiscover.svc")
    }
    let (long, requests) = self.search(chain)
    await #expect { try await long.find(Self.address) } throws: { ($0 as? SyncError)?.message.contains("on and on") == true }
    #expect(requests.requests.count == 11)
  }

  @Test func `a redirect to another address is followed to its domain only where that is confirmed`() async throws {
    let other = "https://autodiscover.other.test/autodiscover/autodiscover.xml"
    let answers = [
      Self.ways[0]: Self.soap("<ErrorCode>RedirectAddress</ErrorCode><RedirectTarget>sync@other.test</RedirectTarget>"),
      other: Self.poxSettings("https://autodiscover.other.test/EWS/Exchange.asmx"),
    ]
    let (closed, transport) = search(answers)
    await #expect(throws: SyncError.self) { try await closed.find(Self.address) }
    checkSecrets(transport)
    let (open, confirmed) = search(hosts: ["autodiscover.other.test"], answers)
    let found = try await open.find(Self.address)
    #expect(found.url == "https://autodiscover.other.test/EWS/Exchange.asmx")
    let body = confirmed.requests.last?.body.map { String(decoding: $0, as: UTF8.self) } ?? ""
    #expect(body.contains("sync@other.test") && !body.contains(Self.address))
  }

  @Test func `the service record with the lowest priority and then the highest weight is asked, on port 443 alone`() async throws {
    let records = [
      ServiceRecord(priority: 20, weight: 9, port: 443, target: "late.example.test"),
      ServiceRecord(priority: 10, weight: 1, port: 443, target: "light.example.test"),
      ServiceRecord(priority: 10, weight: 5, port: 443, target: "heavy.example.test"),
      ServiceRecord(priority: 1, weight: 9, port: 8443, target: "odd.example.test"),
    ]
    let url = "https://heavy.example.test/autodiscover/autodiscover.svc"
    let (closed, transport) = search(records: records, [url: HTTPResponse(401)])
    await #expect { try await closed.find(Self.address) } throws: { ($0 as? SyncError)?.message.contains("heavy.example.test") == true }
    checkSecrets(transport)
    let pox = "https://heavy.example.test/autodiscover/autodiscover.xml"
    let (open, _) = search(hosts: ["heavy.example.test"], records: records, [url: HTTPResponse(401), pox: Self.poxSettings(Self.endpoint)])
    #expect(try await open.find(Self.address).url == Self.endpoint)
  }

  @Test func `a server that is named over http is none`() async {
    let (search, _) = search([Self.ways[1]: Self.poxSettings("http://mail.example.test/EWS/Exchange.asmx")])
    await #expect(throws: SyncError.self) { try await search.find(Self.address) }
  }

  @Test(arguments: ["nobody", "@example.test", "a@", "a@b@c", "a@exa mple.test", "a@example.test/x"])
  func `what is no address gets no request`(address: String) async {
    let (search, transport) = search([:])
    await #expect(throws: SyncError.self) { try await search.find(address) }
    #expect(transport.requests.isEmpty)
  }

  @Test(.enabled(if: Wire.samples != nil, "the samples (../shared) are not here"))
  func `the samples of both forms are written and read`() throws {
    #expect(AutodiscoverMessage.read(.soap, try Wire.sample("95-autodiscover-soap-res")) == .settings(Self.endpoint))
    #expect(AutodiscoverMessage.read(.pox, try Wire.sample("96-autodiscover-pox-res")) == .settings(Self.endpoint))
    #expect(
      AutodiscoverMessage.read(.pox, try Wire.sample("97-autodiscover-pox-redirect-res")) == .redirectAddress("owner@mail.example.test"))
    guard case .refusal(let reason) = AutodiscoverMessage.read(.pox, try Wire.sample("98-autodiscover-pox-error-res")) else {
      throw SyncError(.failed, "an error was not read as one")
    }
    #expect(reason.contains("600"))
    let request = try XML.parse(AutodiscoverMessage.request(.pox, for: "owner@example.test", at: ""))
    #expect(request.text("Request", "EMailAddress") == "owner@example.test")
    #expect(request.namespace == (try XML.parse(try Wire.sample("96-autodiscover-pox-req"))).namespace)
  }
}
