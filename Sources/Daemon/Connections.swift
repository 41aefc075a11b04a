import Configuration
import ERP
import Exchange
import Model
import Store
import SyncEngine
import Transport

/// The connections of one configuration: the only place where adapters are chosen and secrets are read.
struct Connections: Sendable {
  let erp: any ERPPort
  let exchange: [String: any ExchangePort]

  /// Prepares the connections; nothing is sent yet.
  /// - Parameter isReadOnly: refuse every write in the adapters, for plans and tests. Their session of the ERP is their own; that of the
  ///   store's owner is remembered beside the store.
  init(_ settings: Settings, isReadOnly: Bool = false) throws(SyncError) {
    let agent = "concordfs/\(Service.version)"
    erp = AcumaticaClient(
      settings: settings.erp, password: try Self.password(settings.erp), transport: CurlTransport(maximumConnections: 2, userAgent: agent),
      surroundings: .system,
      memory: isReadOnly ? .none : .file(settings.store + ".session"), isReadOnly: isReadOnly)
    var exchange: [String: any ExchangePort] = [:]
    for var account in settings.accounts where account.isActive {
      guard let endpoint = account.server else {
        throw SyncError(
          .configuration, "exchange account '\(account.name)' has no 'server': finding it by Autodiscover is not supported by this version")
      }
      let authentication = try Self.authentication(account)
      if isReadOnly { account.isTestOnly = true }
      exchange[account.name] = EWSClient(
        account: account, authentication: authentication, endpoint: endpoint,
        transport: CurlTransport(maximumConnections: account.concurrency, userAgent: agent), surroundings: .system)
    }
    self.exchange = exchange
  }

  /// The parts of an engine over these connections.
  func parts(store: Store, echo: @escaping @Sendable (LogEntry) -> Void) -> EngineParts {
    EngineParts(store: store, erp: erp, exchange: exchange, surroundings: .system, zones: .system, echo: echo)
  }

  /// Signs out everywhere.
  func close() async { await erp.close() }

  private static func password(_ settings: ERPSettings) throws(SyncError) -> String {
    switch settings.authentication {
    case .password(_, let secret): try SecretReader.value(of: secret)
    case .oauth2: throw SyncError(.configuration, "erp.auth: OAuth 2.0 is not supported by this version; use username and password")
    }
  }

  private static func authentication(_ account: ExchangeAccount) throws(SyncError) -> HTTPAuthentication {
    let user = account.username ?? account.email
    switch account.authentication {
    case .negotiate: return .negotiate
    case .oauth2:
      throw SyncError(
        .configuration, "exchange account '\(account.name)': OAuth 2.0 is not supported by this version; use basic, ntlm or negotiate")
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
