import Foundation
import Model
import Store
import SyncEngine
import Testing

@testable import Daemon

/// An ERP without records, for rounds that end at once.
private struct EmptyERP: ERPPort {
  private var refusal: SyncError { SyncError(.notFound, "there are no records here") }
  var requestSeconds: Int { 0 }
  func changes(of kind: RecordKind, since cursor: String?, page: String?) async throws(SyncError) -> EntityChangePage { throw refusal }
  func versions(of kind: RecordKind) async throws(SyncError) -> [EntityID: String] { throw refusal }
  func entities(_ ids: [EntityID], kind: RecordKind) async throws(SyncError) -> [Result<Entity, SyncError>] { throw refusal }
  func create(_ entity: NewEntity, kind: RecordKind) async throws(SyncError) -> Entity { throw refusal }
  func update(_ update: EntityUpdate, kind: RecordKind) async throws(SyncError) -> Entity { throw refusal }
  func delete(_ id: EntityID, version: String, kind: RecordKind) async throws(SyncError) { throw refusal }
  func created(by operation: OperationID, like fields: Fields, kind: RecordKind) async throws(SyncError) -> [Entity] { throw refusal }
  func site() async throws(SyncError) -> String { "" }
  func employees() async throws(SyncError) -> [ERPEmployee] { [] }
  func close() async {}
  func support(for kind: RecordKind) -> FieldSupport { FieldSupport(limits: [:]) }
}

@Suite(.timeLimit(.minutes(2))) struct CoordinatorTests {
  private let people = (0..<6).map { "person\($0)@example.test" }

  /// A coordinator whose rounds have nothing to do.
  private func coordinator() throws -> Coordinator {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("concordfs-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let store = try Store(path: directory.appendingPathComponent("cache.db").path)
    let settings = Settings(
      store: "", erp: ERPSettings(url: "", endpoint: "", authentication: .password(username: "", password: .literal(""))), accounts: [],
      policies: [], employees: people.map { Employee(id: $0, email: $0, account: "A", policy: nil) })
    return Coordinator(settings: settings) { settings in
      SyncEngine(settings: settings, parts: EngineParts(store: store, erp: EmptyERP(), exchange: [:], surroundings: .system))
    }
  }

  @Test func `requests that come while a round ends are all served`() async throws {
    let coordinator = try coordinator()
    let served = await withTaskGroup(of: Bool.self, returning: Int.self) { group in
      for number in 0..<3000 {
        let demand = Coordinator.Demand(employees: number % 7 == 0 ? nil : [people[number % 6]], kinds: nil, isFull: number % 5 == 0)
        group.addTask {
          if case .success = await coordinator.synchronize(demand) { true } else { false }
        }
      }
      var count = 0
      for await isServed in group where isServed { count += 1 }
      return count
    }
    #expect(served == 3000)
    #expect(await coordinator.running.isEmpty)
  }

  @Test func `a pause refuses requests until it ends`() async throws {
    let coordinator = try coordinator()
    await coordinator.pause(people[1])
    let one = await coordinator.synchronize(Coordinator.Demand(employees: [people[1]], kinds: nil, isFull: false))
    guard case .failure(let error) = one else { throw SyncError(.failed, "a paused employee was synchronized") }
    #expect(error.code == .held)
    #expect(await coordinator.isPaused(people[1]))
    await coordinator.pause(nil)
    guard case .failure = await coordinator.synchronize(Coordinator.Demand(employees: nil, kinds: nil, isFull: false)) else {
      throw SyncError(.failed, "a round began in a pause")
    }
    await coordinator.resume(nil)
    guard case .success = await coordinator.synchronize(Coordinator.Demand(employees: [people[1]], kinds: nil, isFull: false)) else {
      throw SyncError(.failed, "the pause did not end")
    }
  }
}
