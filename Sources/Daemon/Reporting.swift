import Configuration
public import Control
public import Model
public import Store
import SyncEngine

/// Gathers what `status` and its kin show from the store and the configuration.
public struct Reporting: Sendable {
  let settings: Settings
  let store: Store

  /// Reports over a store, which may be open for reading only.
  public init(settings: Settings, store: Store) {
    self.settings = settings
    self.store = store
  }

  /// The state of everything.
  /// - Parameters:
  ///   - running: addresses that are being synchronized now.
  ///   - next: next cycles by the schedules, by address.
  public func status(
    isRunning: Bool, mountPoint: String?, running: Set<String> = [], paused: Set<String> = [], allPaused: Bool = false,
    next: [String: Timestamp] = [:]
  ) throws(SyncError) -> StatusReport {
    try store.read { reader in
      var people: [StatusReport.Person] = []
      let holds = try reader.holds(open: true)
      let breakers = try reader.meta(CircuitBreaker.storedAs)
      for employee in settings.employees {
        let policy = settings.policies.first { $0.name == employee.policy }
        let kinds = try (policy?.sections.keys.sorted() ?? []).filter { SyncEngine.synchronizedKinds.contains($0) }.map { kind in
          let run = try reader.lastRun(mailbox: employee.mailbox, kind: kind)
          return StatusReport.Kind(
            kind: kind, linked: try reader.linkCount(kind: kind, mailbox: employee.mailbox), lastStart: run?.started.iso8601,
            lastEnd: run?.ended?.iso8601, outcome: run?.outcome, counts: run?.counts ?? [:], message: run?.message)
        }
        let rest = try CircuitBreaker.open(employee, stored: breakers)
        let state =
          !employee.isSynchronized
          ? "off"
          : allPaused || paused.contains(employee.email)
            ? "paused" : running.contains(employee.email) ? "running" : rest == nil ? "idle" : "suspended"
        people.append(
          StatusReport.Person(
            employee: employee.email, policy: employee.policy, account: employee.account, state: state, next: next[employee.email]?.iso8601,
            kinds: kinds, errors: try reader.failures(mailbox: employee.mailbox).count,
            holds: holds.filter { $0.mailbox == employee.mailbox }.map(\.id), suspended: rest.map(Self.text)))
      }
      let unserved = UnservedEvents(stored: try reader.meta(UnservedEvents.key)).entries.map(\.text)
      return StatusReport(
        version: Service.version, isRunning: isRunning, mountPoint: mountPoint, isPaused: allPaused, employees: people,
        unserved: unserved.isEmpty ? nil : unserved)
    }
  }

  /// Records set aside or tried again: employee, type, name, since, tries, reason.
  public func errorLines(employee: String?) throws(SyncError) -> [String] {
    try store.read { reader in
      let breakers = try reader.meta(CircuitBreaker.storedAs)
      let suspended = try settings.employees.filter { employee == nil || $0.email == employee }.compactMap { person in
        try CircuitBreaker.open(person, stored: breakers).map { "\(person.email) all records: \(Self.text($0))" }
      }
      return try suspended
        + reader.failures(mailbox: employee.map(Mailbox.init)).map { failure in
          let state = failure.isSetAside ? "set aside" : "again at \(failure.nextAt.iso8601)"
          let name = try Self.name(of: failure, reader)
          return
            "\(failure.mailbox.address) \(failure.kind.rawValue) \(name) since \(failure.since.iso8601) tries \(failure.tries), \(state): \(failure.reason)"
        }
    }
  }

  private static func text(_ circuit: CircuitBreaker.Circuit) -> String {
    "suspended until \(circuit.until?.iso8601 ?? "-") after \(circuit.failures) failures in a row since \(circuit.since.iso8601): \(circuit.reason)"
  }

  private static func name(of failure: Retry, _ reader: StoreReader) throws -> String {
    let parts = failure.subject.split(separator: ":", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return failure.subject }
    let fields =
      parts[0] == "item"
      ? try reader.item(ItemID(rawValue: parts[1]), kind: failure.kind, mailbox: failure.mailbox)?.item.fields
      : try reader.entity(EntityID(rawValue: parts[1]), kind: failure.kind)?.entity.fields
    return "'\(fields.map(recordTitle) ?? failure.subject)'"
  }

  private static func recordTitle(_ fields: Fields) -> String {
    if let subject = fields.text(.subject) { return subject }
    let name = [Field.givenName, .familyName].compactMap { fields.text($0) }.joined(separator: " ")
    return name.isEmpty ? fields.text(.company) ?? fields.text(.email1) ?? "(no name)" : name
  }

  /// A held cycle as text: why, and the plan.
  public static func text(_ hold: Hold) -> String {
    let head = [
      "hold: \(hold.id)", "employee: \(hold.mailbox.address)", "type: \(hold.kind.rawValue)", "since: \(hold.created.iso8601)",
      "reason: \(hold.reason)",
      "decide: echo 'approve \(hold.id)' > .control/ctl, or 'discard \(hold.id)'", "",
    ]
    return (head + hold.plan).map(ControlGrammar.printable).joined(separator: "\n") + "\n"
  }
}
