import MIME
import Model
import Store

/// Brings messages of a mailbox into the ERP: as email activities of the employee, with their files. Mailbox and cache are asked and told in
/// batches, several at once within the account's `concurrency`; the ERP's contract takes one record and one file a request.
struct EmailImporter: Sendable {
  let executor: Executor
  private var parts: EngineParts { executor.parts }
  private var spoke: Spoke { executor.spoke }

  /// A message taken apart, as the ERP gets it.
  private struct Letter {
    var content: [UInt8]
    var people: [Field: [MIMEAddress]]
    var html: String
    var files: [MIMEAttachment]
    var leftOut: [LeftOut]

    var everybody: [MIMEAddress] { [Field.from, .to, .cc, .bcc].flatMap { people[$0] ?? [] } }
  }

  /// A message on its way.
  private struct Passage {
    var pair: Pair
    var item: Item
    var letter: Letter
    /// The creation that its activity stems from.
    var operation: OperationID
  }

  /// Creates the activities of messages. Throws only for what stops the mailbox; a message that fails is counted and tried again.
  func create(_ writes: [DueWrite], _ contacts: EmailContacts) async throws(SyncError) -> Executor.Tally {
    var tally = Executor.Tally()
    for wave in executor.waves(writes) {
      let done = try await executor.inMessageBatches(wave.writes, width: wave.width, size: { $0.pair.item?.item.size }) {
        batch throws(SyncError) in try await create(batch: batch, contacts)
      }
      for part in done { tally.add(part) }
    }
    return tally
  }

  private func create(batch writes: [DueWrite], _ contacts: EmailContacts) async throws(SyncError) -> Executor.Tally {
    var tally = Executor.Tally()
    var new: [(write: DueWrite, passage: Passage, entity: NewEntity)] = []
    for (write, item, letter) in try await read(writes, contacts) {
      do throws(SyncError) {
        guard case .createEntity(let fields) = write.action.step else { continue }
        let letter = try letter.get()
        try await contacts.ensure(letter.everybody)
        let entity = try await activity(letter, fields, write.operation, contacts)
        new.append((write, Passage(pair: write.pair, item: item, letter: letter, operation: write.operation), entity))
      } catch {
        try executor.noteFailure(write, error)
        tally.failures += 1
        if error.stopsAccount { throw error }
      }
    }
    let made = try await send(new, &tally)
    let errors = try await complete(made.map { ($0.passage, $0.entity, []) })
    for (draft, error) in zip(made, errors) {
      guard let error else { continue }
      // The intent stays open: the next cycle goes on where this one stopped.
      try executor.noteFailure(of: draft.passage.pair, "completing", error)
      tally.failures += 1
    }
    if let stop = errors.compactMap({ $0 }).first(where: \.stopsAccount) { throw stop }
    return tally
  }

  /// Creates the activities of a batch, one a request, between their intents and the note that they are there.
  private func send(
    _ new: [(write: DueWrite, passage: Passage, entity: NewEntity)], _ tally: inout Executor.Tally
  ) async throws(SyncError) -> [(passage: Passage, entity: Entity)] {
    if new.isEmpty { return [] }
    try executor.openIntents(new.map(\.write))
    var made: [(passage: Passage, entity: Entity)] = []
    var stop: SyncError?
    for (index, draft) in new.enumerated() {
      do throws(SyncError) {
        made.append((draft.passage, try await parts.erp.create(draft.entity, kind: spoke.kind)))
      } catch {
        try executor.noteFailure(draft.write, error)
        tally.failures += 1
        guard error.stopsAccount else { continue }
        stop = error
        // Those after it were never sent: their intents would only be looked up in vain.
        try parts.store.write { transaction in for later in new[(index + 1)...] { try transaction.close(later.write.operation) } }
        break
      }
    }
    let (there, now) = (made, parts.surroundings.now())
    // From here on the other mailboxes know the messages by their Message-IDs.
    try parts.store.write { transaction in
      for (passage, entity) in there {
        _ = try transaction.observe(entity, kind: spoke.kind)
        if !passage.letter.files.isEmpty { try transaction.setMeta(Self.incomplete(entity.id), now.iso8601) }
      }
    }
    // What was made is completed by the next cycle: its intents are open.
    if let stop { throw stop }
    tally.count("created-entities", made.count)
    return made
  }

  /// After a crash or a lost answer: finds what the creation brought about, and goes on where it stopped.
  func settle(_ intent: Intent) async throws(SyncError) {
    let (stored, linked) = try parts.store.read { reader in
      (
        try intent.itemID.flatMap { try reader.item($0, kind: spoke.kind, mailbox: spoke.mailbox) },
        try intent.itemID.flatMap { try reader.link(item: $0, kind: spoke.kind, mailbox: spoke.mailbox) }
      )
    }
    let candidates = try await parts.erp.created(by: intent.id, like: intent.payload, kind: spoke.kind)
    // Where a server carried the creation out twice, the message may belong to the other by now.
    guard let made = linked == nil ? candidates.first : candidates.first(where: { $0.id == linked?.entityID }) else {
      return try parts.store.write { transaction in
        if linked == nil { try transaction.setMeta(Recovery.abandoned(intent.id), intent.time.iso8601) }
        try transaction.close(intent.id)
      }
    }
    try parts.store.write { _ = try $0.observe(made, kind: spoke.kind) }
    guard let item = stored?.item, stored?.presence == .present, try await executor.stillTakesPart(item.version.id) ?? false else {
      return try giveUp(made, stored, intent)
    }
    let content: [UInt8]
    do throws(SyncError) { content = try await executor.exchange.content(of: item.version.id, in: spoke.mailbox) } catch {
      guard error.code == .notFound else { throw error }
      return try giveUp(made, stored, intent)
    }
    let passage = Passage(pair: Pair(link: linked), item: item, letter: try letter(content, of: item), operation: intent.id)
    if let other = try parts.store.read({ try $0.link(entity: made.id, kind: spoke.kind, mailbox: spoke.mailbox) }), other != linked {
      // Another message of the same Message-ID is its partner by now: this one gives its files alone.
      try await attach(passage.letter, of: item, to: made.id, but: try await attached(to: made.id))
      return try parts.store.write { transaction in
        try transaction.setMeta(Self.incomplete(made.id), nil)
        try transaction.close(intent.id)
      }
    }
    if let error = try await complete([(passage, made, try await attached(to: made.id))]).compactMap({ $0 }).first { throw error }
  }

  /// The message is not where it was, or no longer takes part: its activity gets the files that it does not have yet once the message, or another of the same
  /// Message-ID, is linked to it. The two are a pair all the same, so that a message that its owner took away is not brought back.
  private func giveUp(_ made: Entity, _ message: StoredItem?, _ intent: Intent) throws(SyncError) {
    executor.log.write(
      .warning, "\(recordName(made.fields)): moved, deleted or made private before the ERP had all of it: files may be missing there", spoke
    )
    try parts.store.write { transaction in
      try transaction.setMeta(Self.incomplete(made.id), intent.time.iso8601)
      try transaction.close(intent.id)
      guard let id = message?.item.version.id, try transaction.reader.link(item: id, kind: spoke.kind, mailbox: spoke.mailbox) == nil,
        try transaction.reader.link(entity: made.id, kind: spoke.kind, mailbox: spoke.mailbox) == nil
      else { return }
      _ = try transaction.save(
        Link(
          unagreed: made.id, id, spoke, message?.presence == .deleted ? .detached : .linked, origin: .exchange, operationID: intent.id,
          moveKey: message?.item.moveKey))
      try transaction.reconsider(item: id, kind: spoke.kind, mailbox: spoke.mailbox)
    }
  }

  /// Attaches what a creation that was given up left out, or one of another mailbox that is still open: its employee may be switched off.
  func catchUp(_ entity: EntityID, _ item: Item, _ content: [UInt8]) async throws(SyncError) {
    let mayLackFiles = try parts.store.read { reader in
      if try reader.meta(Self.incomplete(entity)) != nil { return true }
      guard let creation = try reader.entity(entity, kind: spoke.kind)?.entity.operationID else { return false }
      return try reader.openIntents(mailbox: nil).contains { $0.id == creation }
    }
    guard mayLackFiles else { return }
    try await attach(try letter(content, of: item), of: item, to: entity, but: try await attached(to: entity))
    try parts.store.write { try $0.setMeta(Self.incomplete(entity), nil) }
  }

  /// The note that an activity may lack files that its message has.
  private static func incomplete(_ entity: EntityID) -> String { "incomplete email \(entity.rawValue)" }

  private func attached(to entity: EntityID) async throws(SyncError) -> Set<String> {
    Set(try await parts.erp.message(entity).files.map { $0.name.lowercased() })
  }

  // MARK: Taking apart

  /// The messages of a batch, taken apart.
  private func read(
    _ writes: [DueWrite], _ contacts: EmailContacts
  ) async throws(SyncError) -> [(write: DueWrite, item: Item, letter: Result<Letter, SyncError>)] {
    // Another mailbox's creation of the same message whose outcome is not known yet: two activities would come of it.
    let open = try parts.store.read { try $0.openIntents(mailbox: nil) }.filter { $0.kind == spoke.kind && $0.side == .erp }
    let inDoubt = Set(open.compactMap { $0.payload.text(.messageID) })
    let doubt = SyncError(.transient, "another mailbox may have brought this message into the ERP already; the next cycle looks it up")
    let items = writes.compactMap { write in write.pair.item.map { (write: write, item: $0.item) } }
    let sure = items.filter { $0.write.action.payload.text(.messageID).map { !inDoubt.contains($0) } ?? true }
    let contents = try await executor.contents(of: sure.map(\.item.version.id))
    var letters: [OperationID: Result<Letter, SyncError>] = [:]
    for (entry, content) in zip(sure, contents) {
      letters[entry.write.operation] = content.flatMap { content in
        do throws(SyncError) { return .success(try letter(content, of: entry.item)) } catch { return .failure(error) }
      }
    }
    try await contacts.prepare(for: letters.values.flatMap { (try? $0.get().everybody) ?? [] })
    return items.map { ($0.write, $0.item, letters[$0.write.operation] ?? .failure(doubt)) }
  }

  private func letter(_ content: [UInt8], of item: Item) throws(SyncError) -> Letter {
    guard let message = MIMEMessage(parsing: content) else {
      throw SyncError(.invalidRecord, "the MIME content of '\(recordName(item.fields))' cannot be read")
    }
    var people: [Field: [MIMEAddress]] = [.from: message.from, .to: message.to, .cc: message.cc, .bcc: message.bcc]
    // Recipients that the message itself does not name, Exchange does.
    for field in [Field.from, .to, .cc, .bcc] where people[field]?.isEmpty ?? true {
      people[field] = MIMEMessage.addresses(in: item.fields.text(field) ?? "")
    }
    var files: [MIMEAttachment] = []
    var leftOut: [LeftOut] = []
    if spoke.section.attachments {
      var names: Set<String> = []
      for var file in message.attachments {
        file.name = FileNames.fitting(file.name, among: &names)
        if file.bytes.count > spoke.account.attachmentLimit {
          leftOut.append(LeftOut(name: file.name, limit: spoke.account.attachmentLimit))
        } else {
          files.append(file)
        }
      }
    }
    return Letter(
      content: content, people: people, html: message.html ?? HTMLText.html(from: message.text ?? ""), files: files, leftOut: leftOut)
  }

  private func activity(
    _ letter: Letter, _ fields: Fields, _ operation: OperationID, _ contacts: EmailContacts
  ) async throws(SyncError) -> NewEntity {
    var fields = fields
    for (field, people) in letter.people where !people.isEmpty { fields[field] = .text(MIMEMessage.text(of: people)) }
    let from = letter.people[.from] ?? []
    let own = [spoke.mailbox.address, executor.employee?.email?.lowercased()].compactMap { $0 }
    let isIncoming = !from.contains { own.contains($0.address.lowercased()) }
    let others = [Field.to, .cc, .bcc].flatMap { letter.people[$0] ?? [] }
    let related = try await contacts.related(to: isIncoming ? from + others : others)
    return NewEntity(
      fields: fields, owner: executor.employee?.ownerCode, operationID: operation,
      mail: NewMail(
        body: LeftOut.html(letter.html, letter.leftOut, "with the message in Exchange"), isIncoming: isIncoming, relatedContact: related))
  }

  // MARK: Completing

  /// Attaches what is not attached yet, saves the pairs and their files, marks the messages, closes the intents.
  /// - Returns: for each message why it could not be completed; nil: it is.
  private func complete(_ made: [(passage: Passage, entity: Entity, attached: Set<String>)]) async throws(SyncError) -> [SyncError?] {
    var errors: [SyncError?] = []
    var whole: [(passage: Passage, entity: Entity)] = []
    var stop: SyncError?
    for entry in made {
      do throws(SyncError) {
        if let stop { throw stop }
        try await attach(entry.passage.letter, of: entry.passage.item, to: entry.entity.id, but: entry.attached)
        whole.append((entry.passage, entry.entity))
        errors.append(nil)
      } catch {
        if error.stopsAccount { stop = error }
        errors.append(error)
      }
    }
    if whole.isEmpty { return errors }
    let emails = EmailExecutor(executor: executor)
    let items = try await emails.stamp(whole.map { ($0.passage.item, $0.entity.id) })
    let (done, now) = (whole, parts.surroundings.now())
    try parts.store.write { transaction in
      for (entry, item) in zip(done, items) {
        _ = try transaction.observe(item, kind: spoke.kind, mailbox: spoke.mailbox)
        try emails.save(
          entry.passage.pair, entityID: entry.entity.id, item: item, content: entry.passage.letter.content,
          operation: entry.passage.operation, origin: .exchange, at: now, transaction)
        try transaction.setMeta(Self.incomplete(entry.entity.id), nil)
        try transaction.close(entry.passage.operation)
      }
    }
    return errors
  }

  /// Attaches a message's files but those whose names, in lower case, are there already.
  private func attach(_ letter: Letter, of item: Item, to entity: EntityID, but attached: Set<String>) async throws(SyncError) {
    var refused: [LeftOut] = []
    for file in letter.files where !attached.contains(file.name.lowercased()) {
      do throws(SyncError) {
        try await parts.erp.attach(file.name, file.bytes, to: entity)
      } catch {
        if error.stopsAccount || error.leavesWriteInDoubt || error.code == .throttled { throw error }
        refused.append(LeftOut(name: file.name, limit: spoke.account.attachmentLimit, refusal: error.cause ?? error.message))
      }
    }
    if !refused.isEmpty {
      let body = LeftOut.html(letter.html, letter.leftOut + refused, "with the message in Exchange")
      try await parts.erp.replaceBody(of: entity, with: body)
    }
    for file in letter.leftOut + refused { executor.log.write(.warning, "\(recordName(item.fields)): \(file.logLine)", spoke) }
  }
}
