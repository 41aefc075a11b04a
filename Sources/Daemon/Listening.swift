import Exchange
import Model
import Synchronization

/// Keeps the connections of notifications in step with the configuration and with the folders that the cycles found.
actor Listening {
  private struct Group {
    let group: NotificationGroup
    let task: Task<Void, Never>
    var members: Set<Mailbox>
  }

  /// Mailboxes that share a connection. More are asked of one connection only where the server allows no further ones.
  static let groupSize = 200
  /// Connections that one account may let hang (HangingConnectionLimit of Exchange 2016 and later).
  static let connectionLimit = 10

  private let box: WakeBox
  private let onProblem: @Sendable (LogEntry) -> Void
  private let now: @Sendable () -> Timestamp
  private var groups: [String: [Group]] = [:]
  /// What the groups were made for.
  private var settings: Settings?
  private let shown = Mutex<[(account: String, groups: [NotificationGroup])]>([])

  init(box: WakeBox, now: @escaping @Sendable () -> Timestamp, onProblem: @escaping @Sendable (LogEntry) -> Void) {
    self.box = box
    self.now = now
    self.onProblem = onProblem
  }

  /// One line an account, for `status`.
  nonisolated var lines: [String] {
    shown.withLock { $0 }.map { account, groups in
      let standings = groups.map(\.standing)
      let sum = { (part: (NotificationGroup.Standing) -> Int) in standings.reduce(0) { $0 + part($1) } }
      let open = standings.filter(\.isListening).count
      let problem = standings.compactMap(\.problem).first.map { ": \($0)" } ?? ""
      return
        "\(account): notifications of \(sum(\.subscribed)) of \(sum(\.wanted)) mailboxes on \(open) of \(groups.count) connections\(problem)"
    }
  }

  /// Listens to these folders.
  /// - Parameters:
  ///   - settings: the configuration in force; another one than before begins anew.
  ///   - clients: of the accounts that are to be listened to, by name.
  func refresh(_ settings: Settings, clients: [String: EWSClient], folders: [(employee: Employee, kind: RecordKind, folder: FolderID)])
    async
  {
    if settings != self.settings { end() }
    self.settings = settings
    for (name, client) in clients {
      var watched: [Mailbox: WatchedMailbox] = [:]
      for found in folders where found.employee.account == name {
        watched[found.employee.mailbox, default: WatchedMailbox(mailbox: found.employee.mailbox, folders: [:])].folders[found.folder] =
          found.kind
      }
      await assign(watched, name, client)
    }
    shown.withLock { $0 = groups.sorted { $0.key < $1.key }.map { (account: $0.key, groups: $0.value.map(\.group)) } }
  }

  /// Ends all connections.
  func end() {
    for group in groups.values.flatMap({ $0 }) { group.task.cancel() }
    groups = [:]
    shown.withLock { $0 = [] }
  }

  /// Mailboxes stay in the group that they are in; new ones fill up the groups that there are.
  private func assign(_ watched: [Mailbox: WatchedMailbox], _ account: String, _ client: EWSClient) async {
    let size = max(Self.groupSize, (watched.count + Self.connectionLimit - 1) / Self.connectionLimit)
    var current = groups[account] ?? []
    for index in current.indices { current[index].members.formIntersection(watched.keys) }
    var homeless = Set(watched.keys).subtracting(current.flatMap(\.members)).sorted { $0.address < $1.address }
    for index in current.indices where current[index].members.count < size {
      let count = min(size - current[index].members.count, homeless.count)
      current[index].members.formUnion(homeless.prefix(count))
      homeless.removeFirst(count)
    }
    while !homeless.isEmpty {
      let members = Set(homeless.prefix(size))
      homeless.removeFirst(members.count)
      current.append(makeGroup(members, account, client))
    }
    for group in current where group.members.isEmpty { group.task.cancel() }
    current.removeAll { $0.members.isEmpty }
    groups[account] = current
    for group in current { await group.group.watch(group.members.compactMap { watched[$0] }) }
  }

  private func makeGroup(_ members: Set<Mailbox>, _ account: String, _ client: EWSClient) -> Group {
    let (box, now, onProblem) = (box, now, onProblem)
    let group = NotificationGroup(
      client: client, onChange: { box.add(mailbox: $0.mailbox.address, $0.kinds) },
      onProblem: { text, mailbox in
        onProblem(LogEntry(time: now(), level: .warning, employee: mailbox?.address, message: "\(account): \(text)"))
      })
    return Group(group: group, task: Task { await group.run() }, members: members)
  }
}
