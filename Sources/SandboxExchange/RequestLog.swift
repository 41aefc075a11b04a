public import Foundation

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

    init(time: Date, user: String, bytesIn: Int) {
      self.time = time
      self.user = user
      self.bytesIn = bytesIn
    }
  }

  /// Requests kept at most.
  static let limit = 20_000

  private(set) var entries: [Entry] = []
  private var sequence = 0
  /// Where raw requests and replies are written, when somebody asked for them.
  var trafficDirectory: String?

  mutating func append(_ entry: Entry, request: [UInt8], reply: [UInt8]) {
    sequence += 1
    var entry = entry
    entry.sequence = sequence
    entries.append(entry)
    if entries.count > Self.limit { entries.removeFirst(entries.count - Self.limit / 2) }
    guard let directory = trafficDirectory else { return }
    let name = String(format: "%06d-%@", sequence, entry.operation.filter { $0.isLetter })
    try? Data(request).write(to: URL(fileURLWithPath: "\(directory)/\(name)-req.xml"))
    try? Data(reply).write(to: URL(fileURLWithPath: "\(directory)/\(name)-res.xml"))
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
  }

  var kind: Kind
  /// Operation concerned; nil: any.
  var operation: String?
  /// How many requests it still hits.
  var count: Int = 1
  var milliseconds: Int?

  var delayMilliseconds: Int { kind == .delay ? milliseconds ?? 0 : 0 }

  var refusalBefore: Refusal? {
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

  func takeFault(_ operation: String) -> InstalledFault? {
    guard let index = faults.firstIndex(where: { $0.operation == nil || $0.operation == operation }) else { return nil }
    let fault = faults[index]
    faults[index].count -= 1
    if faults[index].count <= 0 { faults.remove(at: index) }
    return fault
  }

  /// The requests of late as JSON.
  public func requestLogJSON() -> Data {
    let encoder = JSONEncoder()
    encoder.dateEncodingStrategy = .iso8601
    return (try? encoder.encode(log.entries)) ?? Data("[]".utf8)
  }

  /// Forgets the requests of late.
  public func clearLog() { log.clear() }

  /// From now on raw requests and replies are written into a directory; nil: no longer.
  public func writeTraffic(to directory: String?) { log.trafficDirectory = directory }
}
