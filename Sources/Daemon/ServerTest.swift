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
    do throws(SyncError) {
      connections = try Connections(settings, isReadOnly: true)
    } catch {
      return step(TestStep(name: "configuration", isOK: false, detail: error.description))
    }
    await attempt("ERP \(settings.erp.url): sign in, read employees", step) { () async throws(SyncError) in
      "\(try await connections.erp.employees().count) employees"
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
      for employee in settings.employees where employee.account == account.name && employee.isSynchronized {
        await attempt("\(account.name): mailbox \(employee.email)", step) { () async throws(SyncError) in
          let probe = try await exchange.probe(employee.mailbox)
          return "Exchange \(probe.serverVersion), \(probe.contactCount) items in Contacts"
        }
      }
    }
    await connections.close()
  }

  private func attempt(_ name: String, _ step: @Sendable (TestStep) -> Void, _ body: () async throws(SyncError) -> String) async {
    do throws(SyncError) {
      step(TestStep(name: name, isOK: true, detail: try await body()))
    } catch {
      step(TestStep(name: name, isOK: false, detail: error.description))
    }
  }
}
