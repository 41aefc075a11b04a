import Foundation
public import Model
public import Transport

/// How a client gets its tokens (RFC 6749).
public struct OAuthClient: Sendable {
  /// How the client proves who it is.
  public enum Proof: Sendable {
    case secret(String)
    case assertion(ClientAssertion)
  }

  /// On whose behalf.
  public enum Grant: Sendable {
    /// The client's own (section 4.4).
    case clientCredentials
    /// A user's, by password (section 4.3).
    case password(username: String, password: String)
    /// A user's, who agreed in a browser earlier (section 6).
    case refreshToken(String)
  }

  let tokenURL: String
  let clientID: String
  let proof: Proof
  let scope: String?
  let grant: Grant

  /// A client of the authority with this token endpoint.
  public init(tokenURL: String, clientID: String, proof: Proof, scope: String?, grant: Grant) {
    self.tokenURL = tokenURL
    self.clientID = clientID
    self.proof = proof
    self.scope = scope
    self.grant = grant
  }
}

/// Keeps the newest refresh token beyond this process. Authorities that rotate them take each once only.
public struct RefreshTokenMemory: Sendable {
  /// The token kept last.
  public var load: @Sendable () -> String?
  /// Keeps a token where only this user reads it, safely before it returns.
  public var save: @Sendable (String) throws(SyncError) -> Void

  /// A memory over a place of storage.
  public init(load: @escaping @Sendable () -> String?, save: @escaping @Sendable (String) throws(SyncError) -> Void) {
    self.load = load
    self.save = save
  }

  /// Keeps nothing: for grants without refresh tokens.
  public static let none = RefreshTokenMemory(load: { nil }, save: { _ in })
}

/// Gives bearer tokens, each as long as it is good, and asks for a new one before it ends. One request at a time, whoever waits for it.
public actor TokenSource {
  /// A token is renewed so long before its end, in milliseconds, but never before half of its time.
  private static let margin: Int64 = 300_000
  /// How long a token lasts that names no time, in seconds.
  private static let usualLifetime: Int64 = 3600

  private let client: OAuthClient
  private let transport: any HTTPTransport
  private let surroundings: Surroundings
  private let memory: RefreshTokenMemory
  private var current: (token: String, renewal: Timestamp)?
  private var isAsking = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  /// A source; nothing is sent before the first token is wanted.
  public init(client: OAuthClient, transport: any HTTPTransport, surroundings: Surroundings, memory: RefreshTokenMemory = .none) {
    self.client = client
    self.transport = transport
    self.surroundings = surroundings
    self.memory = memory
  }

  /// A token that is good for now.
  /// - Throws: `unauthorized` when the authority refuses, `throttled` or `transient` when it cannot answer now.
  public func token() async throws(SyncError) -> String {
    while isAsking { await withCheckedContinuation { waiting.append($0) } }
    if let current, surroundings.now() < current.renewal { return current.token }
    isAsking = true
    defer {
      isAsking = false
      for waiter in waiting { waiter.resume() }
      waiting = []
    }
    return try await renew()
  }

  /// Forgets a token that a server refused; the next one is asked for anew.
  public func invalidate(_ token: String) { if current?.token == token { current = nil } }

  // MARK: Asking

  private struct Answer: Decodable {
    var access_token: String
    var expires_in: Int64?
    var refresh_token: String?
  }

  private struct Refusal: Decodable {
    var error: String
    var error_description: String?
  }

  private func renew() async throws(SyncError) -> String {
    // The kept token is read each time: another process of the same store may have renewed it.
    if let kept = memory.load() {
      do throws(SyncError) { return try await ask(.refreshToken(kept)) } catch {
        guard error.cause?.hasPrefix("invalid_grant") ?? false else { throw error }
        // Taken by another process meanwhile, or ended: tried once more, then with what is configured.
        if let newer = memory.load(), newer != kept { return try await ask(.refreshToken(newer)) }
      }
    }
    return try await ask(client.grant)
  }

  private func ask(_ grant: OAuthClient.Grant) async throws(SyncError) -> String {
    let asked = surroundings.now()
    var request = HTTPRequest(
      method: "POST", url: client.tokenURL,
      headers: [(name: "Content-Type", value: "application/x-www-form-urlencoded"), (name: "Accept", value: "application/json")],
      body: Array(Self.form(try fields(grant)).utf8))
    request.bodyHoldsSecret = true
    let response = try await transport.send(request)
    guard response.status == 200, let answer = try? JSONDecoder().decode(Answer.self, from: Data(response.body)) else {
      throw refusal(response)
    }
    // Stored first: when this process dies after using the access token, the next one can still go on.
    if let token = answer.refresh_token { try memory.save(token) }
    let lifetime = max(answer.expires_in ?? Self.usualLifetime, 1) * 1000
    current = (answer.access_token, asked.advanced(milliseconds: max(lifetime - Self.margin, lifetime / 2)))
    return answer.access_token
  }

  private func fields(_ grant: OAuthClient.Grant) throws(SyncError) -> [(String, String)] {
    var fields = [("client_id", client.clientID)]
    switch client.proof {
    case .secret(let secret): fields.append(("client_secret", secret))
    case .assertion(let assertion):
      let text = try assertion.text(
        clientID: client.clientID, tokenURL: client.tokenURL, now: surroundings.now(), identifier: surroundings.operationID().rawValue)
      fields += [("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), ("client_assertion", text)]
    }
    switch grant {
    case .clientCredentials: fields.append(("grant_type", "client_credentials"))
    case .password(let username, let password):
      fields += [("grant_type", "password"), ("username", username), ("password", password)]
    case .refreshToken(let token): return fields + [("grant_type", "refresh_token"), ("refresh_token", token)]
    }
    if let scope = client.scope { fields.append(("scope", scope)) }
    return fields
  }

  /// The form's own encoding, all but unreserved characters escaped.
  private static func form(_ fields: [(String, String)]) -> String {
    var allowed = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    allowed.insert(charactersIn: "-._~")
    return fields.map { name, value in "\(name)=\(value.addingPercentEncoding(withAllowedCharacters: allowed) ?? "")" }.joined(
      separator: "&")
  }

  private func refusal(_ response: HTTPResponse) -> SyncError {
    let host = URLComponents(string: client.tokenURL)?.host ?? "the authority"
    if let milliseconds = response.headers.retryAfter(now: surroundings.now()), [429, 503].contains(response.status) {
      return SyncError(.throttled, "\(host) asks to slow down before it gives a token", retry: .afterBackOff(milliseconds: milliseconds))
    }
    if response.status == 429 || response.status >= 500 {
      return SyncError(.transient, "\(host) gives no token for now (status \(response.status))")
    }
    if response.status == 200 { return SyncError(.malformedAnswer, "\(host) answered something that is no token") }
    let refusal = try? JSONDecoder().decode(Refusal.self, from: Data(response.body))
    let words = [refusal?.error, refusal?.error_description].compactMap { $0 }.joined(separator: ": ")
    return SyncError(
      .unauthorized,
      "\(host) refused to give '\(client.clientID)' a token: check the OAuth client, its secret or certificate and its rights",
      cause: words.isEmpty ? "status \(response.status)" : String(words.prefix(300)))
  }
}
