import Model
import Store

/// Series that their owner moved to another calendar: their occurrences are nowhere to be read under their ids, and yet nobody deleted them.
/// Neither series nor occurrences bear a mark, so the UID tells.
struct MovedSeries: Sendable {
  let parts: EngineParts
  let spoke: Spoke
  let exchange: any ExchangePort

  /// The UIDs of those series of occurrences that are gone that lie in another calendar now.
  func uids(of gone: [Item], folder: FolderID) async throws(SyncError) -> Set<String> {
    let wanted = Set(gone.compactMap(\.seriesUID))
    if wanted.isEmpty { return [] }
    // Whose series is where it was, that was taken out alone.
    let present = try parts.store.read { try $0.presentItems(kind: spoke.kind, mailbox: spoke.mailbox) }
      .filter { $0.item.form == .series }.compactMap(\.item.moveKey)
    let left = wanted.subtracting(present)
    return left.isEmpty ? [] : try await exchange.series(left, outside: folder, in: spoke.mailbox)
  }
}

extension Item {
  /// The UID of the series that an occurrence belongs to: its key begins with it. nil: no occurrence.
  var seriesUID: String? {
    guard form == .occurrence, let key = moveKey, let end = key.lastIndex(of: "/") else { return nil }
    return String(key[..<end])
  }
}
