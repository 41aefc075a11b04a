import FakeTransport
import Foundation
import Model
import Synchronization
import Testing
import Transport

@testable import OAuth

/// When tokens are asked for, and what is kept of them.
@Suite struct TokenSourceTests {
  private static func client(_ grant: OAuthClient.Grant = .clientCredentials) -> OAuthClient {
    OAuthClient(tokenURL: "https://login.example.test/token", clientID: "app", proof: .secret("s&cret"), scope: "api", grant: grant)
  }

  private static func token(_ number: Int, refresh: String? = nil) -> HTTPResponse {
    let more = refresh.map { #","refresh_token":"\#($0)""# } ?? ""
    return HTTPResponse(status: 200, body: Array(#"{"access_token":"t\#(number)","expires_in":3600\#(more)}"#.utf8))
  }

  private static func form(_ request: HTTPRequest) -> [String: String] {
    let pairs = String(decoding: request.body ?? [], as: UTF8.self).split(separator: "&").map { $0.split(separator: "=").map(String.init) }
    return Dictionary(uniqueKeysWithValues: pairs.map { ($0[0], $0[1].removingPercentEncoding ?? "") })
  }

  @Test func `a token is used until shortly before its end, then renewed`() async throws {
    let clock = FakeClock()
    let transport = FakeTransport { _, number in Self.token(number) }
    let source = TokenSource(client: Self.client(), transport: transport, surroundings: clock.surroundings)
    #expect(try await source.token() == "t0")
    try await clock.surroundings.sleep(3_299_000)
    #expect(try await source.token() == "t0")
    #expect(transport.requests.count == 1)
    try await clock.surroundings.sleep(1_000)
    #expect(try await source.token() == "t1")
    let form = Self.form(transport.requests[0])
    let wanted = ["client_id": "app", "client_secret": "s&cret", "grant_type": "client_credentials", "scope": "api"]
    #expect(form == wanted)
    let areGuarded = transport.requests.allSatisfy { $0.bodyHoldsSecret }
    #expect(areGuarded)
  }

  @Test func `many who want a token at once ask once`() async throws {
    let transport = FakeTransport { _, number in Self.token(number) }
    let source = TokenSource(client: Self.client(), transport: transport, surroundings: FakeClock().surroundings)
    try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<20 { group.addTask { try await source.token() } }
      for try await token in group { #expect(token == "t0") }
    }
    #expect(transport.requests.count == 1)
  }

  @Test func `a rotated refresh token is kept, and the next process goes on with it`() async throws {
    let kept = Kept()
    let memory = RefreshTokenMemory(load: { kept.token.withLock { $0 } }, save: { token in kept.token.withLock { $0 = token } })
    let clock = FakeClock()
    let transport = FakeTransport { _, number in Self.token(number, refresh: "r\(number)") }
    let client = Self.client(.password(username: "u", password: "p"))
    for number in 0..<2 {
      _ = try await TokenSource(client: client, transport: transport, surroundings: clock.surroundings, memory: memory).token()
      #expect(kept.token.withLock { $0 } == "r\(number)")
    }
    let second = Self.form(transport.requests[1])
    #expect(second["grant_type"] == "refresh_token" && second["refresh_token"] == "r0")
  }

  @Test func `a token whose successor cannot be kept is not used`() async {
    let memory = RefreshTokenMemory(load: { nil }, save: { _ throws(SyncError) in throw SyncError(.storage, "full") })
    let transport = FakeTransport { _, number in Self.token(number, refresh: "r") }
    let source = TokenSource(client: Self.client(), transport: transport, surroundings: FakeClock().surroundings, memory: memory)
    let error = await #expect(throws: SyncError.self) { try await source.token() }
    #expect(error?.code == .storage)
  }

  @Test func `an ended refresh token gives way to the configured sign-in`() async throws {
    let memory = RefreshTokenMemory(load: { "old" }, save: { _ in })
    let transport = FakeTransport { request, number in
      Self.form(request)["grant_type"] == "refresh_token"
        ? HTTPResponse(status: 400, body: Array(#"{"error":"invalid_grant"}"#.utf8)) : Self.token(number)
    }
    let client = Self.client(.password(username: "u", password: "p"))
    let source = TokenSource(client: client, transport: transport, surroundings: FakeClock().surroundings, memory: memory)
    #expect(try await source.token() == "t1")
  }

  @Test(arguments: [
    (400, #"{"error":"invalid_client","error_description":"AADSTS7000215"}"#, SyncError.Code.unauthorized), (401, "", .unauthorized),
    (429, "", .transient), (503, "", .transient), (200, "<html>", .malformedAnswer),
  ])
  func `a refusal has its meaning and shows no secret`(status: Int, body: String, code: SyncError.Code) async {
    let transport = FakeTransport { _, _ in HTTPResponse(status: status, body: Array(body.utf8)) }
    let source = TokenSource(client: Self.client(), transport: transport, surroundings: FakeClock().surroundings)
    let error = await #expect(throws: SyncError.self) { try await source.token() }
    #expect(error?.code == code && !"\(String(describing: error))".contains("s&cret"))
  }

  @Test func `keys and certificates that cannot be used are refused at once`() {
    for (certificate, key) in [("", ""), ("no PEM", "no PEM"), ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "x")] {
      let refusal = Result { () throws(SyncError) in try ClientAssertion(certificate: certificate, key: key) }
      if case .success = refusal { Issue.record("\(certificate) was taken") }
    }
  }
}

private final class Kept: Sendable {
  let token = Mutex<String?>(nil)
}
