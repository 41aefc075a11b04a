import Model

/// The ERP of a world, as the engine sees it.
struct SimulatedERP: ERPPort {
  let world: World

  private func entity(_ stored: SimEntity) -> Entity {
    Entity(
      id: stored.id, key: stored.key, version: String(stored.version), modified: Timestamp(milliseconds: stored.modified),
      fields: stored.fields, owner: stored.owner, workgroup: stored.owner.map { "W" + $0 }, isInScope: stored.isActive,
      operationID: stored.operationID)
  }

  func changes(of kind: RecordKind, since cursor: String?, page: String?) async throws(SyncError) -> EntityChangePage {
    try await world.serve("erp.changes") {
      $0.add(cursor ?? "-")
    } apply: { [world] lies throws(SyncError) in
      let since = cursor.flatMap { Int($0) } ?? -1
      var found = world.entities.filter { $0.kind == kind && $0.sequence >= since }.sorted { $0.sequence < $1.sequence }
      let offset = page.flatMap { Int($0) } ?? 0
      let latest = max(found.last?.sequence ?? 0, max(since, 0))
      // A filter on times misses what a skewed clock dated back.
      if lies { found = world.isBlind ? [] : found.filter { $0.sequence % 2 == 0 } }
      let part = found.dropFirst(offset).prefix(world.setup.pageSize)
      let next = offset + part.count < found.count ? String(offset + part.count) : nil
      return EntityChangePage(entities: part.map(entity), nextPage: next, cursor: String(latest))
    }
  }

  func versions(of kind: RecordKind) async throws(SyncError) -> [EntityID: String] {
    try await world.serve("erp.versions") { _ in
    } apply: { [world] lies throws(SyncError) in
      let all = world.entities.filter { $0.kind == kind }
      let listed = lies ? all.filter { $0.sequence % 2 == 0 } : all
      return Dictionary(listed.map { ($0.id, String($0.version)) }, uniquingKeysWith: { first, _ in first })
    }
  }

  func entities(_ ids: [EntityID], kind: RecordKind) async throws(SyncError) -> [Result<Entity, SyncError>] {
    try await world.serve("erp.entities") {
      $0.add(ids.lazy.map(\.rawValue))
    } apply: { [world] lies throws(SyncError) in
      ids.map { id in
        guard !lies, let found = world.entities.first(where: { $0.id == id }) else { return .failure(SyncError(.notFound, "no \(id)")) }
        return .success(entity(found))
      }
    }
  }

  func create(_ new: NewEntity, kind: RecordKind) async throws(SyncError) -> Entity {
    let name = world.entityName()
    var landings = 0
    return try await world.serve("erp.create", isWrite: true) {
      $0.add(name)
    } apply: { [world] _ throws(SyncError) in
      landings += 1
      let id = landings == 1 ? name : world.entityName()
      let shape = RecordShape.of(kind)
      let made = SimEntity(
        id: EntityID(rawValue: id), kind: kind, key: id, version: world.nextSequence(), modified: world.clock,
        fields: shape.erp.projected(new.fields), owner: new.owner, operationID: shape.isMarkedInERP ? new.operationID : nil,
        created: world.clock, sequence: world.sequence, files: new.mail.map { _ in [:] })
      world.carryOut("created-entities")
      world.entities.append(made)
      world.oracle?.engineCreated(made, by: new.operationID, again: landings > 1)
      return entity(made)
    }
  }

  func update(_ update: EntityUpdate, kind: RecordKind) async throws(SyncError) -> Entity {
    try await world.serve("erp.update", isWrite: true) { detail in
      detail.add([update.id.rawValue, update.version, ""])
      detail.add(update.changes)
    } apply: { [world] _ throws(SyncError) in
      let index = try find(update.id, update.version)
      world.oracle?.engineUpdates(world.entities[index], changes: update.changes)
      world.carryOut("updated-entities")
      var changed = world.entities[index].fields
      for (field, value) in update.changes { changed[field] = value }
      world.entities[index].fields = RecordShape.of(kind).erp.projected(changed)
      world.bump(entity: index)
      return entity(world.entities[index])
    }
  }

  func delete(_ id: EntityID, version: String, kind: RecordKind) async throws(SyncError) {
    try await world.serve("erp.delete", isWrite: true) {
      $0.add([id.rawValue, version])
    } apply: { [world] _ throws(SyncError) in
      let index = try find(id, version)
      world.oracle?.engineDeletes(world.entities[index])
      world.carryOut("deleted-entities")
      world.entities.remove(at: index)
    }
  }

  private func find(_ id: EntityID, _ version: String) throws(SyncError) -> Int {
    guard let index = world.entities.firstIndex(where: { $0.id == id }) else { throw SyncError(.notFound, "no \(id)") }
    guard String(world.entities[index].version) == version else { throw SyncError(.staleVersion, "\(id) changed") }
    return index
  }

  func created(by operation: OperationID, like fields: Fields, kind: RecordKind) async throws(SyncError) -> [Entity] {
    try await world.serve("erp.created") { _ in
    } apply: { [world] _ throws(SyncError) in
      let isMarked = RecordShape.of(kind).isMarkedInERP
      return world.entities.filter { stored in
        guard stored.kind == kind else { return false }
        if isMarked { return stored.operationID == operation }
        return stored.fields.same(.subject, in: fields) && operation.time.map { stored.created >= $0.milliseconds } ?? true
      }.map(entity)
    }
  }

  func site() async throws(SyncError) -> String { "simulation" }

  func employees() async throws(SyncError) -> [ERPEmployee] {
    try await world.serve("erp.employees") { _ in
    } apply: { [world] _ throws(SyncError) in
      world.mailboxes.indices.map { index in
        let code = World.ownerCodes[index]
        return ERPEmployee(
          id: code, name: code, email: world.mailboxes[index].address, ownerCodes: [code], workgroups: ["W" + code])
      }
    }
  }

  func close() async {}

  /// Whoever waits in vain gives up at once.
  var requestSeconds: Int { 0 }

  func support(for kind: RecordKind) -> FieldSupport { RecordShape.of(kind).erp }
}

extension World {
  func entityName() -> String { number("p") }

  /// A change of an entity, by whomever.
  func bump(entity index: Int) {
    sequence += 1
    entities[index].version = sequence
    entities[index].sequence = sequence
    entities[index].modified = clock
  }
}
