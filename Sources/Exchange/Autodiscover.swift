public import Model
public import Transport

/// Finds where the EWS of an address is, by Autodiscover: SOAP and POX at the address's domain and at `autodiscover.` before it, then the
/// redirect that plain http gives there, then the domain's SRV record (MS-OXDISCO, section 3.1.5; MS-OXWSADISC).
///
/// Credentials go over https alone (http on this machine), and only to hosts that the administrator named: the domain itself,
/// `autodiscover.` before it, and those given. Where a redirect leads elsewhere nothing is sent, and the host is named for a decision.
public struct Autodiscover: Sendable {
  /// What was found.
  public struct Found: Sendable, Hashable {
    /// Address of `Exchange.asmx`.
    public var url: String
    /// Whether the administrator named its host, so that credentials may go there.
    public var isTrusted: Bool
    /// What was tried, one line a step.
    public var steps: [String]
  }

  /// Redirects that are followed in all.
  private static let longestWay = 10
  private static let timeoutSeconds = 20
  /// Bytes that an answer may have.
  private static let largestAnswer = 1 << 20

  private let transport: any HTTPTransport
  private let authentication: HTTPAuthentication
  private let hosts: Set<String>
  private let resolve: @Sendable (String) async -> [ServiceRecord]

  /// A search; nothing is sent yet.
  /// - Parameters:
  ///   - authentication: of the account, with its secret resolved.
  ///   - hosts: names that may get credentials beside the domain's own.
  ///   - resolve: gives the SRV records of a name.
  public init(
    transport: any HTTPTransport, authentication: HTTPAuthentication, hosts: [String],
    resolve: @escaping @Sendable (String) async -> [ServiceRecord] = ServiceRecord.lookup
  ) {
    self.transport = transport
    self.authentication = authentication
    self.hosts = Set(hosts.map { $0.lowercased() })
    self.resolve = resolve
  }

  /// Searches.
  /// - Throws: `configuration` where nothing answers, or where the way leads to a host that nobody confirmed; what was tried is its cause.
  public func find(_ address: String) async throws(SyncError) -> Found {
    var search = Search(address: address, hosts: hosts)
    guard let domain = search.domain, let own = search.ownDomain else {
      throw SyncError(.configuration, "'\(address)' is no address whose server could be looked for")
    }
    search.trusted.formUnion([own, "autodiscover." + own])
    var names = [domain]
    while !names.isEmpty {
      let name = names.removeFirst()
      search.newDomain = nil
      if let found = try await self.search(name, &search) { return found }
      if let next = search.newDomain { names.append(next) }
    }
    throw search.failure
  }

  /// All ways to the servers of one domain, until one answers or sends to another address.
  private func search(_ domain: String, _ search: inout Search) async throws(SyncError) -> Found? {
    for host in [domain, "autodiscover." + domain] {
      for kind in AutodiscoverMessage.Kind.allCases {
        if let found = try await follow("https://\(host)\(kind.path)", kind, &search) { return found }
        if search.newDomain != nil { return nil }
      }
    }
    if let target = await plainRedirect("autodiscover." + domain, &search), let found = try await follow(target, .pox, &search) {
      return found
    }
    if search.newDomain != nil { return nil }
    let records = await resolve("_autodiscover._tcp." + domain).filter { $0.port == 443 && !$0.target.isEmpty }
    guard let record = records.min(by: { ($0.priority, -$0.weight) < ($1.priority, -$1.weight) }) else {
      search.steps.append("SRV _autodiscover._tcp.\(domain): none")
      return nil
    }
    for kind in AutodiscoverMessage.Kind.allCases {
      if let found = try await follow("https://\(record.target)\(kind.path)", kind, &search) { return found }
      if search.newDomain != nil { return nil }
    }
    return nil
  }

  /// Asks one address, and those that its answers send to.
  private func follow(_ first: String, _ kind: AutodiscoverMessage.Kind, _ search: inout Search) async throws(SyncError) -> Found? {
    var url = first
    var kind = kind
    while search.mayAsk(url) {
      switch await ask(url, kind, search.address) {
      case .failed(let reason):
        search.steps.append("\(url): \(reason)")
        return nil
      case .redirect(let target):
        search.steps.append("\(url): sends to \(target)")
        try search.countRedirect()
        kind = AutodiscoverMessage.Kind(url: target) ?? kind
        url = target
      case .address(let target):
        search.steps.append("\(url): sends to \(target)")
        try search.countRedirect()
        search.address = target
        search.newDomain = search.domain
        if search.newDomain == nil { search.steps.append("\(target) is no address") }
        return nil
      case .found(let endpoint):
        guard let place = try? HTTPTarget(url: endpoint), place.isSecure || place.isLoopback else {
          search.steps.append("\(url): names \(endpoint), which is not https")
          return nil
        }
        search.steps.append("\(url): found")
        return Found(url: endpoint, isTrusted: search.trusted.contains(place.host), steps: search.steps)
      }
    }
    return nil
  }

  private enum Answer {
    case found(String)
    case redirect(String)
    case address(String)
    case failed(String)
  }

  private func ask(_ url: String, _ kind: AutodiscoverMessage.Kind, _ address: String) async -> Answer {
    let request = HTTPRequest(
      method: "POST", url: url,
      headers: [(name: "Content-Type", value: "text/xml; charset=utf-8"), (name: "X-AnchorMailbox", value: address)],
      body: AutodiscoverMessage.request(kind, for: address, at: url), timeoutSeconds: Self.timeoutSeconds, authentication: authentication,
      mayRepeat: true, maximumResponseBytes: Self.largestAnswer)
    let answer: HTTPResponse
    do throws(SyncError) { answer = try await transport.send(request) } catch { return .failed(error.description) }
    switch answer.status {
    case 200: break
    case 301, 302, 303, 307, 308:
      guard let target = answer.headers.first("Location") else { return .failed("redirects nowhere") }
      return .redirect(target)
    case 401: return .failed("refuses the sign-in")
    default: return .failed("status \(answer.status)")
    }
    switch AutodiscoverMessage.read(kind, answer.body) {
    case .settings(let endpoint): return .found(endpoint)
    case .redirectURL(let target): return .redirect(target)
    case .redirectAddress(let target): return .address(target)
    case .refusal(let reason): return .failed(reason)
    }
  }

  /// The one request over plain http: without credentials, and only a redirect counts.
  private func plainRedirect(_ host: String, _ search: inout Search) async -> String? {
    let url = "http://\(host)\(AutodiscoverMessage.Kind.pox.path)"
    do throws(SyncError) {
      let answer = try await transport.send(
        HTTPRequest(method: "GET", url: url, timeoutSeconds: Self.timeoutSeconds, maximumResponseBytes: Self.largestAnswer))
      guard answer.status == 301 || answer.status == 302, let target = answer.headers.first("Location") else {
        search.steps.append("\(url): status \(answer.status), no redirect")
        return nil
      }
      search.steps.append("\(url): sends to \(target)")
      try search.countRedirect()
      return target
    } catch {
      search.steps.append("\(url): \(error)")
      return nil
    }
  }

  /// How far a search is.
  private struct Search {
    var address: String
    let ownDomain: String?
    var trusted: Set<String>
    var asked: Set<String> = []
    var redirects = 0
    var steps: [String] = []
    /// Hosts that an answer led to and that nobody confirmed.
    var unconfirmed: [String] = []
    /// Set by an answer that sends to another address: its domain.
    var newDomain: String?

    init(address: String, hosts: Set<String>) {
      self.address = address
      trusted = hosts
      ownDomain = Self.domain(of: address)
    }

    var domain: String? { Self.domain(of: address) }

    private static func domain(of address: String) -> String? {
      let parts = address.split(separator: "@", omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, parts[1].wholeMatch(of: #/[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?/#) != nil else {
        return nil
      }
      return parts[1].lowercased()
    }

    mutating func countRedirect() throws(SyncError) {
      redirects += 1
      if redirects > Autodiscover.longestWay {
        throw SyncError(
          .configuration, "Autodiscover sends on and on: set 'server' of the account yourself", cause: steps.joined(separator: "; "))
      }
    }

    /// Whether credentials may go there, and have not been there before.
    mutating func mayAsk(_ url: String) -> Bool {
      guard let target = try? HTTPTarget(url: url) else {
        steps.append("\(url) is no http address")
        return false
      }
      guard target.isSecure || target.isLoopback else {
        steps.append("\(url): not https, nothing was sent")
        return false
      }
      guard trusted.contains(target.host) else {
        steps.append("\(url): \(target.host) is not confirmed, nothing was sent")
        if !unconfirmed.contains(target.host) { unconfirmed.append(target.host) }
        return false
      }
      return asked.insert("\(target.origin)\(target.path) \(address)").inserted
    }

    var failure: SyncError {
      let way = steps.joined(separator: "; ")
      guard !unconfirmed.isEmpty else {
        return SyncError(.configuration, "Autodiscover finds no server for \(address): set 'server' of the account", cause: way)
      }
      let names = unconfirmed.joined(separator: ", ")
      return SyncError(
        .configuration,
        "Autodiscover leads to \(names), which nobody confirmed, so no password went there: if it is yours, name it in 'autodiscover_hosts' of the account",
        cause: way)
    }
  }
}
