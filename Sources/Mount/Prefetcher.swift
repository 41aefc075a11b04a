import Foundation
import FuseShim
import Store

/// Pushes files into the kernel's page cache before they are asked for, on a thread of its own and by a connection of its own: waiting
/// for the disk here holds up nobody.
final class Prefetcher: @unchecked Sendable {
  // Sendable by hand: everything that changes is only touched under `condition`; `session` is a C object that libfuse allows to be
  // notified from any thread, and it outlives this object's thread.
  private let condition = NSCondition()
  private var readAhead = ReadAhead()
  private var waiting: [ReadAhead.Push] = []
  private var isStopped = false
  private let session: OpaquePointer
  private let view: TreeView
  private let ended = DispatchSemaphore(value: 0)

  /// Files above this size are left to READ, in bytes.
  private static let largestPushed = 64 << 10
  /// Files read from the store at once: the first are pushed while the others are still on the disk.
  private static let filesPerQuery = 64
  /// A push that the kernel takes nothing of ends after this many files.
  private static let patience = 16

  init(session: OpaquePointer, view: TreeView) {
    self.session = session
    self.view = view
    let thread = Thread { [self] in
      run()
      view.close()
      ended.signal()
    }
    thread.name = "prefetch"
    thread.start()
  }

  /// A file was read, on the thread that answers.
  func noteRead(_ ino: Int64) {
    condition.lock()
    if let push = readAhead.read(ino) {
      waiting.append(push)
      condition.signal()
    }
    condition.unlock()
  }

  func stop() {
    condition.lock()
    isStopped = true
    condition.signal()
    condition.unlock()
    ended.wait()
  }

  private func run() {
    while true {
      condition.lock()
      while waiting.isEmpty && !isStopped { condition.wait() }
      if isStopped { return condition.unlock() }
      let push = waiting.removeFirst()
      condition.unlock()
      let outcome = carryOut(push)
      condition.lock()
      readAhead.finished(push, outcome)
      condition.unlock()
    }
  }

  private func carryOut(_ push: ReadAhead.Push) -> ReadAhead.Outcome {
    var outcome = ReadAhead.Outcome(last: nil, marker: nil, taken: 0)
    var (after, left, tried) = (push.after, push.count, 0)
    var (skip, lead) = (push.skip, ReadAhead.lead)
    while left > 0 {
      let asked = min(left, Self.filesPerQuery)
      guard let files = try? view.read({ try $0.contents(after: after, limit: asked, largest: Self.largestPushed) }), let last = files.last
      else { break }
      for file in files {
        outcome.last = file.ino
        if file.ino <= position(of: push.stream) {
          // The reader was faster: racing it for each file gains nothing, so it gets a lead.
          (skip, lead) = (lead, min(lead * 2, Self.filesPerQuery))
          continue
        }
        if skip > 0 {
          skip -= 1
          continue
        }
        tried += 1
        if outcome.marker == nil && tried * 2 >= push.count {
          outcome.marker = file.ino
        } else if send(file) {
          outcome.taken += 1
        }
        if outcome.taken == 0 && tried >= Self.patience { return outcome }
      }
      after = last.ino
      left -= files.count
      if files.count < asked { break }
    }
    return outcome
  }

  private func position(of stream: Int) -> Int64 {
    condition.lock()
    defer { condition.unlock() }
    return readAhead.position(of: stream)
  }

  /// Whether the kernel took it.
  private func send(_ file: (ino: Int64, bytes: [UInt8])) -> Bool {
    guard !file.bytes.isEmpty else { return false }
    return file.bytes.withUnsafeBytes { buffer in
      buffer.baseAddress.map { cfs_store(session, UInt64(bitPattern: file.ino), $0, buffer.count) } == 0
    }
  }
}
