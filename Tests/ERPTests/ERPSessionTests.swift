import FakeTransport
import Foundation
import Model
import OAuth
import Synchronization
import Testing

@testable import ERP
@testable import Transport

/// Sign-in, sign-out, pauses: what the ERP's licence and its administrators see of the engine.
@Suite struct ERPSessionTests {
  private static let settings = ERPSettings(
    url: "https://erp.example.test/Site", endpoint: "Default/24.200.001", tenant: "Company",
    authentication: .password(username: "concord", password: .literal("planted-secret")))

  private static func client(_ transport: FakeTransport, clock: FakeClock = FakeClock(), memory: SessionMemory = .none) -> AcumaticaClient {
    AcumaticaClient(
      settings: settings, password: "planted-secret", transport: transport, surroundings: clock.surroundings, memory: memory)
  }

  /// `POST login`, `GET Employee`, …: what was asked, in order.
  private static func asked(_ transport: FakeTransport) -> [String] {
    transport.requests.map { request in
      let path = request.url.split(separator: "?")[0]
      return "\(request.method) \(path.split(separator: "/").last ?? "")"
    }
  }

  private static func isLogin(_ request: HTTPRequest) -> Bool { request.url.hasSuffix("/auth/login") }

  @Test func `it signs in once, asks one thing after the other, and signs out`() async throws {
    let transport = FakeTransport { request, _ in Self.isLogin(request) ? HTTPResponse(204) : HTTPResponse(200, "[]") }
    let client = Self.client(transport)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<5 { group.addTask { _ = try await client.employees() } }
      try await group.waitForAll()
    }
    await client.close()
    await client.close()
    #expect(Self.asked(transport) == ["POST login"] + Array(repeating: "GET Employee", count: 5) + ["POST logout"])
    let login = try #require(transport.requests.first)
    let form = try JSONDecoder().decode([String: String].self, from: Data(login.body ?? []))
    #expect(form == ["name": "concord", "password": "planted-secret", "tenant": "Company"])
    #expect(login.bodyHoldsSecret)
    // IIS answers 411 to a POST without a length.
    #expect(transport.requests.last?.body == [])
    #expect(Set(transport.requests.map { $0.cookieJar.map(ObjectIdentifier.init) }).count == 1)
  }

  @Test func `without a request there is no session, and closing sends nothing`() async {
    let transport = FakeTransport { _, _ in HTTPResponse(200, "[]") }
    await Self.client(transport).close()
    #expect(transport.requests.isEmpty)
  }

  @Test func `a session that ended is opened again, once, and the request repeated`() async throws {
    let transport = FakeTransport { request, number in
      if Self.isLogin(request) { return HTTPResponse(204) }
      return number == 1 ? HTTPResponse(401) : HTTPResponse(200, "[]")
    }
    _ = try await Self.client(transport).employees()
    #expect(Self.asked(transport) == ["POST login", "GET Employee", "POST login", "GET Employee"])
  }

  @Test func `a user without the right is reported, not tried for ever`() async throws {
    let transport = FakeTransport { request, _ in Self.isLogin(request) ? HTTPResponse(204) : HTTPResponse(401) }
    let error = await #expect(throws: SyncError.self) { try await Self.client(transport).employees() }
    #expect(error?.code == .unauthorized && error?.retry == .never)
    #expect(Self.asked(transport).count == 4)
  }

  @Test(arguments: [
    ("7", Int64(7_000)), (nil, 10_000), ("0", 1_000), ("soon", 10_000), ("Mon, 02 Nov 2026 12:00:30 GMT", 30_000),
  ])
  func `after 429 nothing is sent before the pause has passed, then the request goes again`(header: String?, expected: Int64) async throws {
    let clock = FakeClock()
    let transport = FakeTransport { request, number in
      if Self.isLogin(request) { return HTTPResponse(204) }
      return number == 1 ? HTTPResponse(429, headers: header.map { ["Retry-After": $0] } ?? [:]) : HTTPResponse(200, "[]")
    }
    _ = try await Self.client(transport, clock: clock).employees()
    #expect(clock.slept == [expected])
    #expect(Self.asked(transport) == ["POST login", "GET Employee", "GET Employee"])
  }

  @Test func `without a time each pause is twice the one before; a site that stays busy is asked six times`() async {
    let clock = FakeClock()
    let transport = FakeTransport { request, _ in HTTPResponse(Self.isLogin(request) ? 204 : 429) }
    let error = await #expect(throws: SyncError.self) { try await Self.client(transport, clock: clock).employees() }
    #expect(error?.code == .throttled)
    #expect(clock.slept == [10_000, 20_000, 40_000, 80_000, 160_000])
  }

  @Test func `a pause too long to wait for is the caller's to know, and nothing is sent before its end`() async throws {
    let clock = FakeClock()
    let transport = FakeTransport { request, number in
      if Self.isLogin(request) { return HTTPResponse(204) }
      return number == 1 ? HTTPResponse(429, headers: ["Retry-After": "999999"]) : HTTPResponse(200, "[]")
    }
    let client = Self.client(transport, clock: clock)
    for _ in 0..<2 {
      let error = await #expect(throws: SyncError.self) { try await client.employees() }
      #expect(error?.retry == .afterBackOff(milliseconds: 3_600_000))
    }
    #expect(transport.requests.count == 2 && clock.slept.isEmpty)
    try await clock.surroundings.sleep(3_600_000)
    _ = try await client.employees()
    #expect(transport.requests.count == 3)
  }

  @Test func `where the licence's limit is configured, requests are paced below half of it`() async throws {
    let clock = FakeClock()
    let transport = FakeTransport { request, _ in Self.isLogin(request) ? HTTPResponse(204) : HTTPResponse(200, "[]") }
    var settings = Self.settings
    settings.requestsPerMinute = 100
    let client = AcumaticaClient(settings: settings, password: "x", transport: transport, surroundings: clock.surroundings)
    let started = clock.surroundings.now()
    for _ in 0..<59 { _ = try await client.employees() }
    let minutes = Double(clock.surroundings.now().milliseconds - started.milliseconds) / 60_000
    #expect(Double(transport.requests.count) / minutes < 50 && Double(transport.requests.count) / minutes > 40)
  }

  @Test func `no free seat and wrong credentials are told apart, and neither shows the password`() async throws {
    let limit = FakeTransport { _, _ in HTTPResponse(429, #"{"message":"API Login Limit"}"#) }
    let first = await #expect(throws: SyncError.self) { try await Self.client(limit).employees() }
    #expect(first?.code == .throttled && first?.retry == .afterBackOff(milliseconds: 60_000))
    let wrong = FakeTransport { _, _ in
      HTTPResponse(500, #"{"message":"An error has occurred.","exceptionMessage":"Invalid credentials. Please try again."}"#)
    }
    let second = await #expect(throws: SyncError.self) { try await Self.client(wrong).employees() }
    #expect(second?.code == .unauthorized && second?.message.contains("'concord'") == true)
    for error in [first, second] { #expect("\(String(describing: error))".contains("planted-secret") == false) }
  }

  @Test func `with OAuth no free seat is told as such, not waited for, and the next try signs in anew`() async throws {
    let clock = FakeClock()
    let transport = FakeTransport { request, _ in
      request.url.hasSuffix("/token")
        ? HTTPResponse(200, #"{"access_token":"planted-token","expires_in":3600}"#) : HTTPResponse(429, #"{"message":"API Login Limit"}"#)
    }
    let oauth = OAuthClient(
      tokenURL: "https://erp.example.test/token", clientID: "a", proof: .secret("planted-secret"), scope: "api", grant: .clientCredentials)
    let tokens = TokenSource(client: oauth, transport: transport, surroundings: clock.surroundings)
    let client = AcumaticaClient(
      settings: Self.settings, password: "", transport: transport, surroundings: clock.surroundings, tokens: tokens)
    for _ in 0..<2 {
      let error = await #expect(throws: SyncError.self) { try await client.employees() }
      #expect(error?.code == .throttled && error?.message.contains("no free API session") == true)
      #expect(error?.retry == .afterBackOff(milliseconds: 60_000) && !"\(String(describing: error))".contains("planted"))
    }
    #expect(clock.slept.isEmpty)
    #expect(Self.asked(transport) == ["POST token", "GET Employee", "GET Employee"])
    await client.close()
    #expect(transport.requests.count == 3, "a session that was never given is not signed out")
  }

  @Test func `what a killed process left open is signed out before the next sign-in`() async throws {
    let kept = Mutex<String?>("ASP.NET_SessionId=old")
    let memory = SessionMemory(load: { kept.withLock { $0 } }, save: { value in kept.withLock { $0 = value } })
    let transport = FakeTransport { request, _ in
      request.url.contains("/auth/") ? HTTPResponse(204) : HTTPResponse(200, "[]")
    }
    let client = Self.client(transport, memory: memory)
    _ = try await client.employees()
    #expect(Self.asked(transport) == ["POST logout", "POST login", "GET Employee"])
    #expect(transport.requests[0].headers.contains { $0.name == "Cookie" && $0.value == "ASP.NET_SessionId=old" })
    await client.close()
    #expect(kept.withLock { $0 } == nil)
  }

  @Test func `a sign-out that nobody answered is remembered for the next start`() async throws {
    let kept = Mutex<String?>(nil)
    let memory = SessionMemory(load: { kept.withLock { $0 } }, save: { value in kept.withLock { $0 = value } })
    let transport = FakeTransport { (request, _) throws(SyncError) in
      if request.url.hasSuffix("logout") { throw SyncError(.unreachable, "gone") }
      if Self.isLogin(request) {
        request.cookieJar?.store(setCookie: "ASP.NET_SessionId=new; path=/; HttpOnly", from: try HTTPTarget(url: request.url))
        return HTTPResponse(204)
      }
      return HTTPResponse(200, "[]")
    }
    let client = Self.client(transport, memory: memory)
    _ = try await client.employees()
    await client.close()
    #expect(kept.withLock { $0 }?.contains("ASP.NET_SessionId=new") == true)
  }

  @Test(arguments: [
    (400, SyncError.Code.malformedRequest), (403, .accessDenied), (404, .configuration), (412, .staleVersion), (422, .invalidRecord),
    (500, .failed), (502, .transient), (503, .transient), (504, .transient),
  ])
  func `each status has its meaning, and the ERP's own words are kept`(status: Int, code: SyncError.Code) async throws {
    let transport = FakeTransport { request, _ in
      Self.isLogin(request) ? HTTPResponse(204) : HTTPResponse(status, #"{"message":"the server's own words"}"#)
    }
    let error = await #expect(throws: SyncError.self) { try await Self.client(transport).employees() }
    #expect(error?.code == code)
    #expect(error?.cause?.contains("the server's own words") == true)
  }

  @Test func `a page of a proxy is told in one line without its tags`() async throws {
    let transport = FakeTransport { request, _ in
      Self.isLogin(request) ? HTTPResponse(204) : HTTPResponse(502, "<html><h1>Bad\n Gateway</h1></html>")
    }
    let error = await #expect(throws: SyncError.self) { try await Self.client(transport).employees() }
    #expect(error?.cause == "Bad Gateway")
  }
}
