import FlyingFox
public import Foundation
import XMLStream

/// The requests of late, so that tests and users can see what a client did.
struct RequestLog: Sendable {
  struct Entry: Sendable, Codable {
    var sequence = 0
    var time: Date
    var user: String
    var mailbox = ""
    var operation = ""
    var items = 0
    var codes: [String] = []
    var bytesIn: Int
    var bytesOut = 0
    /// The mailbox that it was to be routed by (X-AnchorMailbox), and the cookie of an earlier answer that keeps it on one server.
    var anchor = ""
    var serverCookie = ""
    /// Whether it came although its user had been told to wait longer.
    var isEarly = false

    init(time: Date, user: String, bytesIn: Int) {
      self.time = time
      self.user = user
      self.bytesIn = bytesIn
    }
  }

  /// Requests kept at most.
  static let limit = 20_000

  /// What a user's requests came to since the start, forgotten ones included.
  struct Totals: Sendable, Codable {
    var requests = 0
    var bytesIn = 0
    var bytesOut = 0
  }

  private(set) var entries: [Entry] = []
  private(set) var totals: [String: Totals] = [:]
  private var sequence = 0
  /// Where raw requests and replies are written, when somebody asked for them.
  var trafficDirectory: String?

  mutating func append(_ entry: Entry, request: [UInt8], reply: [UInt8]) {
    sequence += 1
    var entry = entry
    entry.sequence = sequence
    entries.append(entry)
    totals[entry.user, default: Totals()].requests += 1
    totals[entry.user, default: Totals()].bytesIn += entry.bytesIn
    totals[entry.user, default: Totals()].bytesOut += entry.bytesOut
    if entries.count > Self.limit { entries.removeFirst(entries.count - Self.limit / 2) }
    guard let directory = trafficDirectory else { return }
    let name = String(format: "%06d-%@", sequence, entry.operation.filter { $0.isLetter })
    try? Data(request).write(to: URL(fileURLWithPath: "\(directory)/\(name)-req.xml"))
    if reply.isEmpty { return }
    try? Data(reply).write(to: URL(fileURLWithPath: "\(directory)/\(name)-res.xml"))
  }

  /// Keeps one envelope of an answer that goes on.
  mutating func writeStreamed(_ envelope: [UInt8]) {
    guard let directory = trafficDirectory else { return }
    sequence += 1
    let name = String(format: "%06d-GetStreamingEvents-res.xml", sequence)
    try? Data(envelope).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
  }

  mutating func clear() { entries = [] }
}

/// A fault that the server was told to show.
struct InstalledFault: Sendable, Codable {
  enum Kind: String, Sendable, Codable {
    /// Applied, but the answer is lost.
    case dropAnswer
    case delay
    case serverBusy
    case unavailable
    /// The second half of a batch ends with ErrorBatchProcessingStopped, unapplied effects aside.
    case partialBatch
    case forgetSyncStates
    /// Carried out twice, as a proxy does that sends a request again; the second answer is given.
    case duplicate
    /// A listing leaves out every second entry, and nothing tells so.
    case partialList
    /// A batch of more records than `limit` takes too long.
    case timeout
    /// Refused with status 429 and Retry-After in seconds, or as a date.
    case tooManyRequests
  }

  var kind: Kind
  /// Operation concerned; nil: any.
  var operation: String?
  /// How many requests it still hits.
  var count: Int = 1
  var milliseconds: Int?
  /// Records of a batch that are still in time.
  var limit: Int?
  /// Whether Retry-After is a date.
  var asDate: Bool?

  var delayMilliseconds: Int { kind == .delay ? milliseconds ?? 0 : 0 }

  var refusalBefore: Refusal? {
    if kind == .timeout { return Refusal("ErrorTimeoutExpired", "The request timed out.", isFault: true) }
    guard kind == .serverBusy else { return nil }
    return Refusal(
      "ErrorServerBusy", "The server cannot service this request right now. Try again later.",
      values: [("BackOffMilliseconds", String(milliseconds ?? 1000))], isFault: true)
  }
}

extension ExchangeServer {
  /// Arms a fault from its JSON form: kind, operation, count, milliseconds.
  public func installFault(json: Data) throws {
    let fault = try JSONDecoder().decode(InstalledFault.self, from: json)
    if fault.kind == .forgetSyncStates { era += 1 } else { faults.append(fault) }
  }

  /// Disarms all faults.
  public func clearFaults() { faults = [] }

  /// Records that a request is about.
  static func records(_ operation: XMLElement) -> Int {
    (operation.child("ItemIds") ?? operation.child("ItemChanges") ?? operation.child("Items"))?.children.count ?? 0
  }

  /// What a listing shows of its entries.
  func shown<Entry>(_ entries: [Entry]) -> [Entry] {
    isListingPartial ? entries.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element) : entries
  }

  func takeFault(_ operation: XMLElement) -> InstalledFault? {
    let records = Self.records(operation)
    let index = faults.firstIndex {
      ($0.operation == nil || $0.operation == operation.name) && ($0.kind != .timeout || records > $0.limit ?? 0)
    }
    guard let index else { return nil }
    let fault = faults[index]
    faults[index].count -= 1
    if faults[index].count <= 0 { faults.remove(at: index) }
    return fault
  }

  /// Begins a pause for all requests of a user.
  func pause(_ user: String, _ fault: InstalledFault) {
    guard let milliseconds = fault.kind == .serverBusy ? fault.milliseconds ?? 1000 : fault.milliseconds else { return }
    busyUntil[user] = configuration.now().addingTimeInterval(Double(milliseconds) / 1000)
  }

  /// The answer to a user who has to wait: whole seconds, or the second after the pause's end as a date (RFC 9110, section 10.2.3).
  func tooManyRequests(_ user: String, _ fault: InstalledFault) -> HTTPResponse {
    var headers = HTTPHeaders()
    if let end = busyUntil[user], fault.milliseconds != nil {
      let seconds = Int(end.timeIntervalSince(configuration.now()).rounded(.up))
      let date = Date(timeIntervalSince1970: end.timeIntervalSince1970.rounded(.up))
      headers[HTTPHeader("Retry-After")] = fault.asDate ?? false ? HTTPDate.text(date) : String(max(seconds, 0))
    }
    return HTTPResponse(statusCode: .tooManyRequests, headers: headers)
  }

  /// The requests of late as JSON.
  public func requestLogJSON() -> Data {
    let encoder = JSONEncoder()
    encoder.dateEncodingStrategy = .millisecondsSince1970
    return (try? encoder.encode(log.entries)) ?? Data("[]".utf8)
  }

  /// Requests and bytes by user as JSON.
  public func totalsJSON() -> Data { (try? JSONEncoder().encode(log.totals)) ?? Data("{}".utf8) }

  /// Forgets the requests of late.
  public func clearLog() { log.clear() }

  /// From now on raw requests and replies are written into a directory; nil: no longer.
  public func writeTraffic(to directory: String?) { log.trafficDirectory = directory }
}
