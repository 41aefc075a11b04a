import Foundation
public import Model
public import Store

/// Lets a mailbox or an account rest that failed many times in a row, instead of trying it every few minutes for ever: an account with a
/// wrong password would be locked out by that, and a server that is down is not helped. Kept in the cache, over restarts.
public struct CircuitBreaker: Sendable {
  /// What is known of one mailbox or account that fails.
  public struct Circuit: Sendable, Hashable, Codable {
    /// Rounds that failed in a row.
    public var failures: Int
    /// When the first of them was.
    public var since: Timestamp
    /// Not tried by schedules before this time; nil: tried.
    public var until: Timestamp?
    /// The last failure.
    public var reason: String
  }

  /// Failures in a row that open the circuit.
  static let limit = 10
  /// The first pause and the longest, in milliseconds: five minutes to six hours, doubled by each failure more.
  static let firstPause: Int64 = 5 * 60_000
  static let longestPause: Int64 = 6 * 3_600_000

  private static let key = "breakers"

  private let parts: EngineParts
  private let log: SyncLog

  init(parts: EngineParts, log: SyncLog) {
    self.parts = parts
    self.log = log
  }

  private static func subject(account: String) -> String { "account \(account)" }

  private static func all(_ reader: some RecordReader) throws -> [String: Circuit] { try decode(reader.meta(key)) }

  /// The circuits of an employee's mailbox and account that are open.
  public static func open(_ employee: Employee, stored: String?) throws -> Circuit? {
    let known = try decode(stored)
    return [employee.mailbox.address, subject(account: employee.account)].compactMap { known[$0] }.first { $0.until != nil }
  }

  /// Where the cache keeps them.
  public static var storedAs: String { key }

  /// Forgets failures, so that the next round tries again.
  /// - Parameter employee: its mailbox and account; nil: all.
  public static func reset(_ employee: Employee?, _ store: any RecordStore) throws(SyncError) {
    try store.write { transaction in
      var known = try employee == nil ? [:] : all(transaction.reader)
      if let employee {
        known[employee.mailbox.address] = nil
        known[subject(account: employee.account)] = nil
      }
      try save(known, transaction)
    }
  }

  /// Why a mailbox is not tried now; nil: it is.
  func pause(_ spoke: Spoke) throws(SyncError) -> SyncError? {
    let known = try parts.store.read { try Self.all($0) }
    let now = parts.surroundings.now()
    for subject in [spoke.mailbox.address, Self.subject(account: spoke.account.name)] {
      guard let circuit = known[subject], let until = circuit.until, until > now else { continue }
      return SyncError(.held, Self.text(circuit, until, "\(subject) is"))
    }
    return nil
  }

  static func text(_ circuit: Circuit, _ until: Timestamp, _ subject: String) -> String {
    "\(subject) left alone until \(until.iso8601) after \(circuit.failures) failures in a row: \(circuit.reason)"
  }

  /// Counts what a round brought for the mailboxes that were tried.
  func note(_ tried: [(spoke: Spoke, report: CycleReport)]) throws(SyncError) {
    var failed: [String: SyncError] = [:]
    var worked: Set<String> = []
    for (spoke, report) in tried {
      let (mailbox, account) = (spoke.mailbox.address, Self.subject(account: spoke.account.name))
      guard let error = report.error else {
        worked.formUnion([mailbox, account])
        continue
      }
      switch Self.scope(of: error) {
      case .none: break
      case .account: failed[account] = failed[account] ?? error
      case .mailbox: failed[mailbox] = failed[mailbox] ?? error
      }
    }
    let now = parts.surroundings.now()
    let before = try parts.store.read { try Self.all($0) }
    var after = before
    for subject in worked where failed[subject] == nil || subject.hasPrefix("account ") {
      if after.removeValue(forKey: subject)?.until != nil { log.write(.informational, "\(subject) works again") }
      failed[subject] = nil
    }
    for (subject, error) in failed.sorted(by: { $0.key < $1.key }) {
      var circuit = after[subject] ?? Circuit(failures: 0, since: now, until: nil, reason: "")
      circuit.failures += 1
      circuit.reason = error.description
      if circuit.failures >= Self.limit {
        let until = now.advanced(milliseconds: Self.pause(after: circuit.failures, random: parts.surroundings.random()))
        circuit.until = until
        log.write(.warning, "\(Self.text(circuit, until, "\(subject) is")). 'resume' or a request that names the employee tries at once")
      }
      after[subject] = circuit
    }
    guard after != before else { return }
    let known = after
    try parts.store.write { try Self.save(known, $0) }
  }

  /// The pause after so many failures in a row, a tenth more or less, so that mailboxes do not all come back at once.
  static func pause(after failures: Int, random: UInt64) -> Int64 {
    let pause = min(firstPause << Int64(min(failures - limit, 10)), longestPause)
    return pause + Int64(random % UInt64(pause / 5)) - pause / 10
  }

  private enum Scope { case none, mailbox, account }

  private static func scope(of error: SyncError) -> Scope {
    switch error.code {
    case .cancelled, .storage, .held, .configuration, .notFound: .none
    case .unreachable, .tls, .insecure, .unauthorized, .throttled: .account
    default: .mailbox
    }
  }
}

extension CircuitBreaker {
  private static func decode(_ text: String?) throws -> [String: Circuit] {
    guard let text else { return [:] }
    return try JSONDecoder().decode([String: Circuit].self, from: Data(text.utf8))
  }

  private static func save(_ circuits: [String: Circuit], _ transaction: any RecordTransaction) throws {
    guard !circuits.isEmpty else { return try transaction.setMeta(key, nil) }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    try transaction.setMeta(key, String(decoding: try encoder.encode(circuits), as: UTF8.self))
  }
}
