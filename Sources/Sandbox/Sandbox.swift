import FlyingFox
import FlyingSocks
import Foundation
import SandboxERP
import SandboxExchange
import SandboxSeed
import SandboxStore

/// How the sandbox is set up.
public struct SandboxOptions: Sendable {
  /// A loopback address.
  public var address = "127.0.0.1"
  /// 0: any free port.
  public var port: UInt16 = 0
  /// People with a mailbox.
  public var employees = 3
  /// Contacts in the ERP.
  public var contacts = 60
  /// Tasks in the ERP.
  public var tasks = 15
  /// Events in the ERP; each mailbox keeps a series of its own too.
  public var events = 12
  /// Emails, half of them in the ERP and half in the mailboxes.
  public var emails = 12
  /// Private contacts that each mailbox has of its own.
  public var privateContacts = 3
  /// Seed of the data.
  public var seed: UInt64 = 1
  /// File that keeps everything over restarts; nil: memory only.
  public var store: String?

  /// The usual sandbox: three employees, sixty contacts, fifteen tasks, twelve events, twelve emails.
  public init() {}
}

/// What a store's data were made up from: it outlives the options of later starts.
private struct SeedSize: Codable {
  var employees: Int
  var contacts: Int
  var tasks: Int
  var events: Int
  var emails: Int
  var seed: UInt64

  init(_ options: SandboxOptions) {
    (employees, contacts, tasks) = (options.employees, options.contacts, options.tasks)
    (events, emails, seed) = (options.events, options.emails, options.seed)
  }

  func apply(to options: inout SandboxOptions) {
    (options.employees, options.contacts, options.tasks) = (employees, contacts, tasks)
    (options.events, options.emails, options.seed) = (events, emails, seed)
  }
}

/// What the sandbox cannot do.
public struct SandboxError: Error, Sendable, CustomStringConvertible {
  /// One line for people.
  public var description: String
}

/// A local Exchange server and a local ERP in one process on loopback, filled with believable data.
public final class Sandbox: Sendable {
  /// The account that reaches every mailbox.
  public static let delegate = (address: "concord-sync@example.test", password: "sandbox-delegate")
  /// The ERP's API user.
  public static let erpUser = (name: "concord", password: "sandbox-erp")
  /// Password of every employee's mailbox.
  public static let mailboxPassword = "sandbox-user"

  /// The mail folders of the two policies.
  private static let mailFolders = ["ERP Mail", "Service Mail"]

  private let options: SandboxOptions
  private let exchange: ExchangeServer
  private let erp: ERPServer
  private let company: Company
  private let server: HTTPServer

  /// Slow clients and long polls get this many seconds.
  private static let handlerTimeout = 1900.0
  /// Request bodies are kept whole up to this size, in bytes.
  private static let largestRequest = 96 << 20

  /// Prepares both servers and fills them.
  /// - Throws: `SandboxError` for an address that is not loopback.
  public init(options: SandboxOptions) async throws {
    guard options.address == "127.0.0.1" || options.address.hasPrefix("127.") else {
      throw SandboxError(description: "the sandbox listens on loopback only, not on \(options.address): use 127.0.0.1")
    }
    let database = try options.store.map { try SandboxDatabase(path: $0) }
    var options = options
    let known = try database?.load("sandbox", as: SeedSize.self).first?.value
    known?.apply(to: &options)
    self.options = options
    company = Company(seed: options.seed, employees: options.employees, contacts: options.contacts)
    exchange = ExchangeServer(
      configuration: ExchangeServerConfiguration(
        delegateAddress: Self.delegate.address, delegatePassword: Self.delegate.password, seed: options.seed))
    erp = ERPServer(configuration: ERPServerConfiguration(username: Self.erpUser.name, password: Self.erpUser.password))
    server = HTTPServer(
      config: HTTPServer.Configuration(
        address: try sockaddr_in.inet(ip4: options.address, port: options.port), timeout: Self.handlerTimeout,
        sharedRequestReplaySize: Self.largestRequest, pool: NoDelayPool(wrapping: HTTPServer.defaultPool()), logger: .disabled))
    if let database {
      let hasRecords = try await exchange.restore(from: database)
      _ = try await erp.restore(from: database)
      if hasRecords && known == nil {
        throw SandboxError(description: "\(options.store ?? "") was not filled to its end: remove it, and start again")
      }
    }
    if known == nil { try await fill() }
    if let database, known == nil {
      var size = RowChanges()
      try size.put(SeedSize(options), space: "sandbox", key: "size")
      try database.save(size)
    }
    await addRoutes()
  }

  /// Makes up the company's data on both sides.
  private func fill() async throws {
    for person in company.employees {
      await exchange.addMailbox(address: person.email, displayName: person.name, password: Self.mailboxPassword)
      await erp.addEmployee(id: person.id, name: person.name, email: person.email, workgroup: person.workgroup)
      for number in 0..<options.privateContacts {
        let contact =
          "<Contact><GivenName>Private \(number + 1)</GivenName><Surname>of \(person.name.split(separator: " ")[0])</Surname></Contact>"
        try await exchange.seed(XMLElementText(contact), mailbox: person.email, folder: "contacts")
      }
      let own = "<Task><Subject>Renew the parking permit</Subject></Task>"
      if options.tasks > 0 { try await exchange.seed(XMLElementText(own), mailbox: person.email, folder: "tasks") }
    }
    for contact in company.contacts { await erp.addContact(contact.fields, address: contact.address) }
    let today = Int(Date().timeIntervalSince1970 / 86_400)
    for task in company.tasks(options.tasks, seed: options.seed, today: today) {
      await erp.addTask(task.fields, reminder: task.reminderMinute.map { Date(timeIntervalSince1970: Double($0) * 60) })
    }
    let calendars = CalendarFilling(company: company, exchange: exchange, erp: erp) { $0 % 3 == 2 ? "From ERP" : "ERP" }
    try await calendars.fill(options.events, seed: options.seed, today: today)
    let mail = MailFilling(company: company, exchange: exchange, erp: erp) { Self.mailFolders[$0 % 3 == 2 ? 1 : 0] }
    try await mail.fill(options.emails, seed: options.seed)
    try await exchange.keep()
    try await erp.keep()
  }

  private func addRoutes() async {
    let (exchange, erp) = (exchange, erp)
    await server.appendRoute("*") { request in
      // Of a client that ended in the middle of its request nothing is carried out.
      guard let body = try? await request.bodyData else { return HTTPResponse(statusCode: .badRequest) }
      var whole = request
      whole.setBodyData(body)
      return await Self.answer(whole, exchange, erp)
    }
  }

  /// Answers a request to either server, or to the sandbox itself.
  static func answer(_ request: HTTPRequest, _ exchange: ExchangeServer, _ erp: ERPServer) async -> HTTPResponse {
    let path = request.path.lowercased()
    if path == "/autodiscover/autodiscover.svc" || path == "/autodiscover/autodiscover.xml" {
      let host = request.headers[HTTPHeader("Host")] ?? "127.0.0.1"
      let scheme = request.headers[HTTPHeader("X-Forwarded-Proto")] ?? "http"
      return await exchange.handleAutodiscover(request, endpoint: "\(scheme)://\(host)/EWS/Exchange.asmx")
    }
    if path == "/ews/exchange.asmx" { return await exchange.handle(request) }
    if path == "/entity" || path.hasPrefix("/entity/") { return await erp.handle(request) }
    if path.hasPrefix("/identity/") { return await erp.handleIdentity(request) }
    if path.hasPrefix("/t/") { return await erp.handleInquiries(request) }
    if path.hasPrefix("/sandbox/") { return await control(request, exchange, erp) }
    return HTTPResponse(statusCode: .notFound)
  }

  /// A bearer token that Exchange is to take for a user's sign-in.
  private struct GivenToken: Decodable {
    var token: String
    var user: String
    var seconds: Double
  }

  /// What tests and the curious ask the sandbox itself: the request logs, faults to show.
  private static func control(_ request: HTTPRequest, _ exchange: ExchangeServer, _ erp: ERPServer) async -> HTTPResponse {
    func json(_ data: Data) -> HTTPResponse {
      HTTPResponse(statusCode: .ok, headers: HTTPHeaders([.contentType: "application/json"]), body: data)
    }
    let body = (try? await request.bodyData) ?? Data()
    do {
      switch (request.method, request.path) {
      case (.GET, "/sandbox/exchange/log"): return json(await exchange.requestLogJSON())
      case (.DELETE, "/sandbox/exchange/log"): await exchange.clearLog()
      case (.POST, "/sandbox/exchange/fault"): try await exchange.installFault(json: body)
      case (.DELETE, "/sandbox/exchange/fault"): await exchange.clearFaults()
      case (.POST, "/sandbox/exchange/traffic"): await exchange.writeTraffic(to: String(decoding: body, as: UTF8.self))
      case (.DELETE, "/sandbox/exchange/traffic"): await exchange.writeTraffic(to: nil)
      case (.POST, "/sandbox/exchange/token"):
        let given = try JSONDecoder().decode(GivenToken.self, from: body)
        await exchange.accept(token: given.token, user: given.user, seconds: given.seconds)
      case (.POST, "/sandbox/exchange/break-streams"): await exchange.breakStreams()
      case (.POST, "/sandbox/exchange/forget-subscriptions"): await exchange.forgetSubscriptions()
      case (.GET, "/sandbox/exchange/outbox"): return json(await exchange.outboxJSON())
      case (.DELETE, "/sandbox/exchange/outbox"): await exchange.clearOutbox()
      case (.GET, "/sandbox/exchange/totals"): return json(await exchange.totalsJSON())
      case (.GET, "/sandbox/erp/totals"): return json(await erp.totalsJSON())
      case (.GET, "/sandbox/erp/log"): return json(await erp.requestLogJSON())
      case (.DELETE, "/sandbox/erp/log"): await erp.clearLog()
      case (.POST, "/sandbox/erp/traffic"): await erp.writeTraffic(to: String(decoding: body, as: UTF8.self))
      case (.DELETE, "/sandbox/erp/traffic"): await erp.writeTraffic(to: nil)
      case (.POST, "/sandbox/erp/agree"):
        return HTTPResponse(statusCode: .ok, body: Data(await erp.agree().utf8))
      case (.POST, "/sandbox/erp/token-lifetime"):
        await erp.setTokenLifetime(seconds: Double(String(decoding: body, as: UTF8.self)) ?? 3600)
      case (.POST, "/sandbox/erp/fault"): try await erp.installFault(json: body)
      case (.DELETE, "/sandbox/erp/fault"): await erp.clearFaults()
      default: return HTTPResponse(statusCode: .notFound)
      }
    } catch {
      return HTTPResponse(statusCode: .badRequest, body: Data("\(error)\n".utf8))
    }
    return HTTPResponse(statusCode: .noContent)
  }

  /// Serves until the task is cancelled or `stop` is called.
  /// - Parameter ready: called with the port once the server listens.
  public func run(ready: @escaping @Sendable (UInt16) async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { [server] in try await server.run() }
      group.addTask { [server] in
        try await server.waitUntilListening()
        guard case .ip4(_, let port)? = await server.listeningAddress else { throw SandboxError(description: "the sandbox got no port") }
        try await ready(port)
      }
      try await group.waitForAll()
    }
  }

  /// Ends the server.
  public func stop() async { await server.stop(timeout: 1) }

  /// A configuration of concordfs that works as it is, and the secrets that it names.
  /// - Parameters:
  ///   - directory: where the secrets' files lie.
  ///   - store: path of the cache.
  public func configuration(port: UInt16, directory: String, store: String) -> (yaml: String, secrets: [(path: String, value: String)]) {
    let base = "http://\(options.address):\(port)"
    let (erpSecret, exchangeSecret) = ("\(directory)/erp.secret", "\(directory)/exchange.secret")
    var lines = [
      "store: \(store)", "", "erp:", "  kind: acumatica", "  url: \(base)", "  endpoint: Default/24.200.001",
      "  auth: {username: \(Self.erpUser.name), password: {file: \(erpSecret)}}", "", "exchange:", "  - name: Sandbox",
      "    email: \(Self.delegate.address)", "    password: {file: \(exchangeSecret)}", "    auth: basic",
      "    server: \(base)/EWS/Exchange.asmx",
      "    logging: informational", "    default_policy: Sales", "", "policies:", "  - name: Sales",
      "    description: All contacts of the ERP and the own tasks, each in a folder of their own", "    category: {name: ERP, color: blue}",
      "    conflict: erp",
      "    contacts:",
      "      folder: ERP Contacts", "      merge_by_email: true", "      direction: both", "      filter: all",
      "      contact_class: CUSTOMER", "    tasks: {folder: ERP Tasks, direction: both}",
      "    events: {direction: both}",
      "    emails: {folder: \(Self.mailFolders[0]), attachments: true, create_contacts: true}",
      "  - name: Service", "    description: Contacts, tasks and events in the mailbox's own folders, marked by a category",
      "    category: {name: From ERP, color: green}",
      "    conflict: last-updated", "    contacts:", "      direction: both", "      filter: all",
      "    tasks: {direction: both}", "    events: {direction: both}",
      "    emails: {folder: \(Self.mailFolders[1]), attachments: true}", "", "employees:",
    ]
    for (index, person) in company.employees.enumerated() {
      lines.append("  - {id: \(person.id), email: \(person.email)\(index % 3 == 2 ? ", policy: Service" : "")}")
    }
    return (lines.joined(separator: "\n") + "\n", [(erpSecret, Self.erpUser.password), (exchangeSecret, Self.delegate.password)])
  }
}
