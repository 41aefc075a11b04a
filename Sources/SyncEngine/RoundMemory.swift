import Model
import Synchronization

/// What the rounds of one process leave to those that notifications set off, which ask the servers for less because of it. Only what is asked
/// again before anything is written, or what may be some minutes old, is kept here.
public final class RoundMemory: Sendable {
  /// How long something counts, in milliseconds.
  static let lifetime: Int64 = 5 * 60_000

  private struct State {
    var people: (value: [ERPEmployee], time: Timestamp)?
    var marks: [Mailbox: (value: OwnerMark, time: Timestamp)] = [:]
  }

  private let state = Mutex(State())

  /// Nothing is known yet.
  public init() {}

  /// The ERP's employees, where they were read a moment ago.
  func people(at now: Timestamp) -> [ERPEmployee]? { state.withLock { $0.people }.flatMap { Self.isFresh($0.time, now) ? $0.value : nil } }

  func note(people: [ERPEmployee], at now: Timestamp) { state.withLock { $0.people = (people, now) } }

  /// The mark that names this installation as the mailbox's owner, where it was seen there a moment ago.
  func mark(of mailbox: Mailbox, at now: Timestamp) -> OwnerMark? {
    state.withLock { $0.marks[mailbox] }.flatMap { Self.isFresh($0.time, now) ? $0.value : nil }
  }

  /// - Parameter mark: nil: it has to be asked for again.
  func note(mark: OwnerMark?, of mailbox: Mailbox, at now: Timestamp) { state.withLock { $0.marks[mailbox] = mark.map { ($0, now) } } }

  /// A clock that was set back makes nothing younger.
  private static func isFresh(_ time: Timestamp, _ now: Timestamp) -> Bool {
    (0..<lifetime).contains(now.milliseconds - time.milliseconds)
  }
}
