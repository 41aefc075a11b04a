import Foundation
public import Model

/// The state of everything, as `status`, `status.json` and `concordfs status` show it.
public struct StatusReport: Sendable, Codable, Hashable {
  /// One record type of one employee.
  public struct Kind: Sendable, Codable, Hashable {
    /// The record type.
    public var kind: RecordKind
    /// Pairs that are synchronized.
    public var linked: Int
    /// Start of the last cycle, ISO 8601.
    public var lastStart: String?
    /// End of the last cycle, ISO 8601.
    public var lastEnd: String?
    /// `ok`, `failed`, `held`; nil: never synchronized.
    public var outcome: String?
    /// What the last cycle did, by name.
    public var counts: [String: Int]
    /// What the last cycle said, if it failed or was held.
    public var message: String?

    /// Creates the value from its parts.
    public init(
      kind: RecordKind, linked: Int, lastStart: String?, lastEnd: String?, outcome: String?, counts: [String: Int], message: String?
    ) {
      self.kind = kind
      self.linked = linked
      self.lastStart = lastStart
      self.lastEnd = lastEnd
      self.outcome = outcome
      self.counts = counts
      self.message = message
    }
  }

  /// One employee.
  public struct Person: Sendable, Codable, Hashable {
    /// Address.
    public var employee: String
    /// Policy's name.
    public var policy: String?
    /// Account's name.
    public var account: String
    /// `running`, `paused`, `off`, `suspended`, `idle`.
    public var state: String
    /// Next cycle by the schedules, ISO 8601.
    public var next: String?
    /// Record types of the policy.
    public var kinds: [Kind]
    /// Records that failed and are tried again, or were set aside.
    public var errors: Int
    /// Cycles that wait for a decision.
    public var holds: [String]
    /// Why schedules leave the mailbox alone for a while; nil: they do not.
    public var suspended: String?

    /// Creates the value from its parts.
    public init(
      employee: String, policy: String?, account: String, state: String, next: String?, kinds: [Kind], errors: Int, holds: [String],
      suspended: String? = nil
    ) {
      self.employee = employee
      self.policy = policy
      self.account = account
      self.state = state
      self.next = next
      self.kinds = kinds
      self.errors = errors
      self.holds = holds
      self.suspended = suspended
    }
  }

  /// The program's version.
  public var version: String
  /// Whether a daemon serves the store.
  public var isRunning: Bool
  /// Where it mounts the tree.
  public var mountPoint: String?
  /// Whether everything is paused.
  public var isPaused: Bool
  /// Everybody that is configured, in the configuration's order.
  public var employees: [Person]
  /// Events that have no appointment because their owner does not synchronize, one line each; nil: none.
  public var unserved: [String]?
  /// Who tells of changes between the schedules, one line each; nil: nobody is listened to, or no daemon runs.
  public var notifications: [String]?

  /// Creates the value from its parts.
  public init(
    version: String, isRunning: Bool, mountPoint: String?, isPaused: Bool, employees: [Person], unserved: [String]? = nil
  ) {
    self.unserved = unserved
    self.version = version
    self.isRunning = isRunning
    self.mountPoint = mountPoint
    self.isPaused = isPaused
    self.employees = employees
  }

  /// JSON with sorted keys; its form is documented in docs/json.md.
  public var json: String { Self.json(self) }

  /// Any documented value as JSON with sorted keys.
  public static func json(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) + "\n" } ?? "{}\n"
  }

  /// A table for people.
  public var text: String {
    var lines = ["concordfs \(version)\(isRunning ? "" : ", no daemon is running")\(isPaused ? ", PAUSED" : "")"]
    var rows = [["employee", "policy", "state", "type", "linked", "last", "outcome", "next", "errors"]]
    for person in employees {
      let kinds: [Kind?] = person.kinds.isEmpty ? [nil] : person.kinds
      for kind in kinds {
        rows.append([
          person.employee, person.policy ?? "-", person.state, kind?.kind.rawValue ?? "-", kind.map { String($0.linked) } ?? "-",
          kind?.lastEnd ?? "never", kind?.outcome ?? "-", person.next ?? "-", String(person.errors),
        ])
      }
    }
    lines += TextTable.render(rows)
    for person in employees {
      if let suspended = person.suspended { lines.append("\(person.employee): \(suspended) ('resume \(person.employee)' tries at once)") }
      for hold in person.holds { lines.append("\(person.employee): held for a decision: \(hold) ('concordfs holds show \(hold)')") }
      for kind in person.kinds { if let message = kind.message { lines.append("\(person.employee): \(kind.kind.rawValue): \(message)") } }
    }
    lines += unserved ?? []
    lines += notifications ?? []
    return lines.map(ControlGrammar.printable).joined(separator: "\n") + "\n"
  }

  /// Prometheus text exposition format 0.0.4.
  public var metrics: String {
    var lines = [
      "# HELP concordfs_linked_records Pairs that are synchronized.", "# TYPE concordfs_linked_records gauge",
    ]
    func each(_ body: (Person, Kind, String) -> Void) {
      for person in employees {
        for kind in person.kinds { body(person, kind, "employee=\"\(Self.label(person.employee))\",type=\"\(kind.kind.rawValue)\"") }
      }
    }
    each { lines.append("concordfs_linked_records{\($2)} \($1.linked)") }
    lines += ["# HELP concordfs_last_cycle_ok Whether the last cycle ended well.", "# TYPE concordfs_last_cycle_ok gauge"]
    each { if let outcome = $1.outcome { lines.append("concordfs_last_cycle_ok{\($2)} \(outcome == "ok" ? 1 : 0)") } }
    lines += [
      "# HELP concordfs_last_cycle_end_seconds End of the last cycle, POSIX time.", "# TYPE concordfs_last_cycle_end_seconds gauge",
    ]
    each {
      if let end = $1.lastEnd.flatMap({ Timestamp(iso8601: $0) }) { lines.append("concordfs_last_cycle_end_seconds{\($2)} \(end.seconds)") }
    }
    lines += [
      "# HELP concordfs_record_errors Records that failed and are tried again or set aside.", "# TYPE concordfs_record_errors gauge",
    ]
    for person in employees { lines.append("concordfs_record_errors{employee=\"\(Self.label(person.employee))\"} \(person.errors)") }
    lines += ["# HELP concordfs_holds Cycles that wait for a decision.", "# TYPE concordfs_holds gauge"]
    for person in employees { lines.append("concordfs_holds{employee=\"\(Self.label(person.employee))\"} \(person.holds.count)") }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func label(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
  }
}

/// Columns of text, aligned by the width that a terminal gives each character.
public enum TextTable {
  /// The rows as lines; the last column is not filled up.
  public static func render(_ rows: [[String]]) -> [String] {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { column < $0.count ? width($0[column]) : 0 }.max() ?? 0 }
    return rows.map { row in
      row.enumerated().map { column, text in
        column == row.count - 1 ? text : text + String(repeating: " ", count: widths[column] - width(text))
      }.joined(separator: "  ")
    }
  }

  /// Cells that a text takes: two for wide characters of East Asia and emoji, none for combining marks.
  static func width(_ text: String) -> Int {
    text.reduce(0) { sum, character in
      guard let scalar = character.unicodeScalars.first else { return sum }
      if scalar.properties.generalCategory == .nonspacingMark { return sum }
      let isWide =
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
          0xFFE0...0xFFE6,
          0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
          true
        default: false
        }
      return sum + (isWide ? 2 : 1)
    }
  }
}
