import Model
import Synchronization
import Testing

@testable import Control

@Suite struct ControlFilesTests {
  private let source = FakeSource()
  private let files: ControlFiles

  init() { files = ControlFiles(source: source) }

  private static let sync = ControlFile(path: ["sync"], employee: nil, isWritable: true)
  private static let ctl = ControlFile(path: ["ctl"], employee: nil, isWritable: true)
  private static let alice = ControlFile(path: ["sync"], employee: "alice@example.test", isWritable: true)

  private func read(_ file: ControlFile) -> String { String(decoding: files.contents(of: file).bytes, as: UTF8.self) }

  private func lines(_ file: ControlFile) -> [Substring] { read(file).split(separator: "\n") }

  /// Writes, and waits for the answer.
  private func write(_ text: String, to file: ControlFile = sync, user: UInt32 = FakeSource.owner) async -> Int32 {
    await withCheckedContinuation { continuation in
      _ = files.write(Array(text.utf8), to: file, user: user) { continuation.resume(returning: $0) }
    }
  }

  /// Waits until something is so; the test's time limit ends it otherwise.
  private func until(_ condition: () -> Bool) async { while !condition() { await Task.yield() } }

  @Test func `the files of the mount and of an employee are those of the interface`() {
    let top = files.files(employee: nil)
    #expect(
      top.map { $0.path.joined(separator: "/") } == [
        "README", "sync", "ctl", "status", "status.json", "log", "metrics", "config.yaml", "errors", "policies/Sales.yaml",
        "policies/Plain.yaml", "holds/h1",
      ])
    #expect(top.filter(\.isWritable).map(\.name) == ["sync", "ctl"])
    let own = files.files(employee: "alice@example.test")
    #expect(own.map(\.name) == ["sync", "status", "status.json", "log", "errors"])
    #expect(own.filter(\.isWritable).map(\.name) == ["sync"])
    #expect(own.allSatisfy { $0.employee == "alice@example.test" })
  }

  @Test func `every file can be read at any time, also one that is not there any more`() {
    for file in files.files(employee: nil) where !file.isWritable { #expect(!read(file).isEmpty, "\(file.path)") }
    #expect(read(ControlFile(path: ["policies", "Sales.yaml"], employee: nil, isWritable: false)) == "name: \"Sales\"\n")
    #expect(read(ControlFile(path: ["holds", "h1"], employee: nil, isWritable: false)) == "plan\n")
    for path in [["policies", "Gone.yaml"], ["holds", "h9"], ["other"]] {
      #expect(read(ControlFile(path: path, employee: nil, isWritable: false)).isEmpty)
    }
    #expect(read(Self.sync).isEmpty)
  }

  @Test func `an employee's files show this employee alone`() {
    func own(_ name: String) -> String { read(ControlFile(path: [name], employee: "bob@example.test", isWritable: false)) }
    for name in ["status", "status.json"] {
      #expect(own(name).contains("bob@example.test") && !own(name).contains("alice@example.test"))
    }
    #expect(own("log") == "log of bob@example.test\n")
    #expect(own("errors") == "bob@example.test\nbad\\u{1b}[2J\n")
  }

  @Test func `the time of a file is that of what it shows, so that copies transfer nothing twice`() {
    let status = ControlFile(path: ["status"], employee: nil, isWritable: false)
    #expect(files.contents(of: status).modified == source.lastChange())
    #expect(files.contents(of: ControlFile(path: ["README"], employee: nil, isWritable: false)).modified.milliseconds == 0)
    #expect(files.contents(of: Self.sync).modified.milliseconds == 0)
  }

  @Test func `the README names every file and the examples in it are understood`() throws {
    for name in ["sync", "ctl", "status", "status.json", "log", "metrics", "config.yaml", "policies/", "holds/", "errors"] {
      #expect(ControlReadme.text.contains(name), "\(name)")
    }
    for line in ["all", "alice@example.test", "alice@example.test contacts", "alice@example.test full", "all wait"] {
      #expect(ControlReadme.text.contains(line), "\(line)")
      _ = try ControlGrammar.syncRequest(line, owner: nil, employees: source.employees())
    }
    for code in ["EINVAL", "ENOENT", "EACCES", "EIO"] { #expect(ControlReadme.text.contains(code)) }
    #expect(ControlReadme.text.split(separator: "\n").allSatisfy { $0.count <= 140 })
  }

  @Test(.timeLimit(.minutes(1))) func `a request is taken, carried out, and how it went is read`() async {
    #expect(await write("alice@example.test contacts\nbob@example.test\n") == 0)
    await until { source.state.withLock { $0.kept["/sync"]?.count == 4 } }
    #expect(
      source.state.withLock { $0.requests } == [
        SyncRequest(employee: "alice@example.test", kinds: [.contacts]), SyncRequest(employee: "bob@example.test"),
      ])
    #expect(
      lines(Self.sync).map { $0.split(separator: " ", maxSplits: 1)[1] } == [
        "done: bob@example.test: 2 created", "done: alice@example.test contacts: 2 created", "taken: bob@example.test",
        "taken: alice@example.test contacts",
      ])
    #expect(lines(Self.sync).first?.hasPrefix(source.now().iso8601) == true)
    #expect(files.contents(of: Self.sync).modified == source.now())
  }

  @Test(.timeLimit(.minutes(1))) func `a write that does not wait returns before the cycle ends`() async {
    source.state.withLock { $0.isClosed = true }
    #expect(await write("all\n") == 0)
    #expect(lines(Self.sync).count == 1)
    source.open()
    await until { lines(Self.sync).count == 2 }
  }

  @Test(.timeLimit(.minutes(1))) func `a write that waits returns when the cycle has ended, with EIO where it failed`() async {
    #expect(await write("all wait\n") == 0)
    #expect(lines(Self.sync).count == 2)
    source.state.withLock { $0.failure = SyncError(.unreachable, "the server is gone") }
    #expect(await write("all\nall wait\n") == 5)
    #expect(lines(Self.sync).first?.hasSuffix("failed: all wait: the server is gone") == true)
  }

  @Test(.timeLimit(.minutes(1))) func `a writer that gives up is answered at once, and what it started goes on`() async {
    source.state.withLock { $0.isClosed = true }
    let answers = Mutex<[Int32]>([])
    let handle = files.write(Array("all wait".utf8), to: Self.sync, user: 0) { code in answers.withLock { $0.append(code) } }
    await until { source.state.withLock { !$0.waiting.isEmpty } }
    #expect(answers.withLock { $0 } == [])
    handle?.cancel()
    #expect(answers.withLock { $0 } == [4])
    source.open()
    await until { lines(Self.sync).count == 2 }
    handle?.cancel()
    #expect(answers.withLock { $0 } == [4])
  }

  @Test(.timeLimit(.minutes(1))) func `a write with one bad line runs nothing, and its reason is the first line`() async {
    #expect(await write("all\nalice@example.test contact\n") == 22)
    #expect(lines(Self.sync).first?.hasPrefix("refused: 'contact' is not understood") == true)
    #expect(await write("all\ncarol@example.test\n") == 2)
    #expect(lines(Self.sync).count == 1)
    #expect(lines(Self.sync).first == "refused: there is no employee 'carol@example.test'")
    #expect(source.state.withLock { $0.requests.isEmpty && $0.kept.isEmpty })
    #expect(await write("all wait") == 0)
    #expect(!read(Self.sync).contains("refused"))
  }

  @Test(.timeLimit(.minutes(1))) func `the end of an earlier request does not hide the reason of a later refusal`() async {
    source.state.withLock { $0.isClosed = true }
    #expect(await write("all\n") == 0)
    #expect(await write("nonsense\n") == 22)
    source.open()
    await until { read(Self.sync).contains("done: all") }
    #expect(lines(Self.sync).first?.hasPrefix("refused: 'nonsense'") == true)
  }

  @Test(.timeLimit(.minutes(1))) func `who has no right is refused with EACCES, whatever is written`() async {
    #expect(await write("all", user: 1000) == 13)
    #expect(await write("reload", to: Self.ctl, user: 1001) == 13)
    #expect(await write("nonsense", user: 1001) == 13)
    #expect(await write("bob@example.test", to: Self.alice, user: 1000) == 13)
    #expect(await write("x", to: ControlFile(path: ["status"], employee: nil, isWritable: false)) == 13)
    #expect(source.state.withLock { $0.requests.isEmpty && $0.commands.isEmpty })
    #expect(await write("contacts wait", to: Self.alice, user: 1000) == 0)
    #expect(source.state.withLock { $0.requests } == [SyncRequest(employee: "alice@example.test", kinds: [.contacts], waits: true)])
    #expect(!read(Self.sync).contains("alice"))
  }

  @Test(.timeLimit(.minutes(1))) func `commands are carried out in order, and the write waits for them`() async {
    #expect(await write("pause all\nlog-level verbose\napprove h1\n", to: Self.ctl) == 0)
    #expect(source.state.withLock { $0.commands } == [.pause(nil), .logLevel(.verbose), .approve("h1")])
    #expect(lines(Self.ctl).map { $0.split(separator: " ", maxSplits: 1)[1] }.first == "done: approve h1: ok")
    #expect(await write("reload\nrestart\n", to: Self.ctl) == 22)
    #expect(await write("approve h2", to: Self.ctl) == 2)
    #expect(source.state.withLock { $0.commands.count } == 3)
  }

  @Test(.timeLimit(.minutes(1)), arguments: [(SyncError.Code.configuration, Int32(22)), (.notFound, 2), (.storage, 5)])
  func `a command that fails says so with an errno value and its reason`(failure: (SyncError.Code, Int32)) async {
    source.state.withLock { $0.failure = SyncError(failure.0, "c.yaml:3:9: 'erp.kind': is not known\nsecond fault") }
    #expect(await write("reload", to: Self.ctl) == failure.1)
    #expect(lines(Self.ctl).first?.hasPrefix("refused: c.yaml:3:9: 'erp.kind'") == true)
    #expect(lines(Self.ctl).last?.hasSuffix("failed: reload") == true)
    source.state.withLock { $0.failure = nil }
    #expect(await write("reload", to: Self.ctl) == 0)
    #expect(!read(Self.ctl).contains("refused"))
  }

  @Test(.timeLimit(.minutes(1))) func `requests of late are kept over a restart, a hundred lines of them`() async {
    for _ in 0..<60 { #expect(await write("all wait") == 0) }
    #expect(lines(Self.sync).count == 100)
    let again = ControlFiles(source: source)
    #expect(again.contents(of: Self.sync).bytes == files.contents(of: Self.sync).bytes)
    #expect(again.contents(of: Self.sync).modified == source.now())
  }
}
