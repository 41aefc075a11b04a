import Exchange
public import Model
import Transport

extension Service {
  /// Looks for the server of an account by Autodiscover, whether it has one configured or not. Nothing is sent to what is found.
  /// - Returns: the address of EWS, and what was tried, one line a step.
  /// - Throws: `notFound` for an unknown account; `configuration` where nothing is found or a host is not confirmed.
  public func findServer(account name: String) async throws(SyncError) -> (url: String, steps: [String]) {
    guard let account = settings.accounts.first(where: { $0.name == name }) else {
      let known = settings.accounts.map(\.name).joined(separator: ", ")
      throw SyncError(.notFound, "there is no account '\(name)' in \(configurationPath); there are: \(known)")
    }
    let found = try await Self.search(account)
    return (found.url, found.steps)
  }

  private static func search(_ account: ExchangeAccount) async throws(SyncError) -> Autodiscover.Found {
    let transport = CurlTransport(maximumConnections: 1, userAgent: "concordfs/\(version)")
    let authentication = try await Connections.signIn(account, transport)
    do throws(SyncError) {
      return try await Autodiscover(transport: transport, authentication: authentication, hosts: account.autodiscoverHosts).find(
        account.email)
    } catch {
      throw SyncError(error.code, "exchange account '\(account.name)': \(error.message)", cause: error.cause, retry: error.retry)
    }
  }

  /// The settings with the server of every active account: configured, or found by Autodiscover on a host that the configuration names.
  static func completed(_ settings: Settings) async throws(SyncError) -> Settings {
    var settings = settings
    for index in settings.accounts.indices where settings.accounts[index].isActive && settings.accounts[index].server == nil {
      let account = settings.accounts[index]
      let found = try await search(account)
      guard found.isTrusted else {
        throw SyncError(
          .configuration,
          "exchange account '\(account.name)': Autodiscover names \(found.url), whose host nobody confirmed: if it is the server, set 'server: \(found.url)'"
        )
      }
      settings.accounts[index].server = found.url
    }
    return settings
  }
}
