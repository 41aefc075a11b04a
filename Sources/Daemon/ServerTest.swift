import Model
import Store
import SyncEngine

/// One line of `concordfs test`.
public struct TestStep: Sendable, Hashable, Codable {
  /// What was tried.
  public var name: String
  /// Whether it worked.
  public var isOK: Bool
  /// What was found, or what to do about it.
  public var detail: String
}

extension Service {
  /// "Test Server": signs in to the ERP and to each account, reaches each employee's mailbox, reads each record type. Writes nothing.
  /// - Parameter account: one account's name; nil: all.
  public func test(account name: String?) -> AsyncStream<TestStep> {
    AsyncStream { continuation in
      let task = Task {
        await run(name) { continuation.yield($0) }
        continuation.finish()
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  private func run(_ name: String?, _ step: @Sendable (TestStep) -> Void) async {
    let connections: Connections
    let settings: Settings
    do throws(SyncError) {
      settings = try await Self.completed(self.settings)
      connections = try Connections(settings, isReadOnly: true)
    } catch {
      return step(TestStep(name: "configuration", isOK: false, detail: error.description))
    }
    await attempt("ERP \(settings.erp.url): sign in, read employees", step) { () async throws(SyncError) in
      "\(try await connections.erp.employees().count) employees, \(try await connections.erp.site())"
    }
    let kinds = Set(settings.policies.flatMap(\.sections.keys)).intersection(SyncEngine.synchronizedKinds)
    for kind in kinds.sorted() {
      await attempt("ERP: read \(kind.rawValue)", step) { () async throws(SyncError) in
        "\(try await connections.erp.versions(of: kind).count) \(kind.rawValue)"
      }
    }
    for account in settings.accounts where name == nil || account.name == name {
      guard let exchange = connections.exchange[account.name] else {
        step(TestStep(name: "account \(account.name)", isOK: true, detail: "not active"))
        continue
      }
      let people = settings.employees.filter { $0.account == account.name && $0.isSynchronized }
      guard let first = people.first else {
        step(TestStep(name: "account \(account.name)", isOK: true, detail: "no employee is synchronized through it"))
        continue
      }
      guard await reach(account, exchange, first, step) else { continue }
      for employee in people { await test(employee, exchange, step) }
    }
    await connections.close()
  }

  /// What says that a server was not found or not trusted; any other answer came from it.
  private static let unreached: Set<SyncError.Code> = [.unreachable, .timedOut, .tls, .insecure, .cancelled]

  /// Finds the server and signs in: two steps, told apart by how the first request fares.
  /// - Returns: whether there is any point in going on.
  private func reach(
    _ account: ExchangeAccount, _ exchange: any ExchangePort, _ employee: Employee, _ step: @Sendable (TestStep) -> Void
  ) async -> Bool {
    let server = "\(account.name): server \(account.server ?? "by Autodiscover")"
    let signIn = "\(account.name): sign in as \(account.email)"
    var refusal: SyncError?
    do throws(SyncError) { _ = try await exchange.probe(employee.mailbox) } catch { refusal = error }
    if let refusal, Self.unreached.contains(refusal.code) {
      step(TestStep(name: server, isOK: false, detail: refusal.description))
      return false
    }
    let isEncrypted = account.server?.lowercased().hasPrefix("https:") ?? true
    step(TestStep(name: server, isOK: true, detail: isEncrypted ? "TLS, certificate verified" : "reached, without TLS"))
    let isRefused = refusal?.code == .unauthorized
    step(TestStep(name: signIn, isOK: !isRefused, detail: isRefused ? refusal?.description ?? "" : "signed in"))
    return !isRefused
  }

  /// Reaches an employee's mailbox, and looks for the folder of each record type.
  private func test(_ employee: Employee, _ exchange: any ExchangePort, _ step: @Sendable (TestStep) -> Void) async {
    let name = "\(employee.account): mailbox \(employee.email)"
    await attempt(name, step) { () async throws(SyncError) in
      "Exchange \(try await exchange.probe(employee.mailbox).serverVersion)"
    }
    guard let policy = settings.policies.first(where: { $0.name == employee.policy }) else {
      return step(TestStep(name: "\(name): policy", isOK: true, detail: "none: nothing is synchronized"))
    }
    for kind in policy.sections.keys.sorted() where SyncEngine.synchronizedKinds.contains(kind) {
      await attempt("\(name): \(kind.rawValue)", step) { () async throws(SyncError) in
        let found = try await exchange.folder(of: kind, named: policy.sections[kind]?.folder, in: employee.mailbox, create: false)
        return "folder '\(policy.folderName(of: kind))' " + (found == nil ? "is made by the first synchronization" : "is there")
      }
    }
  }

  private func attempt(_ name: String, _ step: @Sendable (TestStep) -> Void, _ body: () async throws(SyncError) -> String) async {
    do throws(SyncError) {
      step(TestStep(name: name, isOK: true, detail: try await body()))
    } catch {
      step(TestStep(name: name, isOK: false, detail: error.description))
    }
  }
}
