public import Model

/// The synchronization log as text: one entry a line.
public enum LogText {
  /// `2026-11-02T09:31:00Z informational alice@example.test contacts: message`, safe to show on a terminal.
  public static func line(_ entry: LogEntry) -> String {
    let subject = [entry.employee, entry.kind?.rawValue].compactMap { $0 }.joined(separator: " ")
    let prefix = [entry.time.iso8601, entry.level.rawValue, subject].filter { !$0.isEmpty }.joined(separator: " ")
    return "\(prefix): \(ControlGrammar.printable(entry.message))"
  }
}
