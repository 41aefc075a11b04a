public import Model
public import OAuth
import Synchronization
public import Transport
import XMLStream

/// Exchange over EWS (SOAP 1.1), as a delegate with full access or by impersonation.
public final class EWSClient: ExchangePort {
  let account: ExchangeAccount
  let surroundings: Surroundings
  private let authentication: HTTPAuthentication
  private let tokens: TokenSource?
  private let endpoint: String
  private let transport: any HTTPTransport
  private let streams: any HTTPTransport
  let gate: AccountGate
  private let state: Mutex<State>

  private struct State {
    /// Index into `versions`.
    var version = 0
    var hasSignedIn = false
    /// When a sign-in was refused last.
    var refused: Timestamp?
    var serverVersion = ""
    var folders: [FolderKey: FolderID] = [:]
    var reads: BatchSize
    var writes: BatchSize
  }

  /// A folder that was found once.
  struct FolderKey: Hashable, Sendable {
    var mailbox: Mailbox
    var kind: RecordKind
    var name: String?
  }

  /// Schema versions to speak, newest first; a server that refuses one is asked with the next.
  private static let versions = ["Exchange2013_SP1", "Exchange2013", "Exchange2010_SP2"]
  /// Marks a refused sign-in that is taken for a busy server: it is not tried again at once, since that could lock the account.
  private static let busySignIn = "HTTP 401"
  /// After a refused sign-in none is tried for so many milliseconds: one round over many mailboxes must not lock the account.
  private static let pauseAfterRefusal: Int64 = 60_000
  /// Servers end a batch after a minute; a reply may still queue.
  private static let timeoutSeconds = 150
  /// Servers give a sign of life on a streaming connection every 45 seconds; after twice that it counts as lost.
  private static let longestSilence = 95
  /// Bytes that half an hour of notifications may have.
  private static let streamLimit = 64 << 20

  /// A client; nothing is sent before the first call.
  /// - Parameters:
  ///   - authentication: of the account, with its secret resolved.
  ///   - tokens: gives the bearer tokens to sign in with instead (OAuth 2.0).
  ///   - endpoint: address of `Exchange.asmx`.
  ///   - streams: carries the connections of notifications, which hang for half an hour and must not take the others' place; nil: `transport`.
  public init(
    account: ExchangeAccount, authentication: HTTPAuthentication, endpoint: String, transport: any HTTPTransport,
    surroundings: Surroundings, tokens: TokenSource? = nil, streams: (any HTTPTransport)? = nil
  ) {
    self.account = account
    self.tokens = tokens
    self.authentication = authentication
    self.endpoint = endpoint
    self.transport = transport
    self.streams = streams ?? transport
    self.surroundings = surroundings
    gate = AccountGate(limit: account.concurrency, surroundings: surroundings)
    state = Mutex(
      State(reads: BatchSize(most: min(account.selectBatch, Self.getItemLimit)), writes: BatchSize(most: account.updateBatch)))
  }

  /// Items asked for in one GetItem now.
  var readBatch: Int { state.withLock { $0.reads.current } }

  /// See `ExchangePort`.
  public var writeBatch: Int { state.withLock { $0.writes.current } }

  /// Learns from a request over several records: smaller batches after a time-out, larger ones after a full batch that went well.
  func learn(isWrite: Bool, count: Int, timedOut: Bool) {
    state.withLock { state in
      let size = isWrite ? state.writes : state.reads
      var next = size
      if timedOut { next.shrink() } else if count >= size.current { next.grow() }
      if isWrite { state.writes = next } else { state.reads = next }
    }
  }

  /// The server's build as it last answered, e.g. `15.2.2562.17`; empty before the first answer.
  var serverVersion: String { state.withLock { $0.serverVersion } }

  /// Whether the server understands what came with Exchange 2013 SP1, as far as is known. It never turns true again, so what is written
  /// with it fits the version of a request that was begun before.
  var speaksServicePack1: Bool { state.withLock { $0.version == 0 } }

  func knownFolder(_ key: FolderKey) -> FolderID? { state.withLock { $0.folders[key] } }
  func remember(_ folder: FolderID?, as key: FolderKey) { state.withLock { $0.folders[key] = folder } }

  /// Calls one operation and gives its response messages, one an object asked for.
  /// - Parameters:
  ///   - expected: how many messages must come; nil: any number.
  ///   - affinity: of the group of subscriptions that the call is about.
  ///   - body: writes the operation element.
  func call(
    _ operation: String, in mailbox: Mailbox, expecting expected: Int? = 1, affinity: Affinity? = nil,
    _ body: @escaping @Sendable (inout XMLWriter) -> Void
  ) async throws(SyncError) -> [XMLElement] {
    let what = "\(operation) in \(mailbox.address)"
    while true {
      let version = state.withLock { $0.version }
      do throws(SyncError) {
        let messages = try await gate.pass(mayRepeat: { $0.cause != Self.busySignIn }) { () async throws(SyncError) in
          let request = self.request(mailbox, version, affinity, mayRepeat: Self.onlyReads(operation), body)
          let reply = try await self.exchange(operation, request, what)
          let messages = reply.child("ResponseMessages")?.children ?? []
          // A busy server may say so in the objects' answers only; where it says it in all, nothing was carried out.
          let busy = messages.compactMap { EWSErrors.error(for: $0, what) }.filter { $0.code == .throttled }
          if let error = busy.first, busy.count == messages.count { throw error }
          for error in busy { await self.gate.pause(for: error) }
          return messages
        }
        guard expected.map({ $0 == messages.count }) ?? true else {
          throw SyncError(.malformedAnswer, "Exchange answered \(messages.count) of \(expected ?? 0) objects (\(what))")
        }
        return messages
      } catch {
        let isLast = version + 1 >= Self.versions.count
        guard error.message.hasPrefix(EWSErrors.versionRefused), !isLast else { throw error }
        state.withLock { $0.version = max($0.version, version + 1) }
      }
    }
  }

  /// Whether an operation may be carried out twice without harm: it goes again at once when a kept connection proves dead.
  private static func onlyReads(_ operation: String) -> Bool { ["Get", "Find", "Sync"].contains(where: operation.hasPrefix) }

  private func exchange(_ operation: String, _ request: HTTPRequest, _ what: String) async throws(SyncError) -> XMLElement {
    let answer = try await send(request, what)
    let root = try? XML.parse(answer.body)
    guard answer.status == 200 else { throw refusal(answer, root, what) }
    guard let root, root.name == "Envelope", root.namespace == EWSNames.soap, let reply = root.child("Body")?.children.first else {
      throw SyncError(.malformedAnswer, "Exchange answered something that is no SOAP envelope (\(what))")
    }
    if reply.name == "Fault" { throw EWSErrors.error(for: answer, body: root, now: surroundings.now(), what) }
    guard reply.name == operation + "Response" else {
      throw SyncError(.malformedAnswer, "Exchange answered '\(reply.name)' to another operation (\(what))")
    }
    note(root)
    return reply
  }

  /// Opens an answer that goes on until the server ends it; its content is handed over as it comes.
  /// - Parameter onChunk: called on the thread of the connections: it must not wait.
  func stream(
    _ what: String, affinity: Affinity, seconds: Int, _ body: @Sendable (inout XMLWriter) -> Void,
    onChunk: @escaping @Sendable ([UInt8]) -> Void
  ) async throws(SyncError) {
    var request = request(affinity.anchor, state.withLock { $0.version }, affinity, mayRepeat: true, body)
    request.timeoutSeconds = seconds
    request.silenceSeconds = Self.longestSilence
    request.maximumResponseBytes = Self.streamLimit
    // What is compressed may wait in the server for more.
    request.acceptsCompression = false
    try await gate.waitForPause()
    let answer = try await send(request, what, onChunk: onChunk)
    guard answer.status == 200 else { throw refusal(answer, try? XML.parse(answer.body), what) }
  }

  private func request(
    _ mailbox: Mailbox, _ version: Int, _ affinity: Affinity?, mayRepeat: Bool, _ body: @Sendable (inout XMLWriter) -> Void
  ) -> HTTPRequest {
    var xml = XMLWriter()
    writeEnvelope(&xml, mailbox, version, body)
    var headers = [
      (name: "Content-Type", value: "text/xml; charset=utf-8"), (name: "X-AnchorMailbox", value: (affinity?.anchor ?? mailbox).address),
      (name: "client-request-id", value: surroundings.operationID().rawValue), (name: "return-client-request-id", value: "true"),
    ]
    if affinity != nil { headers.append((name: "X-PreferServerAffinity", value: "true")) }
    return HTTPRequest(
      method: "POST", url: endpoint, headers: headers, body: xml.bytes, timeoutSeconds: Self.timeoutSeconds,
      authentication: authentication, cookieJar: affinity?.cookies, mayRepeat: mayRepeat)
  }

  /// The error of an answer that is none.
  private func refusal(_ answer: HTTPResponse, _ root: XMLElement?, _ what: String) -> SyncError {
    let error = EWSErrors.error(for: answer, body: root, now: surroundings.now(), what)
    if answer.status == 401 { state.withLock { $0.refused = surroundings.now() } }
    // Exchange also says 401 when it is busy: after a sign-in that worked, it is waited out instead of risking a lock-out.
    guard error.code == .unauthorized, answer.status == 401, state.withLock({ $0.hasSignedIn }) else { return error }
    return SyncError(
      .throttled, "Exchange refuses a sign-in that worked before: waiting (\(what))", cause: Self.busySignIn,
      retry: .afterBackOff(milliseconds: 60_000))
  }

  private func send(
    _ request: HTTPRequest, _ what: String, onChunk: (@Sendable ([UInt8]) -> Void)? = nil
  ) async throws(SyncError) -> HTTPResponse {
    let now = surroundings.now()
    if let refused = state.withLock({ $0.refused }), now.milliseconds - refused.milliseconds < Self.pauseAfterRefusal {
      throw SyncError(
        .unauthorized, "Exchange refused the account's sign-in a moment ago: check its user, password and auth (\(what))")
    }
    var request = request
    if let tokens { request.authentication = .bearer(token: try await tokens.token()) }
    let answer = try await deliver(request, onChunk)
    guard answer.status == 401, let tokens, case .bearer(let token) = request.authentication else { return answer }
    // A token may be withdrawn before its time: one new one is tried.
    await tokens.invalidate(token)
    request.authentication = .bearer(token: try await tokens.token())
    return try await deliver(request, onChunk)
  }

  private func deliver(_ request: HTTPRequest, _ onChunk: (@Sendable ([UInt8]) -> Void)?) async throws(SyncError) -> HTTPResponse {
    if let onChunk { return try await streams.stream(request, onChunk: onChunk) }
    return try await transport.send(request)
  }

  private func note(_ root: XMLElement) {
    let info = root.descendant("Header", "ServerVersionInfo")
    let numbers = ["MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber"].compactMap { info?.attribute($0) }
    state.withLock { state in
      state.hasSignedIn = true
      if numbers.count == 4 { state.serverVersion = numbers.joined(separator: ".") }
    }
  }

  private func writeEnvelope(_ xml: inout XMLWriter, _ mailbox: Mailbox, _ version: Int, _ body: (inout XMLWriter) -> Void) {
    let namespaces = [("xmlns:s", EWSNames.soap), ("xmlns:m", EWSNames.messages), ("xmlns:t", EWSNames.types)]
    xml.within("s:Envelope", namespaces) { xml in
      xml.within("s:Header") { xml in
        xml.empty("t:RequestServerVersion", [("Version", Self.versions[version])])
        if account.access == .impersonation {
          xml.within("t:ExchangeImpersonation") { xml in
            xml.within("t:ConnectingSID") { $0.element("t:PrimarySmtpAddress", mailbox.address) }
          }
        }
        // With UTC every time comes back with Z, whatever the mailbox's zone.
        xml.within("t:TimeZoneContext") { $0.empty("t:TimeZoneDefinition", [("Id", "UTC")]) }
      }
      xml.within("s:Body", [], body)
    }
  }

  /// Names a distinguished folder of a mailbox; a delegate has to say whose.
  func writeDistinguished(_ id: String, _ mailbox: Mailbox, _ xml: inout XMLWriter) {
    if account.access == .impersonation { return xml.empty("t:DistinguishedFolderId", [("Id", id)]) }
    xml.within("t:DistinguishedFolderId", [("Id", id)]) { xml in
      xml.within("t:Mailbox") { $0.element("t:EmailAddress", mailbox.address) }
    }
  }

  /// The last line of defence of a test account: nothing that writes leaves this process.
  func assertWritable(_ what: String) throws(SyncError) {
    if account.isTestOnly { throw SyncError(.held, "the account '\(account.name)' is for reading only: \(what) was not sent") }
  }

  /// See `ExchangePort`.
  public var requestSeconds: Int { Self.timeoutSeconds }

  /// See `ExchangePort`.
  public func support(for kind: RecordKind) -> FieldSupport { ItemMapping.support(for: kind) }
}
