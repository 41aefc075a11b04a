import Control
import Model
import Store
import Synchronization
import Testing

@testable import Mount

@Suite struct ControlTreeTests {
  /// A plane with a counter of renderings.
  private final class Plane: ControlPlane {
    let rendered = Mutex(0)
    /// Whether the files stay as they are.
    let isStill = Mutex(false)
    let waiting = Mutex<[@Sendable (Int32) -> Void]>([])

    func files(employee: String?) -> [ControlFile] {
      [["sync"], ["status"], ["log"], ["policies", "Sales.yaml"]].map {
        ControlFile(path: $0, employee: employee, isWritable: $0 == ["sync"])
      }
    }

    func contents(of file: ControlFile) -> (bytes: [UInt8], modified: Timestamp) {
      let count = rendered.withLock { count in
        if !isStill.withLock({ $0 }) { count += 1 }
        return count
      }
      return (Array("\(count)".utf8), Timestamp(seconds: Int64(count)))
    }

    func write(
      _ bytes: [UInt8], to file: ControlFile, user: UInt32, completion: @escaping @Sendable (Int32) -> Void
    ) -> (any ControlWriteHandle)? {
      waiting.withLock { $0.append(completion) }
      return nil
    }

    func answer() { for completion in waiting.withLock({ $0 }) { completion(0) } }
  }

  private let plane = Plane()
  private let tree: ControlTree

  init() { tree = ControlTree(plane: plane) }

  private func numbers(_ tree: ControlTree) -> [Int64] {
    var found: [Int64] = []
    for employee in [nil, "alice@example.test", "bob@example.test"] {
      found.append(tree.number(of: .directory(employee: employee, path: [])))
      for entry in tree.entries(employee: employee, path: []) { found.append(tree.number(of: entry.node)) }
      for entry in tree.entries(employee: employee, path: ["policies"]) { found.append(tree.number(of: entry.node)) }
    }
    return found
  }

  @Test func `numbers are made of paths: all different, the same at every start, and no record's or directory's`() {
    let found = numbers(tree)
    #expect(Set(found).count == found.count && found == numbers(ControlTree(plane: Plane())))
    #expect(found.allSatisfy { ControlTree.isControl($0) && !TreeInode.isRecord($0) && $0 > TreeInode.root })
    #expect(!ControlTree.isControl(TreeInode.root) && !ControlTree.isControl(1 << 62 | 5) && !ControlTree.isControl(1 << 60 | 5))
  }

  @Test func `the mount's control directory has directories for policies and holds, be they empty`() {
    #expect(tree.entries(employee: nil, path: []).map(\.name) == ["holds", "log", "policies", "status", "sync"])
    #expect(tree.entries(employee: nil, path: ["policies"]).map(\.name) == ["Sales.yaml"])
    #expect(tree.entries(employee: nil, path: ["holds"]).isEmpty)
  }

  @Test func `size and contents of one moment come from one rendering, a write makes a new one, the log is always of now`() {
    func contents(_ path: String) -> [UInt8] {
      let file = ControlFile(path: [path], employee: nil, isWritable: path == "sync")
      return tree.contents(file, ino: tree.number(of: .file(file))).bytes
    }
    let first = contents("status")
    #expect(contents("status") == first)
    #expect(contents("log") != contents("log"))
    _ = tree.write([], to: ControlFile(path: ["sync"], employee: nil, isWritable: true), user: 0) { _ in }
    plane.answer()
    #expect(contents("status") != first)
  }

  @Test func `a file that is written to stays as it was told last until the write is answered`() {
    let file = ControlFile(path: ["sync"], employee: nil, isWritable: true)
    let ino = tree.number(of: .file(file))
    let told = tree.contents(file, ino: ino)
    tree.forgetSnapshots()
    _ = tree.write([], to: file, user: 0) { _ in }
    #expect(tree.contents(file, ino: ino) == told)
    tree.forgetSnapshots()
    #expect(tree.contents(file, ino: ino) == told)
    plane.answer()
    #expect(tree.contents(file, ino: ino).bytes != told.bytes)
  }

  @Test func `who hears that a write has ended sees at once what it led to`() {
    let file = ControlFile(path: ["sync"], employee: nil, isWritable: true)
    let ino = tree.number(of: .file(file))
    let told = tree.contents(file, ino: ino)
    let seen = Mutex<[UInt8]?>(nil)
    _ = tree.write([], to: file, user: 0) { [tree] _ in seen.withLock { $0 = tree.contents(file, ino: ino).bytes } }
    plane.answer()
    #expect(seen.withLock { $0 } != nil && seen.withLock { $0 } != told.bytes)
  }

  @Test func `after a write a file has another time, so that the kernel drops what was written from its pages`() {
    plane.isStill.withLock { $0 = true }
    let file = ControlFile(path: ["sync"], employee: nil, isWritable: true)
    let ino = tree.number(of: .file(file))
    let told = tree.contents(file, ino: ino)
    _ = tree.write([], to: file, user: 0) { _ in }
    plane.answer()
    let after = tree.contents(file, ino: ino)
    #expect(after.bytes == told.bytes && after.modified > told.modified)
  }
}
