public import Model
import Synchronization
import Transport

/// A mailbox to listen to: the folders in which changes count, and what they hold.
public struct WatchedMailbox: Sendable, Hashable {
  /// Whose.
  public var mailbox: Mailbox
  /// The record type of each folder.
  public var folders: [FolderID: RecordKind]

  /// Creates the value from its parts.
  public init(mailbox: Mailbox, folders: [FolderID: RecordKind]) {
    self.mailbox = mailbox
    self.folders = folders
  }
}

/// The mailboxes that share one streaming connection: keeps them subscribed and the connection open, and tells what changed where.
///
/// A connection or a subscription that is lost is made anew after a pause that grows; a mailbox whose subscription is new is told of as
/// changed, since what happened before was not heard. What is told is a reason to look, never what changed.
public actor NotificationGroup {
  /// How it stands.
  public struct Standing: Sendable, Hashable {
    /// Mailboxes that belong to it.
    public var wanted = 0
    /// Those of them that have a subscription.
    public var subscribed = 0
    /// Whether the connection hangs.
    public var isListening = false
    /// Why not, when it is not.
    public var problem: String?
  }

  private struct Subscription: Sendable {
    var id: SubscriptionID
    var folders: [FolderID: RecordKind]
  }

  /// The first pause after a failure, and the longest, in milliseconds.
  private static let pauses: (first: Int64, longest: Int64) = (1000, 300_000)
  /// A connection that ends sooner, in milliseconds, counts as a failure whatever it said.
  private static let shortStream: Int64 = 5000
  /// How long a mailbox that cannot be subscribed to is left alone, in milliseconds.
  private static let setAside: Int64 = 300_000

  private let client: EWSClient
  private let surroundings: Surroundings
  private let onChange: @Sendable (MailboxChange) -> Void
  private let onProblem: @Sendable (_ text: String, Mailbox?) -> Void
  private let shown = Mutex(Standing())
  private var wanted: [Mailbox: [FolderID: RecordKind]] = [:]
  private var held: [Mailbox: Subscription] = [:]
  private var asideUntil: [Mailbox: Timestamp] = [:]
  private var failures = 0
  /// Breaks off the connection or the pause of now.
  private var breakOff: (@Sendable () -> Void)?
  private var affinity: Affinity?

  /// A group without mailboxes.
  /// - Parameters:
  ///   - onChange: called for each change that is heard of; it must not wait.
  ///   - onProblem: called with one line for the log, for a mailbox or for all.
  public init(
    client: EWSClient, onChange: @escaping @Sendable (MailboxChange) -> Void,
    onProblem: @escaping @Sendable (_ text: String, Mailbox?) -> Void
  ) {
    self.client = client
    surroundings = client.surroundings
    self.onChange = onChange
    self.onProblem = onProblem
  }

  /// How it stands now.
  public nonisolated var standing: Standing { shown.withLock { $0 } }

  /// Sets which mailboxes belong to the group.
  public func watch(_ mailboxes: [WatchedMailbox]) {
    let new = Dictionary(mailboxes.map { ($0.mailbox, $0.folders) }, uniquingKeysWith: { $1 })
    guard new != wanted else { return }
    wanted = new
    asideUntil = asideUntil.filter { new[$0.key] != nil }
    breakOff?()
    show()
  }

  /// Listens until the task is cancelled.
  public func run() async {
    while !Task.isCancelled {
      do throws(SyncError) {
        try await subscribeMissing()
        try await listen()
      } catch  where error.code == .cancelled {
        // Ended, or what is wanted has changed.
      } catch {
        await pause(after: error)
      }
    }
    show(isListening: false)
  }

  // MARK: Subscriptions

  private var missing: [Mailbox] {
    let now = surroundings.now()
    return wanted.keys.filter { held[$0]?.folders != wanted[$0] && asideUntil[$0] ?? now <= now }.sorted { $0.address < $1.address }
  }

  private var superfluous: [Mailbox] { held.keys.filter { wanted[$0] == nil }.sorted { $0.address < $1.address } }

  private func subscribeMissing() async throws(SyncError) {
    while let mailbox = superfluous.first ?? missing.first {
      if Task.isCancelled { throw SyncError(.cancelled, "no longer listening") }
      let affinity = affinity ?? Affinity(anchor: mailbox)
      self.affinity = affinity
      if let old = held.removeValue(forKey: mailbox) {
        // Left behind it would end by itself.
        try? await client.unsubscribe(old.id, of: mailbox, affinity)
      }
      guard let folders = wanted[mailbox] else { continue }
      do throws(SyncError) {
        let id = try await client.subscribe(to: folders.keys.sorted { $0.rawValue < $1.rawValue }, of: mailbox, affinity)
        held[mailbox] = Subscription(id: id, folders: folders)
        asideUntil[mailbox] = nil
        onChange(MailboxChange(mailbox: mailbox, kinds: Set(folders.values)))
      } catch  where !error.stopsAccount || error.code == .mailboxNotFound {
        asideUntil[mailbox] = surroundings.now().advanced(milliseconds: Self.setAside)
        onProblem("changes cannot be listened to and wait for the schedule: \(error)", mailbox)
      }
      show()
    }
  }

  // MARK: The connection

  private func listen() async throws(SyncError) {
    guard missing.isEmpty, superfluous.isEmpty else { return }
    guard let affinity, !held.isEmpty else { return await wait(milliseconds: Self.setAside) }
    let owners = Dictionary(held.map { ($1.id, (mailbox: $0, folders: $1.folders)) }, uniquingKeysWith: { $1 })
    let ids = held.sorted { $0.key.address < $1.key.address }.map(\.value.id)
    // Who is set aside is tried again in between.
    let minutes = asideUntil.isEmpty ? EWSClient.longestStream : Int(Self.setAside / 60_000)
    let began = surroundings.now()
    show(isListening: true)
    let task = Task { [client, onChange] () async -> Result<StreamEnd, SyncError> in
      do throws(SyncError) {
        return .success(
          try await client.listen(to: ids, affinity, minutes: minutes) { id, folders in
            guard let owner = owners[id] else { return }
            let kinds = Set(folders.compactMap { owner.folders[$0] })
            if !kinds.isEmpty { onChange(MailboxChange(mailbox: owner.mailbox, kinds: kinds)) }
          })
      } catch {
        return .failure(error)
      }
    }
    let result = await value(of: task)
    let wasShort = surroundings.now().milliseconds - began.milliseconds < Self.shortStream
    if !wasShort { failures = 0 }
    let end = try result.get()
    held = held.filter { !end.losesAll && !end.lost.contains($1.id) }
    // The next server to serve the group says so with a cookie of its own.
    if held.isEmpty { affinity.cookies.removeAll() }
    if wasShort {
      throw SyncError(
        .unreachable, end.losesSome ? "Exchange lost subscriptions" : "Exchange closed the connection of notifications at once")
    }
  }

  private func pause(after error: SyncError) async {
    failures += 1
    var milliseconds = min(Self.pauses.first << min(Int64(failures - 1), 16), Self.pauses.longest)
    if error.code == .unauthorized || error.code == .accessDenied { milliseconds = Self.pauses.longest }
    // From a half to one and a half, so that the groups of many daemons do not come back together.
    milliseconds = milliseconds / 2 + Int64(surroundings.random() % UInt64(milliseconds))
    if case .afterBackOff(let told) = error.retry { milliseconds = max(milliseconds, told) }
    if failures == 2 { onProblem("notifications are interrupted, the schedule goes on: \(error)", nil) }
    show(isListening: false, problem: error.description)
    await wait(milliseconds: milliseconds)
  }

  private func wait(milliseconds: Int64) async {
    let task = Task { [surroundings] in try? await surroundings.sleep(milliseconds) }
    await value(of: task)
  }

  /// Waits for a task that a change of what is wanted, or the end of the group, breaks off.
  private func value<Answer: Sendable>(of task: Task<Answer, Never>) async -> Answer {
    breakOff = { task.cancel() }
    defer { breakOff = nil }
    return await withTaskCancellationHandler {
      await task.value
    } onCancel: {
      task.cancel()
    }
  }

  private func show(isListening: Bool? = nil, problem: String? = nil) {
    let (count, subscribed) = (wanted.count, held.count)
    shown.withLock { shown in
      shown.wanted = count
      shown.subscribed = subscribed
      guard let isListening else { return }
      shown.isListening = isListening
      shown.problem = problem
    }
  }
}
