import Store
import Synchronization

/// What the thread that answers keeps of the tree: pages of listings, and what each folder is. A commit drops what it changed before the
/// kernel is told, so nothing stale is answered after the news.
final class TreeCache: Sendable {
  /// What a directory is, without its times.
  struct Folder {
    var directory: TreeDirectory
    var owner: (user: UInt32, group: UInt32)
  }

  private struct Page {
    var directory: Int64
    /// The place that it begins after.
    var after: Int64
    var entries: [TreeEntry]
    /// Whether nothing comes after it.
    var isLast: Bool
  }

  private struct State {
    var folders: [Int64: Folder] = [:]
    /// The latest used come last.
    var pages: [Page] = []
    /// Rises with every commit: what was read before it is not kept.
    var generation = 0
  }

  private let view: TreeView
  private let owners: Owners
  /// Hears of large folders that are listed row by row.
  private let keeper: ListingKeeper?
  private let state = Mutex(State())

  /// Pages kept: one a reader.
  private static let pageLimit = 12
  /// Folders kept.
  private static let folderLimit = 4096

  init(view: TreeView, owners: Owners, keeper: ListingKeeper? = nil) {
    self.view = view
    self.owners = owners
    self.keeper = keeper
  }

  /// A commit changed these.
  func drop(_ changes: [TreeChange]) {
    var changed: Set<Int64> = []
    for case .directory(let ino) in changes { changed.insert(ino) }
    keeper?.changed(changed)
    state.withLock { state in
      state.generation += 1
      state.pages.removeAll { changed.contains($0.directory) }
      // A record's change makes its folder no other folder; anything above it may.
      if changed.contains(where: { state.folders[$0]?.directory.kind == nil }) { state.folders = [:] }
    }
  }

  /// A directory below the root; nil: there is none.
  func folder(_ ino: Int64) throws -> Folder? {
    let (known, generation) = state.withLock { ($0.folders[ino], $0.generation) }
    if let known { return known }
    let found: Folder? = try view.read { reader in
      guard let directory = try reader.directory(ino) else { return nil }
      let employee = directory.parent == TreeInode.root ? directory : try reader.directory(directory.parent)
      return Folder(directory: directory, owner: owners.ids(of: employee?.unixUser))
    }
    guard let found else { return nil }
    state.withLock { state in
      guard state.generation == generation else { return }
      if state.folders.count >= Self.folderLimit { state.folders = [:] }
      state.folders[ino] = found
    }
    return found
  }

  /// Files of a folder after a place, by inode; empty: there are no more.
  func entries(of directory: Int64, after place: Int64) throws -> ArraySlice<TreeEntry> {
    let (known, generation) = state.withLock { state -> (ArraySlice<TreeEntry>?, Int) in
      guard let index = state.pages.firstIndex(where: { Self.covers($0, directory, place) }) else { return (nil, state.generation) }
      let page = state.pages.remove(at: index)
      state.pages.append(page)
      return (Self.tail(page.entries, after: place), state.generation)
    }
    if let known { return known }
    let page = try view.read { try $0.page(of: directory, after: place) }
    if !page.isKept && !page.isLast { keeper?.want(directory) }
    state.withLock { state in
      guard state.generation == generation else { return }
      if state.pages.count >= Self.pageLimit { state.pages.removeFirst() }
      state.pages.append(Page(directory: directory, after: place, entries: page.entries, isLast: page.isLast))
    }
    return page.entries[...]
  }

  private static func covers(_ page: Page, _ directory: Int64, _ place: Int64) -> Bool {
    guard page.directory == directory, page.after <= place else { return false }
    return page.isLast || page.entries.last.map { TreeInode.endOfPlace($0.ino) > place } ?? false
  }

  private static func tail(_ entries: [TreeEntry], after place: Int64) -> ArraySlice<TreeEntry> {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].ino <= place { low = middle + 1 } else { high = middle }
    }
    return entries[low...]
  }
}
