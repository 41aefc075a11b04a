internal import GRDB
public import Model

/// A way to the tree for a thread that asks often and little: a connection of its own, and no transaction around a statement.
///
/// Each statement sees the latest commit. Two statements of one closure may see different ones.
public final class TreeView: Sendable {
  private let reader: any DatabaseReader
  private let isOwn: Bool

  init(reader: any DatabaseReader, isOwn: Bool) {
    self.reader = reader
    self.isOwn = isOwn
  }

  /// Reads. A read may be made inside another.
  /// - Throws: `storage`, or what the body throws.
  public func read<Answer>(_ body: (StoreReader) throws -> Answer) throws -> Answer {
    try reader.unsafeReentrantRead { db in try body(StoreReader(db: db)) }
  }

  /// Closes the connection. Later calls throw.
  public func close() { if isOwn { try? reader.close() } }
}

extension Store {
  /// A view for one thread.
  /// - Throws: `storage` when the file cannot be opened once more.
  public func treeView() throws(SyncError) -> TreeView {
    guard pool is DatabasePool else { return TreeView(reader: pool, isOwn: false) }
    do {
      var configuration = Self.configuration()
      configuration.readonly = true
      configuration.label = "tree"
      return TreeView(reader: try DatabaseQueue(path: path, configuration: configuration), isOwn: true)
    } catch {
      throw Self.described(error, path)
    }
  }
}
