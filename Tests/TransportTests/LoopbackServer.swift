import Foundation
import Glibc
import Synchronization

/// A request as the server received it.
struct ReceivedRequest: Sendable {
  /// Number of the connection, from 0 in the order of acceptance.
  var connection: Int
  var method: String
  var path: String
  /// Field names in lower case.
  var fields: [String: String]
  var body: [UInt8]
}

/// What the server does about a request.
enum Reply: Sendable {
  /// Sends these bytes and goes on.
  case bytes([UInt8])
  /// Sends these bytes and closes the connection.
  case bytesAndClose([UInt8])
  /// Says nothing and waits for the client to close.
  case silence

  /// A complete answer with a Content-Length.
  static func answer(_ status: Int = 200, _ body: [UInt8] = [], fields: [String] = []) -> Reply {
    .bytes(HTTPText.answer(status, body, fields: fields))
  }
}

enum HTTPText {
  static func answer(_ status: Int, _ body: [UInt8], fields: [String] = []) -> [UInt8] {
    let head = (["HTTP/1.1 \(status) Status", "Content-Length: \(body.count)"] + fields).joined(separator: "\r\n")
    return Array("\(head)\r\n\r\n".utf8) + body
  }
}

/// A small HTTP/1.1 server on a free port of 127.0.0.1: a thread a connection, requests recorded, answers made by a closure.
final class LoopbackServer: Sendable {
  typealias Handler = @Sendable (ReceivedRequest) -> Reply

  private struct State {
    var requests: [ReceivedRequest] = []
    var open: [Int: CInt] = [:]
    var accepted = 0
    var mostOpen = 0
    var stopped = false
  }

  let port: UInt16
  /// The numbers of connections, as the clients close them.
  let closedConnections: AsyncStream<Int>
  /// The requests, as they come.
  let arrivals: AsyncStream<ReceivedRequest>
  private let closedContinuation: AsyncStream<Int>.Continuation
  private let arrivalsContinuation: AsyncStream<ReceivedRequest>.Continuation
  private let listener: CInt
  private let state = Mutex(State())

  struct SocketFailure: Error { var call: String, number: CInt }

  init(_ handler: @escaping Handler) throws {
    (closedConnections, closedContinuation) = AsyncStream.makeStream()
    (arrivals, arrivalsContinuation) = AsyncStream.makeStream()
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        bind(listener, generic, length) == 0 && listen(listener, 128) == 0 && getsockname(listener, generic, &length) == 0
      }
    }
    self.listener = listener
    port = UInt16(bigEndian: address.sin_port)
    guard bound else { throw SocketFailure(call: "bind", number: errno) }
    Thread.detachNewThread { self.acceptLoop(handler) }
  }

  var url: String { "http://127.0.0.1:\(port)/" }
  var requests: [ReceivedRequest] { state.withLock { $0.requests } }
  var acceptedConnections: Int { state.withLock { $0.accepted } }
  var mostOpenConnections: Int { state.withLock { $0.mostOpen } }

  /// Ends all connections and threads.
  func stop() {
    state.withLock { state in
      state.stopped = true
      for socket in state.open.values { shutdown(socket, Int32(SHUT_RDWR)) }
    }
    shutdown(listener, Int32(SHUT_RDWR))
  }

  private func acceptLoop(_ handler: @escaping Handler) {
    while true {
      let socket = accept(listener, nil, nil)
      if socket < 0 { break }
      var on: CInt = 1
      setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<CInt>.size))
      let number: Int? = state.withLock { state in
        guard !state.stopped else { return nil }
        state.accepted += 1
        state.open[state.accepted - 1] = socket
        state.mostOpen = max(state.mostOpen, state.open.count)
        return state.accepted - 1
      }
      guard let number else {
        close(socket)
        continue
      }
      Thread.detachNewThread { self.serve(socket, number, handler) }
    }
    close(listener)
  }

  private func serve(_ socket: CInt, _ number: Int, _ handler: Handler) {
    var input = SocketReader(socket: socket)
    reading: while let request = input.nextRequest(connection: number) {
      state.withLock { $0.requests.append(request) }
      arrivalsContinuation.yield(request)
      switch handler(request) {
      case .bytes(let bytes):
        Self.send(socket, bytes)
      case .bytesAndClose(let bytes):
        Self.send(socket, bytes)
        break reading
      case .silence:
        break
      }
    }
    state.withLock { state in
      state.open[number] = nil
      close(socket)
    }
    closedContinuation.yield(number)
  }

  private static func send(_ socket: CInt, _ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.send(socket, $0.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return }
      sent += count
    }
  }
}

/// Cuts requests out of a connection.
private struct SocketReader {
  let socket: CInt
  private var buffer: [UInt8] = []

  init(socket: CInt) { self.socket = socket }

  mutating func nextRequest(connection: Int) -> ReceivedRequest? {
    let separator = Array("\r\n\r\n".utf8)
    while true {
      if let end = buffer.firstRange(of: separator) {
        let lines = String(decoding: buffer[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ").map(String.init)
        guard words.count == 3 else { return nil }
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
          guard let colon = line.firstIndex(of: ":") else { continue }
          fields[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        let length = fields["content-length"].flatMap { Int($0) } ?? 0
        while buffer.count < end.upperBound + length { guard receive() else { return nil } }
        let body = Array(buffer[end.upperBound..<end.upperBound + length])
        buffer.removeFirst(end.upperBound + length)
        return ReceivedRequest(connection: connection, method: words[0], path: words[1], fields: fields, body: body)
      }
      guard receive() else { return nil }
    }
  }

  private mutating func receive() -> Bool {
    var chunk = [UInt8](repeating: 0, count: 65_536)
    let count = chunk.withUnsafeMutableBytes { recv(socket, $0.baseAddress, $0.count, 0) }
    guard count > 0 else { return false }
    buffer.append(contentsOf: chunk[..<count])
    return true
  }
}
