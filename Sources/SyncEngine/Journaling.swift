import Model
import Store

/// Writes the synchronization log: into the store, and to where the process echoes it.
struct SyncLog: Sendable {
  let parts: EngineParts

  func write(_ level: LogEntry.Level, _ message: @autoclosure () -> String, _ spoke: Spoke? = nil) {
    let isKept = spoke.map { Self.records(level, at: $0.account.logging) } ?? true
    guard isKept || parts.echoesEveryLine else { return }
    let entry = LogEntry(
      time: parts.surroundings.now(), level: level, employee: spoke?.mailbox.address, kind: spoke?.kind, message: message())
    parts.echo(entry)
    guard isKept else { return }
    do {
      try parts.store.write { try $0.append(entry) }
    } catch {
      parts.echo(LogEntry(time: entry.time, level: .error, message: "the log could not be stored: \(error)"))
    }
  }

  /// Which lines an account's logging level keeps (SM204015: None, Default, Informational, Verbose).
  static func records(_ level: LogEntry.Level, at logging: ExchangeAccount.Logging) -> Bool {
    switch logging {
    case .none: false
    case .default: level <= .warning
    case .informational: level <= .informational
    case .verbose: true
    }
  }
}
