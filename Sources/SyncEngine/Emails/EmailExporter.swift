import MIME
import Model
import Store

/// Brings an email activity of the ERP into a mailbox: composed as a message, saved without being sent.
struct EmailExporter: Sendable {
  let executor: Executor
  private var parts: EngineParts { executor.parts }
  private var spoke: Spoke { executor.spoke }

  /// Creates the message of one activity.
  func create(_ write: DueWrite, _ contacts: inout EmailContacts, _ tally: inout Executor.Tally) async throws(SyncError) {
    guard case .createItem(let fields) = write.action.step, let entity = write.pair.entity?.entity else { return }
    let version: ItemVersion
    do throws(SyncError) {
      try await contacts.ensure(MIMEMessage.participants(fields))
      let content = try await compose(entity, fields)
      try executor.openIntents([write])
      let new = NewItem(fields: fields, foreignID: entity.id, operationID: write.operation, content: content)
      let answers = try await executor.exchange.create([new], kind: spoke.kind, in: executor.folder, of: spoke.mailbox)
      guard let answer = answers.first else {
        throw SyncError(.malformedAnswer, "Exchange did not answer the creation of a message in \(spoke.mailbox.address)")
      }
      version = try answer.get()
    } catch {
      try executor.noteFailure(write, error)
      throw error
    }
    tally.count("created-items")
    try await finish(write, entity, fields, version)
  }

  /// Reads back what Exchange made of the message: those bytes are its file.
  private func finish(_ write: DueWrite, _ entity: Entity, _ fields: Fields, _ version: ItemVersion) async throws(SyncError) {
    let now = parts.surroundings.now()
    var item = Item(
      version: version, folder: executor.folder, fields: fields, foreignID: entity.id, operationID: write.operation, modified: now)
    var content: [UInt8]?
    var failure: SyncError?
    do throws(SyncError) {
      if case .success(let current)? = try await executor.exchange.items([version.id], kind: spoke.kind, in: spoke.mailbox).first {
        content = try await executor.exchange.content(of: version.id, in: spoke.mailbox)
        item = current
      }
    } catch {
      failure = error
    }
    let (saved, bytes) = (item, content)
    try parts.store.write { transaction in
      _ = try transaction.observe(saved, kind: spoke.kind, mailbox: spoke.mailbox, isCreated: true)
      try EmailExecutor(executor: executor).save(
        write.pair, entityID: entity.id, item: saved, content: bytes, operation: write.operation, origin: .erp, at: now, transaction)
      try transaction.close(write.operation)
    }
    if let failure { throw failure }
  }

  /// The activity as a message. The same activity gives the same bytes.
  private func compose(_ entity: Entity, _ fields: Fields) async throws(SyncError) -> [UInt8] {
    let source = try await parts.erp.message(entity.id)
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
    if spoke.section.attachments {
      for file in source.files { try await add(file, to: &message, &leftOut) }
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

  private func add(_ file: EntityFile, to message: inout MIMEMessage, _ leftOut: inout [LeftOut]) async throws(SyncError) {
    do throws(SyncError) {
      let bytes = try await parts.erp.content(of: file, limit: spoke.account.attachmentLimit)
      message.attachments.append(MIMEAttachment(name: file.name, type: MediaType.of(file.name), bytes: bytes))
    } catch  where error.code == .tooLarge {
      leftOut.append(LeftOut(name: file.name, limit: spoke.account.attachmentLimit))
    }
  }
}

extension MIMEMessage {
  /// Everybody that the mapped values name.
  static func participants(_ fields: Fields) -> [MIMEAddress] {
    [Field.from, .to, .cc, .bcc].flatMap { addresses(in: fields.text($0) ?? "") }
  }
}
