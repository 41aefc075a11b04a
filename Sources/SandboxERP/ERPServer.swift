public import FlyingFox
public import Foundation
import SandboxStore

/// How the ERP server is set up.
public struct ERPServerConfiguration: Sendable {
  /// The one API user.
  public var username: String
  /// Its password.
  public var password: String
  /// Country that a new address gets when none is given.
  public var defaultCountry: String
  /// Sessions at once.
  public var seats: Int
  /// The clock.
  public var now: @Sendable () -> Date
  /// Makes ids of records and sessions.
  public var identifier: @Sendable () -> String

  /// Creates the value from its parts.
  public init(
    username: String, password: String, defaultCountry: String = "US", seats: Int = 2, now: @escaping @Sendable () -> Date = { Date() },
    identifier: @escaping @Sendable () -> String = { UUID().uuidString.lowercased() }
  ) {
    self.identifier = identifier
    self.username = username
    self.password = password
    self.defaultCountry = defaultCountry
    self.seats = seats
    self.now = now
  }
}

/// An ERP for trying policies: Acumatica's contract-based REST API, Default/24.200.001 and 25.200.001, over records in memory.
public actor ERPServer {
  let configuration: ERPServerConfiguration
  var tables: [String: Table] = [:]
  var sessions: [String: Date] = [:]
  /// Where each attached file is: entity and record.
  var fileOwners: [String: (entity: String, record: String)] = [:]
  var sequence = 0
  var lastTime = Date(timeIntervalSince1970: 0)
  var log: [LogEntry] = []
  var faults: [InstalledFault] = []
  /// Actions under way: how many more times the client is told to wait.
  var operations: [String: Int] = [:]
  /// Bearer tokens with their grants and ends, and the grants of refresh tokens that were not used yet.
  var bearers: [String: (grant: String, ends: Date)] = [:]
  var refreshTokens: [String: String] = [:]
  var tokenSeconds = 3600.0
  /// Until when the server told its clients to wait; who comes earlier is noted so in the log.
  var busyUntil = Date(timeIntervalSince1970: 0)
  /// Where bodies are written, when somebody asked for them.
  var trafficDirectory: String?
  private var logged = 0
  /// Bytes of all requests' and answers' bodies.
  private var (received, sent) = (0, 0)
  /// Where everything is kept; nil: nowhere.
  var database: SandboxDatabase?
  /// What could not be written yet.
  var unwritten = RowChanges()
  /// The endpoint of the request that is being answered.
  var endpoint = ERPServer.endpoints[0]

  /// An endpoint with the version of the Default contract that it is or extends.
  struct Endpoint: Sendable {
    let name: String
    let version: String
    let contract: String

    /// Whether the contract is 25.200 or later: joined ends and reminders, PATCH.
    var isJoined: Bool { contract >= "25" }
  }

  /// The endpoints that are served.
  static let endpoints = [
    Endpoint(name: "Default", version: "24.200.001", contract: "24.200.001"),
    Endpoint(name: "Default", version: "25.200.001", contract: "25.200.001"),
    Endpoint(name: "Extended", version: "1.0", contract: "25.200.001"),
  ]

  /// The endpoint's address.
  static let root = "/entity/Default/24.200.001"

  /// One entity's records with their indexes.
  struct Table: Sendable {
    var records = Records<ServerRecord>()
    var idsByKey: [String: String] = [:]
    /// Ids in the order of changes; an id's last place counts.
    var changes: [(sequence: Int, modified: Date, id: String)] = []
    var nextKey = 100_001
    /// Every id in the order in which listings show them, as of so many changes and records: paging does not sort anew for each page.
    var listed: (changes: Int, records: Int, ids: [String]) = (0, 0, [])
  }

  /// One request, as the log keeps it.
  struct LogEntry: Sendable, Codable {
    var sequence: Int
    var time: Date
    var method: String
    var path: String
    var query: String
    var entity: String
    var status: Int
    /// Records in the answer with contents.
    var records: Int
    /// Records in the answer with id and version alone.
    var headers: Int
    var bytes: Int
    /// Bytes of the request's body.
    var bytesIn: Int
    /// Whether it came although the server had told its clients to wait longer.
    var isEarly: Bool
  }

  /// A fault that the server was told to show.
  struct InstalledFault: Sendable, Codable {
    enum Kind: String, Sendable, Codable {
      case dropAnswer, delay, throttle, failure, refuse, emptyList, endSessions
      /// Carried out twice, as a proxy does that sends a request again; the second answer is given.
      case duplicate
      /// A list leaves out every second record, and nothing tells so.
      case partialList
    }
    var kind: Kind
    var method: String?
    /// What the path must contain; nil: any path.
    var path: String?
    var count = 1
    var milliseconds: Int?
    /// Whether a throttled answer names its end as a date instead of seconds.
    var asDate: Bool?
  }

  /// Requests kept in the log at most.
  private static let logLimit = 20_000
  /// An idle session ends after so many seconds.
  private static let idleSeconds = 600.0

  /// A server without records.
  public init(configuration: ERPServerConfiguration) {
    self.configuration = configuration
    for entity in FieldTable.entities.keys where !FieldTable.parts.contains(entity) { tables[entity] = Table() }
  }

  /// Answers one request whose path begins with `/entity`.
  public func handle(_ request: HTTPRequest) async -> HTTPResponse {
    let body = (try? await request.bodyData) ?? Data()
    var counts = (records: 0, headers: 0)
    var response: HTTPResponse
    let isEarly = configuration.now() < busyUntil
    let fault = takeFault(request)
    if let fault, fault.kind == .delay { try? await Task.sleep(for: .milliseconds(fault.milliseconds ?? 0)) }
    do {
      if let fault, fault.kind == .throttle {
        throw ERPRefusal(429, "Too many requests.", retryAfter: throttle(milliseconds: fault.milliseconds, asDate: fault.asDate ?? false))
      }
      if fault?.kind == .failure { throw ERPRefusal(503, "Service unavailable.") }
      if fault?.kind == .refuse { throw ERPRefusal(500, "The operation is refused by a rule of the site.") }
      if fault?.kind == .duplicate { _ = try answer(request, body, nil, &counts) }
      response = try answer(request, body, fault?.kind, &counts)
      try keep()
    } catch {
      let refusal = error as? ERPRefusal ?? ERPRefusal(500, "\(error)")
      response = Self.json(refusal.status, refusal.body)
      if let retryAfter = refusal.retryAfter { response.headers[HTTPHeader("Retry-After")] = retryAfter }
    }
    if fault?.kind == .dropAnswer {
      response = HTTPResponse(statusCode: .badGateway, headers: HTTPHeaders([HTTPHeader("Connection"): "close"]))
    }
    await note(request, body, response, counts, isEarly: isEarly)
    return response
  }

  /// Begins a pause for all clients; the value of Retry-After, nil when the fault names no time.
  private func throttle(milliseconds: Int?, asDate: Bool) -> String? {
    guard let milliseconds else { return nil }
    // Retry-After counts whole seconds (RFC 9110, section 10.2.3).
    let seconds = (milliseconds + 999) / 1000
    busyUntil = configuration.now().addingTimeInterval(Double(seconds))
    guard asDate else { return String(seconds) }
    busyUntil = Date(timeIntervalSince1970: busyUntil.timeIntervalSince1970.rounded(.down))
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "GMT")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    return formatter.string(from: busyUntil)
  }

  private func answer(
    _ request: HTTPRequest, _ body: Data, _ fault: InstalledFault.Kind?, _ counts: inout (records: Int, headers: Int)
  ) throws -> HTTPResponse {
    let parts = FormText.segments(request.path)
    guard parts.first == "entity" else { throw ERPRefusal(404, "Not found.") }
    if parts.count == 1 { return endpoints() }
    if parts.count == 3, parts[1] == "auth" { return try authenticate(parts[2], request, body) }
    guard parts.count >= 3, let endpoint = Self.endpoints.first(where: { [$0.name, $0.version] == parts[1...2] }) else {
      throw ERPRefusal(404, "Endpoint [\(parts.dropFirst().prefix(2).joined(separator: "/"))] not found")
    }
    self.endpoint = endpoint
    try checkSession(request)
    if let answer = try answerFile(request, parts, body) { return answer }
    if request.method == .GET, parts.count == 4, parts[3] == "swagger.json" {
      return Self.json(200, Swagger(endpoint: "\(parts[1])/\(parts[2])", fields: fields).document)
    }
    guard parts.count >= 4, tables[parts[3]] != nil else { throw ERPRefusal(404, "The entity was not found.") }
    let query = Query(request.target.query())
    let key = parts.count > 4 ? parts[4...].joined(separator: "/") : nil
    switch (request.method, key) {
    case (.GET, nil):
      if fault == .emptyList { return Self.json(200, .list([])) }
      var found = try list(parts[3], query)
      if fault == .partialList { found = found.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element) }
      if query.isHeaderOnly { counts.headers = found.count } else { counts.records = found.count }
      return Self.json(200, .list(found))
    case (.GET, let path?) where parts.count == 7 && parts[5] == "status" && !path.isEmpty: return try actionStatus(parts[6])
    case (.POST, let action?): return try act(parts[3], action, body)
    case (.GET, "$adHocSchema"?): return Self.json(200, schema(parts[3]))
    case (.GET, let key?):
      counts.records = 1
      return Self.json(200, render(try find(parts[3], key), parts[3], query))
    case (.PUT, nil): return Self.json(200, try put(parts[3], body, request, query))
    case (.PATCH, nil) where endpoint.isJoined: return Self.json(200, try put(parts[3], body, request, query, onlyKnown: true))
    case (.DELETE, let key?):
      try delete(parts[3], key)
      return HTTPResponse(statusCode: .noContent)
    default: throw ERPRefusal(405, "The method is not allowed here.")
    }
  }

  // MARK: Sessions

  private func endpoints() -> HTTPResponse {
    Self.json(
      200,
      .object([
        "version": .object(["acumaticaBuildVersion": .text("24.200.0100"), "databaseVersion": .text("24.200.0100")]),
        "endpoints": .list(
          Self.endpoints.map {
            .object([
              "name": .text($0.name), "version": .text($0.version), "href": .text("/entity/\($0.name)/\($0.version)/"),
            ])
          }),
      ]))
  }

  private func authenticate(_ action: String, _ request: HTTPRequest, _ body: Data) throws -> HTTPResponse {
    guard request.method == .POST else { throw ERPRefusal(405, "The method is not allowed here.") }
    if action == "logout" {
      if let session = try Self.session(request) ?? sessionOfToken(request) { sessions[session] = nil }
      return HTTPResponse(statusCode: .noContent)
    }
    guard action == "login", let form = try? JSONDecoder().decode([String: String?].self, from: body), let name = form["name"] ?? nil,
      let password = form["password"] ?? nil
    else { throw ERPRefusal(400, "The sign-in is malformed.") }
    guard name == configuration.username, password == configuration.password else {
      throw ERPRefusal(500, "Invalid credentials. Please try again.", exceptionType: "PX.Data.PXException")
    }
    let session = configuration.identifier()
    try takeSeat(session)
    var headers = HTTPHeaders()
    headers.setValues(
      ["ASP.NET_SessionId=\(session); path=/; HttpOnly", ".ASPXAUTH=\(session.reversed().map(String.init).joined()); path=/; HttpOnly"],
      for: HTTPHeader("Set-Cookie"))
    return HTTPResponse(statusCode: .noContent, headers: headers)
  }

  private static func session(_ request: HTTPRequest) -> String? {
    let cookies = request.headers.values(for: HTTPHeader("Cookie")).joined(separator: ";")
    return cookies.split(separator: ";").map { $0.drop { $0 == " " } }.first { $0.hasPrefix("ASP.NET_SessionId=") }.map {
      String($0.dropFirst("ASP.NET_SessionId=".count))
    }
  }

  private func checkSession(_ request: HTTPRequest) throws {
    guard let session = try sessionOfToken(request) ?? Self.session(request), isOpen(session) else {
      throw ERPRefusal(401, "You are not logged in.")
    }
    sessions[session] = configuration.now()
  }

  func isOpen(_ session: String) -> Bool {
    sessions[session].map { configuration.now().timeIntervalSince($0) < Self.idleSeconds } ?? false
  }

  /// Opens a session where the licence has a seat left.
  func takeSeat(_ session: String) throws {
    let now = configuration.now()
    sessions = sessions.filter { now.timeIntervalSince($0.value) < Self.idleSeconds }
    guard sessions.count < configuration.seats else { throw ERPRefusal(429, "API Login Limit") }
    sessions[session] = now
  }

  // MARK: Log and faults

  private func note(
    _ request: HTTPRequest, _ body: Data, _ response: HTTPResponse, _ counts: (records: Int, headers: Int), isEarly: Bool
  ) async {
    logged += 1
    let parts = request.path.split(separator: "/").map(String.init)
    let query = request.query.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
    let size = response.headers[.contentLength].flatMap(Int.init) ?? response.bodyLength
    log.append(
      LogEntry(
        sequence: logged, time: configuration.now(), method: request.method.rawValue, path: request.path, query: query,
        entity: parts.count > 3 ? parts[3] : "", status: response.statusCode.code, records: counts.records, headers: counts.headers,
        bytes: size, bytesIn: body.count, isEarly: isEarly))
    received += body.count
    sent += size
    if log.count > Self.logLimit { log.removeFirst(log.count - Self.logLimit / 2) }
    guard let directory = trafficDirectory, !request.path.contains("/auth/") else { return }
    let exchange = RecordedExchange(
      method: request.method.rawValue, path: request.path, query: query, request: String(decoding: body, as: UTF8.self),
      status: response.statusCode.code, reply: String(decoding: (try? await response.bodyData) ?? Data(), as: UTF8.self))
    let name = String(format: "%06d-%@", logged, request.method.rawValue)
    try? JSONEncoder().encode(exchange).write(to: URL(fileURLWithPath: "\(directory)/\(name).json"))
  }

  /// A request with its answer, as it is recorded. Sign-ins are not.
  private struct RecordedExchange: Codable {
    var method: String
    var path: String
    var query: String
    var request: String
    var status: Int
    var reply: String
  }

  /// From now on requests and answers are written into a directory; nil: no longer.
  public func writeTraffic(to directory: String?) { trafficDirectory = directory }

  private func takeFault(_ request: HTTPRequest) -> InstalledFault? {
    let index = faults.firstIndex { fault in
      (fault.method.map { $0 == request.method.rawValue } ?? true) && (fault.path.map { request.path.contains($0) } ?? true)
    }
    guard let index,
      !request.path.contains("/auth/")
    else { return nil }
    let fault = faults[index]
    faults[index].count -= 1
    if faults[index].count <= 0 { faults.remove(at: index) }
    return fault
  }

  /// Arms a fault from its JSON form: kind, method, path, count, milliseconds.
  public func installFault(json: Data) throws {
    let fault = try JSONDecoder().decode(InstalledFault.self, from: json)
    if fault.kind == .endSessions { sessions = [:] } else { faults.append(fault) }
  }

  /// Disarms all faults.
  public func clearFaults() { faults = [] }

  /// The requests of late as JSON.
  public func requestLogJSON() -> Data {
    let encoder = JSONEncoder()
    encoder.dateEncodingStrategy = .millisecondsSince1970
    return (try? encoder.encode(log)) ?? Data("[]".utf8)
  }

  /// Requests and bytes since the start as JSON.
  public func totalsJSON() -> Data { Data("{\"requests\":\(logged),\"bytesIn\":\(received),\"bytesOut\":\(sent)}".utf8) }

  /// Forgets the requests of late.
  public func clearLog() { log = [] }

  static func json(_ status: Int, _ value: JSONValue) -> HTTPResponse {
    HTTPResponse(
      statusCode: HTTPStatusCode(status, phrase: ""), headers: HTTPHeaders([.contentType: "application/json; charset=utf-8"]),
      body: Data(value.json))
  }
}
