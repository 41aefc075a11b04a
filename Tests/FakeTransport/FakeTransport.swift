public import Model
import Synchronization
public import Transport

/// A transport without a network: a function answers, and every request is kept.
public final class FakeTransport: HTTPTransport {
  /// Answers one request; `number` counts from 0.
  public typealias Answer = @Sendable (_ request: HTTPRequest, _ number: Int) throws(SyncError) -> HTTPResponse

  private let answer: Answer
  private let kept = Mutex<[HTTPRequest]>([])

  /// A transport that answers so.
  public init(_ answer: @escaping Answer) { self.answer = answer }

  /// Every request so far.
  public var requests: [HTTPRequest] { kept.withLock { $0 } }

  /// See `HTTPTransport`.
  public func send(_ request: HTTPRequest) async throws(SyncError) -> HTTPResponse {
    let number = kept.withLock { kept in
      kept.append(request)
      return kept.count - 1
    }
    // As a network does: the answer comes later, and others get their turn meanwhile.
    await Task.yield()
    return try answer(request, number)
  }

  /// See `HTTPTransport`.
  public func stream(_ request: HTTPRequest, onChunk: @escaping @Sendable ([UInt8]) -> Void) async throws(SyncError) -> HTTPResponse {
    var answer = try await send(request)
    if (200..<300).contains(answer.status) {
      onChunk(answer.body)
      answer.body = []
    }
    return answer
  }
}

/// A clock that stands still but for what is slept: it tells what was waited for.
public final class FakeClock: Sendable {
  private let state = Mutex((now: Timestamp(seconds: 1_793_620_800), slept: [Int64](), random: UInt64(1)))

  /// A clock at noon of a day in 2026.
  public init() {}

  /// Every pause so far, in milliseconds.
  public var slept: [Int64] { state.withLock { $0.slept } }

  /// Time and randomness from this clock.
  public var surroundings: Surroundings {
    Surroundings(
      now: { self.state.withLock { $0.now } },
      random: {
        self.state.withLock { state in
          state.random &*= 6_364_136_223_846_793_005
          state.random &+= 1_442_695_040_888_963_407
          return state.random
        }
      },
      sleep: { milliseconds in
        self.state.withLock { state in
          state.now = state.now.advanced(milliseconds: milliseconds)
          state.slept.append(milliseconds)
        }
      })
  }
}

extension HTTPResponse {
  /// An answer with a text as its content.
  public init(_ status: Int, _ text: String = "", headers: [String: String] = [:]) {
    var fields = HTTPHeaders()
    for (name, value) in headers { fields.add(name, value) }
    self.init(status: status, headers: fields, body: Array(text.utf8))
  }
}
