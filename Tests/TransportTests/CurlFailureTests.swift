import Foundation
import Model
import Synchronization
import Testing

@testable import Transport

/// The error of a request that must fail.
func failure(of transport: CurlTransport, _ request: HTTPRequest) async throws -> SyncError {
  do {
    let response = try await transport.send(request)
    throw UnexpectedAnswer(status: response.status)
  } catch let error as SyncError {
    return error
  }
}

/// Sends and expects a failure of that kind.
func expect(
  failure code: SyncError.Code, of transport: CurlTransport, _ request: HTTPRequest, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  let error = try await failure(of: transport, request)
  #expect(error.code == code, sourceLocation: sourceLocation)
}

struct UnexpectedAnswer: Error { var status: Int }

@Suite(.timeLimit(.minutes(1))) struct CurlFailureTests {
  @Test func `a refused connection says where and what to check`() async throws {
    // A port that was just free, with nobody listening any more.
    let server = try LoopbackServer { _ in .answer() }
    let url = server.url
    server.stop()
    _ = try? await transport().send(HTTPRequest(url: url))
    let error = try await failure(of: transport(), HTTPRequest(url: url))
    #expect(error.code == .unreachable)
    #expect(error.message.contains("http://127.0.0.1:\(server.port)"))
  }

  @Test func `a name that does not exist is unreachable`() async throws {
    let error = try await failure(of: transport(), HTTPRequest(url: "http://no-such-host.invalid/", timeoutSeconds: 20))
    #expect([.unreachable, .timedOut].contains(error.code))
  }

  @Test func `an answer that does not come is timed out and the connection closed`() async throws {
    try await withServer({ _ in .silence }) { server in
      let error = try await failure(of: transport(), HTTPRequest(url: server.url, timeoutSeconds: 1))
      #expect(error.code == .timedOut)
      var closed = server.closedConnections.makeAsyncIterator()
      #expect(await closed.next() == 0)
    }
  }

  @Test func `an answer that falls silent is given up before the whole time is over`() async throws {
    try await withServer({ _ in .bytes(Array("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".utf8)) }) { server in
      let begin = ContinuousClock.now
      let error = try await failure(of: transport(), HTTPRequest(url: server.url, timeoutSeconds: 60, silenceSeconds: 1))
      #expect(error.code == .timedOut)
      #expect(ContinuousClock.now - begin < .seconds(30))
    }
  }

  @Test func `the time limit does not run while a request waits for a connection`() async throws {
    let release = DispatchSemaphore(value: 0)
    try await withServer({ request in
      if request.path == "/slow" { release.wait() }
      return .answer()
    }) { server in
      let transport = transport(1)
      let url = server.url
      let slow = Task { try await transport.send(HTTPRequest(url: url + "slow", timeoutSeconds: 30)) }
      var arrivals = server.arrivals.makeAsyncIterator()
      _ = await arrivals.next()
      let waiting = Task { try await transport.send(HTTPRequest(url: url, timeoutSeconds: 1)) }
      try await Task.sleep(for: .seconds(2))
      release.signal()
      #expect(try await slow.value.status == 200)
      #expect(try await waiting.value.status == 200)
    }
  }

  @Test func `cancelling breaks a running request off at once`() async throws {
    try await withServer({ _ in .silence }) { server in
      let transport = transport()
      let url = server.url
      let task = Task { try await transport.send(HTTPRequest(method: "POST", url: url, body: [1])) }
      var arrivals = server.arrivals.makeAsyncIterator()
      _ = await arrivals.next()
      task.cancel()
      #expect(await task.result.failureCode == .cancelled)
      var closed = server.closedConnections.makeAsyncIterator()
      #expect(await closed.next() == 0)
    }
  }

  @Test func `a waiting and a not yet started request can be cancelled too`() async throws {
    try await withServer({ _ in .silence }) { server in
      let transport = transport(1)
      let url = server.url
      let running = Task { try await transport.send(HTTPRequest(url: url)) }
      var arrivals = server.arrivals.makeAsyncIterator()
      _ = await arrivals.next()
      let waiting = Task { try await transport.send(HTTPRequest(url: url)) }
      waiting.cancel()
      #expect(await waiting.result.failureCode == .cancelled)
      running.cancel()
      #expect(await running.result.failureCode == .cancelled)
      #expect(server.requests.count == 1)
    }
  }

  @Test func `a hundred cancellations at any moment leave the transport working`() async throws {
    try await withServer({ _ in .answer() }) { server in
      let transport = transport(2)
      let url = server.url
      await withTaskGroup(of: Void.self) { group in
        for number in 0..<100 {
          group.addTask {
            let task = Task { try await transport.send(HTTPRequest(url: url)) }
            for _ in 0..<number { await Task.yield() }
            task.cancel()
            _ = await task.result
          }
        }
      }
      try await expect(status: 200, of: transport, HTTPRequest(url: url))
    }
  }

  @Test(arguments: ["gzip", "deflate"])
  func `an answer that inflates beyond the bound is refused`(encoding: String) async throws {
    let bomb = encoding == "gzip" ? DeflateBomb.gzip(blocks: 40_000) : DeflateBomb.zlib(blocks: 40_000)
    #expect(bomb.count < 70_000)
    try await withServer({ _ in .answer(200, bomb, fields: ["Content-Encoding: \(encoding)"]) }) { server in
      let error = try await failure(of: transport(), HTTPRequest(url: server.url, maximumResponseBytes: 1 << 20))
      #expect(error.code == .tooLarge)
      #expect(error.message.contains("1048576"))
    }
  }

  @Test func `endless header fields are refused`() async throws {
    let fields = (0..<4000).map { "X-Field-\($0): \(String(repeating: "v", count: 100))" }
    try await withServer({ _ in .answer(200, [], fields: fields) }) { server in
      try await expect(failure: .malformedAnswer, of: transport(), HTTPRequest(url: server.url))
    }
  }

  @Test func `what is not HTTP is a malformed answer`() async throws {
    try await withServer({ _ in .bytesAndClose(Array("220 mail.test ESMTP\r\n".utf8)) }) { server in
      try await expect(failure: .malformedAnswer, of: transport(), HTTPRequest(url: server.url))
    }
  }

  @Test func `an answer that is cut off is an error`() async throws {
    try await withServer({ _ in .bytesAndClose(Array("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".utf8)) }) { server in
      let error = try await failure(of: transport(), HTTPRequest(url: server.url))
      #expect(error.code == .unreachable)
      #expect(error.leavesWriteInDoubt)
    }
  }

  @Test func `a write is not sent twice when a kept connection dies without an answer`() async throws {
    try await withServer({ $0.path == "/write" ? .bytesAndClose([]) : .answer() }) { server in
      let transport = transport()
      _ = try await transport.send(HTTPRequest(url: server.url))
      let error = try await failure(of: transport, HTTPRequest(method: "POST", url: server.url + "write", body: Array("new".utf8)))
      #expect(error.code == .unreachable)
      #expect(error.leavesWriteInDoubt)
      #expect(server.requests.filter { $0.path == "/write" }.count == 1)
      try await expect(status: 200, of: transport, HTTPRequest(url: server.url))
    }
  }

  @Test func `a read is sent again when a kept connection dies without an answer`() async throws {
    let served = Mutex(0)
    try await withServer({ _ in
      let number = served.withLock { count in
        count += 1
        return count
      }
      return number == 2 ? .bytesAndClose([]) : .answer()
    }) { server in
      let transport = transport()
      for _ in 0..<2 {
        let request = HTTPRequest(method: "POST", url: server.url, body: Array("read".utf8), mayRepeat: true)
        try await expect(status: 200, of: transport, request)
      }
      #expect(server.requests.map(\.body) == [[UInt8]](repeating: Array("read".utf8), count: 3))
    }
  }

  @Test func `a released transport ends its connections`() async throws {
    try await withServer({ _ in .answer() }) { server in
      _ = try await transport().send(HTTPRequest(url: server.url))
      var closed = server.closedConnections.makeAsyncIterator()
      #expect(await closed.next() == 0)
    }
  }
}

/// Compressed zero bytes: a literal and then runs of 258 bytes at distance 1, 13 bits each, in one block of fixed codes (RFC 1951).
private enum DeflateBomb {
  static func gzip(blocks: Int) -> [UInt8] { [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3] + deflate(blocks: blocks) }
  static func zlib(blocks: Int) -> [UInt8] { [0x78, 0x9C] + deflate(blocks: blocks) }

  private static func deflate(blocks: Int) -> [UInt8] {
    // Final block, type 1 (low bit first); literal 0 = 00110000; then code 285 = 11000101 and distance code 00000; at last 0000000.
    let head = "110" + "00110000"
    let bits = head + String(repeating: "1100010100000", count: blocks) + "0000000"
    var bytes: [UInt8] = []
    var current: UInt8 = 0
    var used = 0
    for bit in bits.utf8 {
      current |= (bit - 0x30) << used
      used += 1
      if used == 8 {
        bytes.append(current)
        (current, used) = (0, 0)
      }
    }
    return bytes + [current]
  }
}
