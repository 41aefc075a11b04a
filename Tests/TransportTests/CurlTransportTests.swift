import Foundation
import Model
import Synchronization
import Testing

@testable import Transport

/// Runs `body` against a server that is stopped afterwards, also on failure.
func withServer<Result>(
  _ handler: @escaping LoopbackServer.Handler, _ body: (LoopbackServer) async throws -> Result
) async throws -> Result {
  let server = try LoopbackServer(handler)
  defer { server.stop() }
  return try await body(server)
}

func transport(_ connections: Int = 4) -> CurlTransport { CurlTransport(maximumConnections: connections, userAgent: "concordfs-test/1") }

/// Sends and expects an answer of that status.
func expect(
  status: Int, of transport: CurlTransport, _ request: HTTPRequest, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  let response = try await transport.send(request)
  #expect(response.status == status, sourceLocation: sourceLocation)
}

@Suite(.timeLimit(.minutes(1))) struct CurlTransportTests {
  @Test func `a request arrives as it was made, an answer as the server gave it`() async throws {
    try await withServer({ _ in .answer(207, Array("done".utf8), fields: ["X-One: a", "x-one:  b ", "Empty:"]) }) { server in
      let response = try await transport().send(
        HTTPRequest(
          method: "PUT", url: server.url + "entity/Default?$top=1", headers: [("X-Asked", "yes"), ("X-Empty", "")],
          body: Array("payload".utf8)))
      #expect(response.status == 207)
      #expect(response.body == Array("done".utf8))
      #expect(response.headers.all("X-ONE") == ["a", "b"])
      #expect(response.headers.first("empty") == "")
      #expect(response.headers.first("missing") == nil)
      let request = try #require(server.requests.first)
      #expect(request.method == "PUT")
      #expect(request.path == "/entity/Default?$top=1")
      #expect(request.body == Array("payload".utf8))
      #expect(request.fields["x-asked"] == "yes")
      #expect(request.fields["x-empty"] == "")
      #expect(request.fields["user-agent"] == "concordfs-test/1")
      #expect(request.fields["accept-encoding"]?.contains("gzip") == true)
      for absent in ["expect", "content-type", "authorization", "cookie"] { #expect(request.fields[absent] == nil, "\(absent)") }
    }
  }

  @Test(arguments: ["GET", "HEAD", "DELETE", "POST", "PATCH"])
  func `every method goes out under its name without content`(method: String) async throws {
    try await withServer({ $0.method == "HEAD" ? .bytes(Array("HTTP/1.1 204 None\r\n\r\n".utf8)) : .answer(204) }) { server in
      let response = try await transport().send(HTTPRequest(method: method, url: server.url))
      #expect(response.status == 204)
      #expect(server.requests.map(\.method) == [method])
      #expect(server.requests.first?.body == [])
    }
  }

  @Test func `a connection is kept for the next request`() async throws {
    try await withServer({ _ in .answer() }) { server in
      let transport = transport()
      for _ in 0..<5 { _ = try await transport.send(HTTPRequest(method: "POST", url: server.url, body: [1, 2])) }
      #expect(server.requests.map(\.connection) == [0, 0, 0, 0, 0])
    }
  }

  @Test(arguments: [500, 503])
  func `a connection is closed after a server fault`(status: Int) async throws {
    try await withServer({ $0.path == "/fault" ? .answer(status, [1]) : .answer() }) { server in
      let transport = transport()
      try await expect(status: status, of: transport, HTTPRequest(url: server.url + "fault"))
      try await expect(status: 200, of: transport, HTTPRequest(url: server.url))
      #expect(server.requests.map(\.connection) == [0, 1])
    }
  }

  @Test(arguments: [301, 302, 307, 308])
  func `a redirect is an answer and is not followed`(status: Int) async throws {
    try await withServer({ _ in .answer(status, [], fields: ["Location: /elsewhere"]) }) { server in
      let response = try await transport().send(HTTPRequest(url: server.url))
      #expect(response.status == status)
      #expect(response.headers.first("location") == "/elsewhere")
      #expect(server.requests.count == 1)
    }
  }

  @Test func `two hundred requests share four connections`() async throws {
    try await withServer({ .answer(200, $0.body) }) { server in
      let transport = transport(4)
      let bodies = try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<200 {
          group.addTask {
            let body = Array("\(number)".utf8)
            let response = try await transport.send(HTTPRequest(method: "POST", url: server.url, body: body))
            return response.body == body ? 1 : 0
          }
        }
        return try await group.reduce(0, +)
      }
      #expect(bodies == 200)
      #expect(server.requests.count == 200)
      #expect(server.mostOpenConnections <= 4)
      #expect(server.acceptedConnections <= 4)
    }
  }

  @Test func `a chunked answer is put together, its trailer is read`() async throws {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n, world\r\n0\r\nX-Sum: 12\r\n\r\n"
    try await withServer({ _ in .bytes(Array(chunked.utf8)) }) { server in
      let response = try await transport().send(HTTPRequest(url: server.url))
      #expect(String(decoding: response.body, as: UTF8.self) == "hello, world")
      #expect(response.headers.first("x-sum") == "12")
    }
  }

  @Test func `a 1xx answer is passed over`() async throws {
    let early = Array("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".utf8)
    try await withServer({ _ in .bytes(early + HTTPText.answer(200, [7])) }) { server in
      let response = try await transport().send(HTTPRequest(url: server.url))
      #expect(response.status == 200)
      #expect(response.headers.first("link") == nil)
      #expect(response.body == [7])
    }
  }

  @Test func `a gzip answer arrives inflated`() async throws {
    let zipped = try #require(Data(base64Encoded: "H4sIAAAAAAACA8tIzcnJVyjPL8pJAQCFEUoNCwAAAA=="))
    try await withServer({ _ in .answer(200, Array(zipped), fields: ["Content-Encoding: gzip"]) }) { server in
      let inflated = try await transport().send(HTTPRequest(url: server.url))
      #expect(String(decoding: inflated.body, as: UTF8.self) == "hello world")
      let plain = try await transport().send(HTTPRequest(url: server.url, acceptsCompression: false))
      #expect(plain.body == Array(zipped))
      #expect(server.requests.last?.fields["accept-encoding"] == nil)
    }
  }

  @Test func `cookies come back with the next request and end when the server deletes them`() async throws {
    try await withServer({ request in
      switch request.path {
      case "/login": .answer(204, [], fields: ["Set-Cookie: A=1; path=/; HttpOnly", "Set-Cookie: B=2"])
      case "/logout": .answer(204, [], fields: ["Set-Cookie: A=; Max-Age=0; path=/"])
      default: .answer()
      }
    }) { server in
      let transport = transport()
      let jar = CookieJar()
      for path in ["login", "data", "logout", "data"] {
        _ = try await transport.send(HTTPRequest(url: server.url + path, cookieJar: jar))
      }
      _ = try await transport.send(HTTPRequest(url: server.url + "data", cookieJar: CookieJar()))
      #expect(server.requests.map { $0.fields["cookie"] } == [nil, "A=1; B=2", "A=1; B=2", "B=2", nil])
    }
  }

  @Test func `a stream hands over the content of an answer as it comes`() async throws {
    let first = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"
    try await withServer({ _ in .bytes(Array(first.utf8)) }) { server in
      let (chunks, continuation) = AsyncStream<[UInt8]>.makeStream()
      let transport = transport()
      let url = server.url
      let task = Task { try await transport.stream(HTTPRequest(url: url)) { continuation.yield($0) } }
      // The answer never ends, so its beginning can only have come on the way.
      var iterator = chunks.makeAsyncIterator()
      #expect(await iterator.next() == Array("one".utf8))
      task.cancel()
      #expect(await task.result.failureCode == .cancelled)
    }
  }

  @Test func `a fault that answers a stream request is in the response, not in the stream`() async throws {
    try await withServer({ _ in .answer(500, Array("fault".utf8)) }) { server in
      let streamed = Mutex(0)
      let response = try await transport().stream(HTTPRequest(url: server.url)) { chunk in streamed.withLock { $0 += chunk.count } }
      #expect(response.status == 500)
      #expect(response.body == Array("fault".utf8))
      #expect(streamed.withLock { $0 } == 0)
    }
  }
}

extension Result where Success == HTTPResponse, Failure == any Error {
  var failureCode: SyncError.Code? {
    if case .failure(let error as SyncError) = self { error.code } else { nil }
  }
}
