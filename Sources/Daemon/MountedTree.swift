import Model
import Store
import SyncEngine

/// Keeps the tree's folders in step with the configuration.
enum MountedTree {
  /// Folders of employees and record types that no longer take part go; those of employees who do are there, be they empty.
  static func prune(_ store: Store, _ settings: Settings) throws(SyncError) {
    let active = settings.employees.filter(\.isSynchronized)
    try store.write { transaction in
      for directory in try transaction.reader.directories(in: TreeInode.root) {
        guard let employee = active.first(where: { $0.email == directory.name }) else {
          try transaction.removeEmployee(directory.name)
          continue
        }
        let policy = settings.policies.first { $0.name == employee.policy }
        let wanted = Set(SyncEngine.synchronizedKinds.filter { policy?.sections[$0] != nil }.compactMap { policy?.folderName(of: $0) })
        for folder in try transaction.reader.directories(in: directory.ino) where !wanted.contains(folder.name) {
          try transaction.removeFolder(folder.name, employee: employee.email)
        }
      }
      for employee in active { try transaction.ensureEmployee(employee.email, unixUser: employee.unixUser) }
    }
  }
}
