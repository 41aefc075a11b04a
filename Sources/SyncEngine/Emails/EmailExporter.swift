import MIME
import Model
import Store

/// Brings email activities of the ERP into a mailbox: composed as messages, saved without being sent.
struct EmailExporter: Sendable {
  let executor: Executor
  private var parts: EngineParts { executor.parts }
  private var spoke: Spoke { executor.spoke }

  /// A message that is ready to be created.
  private struct Draft {
    var write: DueWrite
    var entity: Entity
    var fields: Fields
    var content: [UInt8]
  }

  /// What came of a batch, and what was too large for it.
  private struct Done {
    var tally = Executor.Tally()
    var large: [DueWrite] = []
  }

  /// Creates the messages of activities. Throws only for what stops the mailbox.
  func create(_ writes: [DueWrite], _ contacts: EmailContacts) async throws(SyncError) -> Executor.Tally {
    var tally = Executor.Tally()
    var ready: [DueWrite] = []
    try await contacts.prepare(for: writes.flatMap { MIMEMessage.participants($0.action.payload) })
    for write in writes {
      do throws(SyncError) {
        try await contacts.ensure(MIMEMessage.participants(write.action.payload))
        ready.append(write)
      } catch {
        try fail([write], error, &tally)
      }
    }
    // How large a message is nobody knows before it is composed: each batch has room for as much as goes in one request.
    let share = MessageBytes.ofBatch / max(spoke.account.updateBatch, 1)
    for wave in executor.waves(ready) {
      let parts = try await executor.inMessageBatches(wave.writes, width: wave.width, size: { _ in share }) { batch throws(SyncError) in
        try await create(batch, largest: MessageBytes.ofBatch)
      }
      for done in parts { tally.add(done.tally) }
      for write in parts.flatMap(\.large) { tally.add(try await createLarge(write)) }
    }
    return tally
  }

  private func createLarge(_ write: DueWrite) async throws(SyncError) -> Executor.Tally {
    await parts.messageBytes.enter(MessageBytes.limit)
    defer { parts.messageBytes.leave(MessageBytes.limit) }
    return try await create([write], largest: nil).tally
  }

  /// - Parameter largest: bytes of files that a message of this batch may have; nil: any number.
  private func create(_ batch: [DueWrite], largest: Int?) async throws(SyncError) -> Done {
    var done = Done()
    var drafts: [Draft] = []
    var bytes = 0
    let sources = try await parts.erp.messages(batch.compactMap(\.pair.entity?.entity.id))
    for write in batch {
      guard case .createItem(let fields) = write.action.step, let entity = write.pair.entity?.entity else { continue }
      let content: [UInt8]
      do throws(SyncError) {
        let source = if let source = sources[entity.id] { source } else { try await parts.erp.message(entity.id) }
        guard let composed = try await compose(entity, fields, source, largest: largest) else {
          done.large.append(write)
          continue
        }
        content = composed
      } catch {
        try fail([write], error, &done.tally)
        continue
      }
      if bytes + content.count > MessageBytes.ofBatch, !drafts.isEmpty {
        try await send(drafts, &done.tally)
        (drafts, bytes) = ([], 0)
      }
      drafts.append(Draft(write: write, entity: entity, fields: fields, content: content))
      bytes += content.count
    }
    if !drafts.isEmpty { try await send(drafts, &done.tally) }
    return done
  }

  private func send(_ drafts: [Draft], _ tally: inout Executor.Tally) async throws(SyncError) {
    let answers: [Result<ItemVersion, SyncError>]
    do throws(SyncError) {
      try executor.openIntents(drafts.map(\.write))
      let new = drafts.map { NewItem(fields: $0.fields, foreignID: $0.entity.id, operationID: $0.write.operation, content: $0.content) }
      answers = try await executor.exchange.create(new, kind: spoke.kind, in: executor.folder, of: spoke.mailbox)
      guard answers.count == drafts.count else {
        throw SyncError(.malformedAnswer, "Exchange did not answer the creation of every message in \(spoke.mailbox.address)")
      }
    } catch {
      guard drafts.count > 1, !error.leavesWriteInDoubt, !error.stopsAccount else { return try fail(drafts.map(\.write), error, &tally) }
      // One of them may be what the server refuses: each goes alone.
      try parts.store.write { transaction in for draft in drafts { try transaction.close(draft.write.operation) } }
      for draft in drafts { try await send([draft], &tally) }
      return
    }
    var made: [(draft: Draft, version: ItemVersion)] = []
    for (draft, answer) in zip(drafts, answers) {
      switch answer {
      case .success(let version): made.append((draft, version))
      case .failure(let error): try fail([draft.write], error, &tally)
      }
    }
    tally.count("created-items", made.count)
    if !made.isEmpty { try await finish(made, &tally) }
  }

  /// Counts records for another try.
  /// - Throws: the error, where it stops the mailbox.
  private func fail(_ writes: [DueWrite], _ error: SyncError, _ tally: inout Executor.Tally) throws(SyncError) {
    for write in writes { try executor.noteFailure(write, error) }
    tally.failures += writes.count
    if error.stopsAccount { throw error }
  }

  /// Reads back what Exchange made of the messages: those bytes are their files.
  private func finish(_ made: [(draft: Draft, version: ItemVersion)], _ tally: inout Executor.Tally) async throws(SyncError) {
    let (now, ids) = (parts.surroundings.now(), made.map(\.version.id))
    var items: [Result<Item, SyncError>] = []
    var contents: [Result<[UInt8], SyncError>] = []
    var failure: SyncError?
    do throws(SyncError) {
      items = try await executor.exchange.items(ids, kind: spoke.kind, in: spoke.mailbox)
      contents = try await executor.exchange.contents(of: ids, in: spoke.mailbox)
    } catch {
      failure = error
    }
    let (read, bytes) = (items, contents)
    try parts.store.write { transaction in
      for (index, (draft, version)) in made.enumerated() {
        var item = Item(
          version: version, folder: executor.folder, fields: draft.fields, foreignID: draft.entity.id, operationID: draft.write.operation,
          modified: now)
        var (content, isRead): ([UInt8]?, Bool) = (nil, false)
        if index < read.count, case .success(let current) = read[index] { (item, isRead) = (current, true) }
        if isRead, index < bytes.count, case .success(let mime) = bytes[index] { content = mime }
        _ = try transaction.observe(item, kind: spoke.kind, mailbox: spoke.mailbox, isCreated: true)
        try EmailExecutor(executor: executor).save(
          draft.write.pair, entityID: draft.entity.id, item: item, content: content, operation: draft.write.operation, origin: .erp,
          at: now, transaction)
        // What else it bears, its key for one, tells it from a second one that a server made of the same creation.
        if !isRead { try transaction.reportUnread(item, kind: spoke.kind, mailbox: spoke.mailbox) }
        try transaction.close(draft.write.operation)
      }
    }
    guard let failure else { return }
    tally.failures += made.count
    if failure.stopsAccount { throw failure }
  }

  /// The activity as a message. The same activity gives the same bytes. Nil: its files have more bytes than are allowed.
  private func compose(
    _ entity: Entity, _ fields: Fields, _ source: EntityMessage, largest: Int?
  ) async throws(SyncError) -> [UInt8]? {
    var message = MIMEMessage()
    message.subject = fields.text(.subject) ?? ""
    message.messageID = fields.text(.messageID)
    if case .instant(let time, _)? = fields[.start] ?? entity.modified.map({ .instant($0, zone: nil) }) { message.date = time.seconds }
    message.from = MIMEMessage.addresses(in: fields.text(.from) ?? "")
    if fields.text(.from) == nil {
      message.from = [MIMEAddress(name: executor.employee?.name ?? "", address: spoke.mailbox.address)]
    }
    message.to = MIMEMessage.addresses(in: fields.text(.to) ?? "")
    message.cc = MIMEMessage.addresses(in: fields.text(.cc) ?? "")
    message.bcc = MIMEMessage.addresses(in: fields.text(.bcc) ?? "")
    var leftOut: [LeftOut] = []
    var room = largest ?? .max
    let limit = spoke.account.attachmentLimit
    for file in spoke.section.attachments ? source.files : [] {
      do throws(SyncError) {
        let bytes = try await parts.erp.content(of: file, limit: min(limit, room))
        message.attachments.append(MIMEAttachment(name: file.name, type: MediaType.of(file.name), bytes: bytes))
        room -= bytes.count
      } catch  where error.code == .tooLarge {
        if room < limit { return nil }
        leftOut.append(LeftOut(name: file.name, limit: limit))
      }
    }
    for file in leftOut { executor.log.write(.warning, "\(recordName(fields)): \(file.logLine)", spoke) }
    if HTMLText.isHTML(source.body) {
      message.html = LeftOut.html(source.body, leftOut, "in the ERP")
    } else {
      message.text = LeftOut.text(source.body, leftOut, "in the ERP")
    }
    guard let bytes = message.composed(seed: entity.id.rawValue) else {
      throw SyncError(.failed, "a message could not be composed: out of memory")
    }
    return bytes
  }
}

extension MIMEMessage {
  /// Everybody that the mapped values name.
  static func participants(_ fields: Fields) -> [MIMEAddress] {
    [Field.from, .to, .cc, .bcc].flatMap { addresses(in: fields.text($0) ?? "") }
  }
}
