import MIME
import Model

/// What only email activities need of a world's ERP.
extension SimulatedERP {
  func messages(_ ids: [EntityID]) async throws(SyncError) -> [EntityID: EntityMessage] {
    var found: [EntityID: EntityMessage] = [:]
    // What one request leaves out is asked for one by one.
    for id in ids.dropLast() { found[id] = try await message(id) }
    return found
  }

  func message(_ id: EntityID) async throws(SyncError) -> EntityMessage {
    try await world.serve("erp.message") {
      $0.add(id.rawValue)
    } apply: { [world] lies throws(SyncError) in
      guard !lies, let found = world.entities.first(where: { $0.id == id }) else { throw SyncError(.notFound, "no \(id)") }
      let files = (found.files ?? [:]).keys.sorted().map { EntityFile(id: "\(id.rawValue)/\($0)", name: $0) }
      return EntityMessage(body: "<p>\(found.fields.text(.subject) ?? "")</p>", files: files)
    }
  }

  func content(of file: EntityFile, limit: Int) async throws(SyncError) -> [UInt8] {
    try await world.serve("erp.file") {
      $0.add(file.id)
    } apply: { [world] lies throws(SyncError) in
      let owner = world.entities.first { file.id == "\($0.id.rawValue)/\(file.name)" }
      guard !lies, let bytes = owner?.files?[file.name] else { throw SyncError(.notFound, "no \(file.id)") }
      return bytes
    }
  }

  func attach(_ name: String, _ bytes: [UInt8], to id: EntityID) async throws(SyncError) {
    try await world.serve("erp.attach", isWrite: true) {
      $0.add([id.rawValue, name])
    } apply: { [world] _ throws(SyncError) in
      guard let index = world.entities.firstIndex(where: { $0.id == id }) else { throw SyncError(.notFound, "no \(id)") }
      world.oracle?.engineAttaches(name, to: world.entities[index])
      world.mutations += 1
      world.entities[index].files?[name] = bytes
      world.bump(entity: index)
    }
  }

  func replaceBody(of id: EntityID, with html: String) async throws(SyncError) {
    throw SyncError(.malformedRequest, "no file is refused here, so no text has to say so")
  }

  func contacts(withAddresses addresses: [String]) async throws(SyncError) -> [String: [EntityID]] {
    try await world.serve("erp.contacts") {
      $0.add(addresses)
    } apply: { _ throws(SyncError) in
      [:]
    }
  }
}

/// What only messages need of a world's Exchange.
extension SimulatedExchange {
  func contents(of messages: [ItemID], in mailbox: Mailbox) async throws(SyncError) -> [Result<[UInt8], SyncError>] {
    let index = try world.mailboxIndex(mailbox)
    return try await world.serve("mail.contents") {
      $0.add(messages.lazy.map(\.rawValue))
    } apply: { [world] lies throws(SyncError) in
      messages.map { id in
        guard !lies, let bytes = world.mailboxes[index].items.first(where: { $0.id == id })?.content else {
          return .failure(SyncError(.notFound, "no \(id)"))
        }
        return .success(bytes)
      }
    }
  }
}

extension World {
  /// The bytes of a message that people write, with a file where the salt says so.
  func letter(_ fields: Fields, _ salt: Int) -> [UInt8]? {
    var message = MIMEMessage()
    message.subject = fields.text(.subject) ?? ""
    message.messageID = fields.text(.messageID)
    message.from = [MIMEAddress(address: "guest@y.test")]
    message.to = [MIMEAddress(address: Self.addresses[0])]
    message.text = "hello"
    if salt >> 15 & 1 == 1 { message.attachments = [MIMEAttachment(name: "note.txt", type: "text/plain", bytes: Array("note".utf8))] }
    return message.composed(seed: message.messageID ?? "")
  }
}
