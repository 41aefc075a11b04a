public import Model

/// What the control files are made from, and what their lines set off: the daemon.
public protocol ControlSource: Sendable {
  /// Addresses of the employees that are configured.
  func employees() -> Set<String>
  /// The state of an employee; nil: of everything.
  func statusReport(employee: String?) -> StatusReport
  /// The configuration in force as YAML, secrets hidden.
  func configurationText() -> String
  /// One YAML text a policy, by the policy's name.
  func policyTexts() -> [(name: String, text: String)]
  /// Records set aside or tried again, one line each.
  func errorLines(employee: String?) -> [String]
  /// The log since the daemon started, and a tail of what was before: it only grows.
  func logText(employee: String?) -> (bytes: [UInt8], modified: Timestamp)
  /// One file a cycle that waits for a decision, by its id.
  func holdTexts() -> [(id: String, text: String)]
  /// Ids of the holds about which something can be decided.
  func decidableHolds() -> Set<String>
  /// Synchronizes; returns when the cycle has ended. The text says how it went.
  func perform(_ request: SyncRequest) async -> Result<String, SyncError>
  /// Carries out a command. The text says what was done.
  func perform(_ command: ControlCommand) async -> Result<String, SyncError>
  /// Whether this user may write to the control files of an employee (nil: the mount's).
  func mayControl(user: UInt32, employee: String?) -> Bool
  /// The time.
  func now() -> Timestamp
  /// When the state that the files show last changed: their time, so that copies of an unchanged tree transfer nothing.
  func lastChange() -> Timestamp
  /// Lines of late of a writable file, kept over restarts.
  func history(of file: String) -> [String]
  /// Keeps them.
  func keep(_ lines: [String], of file: String)
}

extension ControlSource {
  /// Those that wait for a decision.
  public func decidableHolds() -> Set<String> { Set(holdTexts().map(\.id)) }
}
