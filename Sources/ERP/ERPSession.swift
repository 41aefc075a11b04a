import Foundation
import Model
import OAuth
import Transport

/// One signed-in session of the ERP: requests one after the other, signed in when needed, signed in again once after a 401.
actor ERPSession {
  private let settings: ERPSettings
  private let password: String
  /// Gives the bearer tokens to sign in with instead of a password (OAuth 2.0).
  private let tokens: TokenSource?
  private let transport: any HTTPTransport
  private let surroundings: Surroundings
  private let memory: SessionMemory
  private let jar = CookieJar()
  private var isSignedIn = false
  private var isBusy = false
  /// The endpoint that is used, once that is known.
  private var known: Endpoint?
  private var waiting: [CheckedContinuation<Void, Never>] = []
  /// No request before this instant: the server asked for a pause.
  private var pauseEnds: Timestamp?
  /// No request before this instant: requests are paced.
  private var nextTurn: Timestamp?
  /// Refusals for too many requests since the last answer.
  private var refusals = 0

  /// Queue and cold start of a site take minutes; the connection stays silent meanwhile.
  static let timeoutSeconds = 600
  /// How often one request is refused for too many requests before its caller hears of it.
  private static let patience = 6
  /// The longest pause that is waited out, in milliseconds.
  private static let longestWait: Int64 = 300_000
  /// From half of the licence's requests a minute on, the site delays each: we stay below.
  private static let shareOfLimit = 0.45

  init(
    settings: ERPSettings, password: String, transport: any HTTPTransport, surroundings: Surroundings, memory: SessionMemory,
    tokens: TokenSource? = nil
  ) {
    self.tokens = tokens
    self.memory = memory
    self.settings = settings
    self.password = password
    self.transport = transport
    self.surroundings = surroundings
  }

  /// Sends one request below the endpoint's address. Answers other than 2xx are thrown.
  /// - Parameter path: percent-encoded, with its query, starting with a slash.
  func send(
    _ method: String, _ path: String, body: [UInt8]? = nil, headers: [(name: String, value: String)] = [],
    contentType: String = "application/json",
    maximumResponseBytes: Int? = nil
  ) async throws(SyncError) -> HTTPResponse {
    await enter()
    defer { leave() }
    let address = settings.url + "/entity/" + (try await usedEndpoint().path)
    var outgoing = request(method, address + path, body, headers, contentType: contentType)
    if let maximumResponseBytes { outgoing.maximumResponseBytes = maximumResponseBytes }
    return try await carry(outgoing, "\(method) \(path.prefix { $0 != "?" })")
  }

  /// The endpoint that is used: the configured one, else the newest of the site's own that this version knows.
  func endpoint() async throws(SyncError) -> Endpoint {
    if let known { return known }
    await enter()
    defer { leave() }
    return try await usedEndpoint()
  }

  /// Asks the site once, where the configuration alone does not tell. Its caller has entered.
  private func usedEndpoint() async throws(SyncError) -> Endpoint {
    if let known { return known }
    let found: Endpoint
    if let path = settings.endpoint {
      if let told = Endpoint(configured: path) {
        found = told
      } else {
        let answer = try await carry(request("GET", "\(settings.url)/entity/\(path)/swagger.json", nil, []), "GET \(path)/swagger.json")
        found = try Endpoint.described(path, by: answer.body)
      }
    } else {
      let answer = try await carry(request("GET", settings.url + "/entity", nil, []), "GET /entity")
      found = try Endpoint.newest(inListing: answer.body, site: settings.url)
    }
    known = found
    return found
  }

  /// Sends one request until it is answered, signed in when needed. Its caller has entered.
  private func carry(_ outgoing: HTTPRequest, _ what: String) async throws(SyncError) -> HTTPResponse {
    while true {
      try await waitForPause()
      if !isSignedIn { try await signIn() }
      var answer = try await transmit(outgoing)
      if answer.status == 401 {
        isSignedIn = false
        try await signIn()
        answer = try await transmit(outgoing)
      }
      if (200..<300).contains(answer.status) {
        refusals = 0
        return answer
      }
      let error = ERPErrors.error(for: answer, now: surroundings.now(), refusalsBefore: refusals, what)
      guard case .afterBackOff(let milliseconds) = error.retry else { throw error }
      if ERPErrors.isSeatLimit(answer) {
        isSignedIn = false
        throw error
      }
      // A refused request was not carried out: it goes again after the pause.
      pauseEnds = surroundings.now().advanced(milliseconds: milliseconds)
      refusals += 1
      guard milliseconds <= Self.longestWait, refusals < Self.patience else { throw error }
    }
  }

  /// Signs out, so that the seat is free. Errors are ignored: the site ends the session by itself.
  func close() async {
    await enter()
    defer { leave() }
    guard isSignedIn else { return }
    isSignedIn = false
    // A task of its own: a cancelled round signs out all the same. IIS answers 411 to a POST without a length.
    let isAnswered = await Task { (try? await transmit(request("POST", logoutURL, [], []))) != nil }.value
    jar.removeAll()
    if isAnswered { memory.save(nil) }
  }

  /// Signs out what a process that was killed left open. An error is no reason to stop: the session may be long gone.
  private func closeLeftOver() async {
    guard let cookies = memory.load() else { return }
    let header = (name: "Cookie", value: cookies)
    if (try? await transport.send(HTTPRequest(method: "POST", url: logoutURL, headers: [header], body: []))) != nil { memory.save(nil) }
  }

  private var logoutURL: String { settings.url + "/entity/auth/logout" }

  private func request(
    _ method: String, _ url: String, _ body: [UInt8]?, _ headers: [(name: String, value: String)], hasSecret: Bool = false,
    contentType: String = "application/json"
  ) -> HTTPRequest {
    var request = HTTPRequest(method: method, url: url, headers: [(name: "Accept", value: "application/json")] + headers, body: body)
    if body != nil { request.headers.append((name: "Content-Type", value: contentType)) }
    request.timeoutSeconds = Self.timeoutSeconds
    request.cookieJar = jar
    request.bodyHoldsSecret = hasSecret
    return request
  }

  /// Sends one request when its turn has come.
  private func transmit(_ request: HTTPRequest) async throws(SyncError) -> HTTPResponse {
    try await takeTurn()
    guard let tokens else { return try await transport.send(request) }
    var request = request
    let token = try await tokens.token()
    request.authentication = .bearer(token: token)
    let answer = try await transport.send(request)
    if answer.status == 401 { await tokens.invalidate(token) }
    return answer
  }

  private func signIn() async throws(SyncError) {
    if let tokens {
      // The token is the session's key: the site opens it with the first request.
      jar.removeAll()
      _ = try await tokens.token()
      isSignedIn = true
      return
    }
    guard case .password(let username, _) = settings.authentication else {
      throw SyncError(.configuration, "erp.auth: nothing gives the tokens that it asks for")
    }
    await closeLeftOver()
    jar.removeAll()
    var form = ["name": username, "password": password]
    form["tenant"] = settings.tenant
    form["branch"] = settings.branch
    let body: [UInt8]
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    do { body = [UInt8](try encoder.encode(form)) } catch {
      throw SyncError(.malformedRequest, "the ERP sign-in could not be encoded")
    }
    let answer = try await transmit(request("POST", settings.url + "/entity/auth/login", body, [], hasSecret: true))
    guard answer.status == 204 || answer.status == 200 else {
      let error = ERPErrors.error(for: answer, now: surroundings.now(), "sign in to \(settings.url)")
      let text = error.cause ?? ""
      if answer.status == 429 { throw ERPErrors.noSeat(text) }
      if answer.status == 500 && text.localizedCaseInsensitiveContains("credential") {
        throw SyncError(.unauthorized, "the ERP refused user name or password of '\(username)': check erp.auth in the configuration")
      }
      throw error
    }
    isSignedIn = true
    memory.save(jar.header(url: logoutURL))
  }

  private func waitForPause() async throws(SyncError) {
    while let end = pauseEnds {
      let left = end.milliseconds - surroundings.now().milliseconds
      if left <= 0 { break }
      guard left <= Self.longestWait else {
        throw SyncError(.throttled, "the ERP asked for a pause until \(end.iso8601)", retry: .afterBackOff(milliseconds: left))
      }
      try await sleep(left)
    }
    pauseEnds = nil
  }

  /// Spreads the requests over the minute, where the configuration tells the licence's limit.
  private func takeTurn() async throws(SyncError) {
    guard let limit = settings.requestsPerMinute else { return }
    let now = surroundings.now()
    let turn = max(nextTurn ?? now, now)
    nextTurn = turn.advanced(milliseconds: Int64((60_000 / (Double(limit) * Self.shareOfLimit)).rounded(.up)))
    if turn > now { try await sleep(turn.milliseconds - now.milliseconds) }
  }

  private func sleep(_ milliseconds: Int64) async throws(SyncError) {
    do { try await surroundings.sleep(milliseconds) } catch { throw SyncError(.cancelled, "cancelled while waiting for the ERP") }
  }

  /// One request at a time: the licence counts sessions, and forms lock while an operation runs.
  private func enter() async {
    if isBusy { await withCheckedContinuation { waiting.append($0) } } else { isBusy = true }
  }

  private func leave() {
    if waiting.isEmpty { isBusy = false } else { waiting.removeFirst().resume() }
  }
}
