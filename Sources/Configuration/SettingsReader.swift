import Foundation
import Model
import Yams

/// Reads the whole file into settings, section by section.
struct SettingsReader {
  let collector: FaultCollector

  func read(_ root: Node?) -> Settings? {
    let top = Section(root, path: "", known: ["store", "erp", "exchange", "policies", "employees", "guards", "schedules"], collector)
    let store = top.text("store", required: true, allowed: "path of the SQLite cache")
    if let store, !store.hasPrefix("/"), !store.hasPrefix("./"), !store.hasPrefix("../") {
      top.fault("store", "'\(store)' is not a path", allowed: "an absolute path, or one that begins with ./")
    }
    let erp = erp(top)
    let policies = PolicyReader(collector: collector).read(top)
    let accounts = accounts(top, policies)
    let employees = EmployeeReader(collector: collector).read(top, accounts: accounts, policies: policies)
    let guards = guards(top)
    let schedules = ScheduleReader(collector: collector).read(top, employees: employees)
    guard let store, let erp else { return nil }
    return Settings(
      store: store, erp: erp, accounts: accounts, policies: policies, employees: employees, guards: guards, schedules: schedules)
  }

  // MARK: ERP

  private func erp(_ top: Section) -> ERPSettings? {
    guard top["erp"] != nil else {
      top.fault("erp", "is missing", allowed: "a section with kind, url and auth")
      return nil
    }
    let section = Section(
      top["erp"], path: "erp", known: ["kind", "url", "endpoint", "tenant", "branch", "auth", "requests_per_minute", "push"], collector)
    let kind = section.text("kind", required: true, allowed: "acumatica")
    if let kind, kind != "acumatica" { section.fault("kind", "'\(kind)' is not known", allowed: "acumatica") }
    let url = address("url", section, required: true).map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
    let endpoint = section.text("endpoint", allowed: "NAME/VERSION, as Default/24.200.001")
    if let endpoint, endpoint.wholeMatch(of: #/[^/\s?#]+/[^/\s?#]+/#) == nil {
      section.fault("endpoint", "'\(endpoint)' is not a name and a version", allowed: "NAME/VERSION, as Default/24.200.001")
    }
    let authentication = erpAuthentication(section)
    guard let url, let authentication else { return nil }
    var settings = ERPSettings(
      url: url, endpoint: endpoint, tenant: section.text("tenant"), branch: section.text("branch"), authentication: authentication)
    if section["requests_per_minute"] != nil {
      settings.requestsPerMinute = section.number("requests_per_minute", default: 100, in: 10...100_000)
    }
    settings.push = PushReader(collector: collector).read(section)
    return settings
  }

  private func erpAuthentication(_ parent: Section) -> ERPSettings.Authentication? {
    let known = ["username", "password", "client_id", "client_secret", "refresh_token"]
    guard parent["auth"] != nil else {
      parent.fault("auth", "is missing", allowed: known.joined(separator: ", "))
      return nil
    }
    let section = Section(parent["auth"], path: "erp.auth", known: known, collector)
    let secrets = SecretParser(collector: collector)
    let username = section.text("username")
    let password = secrets.secret("password", section)
    guard section["client_id"] != nil || section["client_secret"] != nil else {
      if username == nil { section.fault("username", "is missing", allowed: "a user name, or client_id and client_secret") }
      if password == nil, !section.mentions("password") { section.fault("password", "is missing", allowed: SecretParser.allowed) }
      guard let username, let password else { return nil }
      return .password(username: username, password: password)
    }
    guard let id = section.text("client_id", required: true, allowed: "GUID@Tenant"),
      let secret = secrets.secret("client_secret", section, required: true)
    else { return nil }
    let token = secrets.secret("refresh_token", section)
    let hasPassword = password != nil || section.mentions("password")
    if token == nil, !section.mentions("refresh_token"), username == nil || !hasPassword {
      section.fault("refresh_token", "or username and password are needed", allowed: SecretParser.allowed)
    }
    return .oauth2(clientID: id, clientSecret: secret, username: username, password: password, refreshToken: token)
  }

  /// An https address, or an http one on this machine.
  private func address(_ name: String, _ section: Section, required: Bool = false) -> String? {
    let allowed = "https://HOST/…, or http to a loopback address"
    guard let text = section.text(name, required: required, allowed: allowed) else { return nil }
    guard !text.contains("@") else {
      // Not shown: before the '@' there may be a password.
      section.fault(name, "holds an '@': who signs in belongs into other keys", allowed: allowed)
      return nil
    }
    guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased(), let host = url.host, !host.isEmpty,
      url.query == nil, url.fragment == nil
    else {
      section.fault(name, "'\(text)' is not an address", allowed: allowed)
      return nil
    }
    if scheme == "https" { return text }
    let isLoopback = host == "localhost" || host == "::1" || host == "[::1]" || host.wholeMatch(of: #/127(\.\d{1,3}){3}/#) != nil
    guard scheme == "http", isLoopback else {
      section.fault(name, "'\(text)' would carry passwords in clear", allowed: allowed)
      return nil
    }
    return text
  }

  // MARK: Exchange

  private static let accountKeys = [
    "name", "email", "username", "password", "auth", "server", "access", "active", "logging", "default_policy", "select_batch",
    "update_batch",
    "attachment_limit", "concurrency", "test_only", "oauth", "notifications", "autodiscover_hosts",
  ]

  private func accounts(_ top: Section, _ policies: [Policy]) -> [ExchangeAccount] {
    let nodes = top.list("exchange")
    if nodes.isEmpty, top["exchange"]?.sequence != nil || top["exchange"] == nil {
      top.fault("exchange", "needs at least one account", allowed: "a list of accounts with name, email and password")
    }
    var accounts: [ExchangeAccount] = []
    for (index, node) in nodes.enumerated() {
      let section = Section(node, path: "exchange[\(index)]", known: Self.accountKeys, collector)
      guard let account = account(section, policies) else { continue }
      if accounts.contains(where: { $0.name == account.name }) {
        section.fault("name", "'\(account.name)' is used twice", allowed: "a name of its own")
      }
      accounts.append(account)
    }
    return accounts
  }

  private func account(_ section: Section, _ policies: [Policy]) -> ExchangeAccount? {
    let name = section.text("name", required: true, allowed: "a name of its own")
    let email = EmployeeReader.email("email", section)
    var account = ExchangeAccount(name: name ?? "", email: email ?? "")
    account.username = section.text("username")
    account.authentication = section.choice("auth", default: .basic)
    account.password = SecretParser(collector: collector).secret("password", section)
    if account.password == nil, !section.mentions("password"), account.authentication == .basic || account.authentication == .ntlm {
      section.fault("password", "is missing", allowed: SecretParser.allowed)
    }
    account.oauth = oauth(section, isNeeded: account.authentication == .oauth2)
    account.server = address("server", section)
    account.access = section.choice("access", default: .delegate)
    account.isActive = section.flag("active", default: true)
    account.logging = section.choice("logging", default: .default)
    account.defaultPolicy = section.text("default_policy")
    if let policy = account.defaultPolicy, !policies.contains(where: { $0.name == policy }) {
      section.fault("default_policy", "there is no policy '\(policy)'", allowed: policies.map(\.name).joined(separator: ", "))
    }
    account.selectBatch = section.number("select_batch", default: 100, in: 1...1000)
    account.updateBatch = section.number("update_batch", default: 25, in: 1...1000)
    account.attachmentLimit = Units.bytes("attachment_limit", section) ?? account.attachmentLimit
    account.concurrency = section.number("concurrency", default: 4, in: 1...27)
    account.isTestOnly = section.flag("test_only", default: false)
    account.notifications = section.choice("notifications", default: .none)
    account.autodiscoverHosts = hosts(section)
    return name == nil || email == nil ? nil : account
  }

  private func hosts(_ section: Section) -> [String] {
    section.list("autodiscover_hosts").compactMap { node in
      if let host = node.scalar?.string.lowercased(), host.wholeMatch(of: #/[a-z0-9]([a-z0-9.-]*[a-z0-9])?/#) != nil { return host }
      section.fault(
        "autodiscover_hosts", "holds something that is no host name", allowed: "names as mail.example.test, without port or path")
      return nil
    }
  }

  private func oauth(_ parent: Section, isNeeded: Bool) -> OAuthSettings? {
    guard parent["oauth"] != nil else {
      if isNeeded { parent.fault("oauth", "is missing", allowed: "a section with token_url, client_id and client_secret or certificate") }
      return nil
    }
    let known = ["token_url", "client_id", "client_secret", "certificate", "private_key", "scope"]
    let section = Section(parent["oauth"], path: parent.key("oauth"), known: known, collector)
    let secrets = SecretParser(collector: collector)
    let url = address("token_url", section, required: true)
    let id = section.text("client_id", required: true, allowed: "the application's id")
    let secret = secrets.secret("client_secret", section)
    let certificate = section.text("certificate")
    let key = secrets.secret("private_key", section, required: certificate != nil)
    if certificate == nil, key != nil { section.fault("certificate", "is missing", allowed: "path of a PEM file") }
    if secret != nil, certificate != nil {
      section.fault("client_secret", "or certificate: one of the two, not both", allowed: SecretParser.allowed)
    } else if secret == nil, certificate == nil, key == nil, !section.mentions("client_secret") {
      section.fault("client_secret", "or certificate is needed, one of the two", allowed: SecretParser.allowed)
    }
    guard let url, let id else { return nil }
    return OAuthSettings(
      tokenURL: url, clientID: id, clientSecret: secret, certificate: certificate, privateKey: key,
      scope: section.text("scope") ?? OAuthSettings.exchangeOnlineScope)
  }

  // MARK: Guards

  private func guards(_ top: Section) -> Guards {
    var guards = Guards()
    let section = Section(top["guards"], path: "guards", known: ["deletes", "creates", "invitations", "settle"], collector)
    guards.deletes = limit("deletes", section, guards.deletes)
    guards.creates = limit("creates", section, guards.creates)
    guards.invitations = section.number("invitations", default: guards.invitations, in: 0...100_000)
    guards.settleSeconds = Units.seconds("settle", section, in: 1...600) ?? guards.settleSeconds
    return guards
  }

  private func limit(_ name: String, _ parent: Section, _ usual: Guards.Limit) -> Guards.Limit {
    let section = Section(parent[name], path: parent.key(name), known: ["count", "percent"], collector)
    return Guards.Limit(
      count: section.number("count", default: usual.count, in: 0...1_000_000),
      percent: section.number("percent", default: usual.percent, in: 0...100))
  }
}
