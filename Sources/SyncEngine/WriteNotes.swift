import Model
import Store

extension Executor {
  /// Keeps what a write changes, so that its run can be undone. Messages are not taken back.
  func note(_ write: DueWrite, at now: Timestamp, _ transaction: any RecordTransaction) throws {
    guard spoke.kind != .emails else { return }
    let (pair, action) = (write.pair, write.action)
    let losers: [Loser]
    switch action.step {
    case .updateItem(let changes, _): losers = Self.losers(changes, .exchange, pair.item?.item.fields)
    case .updateEntity(let changes, _): losers = Self.losers(changes, .erp, pair.entity?.entity.fields)
    case .deleteItem, .deleteEntity, .withdrawItem: losers = action.losers
    case .createItem, .createEntity: losers = []
    default: return
    }
    // A mark alone is nothing that anybody would want back.
    if losers.isEmpty && !action.isCreate && !action.isDelete { return }
    try transaction.journal(
      JournalEntry(
        id: 0, time: now, run: run, mailbox: spoke.mailbox, kind: spoke.kind,
        uid: pair.link?.uid ?? pair.entity?.entity.id.rawValue ?? "", name: pair.name, entityID: pair.entity?.entity.id,
        itemID: pair.item?.item.version.id, losers: losers, rule: action.reason, restoredAt: nil,
        write: JournalEntry.Write(side: action.writtenSide, action: action.intentName)))
  }

  private static func losers(_ changes: [Field: Value?], _ side: SystemSide, _ current: Fields?) -> [Loser] {
    changes.sorted { $0.key < $1.key }.map { Loser(side: side, field: $0.key, lost: current?[$0.key], kept: $0.value) }
  }
}
