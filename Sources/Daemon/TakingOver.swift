public import Model
public import Store
public import SyncEngine

extension TakeOver {
  /// Notes that mailboxes are to be taken over by their next cycles.
  /// - Parameter employees: addresses; nil: all that are configured.
  /// - Returns: what to tell.
  @discardableResult public static func request(_ employees: [String]?, _ settings: Settings, _ store: Store) throws(SyncError) -> String {
    let mailboxes = settings.employees.filter { employees?.contains($0.email) ?? true }.map(\.mailbox)
    try request(mailboxes, CacheRecords(store), at: Surroundings.system.now())
    return "\(mailboxes.count == 1 ? mailboxes[0].address : "\(mailboxes.count) mailboxes"): taken over by the next cycle"
  }
}
