import GRDB
public import Model

extension Store {
  /// What SQLite finds wrong with the file, page by page and index by index; nothing where all is well.
  /// - Throws: `storage` where it cannot be read to its end.
  public func damages() throws(SyncError) -> [String] {
    try read { reader in try String.fetchAll(reader.db, sql: "PRAGMA integrity_check").filter { $0 != "ok" } }
  }
}
