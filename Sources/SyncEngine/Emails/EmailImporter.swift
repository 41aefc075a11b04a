import MIME
import Model
import Store

/// Brings a message of a mailbox into the ERP: as an email activity of the employee, with its files.
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
  }

  /// Creates the activity of one message.
  func create(_ write: DueWrite, _ contacts: inout EmailContacts, _ tally: inout Executor.Tally) async throws(SyncError) {
    guard case .createEntity(let fields) = write.action.step, let item = write.pair.item?.item else { return }
    let letter: Letter
    let entity: Entity
    do throws(SyncError) {
      try refuseWhileInDoubt(fields)
      letter = try await read(item)
      try await contacts.ensure([Field.from, .to, .cc, .bcc].flatMap { letter.people[$0] ?? [] })
      let new = try await activity(letter, fields, write.operation, &contacts)
      try executor.openIntents([write])
      entity = try await parts.erp.create(new, kind: spoke.kind)
      // From here on the other mailboxes know the message by its Message-ID.
      try parts.store.write { _ = try $0.observe(entity, kind: spoke.kind) }
    } catch {
      try executor.noteFailure(write, error)
      throw error
    }
    tally.count("created-entities")
    do throws(SyncError) {
      try await complete(entity, letter, for: item, write.pair, write.operation, attached: [])
    } catch {
      // The intent stays open: the next cycle goes on where this one stopped.
      try executor.noteFailure(of: write.pair, "completing", error)
      throw error
    }
  }

  /// After a crash or a lost answer: finds what the creation brought about, and goes on where it stopped.
  func settle(_ intent: Intent) async throws(SyncError) {
    let stored = try intent.itemID.flatMap { id throws(SyncError) in
      try parts.store.read { try $0.item(id, kind: spoke.kind, mailbox: spoke.mailbox) }
    }
    let made = try await parts.erp.created(by: intent.id, like: intent.payload, kind: spoke.kind).first
    guard let made else {
      return try parts.store.write { transaction in
        try transaction.setMeta(Recovery.abandoned(intent.id), intent.time.iso8601)
        try transaction.close(intent.id)
      }
    }
    try parts.store.write { _ = try $0.observe(made, kind: spoke.kind) }
    guard let item = stored?.item, stored?.presence == .present else { return try parts.store.write { try $0.close(intent.id) } }
    let letter = try await read(item)
    let attached = Set(try await parts.erp.message(made.id).files.map { $0.name.lowercased() })
    let link = try parts.store.read { try $0.link(entity: made.id, kind: spoke.kind, mailbox: spoke.mailbox) }
    try await complete(made, letter, for: item, Pair(link: link), intent.id, attached: attached)
  }

  /// Another mailbox's creation of the same message whose outcome is not known yet: two activities would come of it.
  private func refuseWhileInDoubt(_ fields: Fields) throws(SyncError) {
    guard let messageID = fields.text(.messageID) else { return }
    let open = try parts.store.read { try $0.openIntents(mailbox: nil) }
    if open.contains(where: { $0.kind == spoke.kind && $0.side == .erp && $0.payload.text(.messageID) == messageID }) {
      throw SyncError(.transient, "another mailbox may have brought this message into the ERP already; the next cycle looks it up")
    }
  }

  // MARK: Taking apart

  private func read(_ item: Item) async throws(SyncError) -> Letter {
    let content = try await executor.exchange.content(of: item.version.id, in: spoke.mailbox)
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
    _ letter: Letter, _ fields: Fields, _ operation: OperationID, _ contacts: inout EmailContacts
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

  /// Attaches what is not attached yet, saves the pair and its file, marks the message, closes the intent.
  private func complete(
    _ entity: Entity, _ letter: Letter, for item: Item, _ pair: Pair, _ operation: OperationID, attached: Set<String>
  ) async throws(SyncError) {
    var refused: [LeftOut] = []
    for file in letter.files where !attached.contains(file.name.lowercased()) {
      do throws(SyncError) {
        try await parts.erp.attach(file.name, file.bytes, to: entity.id)
      } catch {
        if error.stopsAccount || error.leavesWriteInDoubt || error.code == .throttled { throw error }
        refused.append(LeftOut(name: file.name, limit: spoke.account.attachmentLimit, refusal: error.cause ?? error.message))
      }
    }
    if !refused.isEmpty {
      let body = LeftOut.html(letter.html, letter.leftOut + refused, "with the message in Exchange")
      try await parts.erp.replaceBody(of: entity.id, with: body)
    }
    for file in letter.leftOut + refused { executor.log.write(.warning, "\(recordName(item.fields)): \(file.logLine)", spoke) }
    var item = item
    let emails = EmailExecutor(executor: executor)
    try await emails.stamp(&item, entity.id)
    let (saved, now) = (item, parts.surroundings.now())
    try parts.store.write { transaction in
      _ = try transaction.observe(saved, kind: spoke.kind, mailbox: spoke.mailbox)
      try emails.save(
        pair, entityID: entity.id, item: saved, content: letter.content, operation: operation, origin: .exchange, at: now, transaction)
      try transaction.close(operation)
    }
  }
}

/// File names as the ERP takes them.
enum FileNames {
  private static let refused: Set<Character> = ["<", ">", ":", "|", "?", "*", "\\", "/", "\""]
  private static let lengthLimit = 200

  /// A name without refused characters, short enough, and different from those before it.
  static func fitting(_ name: String, among names: inout Set<String>) -> String {
    let clean = String(name.map { refused.contains($0) ? "_" : $0 })
    let dot = clean.lastIndex(of: ".") ?? clean.endIndex
    var (stem, ending) = (String(clean[..<dot]), String(clean[dot...].prefix(20)))
    while stem.utf16.count + ending.utf16.count > lengthLimit, !stem.isEmpty { stem.removeLast() }
    if stem.isEmpty && ending.count < 2 { (stem, ending) = ("attachment", "") }
    var result = stem + ending
    var number = 2
    while !names.insert(result.lowercased()).inserted {
      result = "\(stem) (\(number))\(ending)"
      number += 1
    }
    return result
  }
}
