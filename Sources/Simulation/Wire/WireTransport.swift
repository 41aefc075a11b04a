import Foundation
import Model
import Sandbox
import Transport

/// Hands the requests of one process of the engine to the sandbox, with what the schedule has in store for them.
struct WireTransport: HTTPTransport {
  let wire: Wire
  let process: Int
  private var world: World { wire.world }

  static let erp = "https://erp.test"
  static let exchange = "https://exchange.test"

  init(wire: Wire, process: Int) {
    self.wire = wire
    self.process = process
  }

  func stream(_ request: HTTPRequest, onChunk: @escaping @Sendable ([UInt8]) -> Void) async throws(SyncError) -> HTTPResponse {
    let answer = try await send(request)
    onChunk(answer.body)
    return answer
  }

  func send(_ request: HTTPRequest) async throws(SyncError) -> HTTPResponse {
    let call = Call(request)
    // A pause that is asked for while it waits for its turn finds it under way already.
    let pauseEnd = wire.backOffs.end(isExchange: call.isExchange)
    await wire.turns.enter()
    defer { wire.turns.leave() }
    if process != wire.process || world.isCrashed { throw World.crash }
    world.clock += 40
    await wire.performWaiting()
    await wire.landDelayed()
    if let left = pauseEnd.map({ $0 - world.clock }), left > 0 {
      world.oracle?.report("I13", "\(call.name) is sent \(left) ms before the end of the pause that its server asked for")
    }
    let fault = world.faultOfCall(isWrite: call.isWrite)
    world.trace.mix(call.name)
    for byte in request.body ?? [] { world.trace.mix(byte) }
    world.tell("  \(world.calls) \(call.name.prefix { $0 != "?" }) \(String(UInt16(truncatingIfNeeded: world.trace.value), radix: 16))")
    if call.isWrite { world.tell("      \(call.content(request))") }
    if let fault { world.tell("    … \(fault)") }
    switch fault {
    case .edit(let event, after: false): await wire.perform(event)
    case .crash(after: false):
      world.endProcess()
      throw World.crash
    case .loseRequest:
      world.clock += Int64(request.timeoutSeconds) * 1000
      throw SyncError(.timedOut, "no answer")
    case .delay(let milliseconds) where call.isWrite:
      world.oracle?.noteDoubt()
      world.clock += Int64(request.timeoutSeconds) * 1000
      wire.delayed.append((world.clock + Int64(milliseconds), direct(request, call)))
      throw SyncError(.timedOut, "the answer takes too long")
    case .refuse(let refusal):
      if let answer = try await refuse(refusal, request, call) { return answer }
    default: break
    }
    return try await deliver(request, call, fault)
  }

  private func deliver(_ request: HTTPRequest, _ call: Call, _ fault: Interruption.Fault?) async throws(SyncError) -> HTTPResponse {
    let sent = direct(request, call)
    var truncates = false
    if fault == .lie || fault == .blind {
      // What an answer leaves out is not known to be missing: only comparing everything finds it.
      world.needsFullRound = true
      if wire.random.chance(30) { truncates = true } else { await wire.install(call.lie) }
    }
    let answer = await wire.carry(sent, isWrite: call.isWrite)
    await wire.clearFaults()
    switch fault {
    case .lie where call.isWrite, .blind where call.isWrite: world.oracle?.noteDoubt()
    case .twice where call.isWrite:
      world.oracle?.noteDoubt()
      world.isLanding = true
      _ = await wire.carry(sent, isWrite: true, again: true)
      world.isLanding = false
    case .loseAnswer:
      if call.isWrite { world.oracle?.noteDoubt() }
      throw SyncError(.unreachable, "the connection was lost before the answer was complete")
    case .crash(after: true):
      if call.isWrite { world.oracle?.noteDoubt() }
      world.endProcess()
      throw World.crash
    case .edit(let event, after: true): await wire.perform(event)
    default: break
    }
    return response(answer, request, cutTo: truncates ? wire.random.below(max(answer.body.count, 1)) : nil)
  }

  /// An answer in the transport's form; cookies go into the request's jar, as in any transport.
  private func response(_ answer: DirectSandbox.Answer, _ request: HTTPRequest, cutTo length: Int? = nil) -> HTTPResponse {
    var headers = HTTPHeaders()
    for (name, value) in answer.headers {
      headers.add(name, value)
      if name.lowercased() == "set-cookie" { request.cookieJar?.store(setCookie: value, url: request.url) }
    }
    let body = length.map { Array(answer.body.prefix($0)) } ?? answer.body
    wire.noteSeen(body)
    let whole = HTTPResponse(status: answer.status, headers: headers, body: body)
    wire.backOffs.note(whole, isExchange: request.url.hasPrefix(Self.exchange), now: world.clock)
    return whole
  }

  /// The bytes as they arrive.
  private func direct(_ request: HTTPRequest, _ call: Call) -> DirectSandbox.Request {
    var headers = request.headers
    if case .basic(let user, let password) = request.authentication { headers.append(Wire.authorization(user, password)) }
    if let cookies = request.cookieJar?.header(url: request.url) { headers.append((name: "Cookie", value: cookies)) }
    return DirectSandbox.Request(request.method, call.target, headers: headers, body: request.body ?? [])
  }

  /// How a server says no; nil: it does something else to the request.
  private func refuse(_ refusal: Interruption.Refusal, _ request: HTTPRequest, _ call: Call) async throws(SyncError) -> HTTPResponse? {
    let choice = wire.random.below(3)
    switch (refusal, call.isExchange) {
    case (.throttled, true):
      if choice == 2 { return HTTPResponse(status: 503) }
      await wire.install(
        .exchange(
          choice == 0
            ? #"{"kind":"serverBusy","count":1,"milliseconds":5000}"# : #"{"kind":"tooManyRequests","count":1,"milliseconds":7000}"#))
    case (.throttled, false): await wire.install(.erp(#"{"kind":"throttle","count":1,"milliseconds":5000}"#))
    case (.transient, true): return HTTPResponse(status: choice == 0 ? 500 : 503)
    case (.transient, false): await wire.install(.erp(#"{"kind":"failure","count":1}"#))
    case (.unauthorized, true): return HTTPResponse(status: 401)
    case (.unauthorized, false): await wire.install(.erp(#"{"kind":"endSessions","count":1}"#))
    case (.cursorInvalid, _): await wire.install(.exchange(#"{"kind":"forgetSyncStates","count":1}"#))
    case (.failed, true): return HTTPResponse(status: 500)
    case (.failed, false): await wire.install(.erp(#"{"kind":"refuse","count":1}"#))
    }
    return nil
  }

  /// What a request is.
  struct Call {
    let name: String
    let isWrite: Bool
    let isExchange: Bool
    let target: String
    private let operation: String

    private static let writes: Set<String> = ["CreateItem", "UpdateItem", "DeleteItem", "MoveItem"]
    private static let listings: Set<String> = ["SyncFolderItems", "FindItem"]
    private static let marker = Array("<m:".utf8)

    init(_ request: HTTPRequest) {
      isExchange = request.url.hasPrefix(WireTransport.exchange)
      target = String(request.url.dropFirst(isExchange ? WireTransport.exchange.count : WireTransport.erp.count))
      guard isExchange else {
        operation = request.method
        isWrite = ["PUT", "PATCH", "DELETE", "POST"].contains(request.method) && !target.contains("/auth/")
        name = "erp.\(request.method) \(target)"
        return
      }
      let body = request.body ?? []
      let start = body.firstPlace(of: Self.marker).map { $0 + Self.marker.count } ?? body.endIndex
      operation = String(
        decoding: body[start...].prefix { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: ">") && $0 != UInt8(ascii: "/") }, as: UTF8.self)
      isWrite = Self.writes.contains(operation)
      name = "mail.\(operation)"
    }

    /// What a writing request says, for people.
    func content(_ request: HTTPRequest) -> String {
      let text = String(decoding: request.body ?? [], as: UTF8.self)
      guard let start = text.range(of: ":Body>"), let end = text.range(of: "</s:Body>") else { return text }
      return String(text[start.upperBound..<end.lowerBound]).replacing(#/[A-Za-z0-9+\/=]{60,}/#) { "…" + $0.output.suffix(8) }
    }

    /// A fault of the sandbox that makes it answer wrongly without saying so.
    var lie: Wire.Fault {
      if !isExchange { return .erp(#"{"kind":"partialList","count":1}"#) }
      return .exchange(Self.listings.contains(operation) ? #"{"kind":"partialList","count":1}"# : #"{"kind":"partialBatch","count":1}"#)
    }
  }
}
