import Model
import Store

/// Moves the series whose occurrences are linked into another calendar. An occurrence cannot be moved alone: its series moves, and the
/// occurrences are found again there under new ids. A move of Exchange sends no message, and the UID stays.
struct SeriesRelocation: Sendable {
  let relocation: Relocation
  let folder: FolderID

  /// A linked occurrence as it was last read.
  struct Occurrence: Sendable {
    var link: Link
    var item: Item
  }

  private var store: any RecordStore { relocation.parts.store }
  private var spoke: Spoke { relocation.spoke }

  /// The links of occurrences, and those of everything that moves by itself.
  func split(_ links: [Link]) throws(SyncError) -> (occurrences: [Occurrence], others: [Link]) {
    guard spoke.kind == .events else { return ([], links) }
    return try store.read { reader in
      var (occurrences, others): ([Occurrence], [Link]) = ([], [])
      for link in links {
        if let id = link.itemID, let stored = try reader.item(id, kind: spoke.kind, mailbox: spoke.mailbox), stored.item.form == .occurrence
        {
          occurrences.append(Occurrence(link: link, item: stored.item))
        } else {
          others.append(link)
        }
      }
      return (occurrences, others)
    }
  }

  /// Moves the series, and points the links to where their occurrences are now. A link whose occurrence is not found there is let go: both
  /// records stay, and neither is taken for deleted.
  /// - Returns: how many occurrences moved along.
  func run(_ occurrences: [Occurrence]) async throws(SyncError) -> Int {
    let wanted = Set(occurrences.compactMap(\.item.seriesUID))
    try await moveMasters(wanted)
    let arrived = try await arrived(wanted, since: occurrences)
    let outcome = Outcome(spoke: spoke, parts: relocation.parts)
    let (mailbox, kind) = (spoke.mailbox, spoke.kind)
    let lost = try store.write { transaction in
      var lost = 0
      for occurrence in occurrences {
        let old = occurrence.item.version.id
        if let new = occurrence.item.moveKey.flatMap({ arrived[$0] }) {
          var link = occurrence.link
          link.itemID = new
          link.baseItem?.version = nil
          _ = try transaction.save(link)
        } else {
          lost += 1
          try outcome.detach(Pair(link: occurrence.link), transaction)
        }
        try transaction.observeDeleted(item: old, kind: kind, mailbox: mailbox)
      }
      return lost
    }
    if lost > 0 {
      relocation.log.write(
        .warning,
        "\(lost) occurrences of series were not found in '\(spoke.folderName)' after their series moved: they are no longer synchronized, both records stay",
        spoke)
    }
    return occurrences.count - lost
  }

  /// One that was moved by a cycle that did not get to note it is not found under its old id: where it is now, its occurrences tell.
  private func moveMasters(_ series: Set<String>) async throws(SyncError) {
    let masters = try store.read { try $0.presentItems(kind: spoke.kind, mailbox: spoke.mailbox) }
      .filter { $0.item.form == .series && $0.item.moveKey.map(series.contains) ?? false }.map(\.item.version.id)
    for batch in masters.inBatches(of: spoke.account.updateBatch) {
      for answer in try await relocation.exchange.move(batch, kind: spoke.kind, to: folder, in: spoke.mailbox) {
        if case .failure(let error) = answer, error.code != .notFound { throw error }
      }
    }
  }

  /// The occurrences of these series in the new calendar, by the key that a move keeps.
  private func arrived(_ series: Set<String>, since occurrences: [Occurrence]) async throws(SyncError) -> [String: ItemID] {
    let window = OccurrenceWindow(around: relocation.parts.surroundings.now().utcDate)
    var listed: Set<ItemID> = []
    for piece in window.pieces(from: occurrences.compactMap { OccurrenceWindow.start(of: $0.item.fields) }.min()) {
      let view = try await relocation.exchange.occurrences(in: folder, of: spoke.mailbox, from: piece.start, to: piece.end)
      listed.formUnion(view.filter { series.contains($0.uid) }.map(\.version.id))
    }
    var found: [String: ItemID] = [:]
    for batch in listed.sorted().inBatches(of: spoke.account.selectBatch) {
      for answer in try await relocation.exchange.items(batch, kind: spoke.kind, in: spoke.mailbox) {
        if case .success(let item) = answer, let key = item.moveKey { found[key] = item.version.id }
      }
    }
    return found
  }
}
