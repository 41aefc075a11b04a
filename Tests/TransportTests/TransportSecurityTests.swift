import Foundation
import Model
import Testing

@testable import Transport

@Suite(.timeLimit(.minutes(1))) struct TransportSecurityTests {
  private static let secret = "s3cret-value"

  private static let credentialled: [HTTPRequest] = [
    HTTPRequest(url: "", authentication: .basic(user: "u", password: secret)),
    HTTPRequest(url: "", authentication: .ntlm(user: "D\\u", password: secret)),
    HTTPRequest(url: "", authentication: .negotiate),
    HTTPRequest(url: "", authentication: .bearer(token: secret)),
    HTTPRequest(url: "", cookieJar: CookieJar()),
    HTTPRequest(url: "", headers: [("AUTHORIZATION", secret)]),
    HTTPRequest(url: "", headers: [("Cookie", "a=\(secret)")]),
    HTTPRequest(method: "POST", url: "", body: Array(secret.utf8), bodyHoldsSecret: true),
  ]

  @Test(arguments: [
    "http://exchange.test/", "http://10.0.0.1/", "http://128.0.0.1/", "http://localhost.example.test/", "http://127.0.0.1.example.test/",
    "http://[::2]/", "http://[::ffff:10.0.0.1]/", "http://0.0.0.0/",
  ])
  func `credentials do not go over plain http to another machine`(url: String) async throws {
    for var request in Self.credentialled {
      request.url = url
      let error = try await failure(of: transport(), request)
      #expect(error.code == .insecure)
      #expect(!error.description.contains(Self.secret))
    }
  }

  @Test(arguments: [
    "http://127.0.0.1/", "http://127.9.8.7:81/", "http://localhost/", "http://LOCALHOST:8080/x", "http://[::1]/", "https://erp.test/",
  ])
  func `credentials may go to this machine, and by https to any`(url: String) throws {
    for request in Self.credentialled { try HTTPTarget(url: url).checkCredentials(of: request) }
  }

  @Test(arguments: [
    "", "ftp://host/", "file:///etc/passwd", "//host/", "host", "http://", "https://user@host/", "http://u:p@127.0.0.1/", "http://ho st/",
    "http://a\u{0}b/",
  ])
  func `a URL that is not plain http or https is refused`(url: String) async throws {
    try await expect(failure: .configuration, of: transport(), HTTPRequest(url: url))
  }

  @Test(arguments: [("X\r\nY", "a"), ("X", "a\r\nCookie: b"), ("", "a"), ("X Y", "a"), ("X", "a\u{0}")])
  func `a header field cannot smuggle in another`(name: String, value: String) async throws {
    let request = HTTPRequest(url: "http://127.0.0.1:1/", headers: [(name, value)])
    try await expect(failure: .malformedRequest, of: transport(), request)
  }

  @Test(arguments: ["", "GET /", "GET\r\n"])
  func `a method cannot smuggle in anything`(method: String) async throws {
    try await expect(failure: .malformedRequest, of: transport(), HTTPRequest(method: method, url: "http://127.0.0.1:1/"))
  }

  @Test func `basic and bearer credentials are in the request`() async throws {
    try await withServer({ _ in .answer() }) { server in
      let transport = transport()
      _ = try await transport.send(HTTPRequest(url: server.url, authentication: .basic(user: "D\\üser", password: "p:w")))
      _ = try await transport.send(HTTPRequest(url: server.url, authentication: .bearer(token: "abc.def")))
      let expected = Data("D\\üser:p:w".utf8).base64EncodedString()
      #expect(server.requests.map { $0.fields["authorization"] } == ["Basic \(expected)", "Bearer abc.def"])
    }
  }

  @Test func `an NTLM handshake authenticates the connection and sends the content once`() async throws {
    let challenge = Data(NTLMMessages.challenge).base64EncodedString()
    try await withServer({ request in
      guard let token = request.fields["authorization"] else { return .answer(200, request.body) }
      let message = Data(base64Encoded: token.replacingOccurrences(of: "NTLM ", with: "")) ?? Data()
      if message.count > 8, message[8] == 1 { return .answer(401, [9], fields: ["WWW-Authenticate: NTLM \(challenge)"]) }
      return .answer(200, request.body)
    }) { server in
      let transport = transport()
      let credentials = HTTPAuthentication.ntlm(user: "CONTOSO\\svc", password: Self.secret)
      for content in ["one", "two"] {
        let request = HTTPRequest(method: "POST", url: server.url, body: Array(content.utf8), authentication: credentials)
        let response = try await transport.send(request)
        #expect(response.status == 200)
        #expect(response.body == Array(content.utf8))
      }
      #expect(server.requests.map(\.body) == [[], Array("one".utf8), Array("two".utf8)])
      #expect(server.requests.map(\.connection) == [0, 0, 0])
      #expect(server.requests.map { $0.fields["authorization"] != nil } == [true, true, false])
    }
  }

  @Test func `an NTLM connection that forgot its user is authenticated again with the same content`() async throws {
    let challenge = Data(NTLMMessages.challenge).base64EncodedString()
    try await withServer({ request in
      guard let token = request.fields["authorization"] else { return .answer(401, [9], fields: ["WWW-Authenticate: NTLM"]) }
      let message = Data(base64Encoded: token.replacingOccurrences(of: "NTLM ", with: "")) ?? Data()
      if message.count > 8, message[8] == 1 { return .answer(401, [9], fields: ["WWW-Authenticate: NTLM \(challenge)"]) }
      return .answer(200, request.body)
    }) { server in
      let transport = transport()
      for content in ["one", "two"] {
        let request = HTTPRequest(
          method: "POST", url: server.url, body: Array(content.utf8), authentication: .ntlm(user: "CONTOSO\\svc", password: Self.secret))
        let response = try await transport.send(request)
        #expect(response.body == Array(content.utf8))
      }
      #expect(server.requests.map { String(decoding: $0.body, as: UTF8.self) } == ["", "one", "two", "", "two"])
      #expect(Set(server.requests.map(\.connection)) == [0])
    }
  }
}

private enum NTLMMessages {
  /// A CHALLENGE_MESSAGE (MS-NLMP, section 2.2.1.2) with an empty target and no target information.
  static let challenge: [UInt8] =
    Array("NTLMSSP\0".utf8) + [2, 0, 0, 0] + [0, 0, 0, 0, 48, 0, 0, 0] + [0x05, 0x82, 0x08, 0x00] + [1, 2, 3, 4, 5, 6, 7, 8]
    + [UInt8](repeating: 0, count: 8) + [0, 0, 0, 0, 48, 0, 0, 0]
}
