import Configuration
import ERP
import Exchange
import Foundation
import Model
import OAuth
import Store
import SyncEngine
import Transport

/// The connections of one configuration: the only place where adapters are chosen and secrets are read.
struct Connections: Sendable {
  let erp: any ERPPort
  let exchange: [String: any ExchangePort]
  /// Clients of the accounts whose notifications are listened to.
  let listened: [String: EWSClient]
  /// What rounds over these connections leave to later ones.
  private let memory = RoundMemory()

  /// Prepares the connections; nothing is sent yet.
  /// - Parameter isReadOnly: refuse every write in the adapters, for plans and tests. Their session of the ERP is their own; that of the
  ///   store's owner is remembered beside the store.
  init(_ settings: Settings, isReadOnly: Bool = false) throws(SyncError) {
    let agent = "concordfs/\(Service.version)"
    let erpTransport = CurlTransport(maximumConnections: 2, userAgent: agent)
    erp = AcumaticaClient(
      settings: settings.erp, password: try Self.password(settings.erp), transport: erpTransport, surroundings: .system,
      memory: isReadOnly ? .none : .file(settings.store + ".session"),
      tokens: try Self.tokens(settings.erp, erpTransport, .file(settings.store + ".token")), isReadOnly: isReadOnly)
    var exchange: [String: any ExchangePort] = [:]
    var listened: [String: EWSClient] = [:]
    for var account in settings.accounts where account.isActive {
      guard let endpoint = account.server else {
        throw SyncError(.configuration, "exchange account '\(account.name)' has no 'server'")
      }
      let authentication = try Self.authentication(account)
      if isReadOnly { account.isTestOnly = true }
      let transport = CurlTransport(maximumConnections: account.concurrency, userAgent: agent)
      let isListened = account.notifications == .streaming && !isReadOnly
      let streams = isListened ? CurlTransport(maximumConnections: Listening.connectionLimit, userAgent: agent) : nil
      let client = EWSClient(
        account: account, authentication: authentication, endpoint: endpoint, transport: transport, surroundings: .system,
        tokens: try Self.tokens(account, transport), streams: streams)
      exchange[account.name] = client
      if isListened { listened[account.name] = client }
    }
    self.exchange = exchange
    self.listened = listened
  }

  /// The parts of an engine over these connections.
  func parts(store: Store, installation: Installation, echo: @escaping @Sendable (LogEntry) -> Void) -> EngineParts {
    EngineParts(
      store: store, erp: erp, exchange: exchange, surroundings: .system, zones: .system, installation: installation,
      memory: memory, echo: echo)
  }

  /// Signs out everywhere.
  func close() async { await erp.close() }

  private static func password(_ settings: ERPSettings) throws(SyncError) -> String {
    switch settings.authentication {
    case .password(_, let secret): try SecretReader.value(of: secret)
    case .oauth2: ""
    }
  }

  /// The ERP's own authority gives its tokens: to a user's password, or to a refresh token of an earlier sign-in in a browser.
  private static func tokens(_ settings: ERPSettings, _ transport: CurlTransport, _ memory: RefreshTokenMemory) throws(SyncError)
    -> TokenSource?
  {
    guard case .oauth2(let id, let secret, let username, let password, let refreshToken) = settings.authentication else { return nil }
    let grant: OAuthClient.Grant
    if let refreshToken {
      grant = .refreshToken(try SecretReader.value(of: refreshToken))
    } else if let username, let password {
      grant = .password(username: username, password: try SecretReader.value(of: password))
    } else {
      throw SyncError(.configuration, "erp.auth: OAuth 2.0 needs username and password, or a refresh_token")
    }
    let client = OAuthClient(
      tokenURL: settings.url + "/identity/connect/token", clientID: id, proof: .secret(try SecretReader.value(of: secret)),
      scope: "api offline_access", grant: grant)
    return TokenSource(client: client, transport: transport, surroundings: .system, memory: memory)
  }

  private static func tokens(_ account: ExchangeAccount, _ transport: CurlTransport) throws(SyncError) -> TokenSource? {
    guard account.authentication == .oauth2 else { return nil }
    guard let oauth = account.oauth else {
      throw SyncError(.configuration, "exchange account '\(account.name)': auth: oauth2 needs the section 'oauth'")
    }
    let proof: OAuthClient.Proof
    if let path = oauth.certificate, let key = oauth.privateKey {
      // A certificate is no secret: others may read it.
      guard let certificate = try? String(contentsOfFile: path, encoding: .utf8) else {
        throw SyncError(.configuration, "exchange account '\(account.name)': the certificate \(path) cannot be read")
      }
      proof = .assertion(try ClientAssertion(certificate: certificate, key: try SecretReader.value(of: key)))
    } else if let secret = oauth.clientSecret {
      proof = .secret(try SecretReader.value(of: secret))
    } else {
      throw SyncError(.configuration, "exchange account '\(account.name)': oauth needs client_secret, or certificate and private_key")
    }
    let client = OAuthClient(
      tokenURL: oauth.tokenURL, clientID: oauth.clientID, proof: proof, scope: oauth.scope, grant: .clientCredentials)
    return TokenSource(client: client, transport: transport, surroundings: .system)
  }

  /// How an account signs in to any server of it, its secrets resolved and its token got.
  static func signIn(_ account: ExchangeAccount, _ transport: CurlTransport) async throws(SyncError) -> HTTPAuthentication {
    guard let tokens = try tokens(account, transport) else { return try authentication(account) }
    return .bearer(token: try await tokens.token())
  }

  private static func authentication(_ account: ExchangeAccount) throws(SyncError) -> HTTPAuthentication {
    let user = account.username ?? account.email
    switch account.authentication {
    case .negotiate: return .negotiate
    case .oauth2: return .none
    case .basic, .ntlm:
      guard let secret = account.password else {
        throw SyncError(.configuration, "exchange account '\(account.name)' needs a password for \(account.authentication.rawValue)")
      }
      let password = try SecretReader.value(of: secret)
      if account.authentication == .ntlm, !password.utf8.allSatisfy({ $0 < 0x80 }) {
        throw SyncError(
          .configuration, "exchange account '\(account.name)': libcurl signs in by NTLM with ASCII passwords only; use negotiate or basic")
      }
      return account.authentication == .basic ? .basic(user: user, password: password) : .ntlm(user: user, password: password)
    }
  }
}
