/// One line of the synchronization log.
public struct LogEntry: Sendable, Hashable, Codable {
  /// How serious, most serious first.
  public enum Level: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
    case critical, error, warning, informational, verbose

    /// More serious is less.
    public static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  /// When.
  public var time: Timestamp
  /// How serious.
  public var level: Level
  /// Address of the employee concerned; nil: everybody.
  public var employee: String?
  /// The record type concerned; nil: all.
  public var kind: RecordKind?
  /// One line, without secrets, bodies or addresses of third parties at levels above verbose.
  public var message: String

  /// Creates the value from its parts.
  public init(time: Timestamp, level: Level, employee: String? = nil, kind: RecordKind? = nil, message: String) {
    self.time = time
    self.level = level
    self.employee = employee
    self.kind = kind
    self.message = message
  }
}
