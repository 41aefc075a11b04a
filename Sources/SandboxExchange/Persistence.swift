import HashTreeCollections
public import SandboxStore

/// Keeps the whole of the server in the sandbox's file: a row for the server, one a mailbox, a folder, an item, a change of a folder.
extension ExchangeServer {
  /// What the server itself remembers.
  private struct State: Codable {
    var identities: IdentityMaker
    var change: Int
    var era: Int
  }

  /// An entry of a folder's log.
  private struct LoggedChange: Codable {
    var change: Int
    var item: String
    var folder: String
  }

  private static let space = "exchange"
  private static func space(_ mailbox: String, _ part: String) -> String { "\(space)/\(mailbox)/\(part)" }

  /// Uses the file from now on, and takes over what it holds. Sync states and ids of before stay valid.
  /// - Returns: false where the file held nothing.
  public func restore(from database: SandboxDatabase) throws -> Bool {
    self.database = database
    guard let state = try database.load(Self.space, as: State.self).first?.value else { return false }
    (identities, change, era) = (state.identities, state.change, state.era)
    owners = [:]
    var all: [(key: String, value: ServerMailbox)] = []
    for (address, stored) in try database.load(Self.space + "/mailboxes", as: ServerMailbox.self) {
      all.append((address, try restored(stored, database)))
    }
    mailboxes = Records(stored: all)
    return true
  }

  private func restored(_ stored: ServerMailbox, _ database: SandboxDatabase) throws -> ServerMailbox {
    var mailbox = stored
    let address = stored.address
    var folders: [String: ServerFolder] = [:]
    for (id, folder) in try database.load(Self.space(address, "folders"), as: ServerFolder.self) {
      folders[id] = folder
      owners[id] = address
    }
    // The keys are the numbers of the changes, so the log comes back in its order.
    for (_, entry) in try database.load(Self.space(address, "log"), as: LoggedChange.self) {
      folders[entry.folder]?.log.append((entry.change, entry.item))
      owners[entry.item] = address
    }
    let items = try database.load(Self.space(address, "items"), as: ServerItem.self)
    for (id, item) in items {
      folders[item.folder]?.items.insert(id)
      owners[id] = address
      for attachment in item.attachments { attachmentOwners[attachment.id] = id }
    }
    mailbox.folders = Records(
      stored: folders.map { id, folder in
        var folder = folder
        folder.storedLog = folder.log.count
        return (id, folder)
      })
    mailbox.items = Records(stored: items)
    return mailbox
  }

  /// Writes what changed since the last call. Without a file it only forgets that it changed.
  public func keep() throws {
    var rows = database == nil ? RowChanges(areWritten: false) : unwritten
    unwritten = RowChanges()
    for address in mailboxes.takeTouched() {
      let mailbox: ServerMailbox? = try mailboxes.withoutMark(address) { mailbox in
        try Self.collect(&mailbox, into: &rows)
        return mailbox
      }
      try rows.put(mailbox, space: Self.space + "/mailboxes", key: address)
    }
    guard let database, !rows.isEmpty else { return }
    try rows.put(State(identities: identities, change: change, era: era), space: Self.space, key: "server")
    do { try database.save(rows) } catch {
      unwritten = rows
      throw error
    }
  }

  private static func collect(_ mailbox: inout ServerMailbox, into rows: inout RowChanges) throws {
    let address = mailbox.address
    for id in mailbox.folders.takeTouched() {
      try mailbox.folders.withoutMark(id) { folder in
        for entry in (min(folder.storedLog, folder.log.count)..<folder.log.count).map({ folder.log[$0] }) {
          let key = String(repeating: "0", count: max(0, 12 - String(entry.change).count)) + "\(entry.change) \(entry.item)"
          try rows.put(LoggedChange(change: entry.change, item: entry.item, folder: id), space: space(address, "log"), key: key)
        }
        folder.storedLog = folder.log.count
      }
      try rows.put(mailbox.folders[id] as ServerFolder?, space: space(address, "folders"), key: id)
    }
    try rows.put(&mailbox.items, space: space(address, "items"))
  }
}
