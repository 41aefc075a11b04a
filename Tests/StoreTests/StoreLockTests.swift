import Foundation
import Model
import Synchronization
import Testing

@testable import Store

@Suite struct StoreLockTests {
  private static let tool = "/usr/bin/flock"

  private func refusal(_ path: String) -> SyncError? {
    do {
      try StoreLock.acquire(path: path).release()
      return nil
    } catch { return error }
  }

  @Test func `a store has one owner, whom the refusal names`() throws {
    try Samples.withDirectory { directory in
      let path = directory + "/cache.db"
      #expect(StoreLock.owner(path: path) == nil)
      let lock = try StoreLock.acquire(path: path)
      #expect(StoreLock.owner(path: path) == StoreLock.Owner(process: getpid(), mountPoint: nil))
      lock.note(mountPoint: "/mnt/a long name")
      #expect(StoreLock.owner(path: path)?.mountPoint == "/mnt/a long name")
      lock.note(mountPoint: "/m")
      #expect(StoreLock.owner(path: path)?.mountPoint == "/m")
      let error = try #require(refusal(path))
      #expect(error.code == .storage && error.retry == .later)
      #expect(error.message.contains("process \(getpid()), mounted at /m"))
      lock.release()
      #expect(StoreLock.owner(path: path) == nil)
      #expect(refusal(path) == nil)
      let attributes = try FileManager.default.attributesOfItem(atPath: path + ".lock")
      #expect(attributes[.posixPermissions] as? Int == 0o600)
    }
  }

  @Test func `giving a store free twice closes no file of somebody else`() throws {
    try Samples.withDirectory { directory in
      let lock = try StoreLock.acquire(path: directory + "/a.db")
      lock.release()
      let other = try StoreLock.acquire(path: directory + "/b.db")
      lock.release()
      lock.note(mountPoint: "/elsewhere")
      #expect(StoreLock.owner(path: directory + "/b.db") == StoreLock.Owner(process: getpid(), mountPoint: nil))
      other.release()
    }
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: tool), "needs flock(1) of util-linux"), .timeLimit(.minutes(1)))
  func `another process keeps this one out, and this one another`() throws {
    try Samples.withDirectory { directory in
      let path = directory + "/cache.db"
      let lock = try StoreLock.acquire(path: path)
      func other(_ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.tool)
        process.arguments = arguments
        return process
      }
      let refused = try other(["--nonblock", path + ".lock", "true"])
      try refused.run()
      refused.waitUntilExit()
      #expect(refused.terminationStatus == 1)
      lock.release()

      let holder = try other(["--nonblock", "--no-fork", path + ".lock", "sh", "-c", "echo ready; read end"])
      let (input, output) = (Pipe(), Pipe())
      holder.standardInput = input
      holder.standardOutput = output
      try holder.run()
      defer { holder.terminate() }
      #expect(output.fileHandleForReading.availableData.isEmpty == false)
      #expect(refusal(path)?.message.contains("in use by another concordfs") == true)
      try input.fileHandleForWriting.close()
      holder.waitUntilExit()
      #expect(refusal(path) == nil)
    }
  }

  @Test(.timeLimit(.minutes(1))) func `asking who owns a store keeps nobody from taking it`() throws {
    let path = NSTemporaryDirectory() + "concordfs-lock-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: path + ".lock") }
    try StoreLock.acquire(path: path).release()
    let ended = Atomic(false)
    let failure = Mutex<SyncError?>(nil)
    DispatchQueue.concurrentPerform(iterations: 2) { task in
      if task == 0 {
        while !ended.load(ordering: .relaxed) { _ = StoreLock.owner(path: path) }
      } else {
        var error: SyncError?
        for _ in 0..<2000 where error == nil { error = refusal(path) }
        failure.withLock { $0 = error }
        ended.store(true, ordering: .relaxed)
      }
    }
    #expect(failure.withLock { $0 } == nil)
  }
}
