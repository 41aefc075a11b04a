import Model

/// The Exchange account of a world, as the engine sees it.
struct SimulatedExchange: ExchangePort {
  let world: World

  /// What a folder's id stands for.
  private struct Folder: Hashable {
    let mailbox: Int
    let kind: RecordKind
    let place: SimItem.Place
  }

  private static let folders: [Folder: FolderID] = {
    var ids: [Folder: FolderID] = [:]
    for mailbox in World.addresses.indices {
      for kind in RecordKind.allCases {
        for place in SimItem.Place.allCases {
          ids[Folder(mailbox: mailbox, kind: kind, place: place)] = FolderID(rawValue: "\(mailbox)/\(kind.rawValue)/\(place.rawValue)")
        }
      }
    }
    return ids
  }()
  private static let known = Dictionary(uniqueKeysWithValues: folders.map { ($1, $0) })

  private func folder(_ mailbox: Int, _ kind: RecordKind, _ place: SimItem.Place) -> FolderID {
    Self.folders[Folder(mailbox: mailbox, kind: kind, place: place)] ?? FolderID(rawValue: "")
  }

  private func place(_ folder: FolderID) -> SimItem.Place { Self.known[folder]?.place ?? .own }

  private func kind(_ folder: FolderID) -> RecordKind { Self.known[folder]?.kind ?? .contacts }

  private func item(_ stored: SimItem, _ mailbox: Int) -> Item {
    Item(
      version: ItemVersion(id: stored.id, changeKey: String(stored.changeKey)), folder: folder(mailbox, stored.kind, stored.place),
      fields: stored.fields, foreignID: stored.foreignID, operationID: stored.operationID, isPrivate: stored.isPrivate,
      created: Timestamp(milliseconds: stored.created), modified: Timestamp(milliseconds: stored.modified), moveKey: stored.moveKey,
      form: stored.form)
  }

  func folder(of kind: RecordKind, named name: String?, in mailbox: Mailbox, create: Bool) async throws(SyncError) -> FolderID? {
    let index = try world.mailboxIndex(mailbox)
    return try await world.serve("mail.folder") {
      $0.add(mailbox.address)
    } apply: { _ throws(SyncError) in
      folder(index, kind, name == nil ? .own : .policy)
    }
  }

  func changes(in folder: FolderID, of mailbox: Mailbox, since cursor: String?, limit: Int) async throws(SyncError) -> ItemChangePage {
    let index = try world.mailboxIndex(mailbox)
    let (place, kind) = (place(folder), kind(folder))
    return try await world.serve("mail.changes") {
      $0.add([mailbox.address, cursor ?? "-"])
    } apply: { [world] lies throws(SyncError) in
      let box = world.mailboxes[index]
      var since = 0
      if let cursor {
        let parts = cursor.split(separator: ":").compactMap { Int($0) }
        guard parts.count == 2, parts[0] == box.incarnation else { throw SyncError(.cursorInvalid, "the sync state is not known") }
        since = parts[1]
      }
      var found: [(Int, ItemChange)] = box.items.filter {
        $0.kind == kind && $0.place == place && $0.sequence > since && $0.form != .occurrence
      }.map {
        ($0.sequence, .present(ItemVersion(id: $0.id, changeKey: String($0.changeKey)), foreignID: $0.foreignID))
      }
      for gone in box.departures where gone.kind == kind && gone.place == place && gone.sequence > since && gone.arrival <= since {
        found.append((gone.sequence, .removed(gone.id)))
      }
      found.sort { $0.0 < $1.0 }
      let page = found.prefix(min(limit, world.setup.pageSize))
      let isLast = page.count == found.count
      let reached = isLast ? max(world.sequence, since) : page.last?.0 ?? since
      if lies { world.needsFullRound = true }
      let told = world.isBlind ? [] : lies ? page.filter { $0.0 % 2 == 0 } : Array(page)
      return ItemChangePage(changes: told.map(\.1), cursor: "\(box.incarnation):\(reached)", isLast: isLast)
    }
  }

  func items(_ ids: [ItemID], kind: RecordKind, in mailbox: Mailbox) async throws(SyncError) -> [Result<Item, SyncError>] {
    let index = try world.mailboxIndex(mailbox)
    return try await world.serve("mail.items") {
      $0.add(ids.lazy.map(\.rawValue))
    } apply: { [world] lies throws(SyncError) in
      ids.map { id in
        guard !lies, let found = world.mailboxes[index].items.firstIndex(where: { $0.id == id }) else {
          return .failure(SyncError(.notFound, "no \(id)"))
        }
        world.mailboxes[index].items[found].seenByEngine = world.mailboxes[index].items[found].changeKey
        return .success(item(world.mailboxes[index].items[found], index))
      }
    }
  }

  func create(
    _ items: [NewItem], kind: RecordKind, in folder: FolderID, of mailbox: Mailbox
  ) async throws(SyncError) -> [Result<ItemVersion, SyncError>] {
    let index = try world.mailboxIndex(mailbox)
    let place = place(folder)
    return try await world.serve("mail.create", isWrite: true) { detail in
      detail.add(mailbox.address)
      for item in items {
        detail.add([" ", item.foreignID.rawValue, " "].joined())
        detail.explain("\(item.fields)")
      }
    } apply: { [world] lies throws(SyncError) in
      var results: [Result<ItemVersion, SyncError>] = []
      for (position, new) in items.enumerated() {
        if lies && position == 0 {
          results.append(.failure(SyncError(.invalidRecord, "refused")))
          continue
        }
        var made = SimItem(
          id: ItemID(rawValue: world.number("e")), kind: kind, changeKey: world.nextSequence(), place: place,
          fields: RecordShape.of(kind).exchange.projected(new.fields), foreignID: new.foreignID, operationID: new.operationID,
          created: world.clock, modified: world.clock, moveKey: world.number("k"), sequence: world.sequence, arrival: world.sequence,
          content: new.content)
        made.hasStayed = true
        world.carryOut("created-items")
        world.oracle?.engineCreates(made, in: index)
        world.mailboxes[index].items.append(made)
        if kind == .events { tell(made, new.notice, index, before: []) }
        results.append(.success(ItemVersion(id: made.id, changeKey: String(made.changeKey))))
      }
      return results
    }
  }

  func update(_ updates: [ItemUpdate], kind: RecordKind, in mailbox: Mailbox) async throws(SyncError) -> [Result<ItemVersion, SyncError>] {
    let index = try world.mailboxIndex(mailbox)
    return try await world.serve("mail.update", isWrite: true) { detail in
      detail.add(mailbox.address)
      for (position, update) in updates.enumerated() {
        detail.add(position == 0 ? " " : "; ")
        detail.add(update.version.id.rawValue)
        detail.add("/")
        detail.add([update.version.changeKey, ""])
        detail.add(update.changes)
        detail.add(" ")
        detail.add(update.foreignID?.rawValue ?? "")
      }
    } apply: { [world] lies throws(SyncError) in
      updates.enumerated().map { position, update in
        if lies && position == 0 { return .failure(SyncError(.invalidRecord, "refused")) }
        guard let found = world.mailboxes[index].items.firstIndex(where: { $0.id == update.version.id }) else {
          return .failure(SyncError(.notFound, "no \(update.version.id)"))
        }
        guard String(world.mailboxes[index].items[found].changeKey) == update.version.changeKey else {
          return .failure(SyncError(.staleVersion, "\(update.version.id) changed"))
        }
        if case .instant(let start, _)?? = update.changes[.start],
          !world.mayBegin(world.mailboxes[index].items[found], at: start.milliseconds, in: index)
        {
          return .failure(SyncError(.invalidRecord, "\(update.version.id) would cross its neighbours"))
        }
        world.oracle?.engineUpdates(world.mailboxes[index].items[found], update, in: index)
        world.mutations += 1
        let before = world.mailboxes[index].items[found].invited
        for (field, value) in update.changes { world.mailboxes[index].items[found].fields[field] = value }
        if let stamp = update.foreignID { world.mailboxes[index].items[found].foreignID = stamp }
        world.settle(update.changes.keys, of: found, in: index)
        let changed = world.mailboxes[index].items[found]
        if kind == .events { tell(changed, update.notice, index, before: before) }
        return .success(ItemVersion(id: changed.id, changeKey: String(changed.changeKey)))
      }
    }
  }

  func moveToDeletedItems(
    _ ids: [ItemID], kind: RecordKind, in mailbox: Mailbox
  ) async throws(SyncError) -> [Result<ItemID?, SyncError>] {
    try await delete(ids, "mail.delete", mailbox)
  }

  func cancel(_ versions: [ItemVersion], in mailbox: Mailbox) async throws(SyncError) -> [Result<ItemID?, SyncError>] {
    try await delete(versions.map(\.id), "mail.cancel", mailbox)
  }

  private func delete(_ ids: [ItemID], _ name: String, _ mailbox: Mailbox) async throws(SyncError) -> [Result<ItemID?, SyncError>] {
    let index = try world.mailboxIndex(mailbox)
    return try await world.serve(name, isWrite: true) { detail in
      detail.add([mailbox.address, ""])
      detail.add(ids.lazy.map(\.rawValue))
    } apply: { [world] lies throws(SyncError) in
      ids.enumerated().map { position, id in
        if lies && position == 0 { return .failure(SyncError(.transient, "locked")) }
        guard let found = world.mailboxes[index].items.firstIndex(where: { $0.id == id }) else {
          return .failure(SyncError(.notFound, "no \(id)"))
        }
        let item = world.mailboxes[index].items[found]
        world.oracle?.engineDeletes(item, in: index)
        world.carryOut("deleted-items")
        if item.form == .occurrence {
          world.takeOut(occurrence: found, in: index)
          if name == "mail.cancel" { tell(item, .all, index, before: item.invited) }
          return .success(nil)
        }
        world.move(item: found, in: index, to: .trash)
        if name == "mail.cancel" {
          tell(item, .all, index, before: item.invited)
          world.withdraw(item, from: index)
        }
        return .success(world.mailboxes[index].items[found].id)
      }
    }
  }

  func deleteOccurrences(_ ids: [ItemID], in mailbox: Mailbox) async throws(SyncError) -> [Result<ItemID?, SyncError>] {
    try await delete(ids, "mail.takeOut", mailbox)
  }

  func occurrences(
    in folder: FolderID, of mailbox: Mailbox, from start: Timestamp, to end: Timestamp
  ) async throws(SyncError) -> [OccurrenceVersion] {
    let index = try world.mailboxIndex(mailbox)
    let (place, kind) = (place(folder), kind(folder))
    return try await world.serve("mail.occurrences") {
      $0.add([mailbox.address, start.iso8601, end.iso8601])
    } apply: { [world] lies throws(SyncError) in
      if lies { world.needsFullRound = true }
      if world.isBlind { return [] }
      return world.mailboxes[index].items.compactMap { item in
        guard item.kind == kind, item.place == place, item.form == .occurrence, !lies || item.changeKey % 2 == 0, let uid = item.seriesUID,
          let begin = item.start.map(Timestamp.init(milliseconds:)), begin >= start, begin < end
        else { return nil }
        return OccurrenceVersion(
          version: ItemVersion(id: item.id, changeKey: String(item.changeKey)), uid: uid, start: begin,
          original: SimSeries.original(of: item).map(Timestamp.init(milliseconds:)))
      }
    }
  }

  func series(_ uids: Set<String>, outside folder: FolderID, in mailbox: Mailbox) async throws(SyncError) -> Set<String> {
    let index = try world.mailboxIndex(mailbox)
    let place = place(folder)
    return try await world.serve("mail.series") {
      $0.add([mailbox.address] + uids.sorted())
    } apply: { [world] _ throws(SyncError) in
      if world.isBlind { return [] }
      let elsewhere = world.mailboxes[index].items.filter { $0.form == .series && $0.place != place && $0.place != .trash }
      return uids.intersection(elsewhere.map(\.moveKey))
    }
  }

  /// Exchange tells those invited, where it is asked to, and puts the meeting into their calendars.
  private func tell(_ item: SimItem, _ notice: Notice, _ mailbox: Int, before: Set<String>) {
    guard notice != .none else { return }
    let people = notice == .all ? before.union(item.invited) : before.symmetricDifference(item.invited)
    world.oracle?.engineTells(item, people.count, in: mailbox)
    world.deliver(item, from: mailbox)
  }

  func move(
    _ ids: [ItemID], kind: RecordKind, to target: FolderID, in mailbox: Mailbox
  ) async throws(SyncError) -> [Result<ItemID, SyncError>] {
    let index = try world.mailboxIndex(mailbox)
    let place: SimItem.Place = target == folder(index, kind, .own) ? .own : .policy
    return try await world.serve("mail.move", isWrite: true) { detail in
      detail.add([mailbox.address, ""])
      detail.add(ids.lazy.map(\.rawValue))
    } apply: { [world] lies throws(SyncError) in
      ids.enumerated().map { position, id in
        if lies && position == 0 { return .failure(SyncError(.transient, "locked")) }
        guard let found = world.mailboxes[index].items.firstIndex(where: { $0.id == id }) else {
          return .failure(SyncError(.notFound, "no \(id)"))
        }
        world.mutations += 1
        world.move(item: found, in: index, to: place)
        return .success(world.mailboxes[index].items[found].id)
      }
    }
  }

  func stampedItems(_ foreignIDs: [EntityID]?, kind: RecordKind, in mailbox: Mailbox) async throws(SyncError) -> [StampedItem] {
    let index = try world.mailboxIndex(mailbox)
    return try await world.serve("mail.stamped") {
      $0.add(mailbox.address)
    } apply: { [world] _ throws(SyncError) in
      if world.isBlind { return [] }
      return world.mailboxes[index].items.compactMap { stored in
        guard stored.kind == kind, let stamp = stored.foreignID, foreignIDs?.contains(stamp) ?? true else { return nil }
        return StampedItem(
          version: ItemVersion(id: stored.id, changeKey: String(stored.changeKey)), foreignID: stamp, operationID: stored.operationID,
          folder: folder(index, kind, stored.place), isInDeletedItems: stored.place == .trash)
      }
    }
  }

  func ensureCategory(_ category: Policy.Category, in mailbox: Mailbox, correctColor: Bool) async throws(SyncError) -> Bool {
    try await world.serve("mail.category") {
      $0.add(mailbox.address)
    } apply: { _ throws(SyncError) in
      false
    }
  }

  func ownerMark(of mailbox: Mailbox) async throws(SyncError) -> OwnerMark? {
    let index = try world.mailboxIndex(mailbox)
    return try await world.serve("mail.owner") {
      $0.add(mailbox.address)
    } apply: { [world] _ throws(SyncError) in
      world.mailboxes[index].ownerMark
    }
  }

  func setOwnerMark(_ mark: OwnerMark, isNew: Bool, of mailbox: Mailbox) async throws(SyncError) {
    let index = try world.mailboxIndex(mailbox)
    try await world.serve("mail.setOwner") {
      $0.add(mailbox.address)
    } apply: { [world] _ throws(SyncError) in
      if isNew && world.mailboxes[index].ownerMark != nil { throw SyncError(.alreadyExists, "the mailbox has an owner's mark") }
      world.mailboxes[index].ownerMark = mark
    }
  }

  func probe(_ mailbox: Mailbox) async throws(SyncError) -> MailboxProbe { MailboxProbe(serverVersion: "15.2", contactCount: 0) }

  /// Whoever waits in vain gives up at once.
  var requestSeconds: Int { 0 }

  func support(for kind: RecordKind) -> FieldSupport { RecordShape.of(kind).exchange }
}

extension SimItem {
  /// Addresses of those invited.
  var invited: Set<String> { Set((fields[.attendees]?.people ?? []).map(\.address)) }
}

extension World {
  /// Puts an organizer's meeting into the calendars of those invited who have one here, or what has changed of it.
  func deliver(_ item: SimItem, from organizer: Int) {
    guard item.kind == .events, item.form == nil || item.form == .series, item.place != .trash else { return }
    for (index, box) in mailboxes.enumerated() where index != organizer && item.invited.contains(box.address) {
      var fields = item.fields
      fields[.categories] = nil
      fields[RecordShape.events.mailboxOnly] = nil
      if let known = box.items.firstIndex(where: { $0.moveKey == item.moveKey && $0.form == .attendeeCopy }) {
        fields[.categories] = box.items[known].fields[.categories]
        mailboxes[index].items[known].fields = fields
        bump(item: known, in: index)
      } else {
        mailboxes[index].items.append(
          SimItem(
            id: ItemID(rawValue: number("e")), kind: .events, changeKey: nextSequence(), place: .own, fields: fields, created: clock,
            modified: clock, moveKey: item.moveKey, sequence: sequence, arrival: sequence, form: .attendeeCopy))
      }
    }
  }

  /// A cancelled meeting leaves the calendars of those invited.
  func withdraw(_ item: SimItem, from organizer: Int) {
    guard item.kind == .events else { return }
    for (index, box) in mailboxes.enumerated() where index != organizer {
      guard let known = box.items.firstIndex(where: { $0.moveKey == item.moveKey && $0.form == .attendeeCopy && $0.place != .trash }) else {
        continue
      }
      move(item: known, in: index, to: .trash)
    }
  }

  /// A change of an item, by whomever.
  func bump(item index: Int, in mailbox: Int) {
    sequence += 1
    mailboxes[mailbox].items[index].changeKey = sequence
    mailboxes[mailbox].items[index].sequence = sequence
    mailboxes[mailbox].items[index].modified = clock
  }

  /// Moves an item: it gets a new id.
  func move(item index: Int, in mailbox: Int, to place: SimItem.Place) {
    leave(item: index, in: mailbox)
    mailboxes[mailbox].items[index].id = ItemID(rawValue: number("e"))
    mailboxes[mailbox].items[index].place = place
    if place == .elsewhere { mailboxes[mailbox].items[index].wasElsewhere = true }
    bump(item: index, in: mailbox)
    mailboxes[mailbox].items[index].arrival = sequence
    if mailboxes[mailbox].items[index].form == .series { moveOccurrences(along: mailboxes[mailbox].items[index], in: mailbox) }
  }

  /// Notes for listings that an item is no longer where it was.
  func leave(item index: Int, in mailbox: Int) {
    let item = mailboxes[mailbox].items[index]
    mailboxes[mailbox].departures.append(
      .init(id: item.id, kind: item.kind, place: item.place, arrival: item.arrival, sequence: nextSequence()))
  }
}
