public import Model

/// A request to synchronize: one line of a `sync` file.
public struct SyncRequest: Sendable, Hashable {
  /// Address; nil: every employee whose synchronization is on.
  public var employee: String?
  /// Record types; nil: all of the policy.
  public var kinds: Set<RecordKind>?
  /// Forget the cursors and compare everything.
  public var isFull: Bool
  /// The writer waits for the end of the cycle.
  public var waits: Bool

  /// Creates the value from its parts.
  public init(employee: String?, kinds: Set<RecordKind>? = nil, isFull: Bool = false, waits: Bool = false) {
    self.employee = employee
    self.kinds = kinds
    self.isFull = isFull
    self.waits = waits
  }

  /// The line that asks for it.
  public var line: String {
    var words = [employee ?? "all"]
    words += (kinds ?? []).sorted().map(\.rawValue)
    if isFull { words.append("full") }
    if waits { words.append("wait") }
    return words.joined(separator: " ")
  }
}

/// One line of the `ctl` file.
public enum ControlCommand: Sendable, Hashable {
  case reload
  /// nil: everybody.
  case pause(String?)
  case resume(String?)
  /// Takes mailboxes over from whatever other installation serves them.
  case takeOver(String?)
  case approve(String)
  case discard(String)
  case logLevel(LogEntry.Level)
  /// Puts back what an entry of the journal lost.
  case restore(Int64)
  /// Takes back what a run wrote, by the plan that was shown.
  case undo(run: String, plan: String)
}

/// A line that is refused, with the errno value of the write.
public struct ControlRefusal: Error, Sendable, Hashable {
  /// EINVAL, ENOENT or EACCES.
  public var code: Int32
  /// One line: what is wrong, and what is allowed.
  public var reason: String

  /// Creates the value from its parts.
  public init(code: Int32, reason: String) {
    self.code = code
    self.reason = reason
  }
}

/// The grammar of control files: fixed words, one line at most 4 KiB, no shell, no paths.
public enum ControlGrammar {
  /// The longest line, in bytes.
  public static let lineLimit = 4096
  /// The most bytes of one write.
  public static let writeLimit = 64 << 10

  private static let invalid: Int32 = 22
  private static let notFound: Int32 = 2
  private static let denied: Int32 = 13

  /// The lines of a write, without empty ones.
  public static func lines(_ bytes: [UInt8]) throws(ControlRefusal) -> [String] {
    guard bytes.count <= writeLimit else { throw ControlRefusal(code: invalid, reason: "a write takes at most \(writeLimit) bytes") }
    guard String(validating: bytes, as: UTF8.self) != nil else { throw ControlRefusal(code: invalid, reason: "the text is not UTF-8") }
    var lines: [String] = []
    // By bytes: to a text CR LF is one character, and no line end.
    for part in bytes.split(separator: UInt8(ascii: "\n")) {
      let line = part.last == UInt8(ascii: "\r") ? part.dropLast() : part
      guard line.count <= lineLimit else { throw ControlRefusal(code: invalid, reason: "a line takes at most \(lineLimit) bytes") }
      guard !line.contains(where: { $0 < 0x20 && $0 != UInt8(ascii: "\t") || $0 == 0x7F }) else {
        throw ControlRefusal(code: invalid, reason: "the line holds control characters")
      }
      let text = String(decoding: line, as: UTF8.self)
      if text.contains(where: { !$0.isWhitespace }) { lines.append(text) }
    }
    guard !lines.isEmpty else { throw ControlRefusal(code: invalid, reason: "nothing was written; see README for what is understood") }
    return lines
  }

  /// One line of a `sync` file.
  /// - Parameters:
  ///   - owner: the employee in whose directory the file lies; nil: the mount's own.
  ///   - employees: addresses of all that are configured.
  public static func syncRequest(_ line: String, owner: String?, employees: Set<String>) throws(ControlRefusal) -> SyncRequest {
    var words = line.split(whereSeparator: \.isWhitespace).map { $0.lowercased() }
    var request = SyncRequest(employee: owner)
    if let first = words.first, first == "all" || first.contains("@") {
      words.removeFirst()
      if first != "all" {
        if let owner, first != owner {
          throw ControlRefusal(code: denied, reason: "'\(printable(first))' is not the employee of this directory, who is \(owner)")
        }
        guard employees.contains(first) else { throw ControlRefusal(code: notFound, reason: "there is no employee '\(printable(first))'") }
        request.employee = first
      }
    } else if owner == nil {
      throw ControlRefusal(code: invalid, reason: "'\(printable(line))' names neither 'all' nor an employee's address")
    }
    for word in words {
      switch word {
      case "full": request.isFull = true
      case "wait": request.waits = true
      default:
        for part in word.split(separator: ",", omittingEmptySubsequences: false) {
          guard let kind = RecordKind(rawValue: String(part)) else {
            throw ControlRefusal(
              code: invalid,
              reason:
                "'\(printable(String(part)))' is not understood; allowed: \(RecordKind.allCases.map(\.rawValue).joined(separator: ", ")), full, wait"
            )
          }
          request.kinds = (request.kinds ?? []).union([kind])
        }
      }
    }
    return request
  }

  /// One line of the `ctl` file.
  /// - Parameter holds: ids of the holds that wait for a decision.
  public static func command(_ line: String, employees: Set<String>, holds: Set<String>) throws(ControlRefusal) -> ControlCommand {
    let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
    func refuse(_ reason: String, _ code: Int32 = invalid) -> ControlRefusal { ControlRefusal(code: code, reason: reason) }
    let subject = words.count == 2 ? words[1] : nil
    if words.first == "undo" {
      guard words.count == 3 else { throw refuse("'undo' needs a run and the id of its plan; see 'concordfs journal --run RUN --undo'") }
      return .undo(run: words[1], plan: words[2])
    }
    guard words.count <= 2 else { throw refuse("'\(printable(line))' has too many words") }
    switch words.first {
    case "reload" where words.count == 1: return .reload
    case "takeover" where subject == nil: throw refuse("'takeover' needs an employee's address, or 'all'")
    case "pause", "resume", "takeover":
      var employee: String?
      if let subject, subject != "all" {
        guard employees.contains(subject.lowercased()) else { throw refuse("there is no employee '\(printable(subject))'", notFound) }
        employee = subject.lowercased()
      }
      return words[0] == "pause" ? .pause(employee) : words[0] == "resume" ? .resume(employee) : .takeOver(employee)
    case "approve", "discard":
      guard let subject else { throw refuse("'\(words[0])' needs the id of a hold; see holds/") }
      guard holds.contains(subject) else { throw refuse("there is no open hold '\(printable(subject))'; see holds/", notFound) }
      return words[0] == "approve" ? .approve(subject) : .discard(subject)
    case "log-level":
      guard let level = subject.flatMap({ LogEntry.Level(rawValue: $0) }) else {
        throw refuse("'log-level' needs one of \(LogEntry.Level.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      return .logLevel(level)
    case "restore":
      guard let entry = subject.flatMap({ Int64($0) }), entry > 0 else {
        throw refuse("'restore' needs the number of an entry; see 'concordfs journal'")
      }
      return .restore(entry)
    default:
      throw refuse(
        "'\(printable(line))' is not understood; allowed: reload, pause, resume, approve HOLD, discard HOLD, log-level LEVEL, restore ENTRY, undo RUN PLAN, takeover EMPLOYEE|all"
      )
    }
  }

  /// Text that is safe to show on a terminal, in one line: control and bidi characters as `\u{…}`.
  public static func printable(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars.prefix(400) {
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator, .format, .surrogate, .unassigned, .privateUse:
        result += "\\u{\(String(scalar.value, radix: 16))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
