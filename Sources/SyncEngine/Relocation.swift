import Model
import Store

/// Brings the linked items along when the policy names another folder. What else lies in the old folder stays there.
struct Relocation: Sendable {
  let parts: EngineParts
  let log: SyncLog
  let spoke: Spoke
  let exchange: any ExchangePort

  /// Links moved in one cycle at most; a mailbox has fewer.
  static let limit = 1_000_000

  /// Where the linked items lie: the folder's name in the policy (empty: the mailbox's own), and its id.
  private struct Place {
    var name: String
    var folder: FolderID

    init(name: String?, folder: FolderID) { (self.name, self.folder) = (name ?? "", folder) }

    init?(_ text: String) {
      let parts = text.parts(at: "\n")
      guard parts.count == 2 else { return nil }
      self.init(name: parts[0], folder: FolderID(rawValue: parts[1]))
    }

    var text: String { "\(name)\n\(folder.rawValue)" }
  }

  private func known() throws(SyncError) -> Place? { try parts.store.read { try $0.cursor(spoke.placeCursor) }.flatMap(Place.init) }

  /// The folder in which the linked items lie; nil before the first cycle.
  static func folder(of spoke: Spoke, _ reader: any RecordReader) throws -> FolderID? {
    try reader.cursor(spoke.placeCursor).flatMap(Place.init)?.folder
  }

  /// Whether the policy names another folder than the one in which the linked items lie.
  func isDue() throws(SyncError) -> Bool { try known().map(isElsewhere) ?? false }

  private func isElsewhere(_ place: Place) -> Bool {
    let name = spoke.section.folder ?? ""
    return place.name != name && place.name.lowercased() != name.lowercased()
  }

  /// The folder of the policy. One that was synchronized and is gone is an error: its absence is no evidence of anybody's deletes.
  /// - Parameters:
  ///   - acceptsNew: a folder that took the place of the one that was known starts anew.
  ///   - trustsCache: the known one is not asked for; whether it is gone, the next request about it says.
  func folder(acceptsNew: Bool, trustsCache: Bool = false) async throws(SyncError) -> FolderID? {
    let name = spoke.section.folder
    guard let known = try known(), !isElsewhere(known), !acceptsNew else {
      return try await exchange.folder(of: spoke.kind, named: name, in: spoke.mailbox, create: true)
    }
    if trustsCache { return known.folder }
    let found = try await exchange.folder(of: spoke.kind, named: name, in: spoke.mailbox, create: false)
    guard found == known.folder else {
      throw SyncError(
        .folderNotFound,
        "the folder '\(spoke.folderName)' of \(spoke.mailbox.address) is gone or has another name: give it back its place and name, or 'concordfs sync \(spoke.mailbox.address) --full' to begin with a new one"
      )
    }
    return found
  }

  /// Whether another folder has come in the place of the known one, under the same name.
  func isReplaced(by folder: FolderID) throws(SyncError) -> Bool {
    guard let known = try known(), !isElsewhere(known) else { return false }
    return known.folder != folder
  }

  /// Moves the linked items to the policy's folder, and notes it as their place.
  /// - Returns: how many were moved.
  func run(to folder: FolderID) async throws(SyncError) -> Int {
    let target = Place(name: spoke.section.folder, folder: folder)
    let known = try known()
    guard known?.text != target.text else { return 0 }
    var moved = 0
    if let known, known.folder != folder {
      let series = SeriesRelocation(relocation: self, folder: folder)
      let (occurrences, others) = try series.split(linked())
      for batch in others.inBatches(of: spoke.account.updateBatch) { moved += try await move(batch, to: folder) }
      if !occurrences.isEmpty { moved += try await series.run(occurrences) }
      log.write(.informational, "the policy's folder changed: \(moved) items were moved to '\(spoke.folderName)'", spoke)
    }
    try parts.store.write { transaction in
      // The new folder is listed from its start: what was known of the old one, linked or not, must not be taken for its contents.
      if known != nil { try transaction.setCursor(spoke.folderCursor(folder), nil) }
      try transaction.setCursor(spoke.placeCursor, target.text)
    }
    return moved
  }

  /// For a plan on a copy of the cache: what stays behind is no longer looked at.
  func leaveUnlinked() throws(SyncError) {
    try parts.store.write { transaction in
      try transaction.forgetItems(kind: spoke.kind, mailbox: spoke.mailbox)
      for id in try transaction.unlistedItems(kind: spoke.kind, mailbox: spoke.mailbox) {
        guard try transaction.reader.link(item: id, kind: spoke.kind, mailbox: spoke.mailbox) == nil else { continue }
        try transaction.observeDeleted(item: id, kind: spoke.kind, mailbox: spoke.mailbox)
      }
    }
  }

  /// The links whose items are in the mailbox.
  func linked() throws(SyncError) -> [Link] {
    try parts.store.read { try $0.neighbours(kind: spoke.kind, mailbox: spoke.mailbox, excluding: [], limit: Self.limit) }
  }

  private func move(_ links: [Link], to folder: FolderID) async throws(SyncError) -> Int {
    let ids = links.compactMap(\.itemID)
    let answers = try await exchange.move(ids, kind: spoke.kind, to: folder, in: spoke.mailbox)
    var moved: [(link: Link, item: ItemID)] = []
    var missing: [Link] = []
    for (link, answer) in zip(links, answers) {
      switch answer {
      case .success(let item): moved.append((link, item))
      case .failure(let error) where error.code == .notFound: missing.append(link)
      case .failure(let error): throw error
      }
    }
    // Moved by a cycle that did not get to note it, or by the user: the stamp tells.
    let found = try await exchange.stampedItems(missing.compactMap(\.entityID), kind: spoke.kind, in: spoke.mailbox)
    for link in missing {
      if let item = found.first(where: { $0.foreignID == link.entityID && $0.folder == folder }) { moved.append((link, item.version.id)) }
    }
    let repointed = moved
    try parts.store.write { transaction in
      for (link, item) in repointed {
        var link = link
        if let old = link.itemID { try transaction.observeDeleted(item: old, kind: spoke.kind, mailbox: spoke.mailbox) }
        link.itemID = item
        link.baseItem?.version = nil
        _ = try transaction.save(link)
      }
    }
    return repointed.count
  }
}
