public import Model
public import Store

/// Everything outside that a cycle works with, passed in: so the same engine runs against servers, a plan's recorder, or a simulation.
public final class EngineParts: Sendable {
  /// The cache.
  public let store: any RecordStore
  /// The ERP.
  public let erp: any ERPPort
  /// The Exchange accounts by their configured names.
  public let exchange: [String: any ExchangePort]
  /// Clock, randomness, waiting.
  public let surroundings: Surroundings
  /// The zone database, for the mount's calendars.
  public let zones: Zones
  /// Who this is among all that could serve a mailbox.
  public let installation: Installation
  /// What earlier rounds of this process left.
  public let memory: RoundMemory
  /// How much of messages is held in memory at once, over all mailboxes.
  let messageBytes = MessageBytes()
  /// Where log lines go besides the store, e.g. standard error.
  public let echo: @Sendable (LogEntry) -> Void
  /// Whether lines that no account's level keeps are echoed as well: to hear them must not make the store work.
  let echoesEveryLine: Bool

  /// The parts of an engine over the SQLite cache.
  public convenience init(
    store: Store, erp: any ERPPort, exchange: [String: any ExchangePort], surroundings: Surroundings, zones: Zones = .none,
    installation: Installation = Installation(machine: "", host: "", store: ""), memory: RoundMemory = RoundMemory(),
    echo: @escaping @Sendable (LogEntry) -> Void = { _ in }
  ) {
    self.init(
      records: CacheRecords(store), erp: erp, exchange: exchange, surroundings: surroundings, zones: zones, installation: installation,
      memory: memory, echo: echo)
  }

  /// The parts of an engine over any cache.
  public init(
    records: any RecordStore, erp: any ERPPort, exchange: [String: any ExchangePort], surroundings: Surroundings, zones: Zones = .none,
    installation: Installation = Installation(machine: "", host: "", store: ""), memory: RoundMemory = RoundMemory(),
    echo: @escaping @Sendable (LogEntry) -> Void = { _ in }, echoesEveryLine: Bool = false
  ) {
    self.store = records
    self.erp = erp
    self.exchange = exchange
    self.surroundings = surroundings
    self.zones = zones
    self.installation = installation
    self.memory = memory
    self.echo = echo
    self.echoesEveryLine = echoesEveryLine
  }

  /// Gives requests whose answers nobody waits for any more the time to come to an end.
  func letSettle(milliseconds: Int64) async throws(SyncError) {
    do { try await surroundings.sleep(milliseconds) } catch {
      throw SyncError(.cancelled, "cancelled while writes of an interrupted cycle settled")
    }
  }
}

extension Guards {
  /// How long a server may still be carrying out a request whose client is gone, in milliseconds.
  var settlingMilliseconds: Int64 { Int64(settleSeconds) * 1000 }
}

/// One employee and one record type of a cycle: the spoke that is turned.
final class Spoke: Sendable {
  let employee: Employee
  let policy: Policy
  let section: Policy.Section
  let kind: RecordKind
  let account: ExchangeAccount
  let mailbox: Mailbox
  /// The spoke in the names of cursors.
  let name: String
  /// The policy that the links were last compared under.
  let policyCursor: String
  /// What linked items are marked with, and were under earlier policies.
  let marksCursor: String
  /// The folder that linked items lie in.
  let placeCursor: String
  /// Set once a whole cycle has ended well: before that, everything is a first run.
  let initialisedCursor: String
  private let erpCursor: String
  private let exchangeCursor: String

  init(employee: Employee, policy: Policy, section: Policy.Section, kind: RecordKind, account: ExchangeAccount) {
    self.employee = employee
    self.policy = policy
    self.section = section
    self.kind = kind
    self.account = account
    mailbox = employee.mailbox
    name = "\(mailbox.address)/\(kind.rawValue)"
    policyCursor = "engine/\(name)/policy"
    marksCursor = "engine/\(name)/marks"
    placeCursor = "engine/\(name)/folder"
    initialisedCursor = Self.initialisedCursor(mailbox, kind)
    erpCursor = Self.progressCursor(mailbox, kind, .erp)
    exchangeCursor = Self.progressCursor(mailbox, kind, .exchange)
  }

  /// How far this spoke has processed the observations of one side.
  func progressCursor(_ side: SystemSide) -> String { side == .erp ? erpCursor : exchangeCursor }

  static func progressCursor(_ mailbox: Mailbox, _ kind: RecordKind, _ side: SystemSide) -> String {
    "engine/\(mailbox.address)/\(kind.rawValue)/\(side.rawValue)"
  }

  /// Set while the policy, the employee or the account leaves a spoke out.
  static func offCursor(_ name: String) -> String { "engine/\(name)/off" }

  static func initialisedCursor(_ mailbox: Mailbox, _ kind: RecordKind) -> String {
    "engine/\(mailbox.address)/\(kind.rawValue)/initialised"
  }

  /// For which day and which series the occurrences were last listed.
  var occurrencesCursor: String { "exchange/" + name + "/occurrences" }

  /// The sync state of the folder.
  func folderCursor(_ folder: FolderID) -> String { "exchange/" + name + "/" + folder.rawValue }

  /// What the policy says about this spoke, a line a rule: links are compared anew when one of them changes.
  var rules: [String] {
    [
      policy.conflict.rawValue, policy.category.map { "\($0.color) \($0.name)" } ?? "no category", section.folder ?? "",
      section.withoutCategory ? "unmarked" : "marked", section.direction.rawValue, section.filter.rawValue,
      section.mergeByEmail ? "merge" : "", section.contactClass ?? "", section.erpLink ?? "", section.attachments ? "attachments" : "",
      section.createContacts ? "contacts" : "",
    ]
  }

  /// In a folder of the policy's own everything takes part; of what lies elsewhere only what is marked.
  func isInPolicyFolder(_ item: Item, _ folder: FolderID?) -> Bool {
    guard section.folder != nil else { return false }
    guard let folder, let place = item.folder else { return true }
    return place == folder
  }

  /// The name of the record type's folder in the mount.
  var folderName: String { policy.folderName(of: kind) }
}

/// What a cycle has done, for progress, the log and the exit code.
public struct CycleReport: Sendable, Hashable {
  /// Address of the employee.
  public var employee: String
  /// The record type.
  public var kind: RecordKind
  /// What was done, by name: `created-items`, `updated-entities`, …
  public var counts: [String: Int]
  /// Records that failed and are tried again.
  public var failures: Int
  /// The id of the hold that stopped the cycle.
  public var hold: String?
  /// The error that ended the cycle.
  public var error: SyncError?

  /// Whether the cycle ended well.
  public var succeeded: Bool { error == nil && hold == nil }

  /// Whether anything was written on either side.
  public var wroteAnything: Bool { counts.contains { !Self.quietCounts.contains($0.key) && $0.value > 0 } }

  private static let quietCounts: Set<String> = ["linked", "drifted", "left", "detached", "read-items", "read-entities"]
}

extension CycleReport {
  /// The report of a spoke whose records could not be read from the ERP: nothing was compared.
  init(unread spoke: Spoke, _ error: SyncError) {
    self.init(employee: spoke.employee.email, kind: spoke.kind, counts: [:], failures: 0, hold: nil, error: error)
  }
}

/// How far a running cycle is.
public struct CycleProgress: Sendable, Hashable {
  /// Address of the employee; nil while the ERP is read for everybody.
  public var employee: String?
  /// The record type.
  public var kind: RecordKind
  /// What is being done: `reading`, `comparing`, `writing`.
  public var phase: String
  /// Records done.
  public var done: Int
  /// Records to do; nil: not known.
  public var total: Int?
}
