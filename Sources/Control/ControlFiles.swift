public import Model
import Synchronization

/// The control files: renders them, parses what is written, remembers what became of it.
public final class ControlFiles: ControlPlane {
  private let source: any ControlSource
  private let history = Mutex<[String: History]>([:])

  /// What one file's writes led to.
  private struct History {
    /// The reason of the last write's refusal; nil: it was understood.
    var refusal: String?
    var lines: [String] = []
    var modified: Timestamp?
  }

  /// Requests of late that a file shows.
  static let remembered = 100

  private static let started = Timestamp(milliseconds: 0)

  /// Files over a source.
  public init(source: any ControlSource) { self.source = source }

  /// See `ControlPlane`.
  public func files(employee: String?) -> [ControlFile] {
    func file(_ path: String..., writable: Bool = false) -> ControlFile {
      ControlFile(path: path, employee: employee, isWritable: writable)
    }
    if employee != nil {
      return [file("sync", writable: true), file("status"), file("status.json"), file("log"), file("errors")]
    }
    return [
      file("README"), file("sync", writable: true), file("ctl", writable: true), file("status"), file("status.json"), file("log"),
      file("metrics"),
      file("config.yaml"), file("errors"),
    ] + source.policyTexts().map { file("policies", $0.name + ".yaml") } + source.holdTexts().map { file("holds", $0.id) }
  }

  /// See `ControlPlane`.
  public func contents(of file: ControlFile) -> (bytes: [UInt8], modified: Timestamp) {
    if file.path == ["log"] { return source.logText(employee: file.employee) }
    if file.isWritable {
      let history = history(of: Self.key(file))
      let refused = history.refusal.map { ["refused: \($0)"] } ?? []
      return (Self.text(refused + history.lines.reversed()), history.modified ?? Self.started)
    }
    return (Array(text(of: file).utf8), file.path == ["README"] ? Self.started : source.lastChange())
  }

  private func text(of file: ControlFile) -> String {
    var report: StatusReport { source.statusReport(employee: file.employee) }
    switch file.path.first {
    case "README": return ControlReadme.text
    case "status": return report.text
    case "status.json": return report.json
    case "metrics": return report.metrics
    case "config.yaml": return source.configurationText()
    case "errors": return source.errorLines(employee: file.employee).map { ControlGrammar.printable($0) + "\n" }.joined()
    case "policies": return source.policyTexts().first { $0.name + ".yaml" == file.name }?.text ?? ""
    case "holds": return source.holdTexts().first { $0.id == file.name }?.text ?? ""
    default: return ""
    }
  }

  private static func text(_ lines: [String]) -> [UInt8] { Array(lines.map { ControlGrammar.printable($0) + "\n" }.joined().utf8) }

  private static func key(_ file: ControlFile) -> String { "\(file.employee ?? "")/\(file.path.joined(separator: "/"))" }

  /// See `ControlPlane`.
  public func write(
    _ bytes: [UInt8], to file: ControlFile, user: UInt32, completion: @escaping @Sendable (Int32) -> Void
  ) -> (any ControlWriteHandle)? {
    do {
      guard file.isWritable, source.mayControl(user: user, employee: file.employee) else {
        throw ControlRefusal(code: 13, reason: "this user may not write here")
      }
      let lines = try ControlGrammar.lines(bytes)
      let employees = source.employees()
      if file.path == ["ctl"] {
        let holds = source.decidableHolds()
        var commands: [ControlCommand] = []
        for line in lines { commands.append(try ControlGrammar.command(line, employees: employees, holds: holds)) }
        return run(commands: commands, lines, file, completion)
      }
      var requests: [SyncRequest] = []
      for line in lines { requests.append(try ControlGrammar.syncRequest(line, owner: file.employee, employees: employees)) }
      return run(requests: requests, lines, file, completion)
    } catch {
      note(file) { $0.refusal = (error as? ControlRefusal)?.reason ?? "\(error)" }
      completion((error as? ControlRefusal)?.code ?? 22)
      return nil
    }
  }

  private func history(of key: String) -> History {
    if let known = history.withLock({ $0[key] }) { return known }
    let lines = source.history(of: key)
    let modified = lines.last.flatMap { Timestamp(iso8601: $0.prefix { $0 != " " }) }
    return History(refusal: nil, lines: lines, modified: modified)
  }

  private func note(_ file: ControlFile, _ change: (inout History) -> Void) {
    let now = source.now()
    let known = history(of: Self.key(file))
    history.withLock { histories in
      var history = histories[Self.key(file)] ?? known
      change(&history)
      history.modified = now
      histories[Self.key(file)] = history
    }
  }

  /// A line of late; what was refused since stays the first line.
  private func note(_ file: ControlFile, _ line: String) {
    var lines: [String] = []
    note(file) { history in
      history.lines.append("\(source.now().iso8601) \(line)")
      history.lines.removeFirst(max(0, history.lines.count - Self.remembered))
      lines = history.lines
    }
    source.keep(lines, of: Self.key(file))
  }

  /// Requests are noted when they are taken and when they end; the writer waits only where a line says so.
  private func run(
    requests: [SyncRequest], _ lines: [String], _ file: ControlFile, _ completion: @escaping @Sendable (Int32) -> Void
  ) -> (any ControlWriteHandle)? {
    note(file) { $0.refusal = nil }
    for line in lines { note(file, "taken: \(line)") }
    let reply = Once(completion)
    let waits = requests.contains(where: \.waits)
    Task {
      var failed = false
      for request in requests {
        switch await source.perform(request) {
        case .success(let text): note(file, "done: \(request.line): \(text)")
        case .failure(let error):
          failed = true
          note(file, "failed: \(request.line): \(error)")
        }
      }
      if waits { reply.call(failed ? 5 : 0) }
    }
    if waits { return reply }
    reply.call(0)
    return nil
  }

  private func run(
    commands: [ControlCommand], _ lines: [String], _ file: ControlFile, _ completion: @escaping @Sendable (Int32) -> Void
  ) -> (any ControlWriteHandle)? {
    note(file) { $0.refusal = nil }
    let reply = Once(completion)
    Task {
      var code: Int32 = 0
      for (command, line) in zip(commands, lines) {
        switch await source.perform(command) {
        case .success(let text): note(file, "done: \(line): \(text)")
        case .failure(let error):
          // A configuration with faults is refused like a line with faults.
          code = error.code == .configuration ? 22 : error.code == .notFound ? 2 : 5
          note(file) { $0.refusal = "\(error)" }
          note(file, "failed: \(line)")
        }
      }
      reply.call(code)
    }
    return reply
  }

  /// Calls its function once, whoever comes first: the end of the work or the writer's giving up.
  private final class Once: ControlWriteHandle {
    private let function: Mutex<(@Sendable (Int32) -> Void)?>

    init(_ function: @escaping @Sendable (Int32) -> Void) { self.function = Mutex(function) }

    func call(_ code: Int32) { function.withLock { $0.take() }?(code) }

    func cancel() { call(4) }
  }
}
