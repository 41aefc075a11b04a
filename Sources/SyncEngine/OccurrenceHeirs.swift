import Model

/// Which occurrences took the places of others: a series whose pattern changed, or that lies in a mailbox that moved, has new ones. A changed
/// pattern puts an occurrence that was moved alone back to its day, so the day that the pattern gave it counts before the one that it was on.
struct OccurrenceHeirs: Sendable {
  private var heirs: [ItemID: ItemID] = [:]

  /// Pairs each occurrence that is gone with one that came, each once.
  init(fresh: [OccurrenceVersion], gone: [Item]) {
    var left = fresh.sorted { ($0.start, $0.version.id) < ($1.start, $1.version.id) }
    let tests: [(OccurrenceVersion, Item) -> Bool] = [
      { $0.original == Self.original($1) }, { $0.original.utcDate == Self.original($1)?.utcDate },
      { $0.start == OccurrenceWindow.start(of: $1.fields) }, Self.isOnItsDay,
    ]
    for test in tests {
      for item in gone where heirs[item.version.id] == nil {
        guard let uid = item.seriesUID, let place = left.firstIndex(where: { $0.uid == uid && test($0, item) }) else { continue }
        heirs[item.version.id] = left.remove(at: place).version.id
      }
    }
  }

  subscript(gone: ItemID) -> ItemID? { heirs[gone] }

  /// Where the pattern has an occurrence.
  static func original(_ item: Item) -> Timestamp? {
    item.moveKey.flatMap { key in key.lastIndex(of: "/").flatMap { Timestamp(iso8601: key[key.index(after: $0)...]) } }
  }

  private static func isOnItsDay(_ found: OccurrenceVersion, _ gone: Item) -> Bool {
    switch gone.fields[.start] {
    case .instant(let start, _): start.utcDate == found.start.utcDate
    case .date(let date): date == found.start.utcDate || date == found.start.advanced(milliseconds: 12 * 3_600_000).utcDate
    default: false
    }
  }
}
