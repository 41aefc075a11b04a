import ArgumentParser
import Control
import Dispatch
import Foundation
import Model
import Mount
import Store

/// Mounts a store and changes it at full speed: the serving side of scripts/consistency.
struct Churn: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Mounts a new store and changes its records at a rate, until the time is over; serves until its input ends.")

  @Option(help: "Records that change.") var records = 100_000
  @Option(help: "Records that never change.") var still = 20_000
  @Option(help: "Folders that they lie in.") var folders = 8
  @Option(help: "Changes a second.") var rate = 10_000
  @Option(help: "Seconds of changing.") var seconds = 60
  @Option(help: "Commits a second.") var commits = 10
  @Option(help: "File that says which version of each record is committed, and since when.") var ledger: String
  @Argument(help: "The store to make.") var store: String
  @Argument(help: "The directory to mount on.") var mount: String

  mutating func run() throws {
    let target = try Store(path: store)
    let corpus = ChurnRecords(changing: records, still: still, folders: folders)
    try corpus.fill(target)
    let ledger = try Ledger(path: ledger, records: records)
    let tree = try FileSystem(store: target, control: NoControl(), options: MountOptions(options: []))
    try tree.mount(at: mount)
    let served = DispatchSemaphore(value: 0)
    let thread = Thread {
      do { try tree.run() } catch { FileHandle.standardError.write(Data("\(error)\n".utf8)) }
      served.signal()
    }
    thread.name = "fuse"
    thread.start()
    Self.say("mounted")
    _ = readLine()
    Self.say(try change(target, corpus, ledger))
    while readLine() != nil {}
    tree.unmount()
    served.wait()
    target.close()
  }

  private static func say(_ line: String) {
    print(line)
    fflush(nil)
  }

  /// Changes record after record, round and round. Returns what was reached, as JSON.
  private func change(_ store: Store, _ corpus: ChurnRecords, _ ledger: Ledger) throws -> String {
    let batch = max(1, rate / commits)
    let start = Ledger.now()
    let end = start + UInt64(seconds) * 1000
    var (next, changed, done) = (0, 0, 0)
    var longest: UInt64 = 0
    while Ledger.now() < end {
      let due = start + UInt64(done) * 1000 / UInt64(commits)
      let now = Ledger.now()
      // Paced by the clock; a slow commit is made good by the following ones.
      if due > now { usleep(UInt32(due - now) * 1000) }
      let numbers = (0..<batch).map { (next + $0) % records }
      let began = Ledger.now()
      try store.write { transaction in
        for number in numbers { try corpus.put(number, ledger.version(number) + 1, transaction) }
      }
      let committed = Ledger.now()
      longest = max(longest, committed - began)
      for number in numbers { ledger.note(number, ledger.version(number) + 1, at: committed) }
      next = (next + batch) % records
      changed += batch
      done += 1
    }
    let elapsed = Double(Ledger.now() - start) / 1000
    return
      "{\"changed\": \(changed), \"commits\": \(done), \"seconds\": \(elapsed), \"rate\": \(Int(Double(changed) / elapsed)), \"longest_commit_ms\": \(longest)}"
  }
}

/// No control files: the campaign is about records.
private struct NoControl: ControlPlane {
  func files(employee: String?) -> [ControlFile] { [] }

  func contents(of file: ControlFile) -> (bytes: [UInt8], modified: Timestamp) { ([], Timestamp(milliseconds: 0)) }

  func write(
    _ bytes: [UInt8], to file: ControlFile, user: UInt32, completion: @escaping @Sendable (Int32) -> Void
  ) -> (any ControlWriteHandle)? {
    completion(30)
    return nil
  }
}
