import ERP
import Exchange
import FaultyDisk
import Foundation
import Model
import Sandbox
import SandboxERP
import SandboxExchange
import Store
import SyncEngine
import Transport

/// The lowest layer under the engine: its real adapters and its real cache, over servers in the same process that are handed requests as
/// bytes, and over a disk that loses what was not synced. The world shows what both servers hold.
///
/// `@unchecked Sendable`: as `World`.
final class Wire: @unchecked Sendable {
  let world: World
  let sandbox: DirectSandbox
  let disk: FaultyDisk
  private(set) var store: Store
  /// Choices of the wire's own: which fault of the network or the disk a fault of the schedule is.
  var random: SeededRandom
  var itemViews: [ItemID: ItemView] = [:]
  var recordViews: [EntityID: RecordView] = [:]
  /// Counts the engine's processes; what an earlier one sends is not sent.
  private(set) var process = 1
  /// Acts of users that the schedule has in the middle of a commit: before the next request.
  var waiting: [Event] = []
  /// Commits that the engine was told of.
  var acknowledged = 0
  /// Delayed requests by their due time.
  var delayed: [(due: Int64, request: DirectSandbox.Request)] = []
  /// Messages in the outbox that are accounted for, and what the last look at the servers saw.
  var sentMessages = 0
  var latest: WireState?
  /// Pauses that the servers asked for.
  var backOffs = BackOffs()
  let turns = WireTurns()
  /// The sandbox was told to show a fault.
  var hasFaults = false
  /// The ERP session's cookies, as the daemon keeps them beside the cache.
  private var sessionCookies: String?
  /// The ERP's cookies of users.
  var userCookies: String?
  private var kept: FaultyDisk?
  /// Faults of commits are the engine's, not an administrator's.
  var isInRound = false
  private var clients: (erp: AcumaticaClient, exchange: EWSClient)?

  static let delegate = (address: "sync@x.test", password: "delegate")
  static let userPassword = "user"
  static let erpUser = (name: "api", password: "erp")
  /// Sessions of the ERP: the engine's, one that a killed process left open, the users'.
  private static let seats = 4

  /// The cache is open, and can be used by the next schedule.
  private var isOpen = true

  /// - Throws: `storage` where no disk can be made.
  init(world: World, seed: UInt64) throws(SyncError) {
    self.world = world
    (disk, store) = try WireDisks.take(seed: seed)
    random = SeededRandom(seed: seed ^ 0x3177e)
    let clock: @Sendable () -> Date = { [unowned world] in Date(timeIntervalSince1970: Double(world.clock) / 1000) }
    let names = NameMaker(seed: seed)
    sandbox = DirectSandbox(
      exchange: ExchangeServerConfiguration(
        delegateAddress: Self.delegate.address, delegatePassword: Self.delegate.password, seed: seed, now: clock),
      erp: ERPServerConfiguration(
        username: Self.erpUser.name, password: Self.erpUser.password, seats: Self.seats, now: clock, identifier: { names.next() }))
  }

  /// Employees and mailboxes, before anything else.
  func prepare() async {
    for (index, code) in World.ownerCodes.enumerated() {
      await sandbox.erp.addEmployee(id: code, name: code, email: World.addresses[index], workgroup: "W" + code)
    }
    for box in world.mailboxes {
      await sandbox.exchange.addMailbox(address: box.address, displayName: box.address, password: Self.userPassword)
    }
  }

  /// The object layer's records are of their owner's workgroup; the ERP's own have none.
  static func fitting(_ policy: Policy) -> Policy {
    var policy = policy
    for (kind, section) in policy.sections where section.filter == .workgroup { policy.sections[kind]?.filter = .owner }
    return policy
  }

  // MARK: The engine's process

  var cache: WireCache { WireCache(wire: self) }

  func parts(_ memory: RoundMemory, echo: @escaping @Sendable (LogEntry) -> Void) -> EngineParts {
    let clients = clients ?? connect()
    self.clients = clients
    return EngineParts(
      records: cache, erp: clients.erp, exchange: ["HQ": clients.exchange], surroundings: world.surroundings,
      memory: memory, echo: echo, echoesEveryLine: world.narrate != nil)
  }

  private func connect() -> (erp: AcumaticaClient, exchange: EWSClient) {
    let transport = WireTransport(wire: self, process: process)
    var account = ExchangeAccount(name: "HQ", email: Self.delegate.address)
    account.updateBatch = world.setup.pageSize
    account.selectBatch = world.setup.pageSize
    return (
      AcumaticaClient(
        settings: ERPSettings(
          url: WireTransport.erp, endpoint: "Default/24.200.001",
          authentication: .password(username: Self.erpUser.name, password: .literal(Self.erpUser.password))),
        password: Self.erpUser.password, transport: transport, surroundings: world.surroundings,
        memory: SessionMemory(load: { [unowned self] in sessionCookies }, save: { [unowned self] in sessionCookies = $0 })),
      EWSClient(
        account: account, authentication: .basic(user: Self.delegate.address, password: Self.delegate.password),
        endpoint: WireTransport.exchange + "/EWS/Exchange.asmx", transport: transport, surroundings: world.surroundings)
    )
  }

  /// The process is gone, and with it what it knew; the next one opens the cache that is left.
  /// - Parameter powerLost: the machine stopped, not the process alone.
  func restart(powerLost: Bool) {
    process += 1
    clients = nil
    world.tell("  the \(powerLost ? "power goes" : "process ends"); \(disk.seen)")
    disk.endProcess(powerLost: powerLost)
    store.close()
    isOpen = false
    do {
      store = try Store(path: disk.uri(of: WireDisks.database), isOnDisk: false)
      isOpen = true
      let damages = try store.damages()
      if !damages.isEmpty { world.oracle?.report("store", "after \(powerLost ? "a power cut" : "the end"): \(damages)") }
      let kept = try store.read { try $0.meta(WireCache.counter) }.flatMap(Int.init) ?? 0
      if kept < acknowledged { world.oracle?.report("store", "commit \(acknowledged) was acknowledged; there are \(kept)") }
      acknowledged = kept
    } catch { world.oracle?.report("store", "does not open after \(powerLost ? "a power cut" : "the end"): \(error)") }
  }

  /// After a round: who ended in it begins again.
  func finishRound() async {
    isInRound = false
    if world.isCrashed || disk.isCut {
      world.isCrashed = false
      restart(powerLost: random.chance(50))
    }
    await performWaiting()
  }

  /// The cache as it is now, as a backup has it.
  func keepCache() { kept = FaultyDisk(copyOf: disk, seed: 0) }

  var hasKept: Bool { kept != nil }

  /// The cache is taken away: the next process begins with a new one, or with the backup.
  func exchangeCache(isNew: Bool) {
    process += 1
    clients = nil
    disk.endProcess(powerLost: false)
    store.close()
    isOpen = false
    guard let other = isNew ? WireDisks.new : kept else { return }
    disk.take(from: other)
    do {
      store = try Store(path: disk.uri(of: WireDisks.database), isOnDisk: false)
      isOpen = true
      acknowledged = try store.read { try $0.meta(WireCache.counter) }.flatMap(Int.init) ?? 0
    } catch { world.oracle?.report("store", "the exchanged cache does not open: \(error)") }
  }

  /// Lets go of everything.
  func end() {
    clients = nil
    if isOpen { WireDisks.give(disk, store) } else { store.close() }
  }
}

/// Makes ids in the form of GUIDs, the same for the same seed. `@unchecked Sendable`: as `World`.
private final class NameMaker: @unchecked Sendable {
  private var random: SeededRandom

  init(seed: UInt64) { random = SeededRandom(seed: seed ^ 0x1d5) }

  func next() -> String {
    var digits = ""
    for _ in 0..<2 {
      let part = String(random.next(), radix: 16)
      digits += String(repeating: "0", count: 16 - part.count) + part
    }
    var parts: [Substring] = []
    var rest = digits[...]
    for length in [8, 4, 4, 4, 12] {
      parts.append(rest.prefix(length))
      rest = rest.dropFirst(length)
    }
    return parts.joined(separator: "-")
  }
}
