import Model

/// The people on both sides, and the servers' own life. Each act is a pure function of the world and its salt.
struct Users {
  let world: World

  func perform(_ event: Event) {
    switch event {
    case .erp(let edit, let kind, let salt): perform(edit, RecordShape.of(kind), salt)
    case .mailbox(let index, let edit, let kind, let salt) where index < world.mailboxes.count:
      perform(edit, index, RecordShape.of(kind), salt)
    case .admin(.forgetSyncState, let salt): world.mailboxes[salt % world.mailboxes.count].incarnation += 1
    case .admin(.migrateMailbox, let salt): migrate(salt % world.mailboxes.count)
    case .admin(.clockJump, let salt) where world.setup.hasSeries:
      world.clock += [3_600_000, SimSeries.day, 20 * SimSeries.day, 365 * SimSeries.day][salt & 3]
    case .admin(.clockJump, let salt): world.clock += salt % 2 == 0 ? 3_600_000 : 31_536_000_000
    default: break
    }
  }

  func token(_ field: Field, _ author: Int) -> Value {
    let token = world.ledger.issue(by: author)
    if author == Ledger.erpUser { world.ledger.wasInERP.insert(token.number) }
    if world.setup.hasUnheldTexts, field == .notes, author != Ledger.erpUser, token.number % 2 == 0 { return token.unheld }
    return token.text(for: field)
  }

  /// A new record's values; an address may be one that is in use on the other side, so that there is something to match.
  private func newFields(_ shape: RecordShape, _ author: Int, _ salt: Int) -> Fields {
    var fields = Fields()
    for (position, field) in shape.fields.enumerated() where position == 0 || salt >> position & 1 == 1 {
      fields[field] = token(field, author)
    }
    for field in shape.plainFields { fields[field] = shape.plainValue(field, side(author), now: world.clock, salt >> 3) }
    fields[shape.birth] = token(shape.birth, author)
    if author != Ledger.erpUser { fields[shape.mailboxOnly] = token(shape.mailboxOnly, author) }
    if salt >> 8 & 3 == 0, shape.fields.contains(.email1) {
      let known = author != Ledger.erpUser ? world.entities.map(\.fields) : world.mailboxes.flatMap { $0.items.map(\.fields) }
      let addresses = known.compactMap { $0[.email1] }
      if !addresses.isEmpty {
        world.ledger.excuse(fields[.email1])
        fields[.email1] = addresses[(salt >> 10) % addresses.count]
        if author == Ledger.erpUser, let token = Token(fields[.email1]) { world.ledger.wasInERP.insert(token.number) }
      }
    }
    return fields
  }

  private func side(_ author: Int) -> SystemSide { author == Ledger.erpUser ? .erp : .exchange }

  private func perform(_ edit: ERPEdit, _ shape: RecordShape, _ salt: Int) {
    if edit == .create {
      let id = world.entityName()
      let fields = shape.erp.projected(newFields(shape, Ledger.erpUser, salt))
      let files: [String: [UInt8]]? = shape.kind != .emails ? nil : salt >> 15 & 1 == 1 ? ["offer.txt": Array("offer".utf8)] : [:]
      world.entities.append(
        SimEntity(
          id: EntityID(rawValue: id), kind: shape.kind, key: id, version: world.nextSequence(), modified: world.clock, fields: fields,
          owner: World.ownerCodes[(salt >> 4) % 3], created: world.clock, sequence: world.sequence, files: files))
      world.mail.cause(world.entities[world.entities.count - 1].id)
      world.tell("ERP user creates \(id) \(fields)")
      return
    }
    let candidates = world.entities.indices.filter { world.entities[$0].kind == shape.kind }
    guard !candidates.isEmpty else { return }
    let index = candidates[(salt >> 6) % candidates.count]
    let field = shape.fields[salt % shape.fields.count]
    world.tell("ERP user: \(edit) \(world.entities[index].id) \(field)")
    // Handed over, it is cancelled in one calendar and set up in another.
    world.mail.cause(world.entities[index].id, times: [.reassign, .activate, .deactivate].contains(edit) ? 2 : edit == .touch ? 0 : 1)
    switch edit {
    case .create: break
    case .edit, .clear:
      let value = edit == .clear ? nil : shape.erp.projected(Fields([field: token(field, Ledger.erpUser)]))[field]
      world.ledger.replace(world.entities[index].fields[field], by: value)
      world.entities[index].fields[field] = value
    case .delete:
      world.ledger.delete(world.entities[index].fields)
      world.oracle?.userDeleted(world.entities[index])
      world.entities.remove(at: index)
      return
    case .touch: break
    case .reassign: world.entities[index].owner = World.ownerCodes[salt % World.ownerCodes.count]
    case .deactivate: world.entities[index].isActive = false
    case .activate: world.entities[index].isActive = true
    case .setPlain:
      guard !shape.plainFields.isEmpty else { return }
      let plain = shape.plainFields[(salt >> 2) % shape.plainFields.count]
      let before = world.entities[index].fields[plain]
      world.entities[index].fields[plain] = shape.plainValue(plain, .erp, now: world.clock, salt >> 3)
      if world.setup.hasSeries, plain == .start, salt >> 5 & 3 != 0, case .instant(let start, _)? = before {
        let later = SeriesUsers.later(start.milliseconds, salt >> 3)
        world.entities[index].fields[plain] = .instant(Timestamp(milliseconds: later), zone: nil)
      }
    }
    world.oracle?.scopeMayHaveChanged(world.entities[index])
    world.bump(entity: index)
  }

  private func perform(_ edit: ItemEdit, _ mailbox: Int, _ shape: RecordShape, _ salt: Int) {
    if edit == .create || edit == .createElsewhere { return create(mailbox, shape, edit == .create, salt) }
    let isWanted: (SimItem) -> Bool =
      switch edit {
      case .restore: { $0.place == .trash && $0.form != .occurrence }
      case .moveBack: { $0.place == .elsewhere }
      default: { $0.place != .trash }
      }
    let items = world.mailboxes[mailbox].items
    let candidates = items.indices.filter { items[$0].kind == shape.kind && isWanted(items[$0]) }
    guard !candidates.isEmpty else { return }
    let index = candidates[(salt >> 6) % candidates.count]
    let field = shape.fields[salt % shape.fields.count]
    world.tell("user of \(world.mailboxes[mailbox].address): \(edit) \(items[index].id) \(field)")
    change(edit, index, mailbox, shape, field, salt)
  }

  private func change(_ edit: ItemEdit, _ index: Int, _ mailbox: Int, _ shape: RecordShape, _ field: Field, _ salt: Int) {
    let item = world.mailboxes[mailbox].items[index]
    if item.form == .series || item.form == .occurrence { return SeriesUsers(users: self).change(edit, index, mailbox, field, salt) }
    // Of somebody else's meeting only the copy as a whole is the attendee's own.
    if item.form == .attendeeCopy, [.edit, .clear, .setPlain].contains(edit) { return }
    if ![.edit, .clear, .touch, .copy, .addCategory].contains(edit) { world.mailboxes[mailbox].items[index].hasStayed = false }
    switch edit {
    case .create, .createElsewhere: return
    case .edit, .clear:
      let value = edit == .clear ? nil : token(field, mailbox)
      world.ledger.replace(item.fields[field], by: value)
      world.mailboxes[mailbox].items[index].fields[field] = value
    case .delete:
      noteDeleted(item, mailbox)
      return world.move(item: index, in: mailbox, to: .trash)
    case .destroy:
      noteDeleted(item, mailbox)
      world.leave(item: index, in: mailbox)
      world.mailboxes[mailbox].items.remove(at: index)
      return
    case .moveAway:
      world.oracle?.userMovedAway(item, in: mailbox)
      return world.move(item: index, in: mailbox, to: item.place == .elsewhere ? world.place(mailbox, shape.kind) : .elsewhere)
    case .moveBack, .restore:
      world.oracle?.userRestored(item)
      return world.move(item: index, in: mailbox, to: world.place(mailbox, shape.kind))
    case .copy:
      var copy = item
      copy.id = ItemID(rawValue: world.number("e"))
      copy.isUserCopy = true
      copy.isLikeTwin = world.isLikeTwin(item)
      copy.isOfUnread = item.seenByEngine == 0
      copy.created = world.clock
      copy.place = salt & 1 == 0 ? item.place : .elsewhere
      copy.changeKey = world.nextSequence()
      (copy.sequence, copy.arrival) = (world.sequence, world.sequence)
      world.oracle?.userCopied(copy)
      return world.mailboxes[mailbox].items.append(copy)
    case .dropCategory: world.mailboxes[mailbox].items[index].fields[.categories] = nil
    case .addCategory: world.mailboxes[mailbox].items[index].fields[.categories] = .set(["ERP", "Friends"])
    case .makePrivate: world.mailboxes[mailbox].items[index].isPrivate = true
    case .makePublic: world.mailboxes[mailbox].items[index].isPrivate = false
    case .touch: break
    case .setPlain:
      guard !shape.plainFields.isEmpty else { return }
      let plain = shape.plainFields[(salt >> 2) % shape.plainFields.count]
      world.mailboxes[mailbox].items[index].fields[plain] = shape.plainValue(plain, .exchange, now: world.clock, salt >> 3)
    }
    world.bump(item: index, in: mailbox)
    world.deliver(world.mailboxes[mailbox].items[index], from: mailbox)
  }

  private func noteDeleted(_ item: SimItem, _ mailbox: Int) {
    guard item.form == nil else { return }
    world.ledger.excuse(item.fields)
    world.oracle?.userDeleted(item, in: mailbox)
    world.withdraw(item, from: mailbox)
  }

  private func create(_ mailbox: Int, _ shape: RecordShape, _ inFolder: Bool, _ salt: Int) {
    var fields = newFields(shape, mailbox, salt)
    if salt >> 12 & 3 != 0 { fields[.categories] = .set(["ERP"]) }
    if world.setup.hasSeries, shape.kind == .events, salt & 3 != 0 {
      return SeriesUsers(users: self).create(mailbox, fields, inFolder, salt)
    }
    let id = ItemID(rawValue: world.number("e"))
    world.tell("user of \(world.mailboxes[mailbox].address) creates \(id) \(fields)")
    let content = shape.kind == .emails ? world.letter(fields, salt) : nil
    world.mailboxes[mailbox].items.append(
      SimItem(
        id: id, kind: shape.kind, changeKey: world.nextSequence(), place: inFolder ? world.place(mailbox, shape.kind) : .elsewhere,
        fields: fields, isPrivate: salt >> 14 & 7 == 0, created: world.clock, modified: world.clock, moveKey: world.number("k"),
        sequence: world.sequence, arrival: world.sequence, content: content))
    world.mailboxes[mailbox].items[world.mailboxes[mailbox].items.count - 1].hasStayed = true
    if shape.kind == .emails, salt >> 16 & 1 == 1 { receiveToo(mailbox) }
    world.deliver(world.mailboxes[mailbox].items[world.mailboxes[mailbox].items.count - 1], from: mailbox)
  }

  /// The message that came last to a mailbox was sent to the others too.
  private func receiveToo(_ mailbox: Int) {
    guard let item = world.mailboxes[mailbox].items.last else { return }
    for other in world.mailboxes.indices where other != mailbox {
      var same = item
      same.id = ItemID(rawValue: world.number("e"))
      same.changeKey = world.nextSequence()
      (same.sequence, same.arrival) = (world.sequence, world.sequence)
      world.mailboxes[other].items.append(same)
    }
  }

  /// The mailbox moved to another server: every item has a new id, and no sync state is known.
  private func migrate(_ mailbox: Int) {
    world.tell("mailbox \(mailbox) is migrated")
    world.mailboxes[mailbox].incarnation += 1
    world.mailboxes[mailbox].departures = []
    for index in world.mailboxes[mailbox].items.indices { world.mailboxes[mailbox].items[index].id = ItemID(rawValue: world.number("e")) }
  }
}
