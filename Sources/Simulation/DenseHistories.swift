import Model

/// Histories of few kinds of events around one or two records: what seldom meets by chance meets often.
extension Generator {
  /// Acts that lead back to where they began, and those that meet in the rules of the engine. A history has those of a few of these.
  private enum Theme: CaseIterable {
    case awayAndBack, deleteAndRestore, privacy, category, copies, edits, activity, erpDeletes, cache, migration, policy, owner

    var itemEdits: [ItemEdit] {
      switch self {
      case .awayAndBack: [.moveAway, .moveBack]
      case .deleteAndRestore: [.delete, .restore]
      case .privacy: [.makePrivate, .makePublic]
      case .category: [.dropCategory, .addCategory]
      case .copies: [.copy, .edit, .copy]
      case .edits: [.edit, .edit, .clear, .setPlain, .touch]
      case .erpDeletes: [.edit]
      default: []
      }
    }

    var erpEdits: [ERPEdit] {
      switch self {
      case .edits: [.edit, .edit, .clear, .setPlain]
      case .activity: [.deactivate, .activate]
      case .erpDeletes: [.delete, .edit]
      case .owner: [.reassign]
      default: []
      }
    }

    var acts: [AdminAct] {
      switch self {
      case .cache: [.wipeCache]
      case .migration: [.migrateMailbox, .forgetSyncState]
      case .policy: [.flipConflict, .flipDirection]
      default: []
      }
    }
  }

  mutating func drawDense() -> Schedule {
    // The histories of other record types are others.
    for kind in kinds { random = SeededRandom(seed: random.next() ^ UInt64(RecordKind.allCases.firstIndex(of: kind) ?? 0)) }
    mailboxes = random.chance(15) ? 2 : 1
    var policies = (0..<mailboxes).map { policy($0) }
    // What goes one way alone meets less.
    for index in policies.indices where random.chance(70) {
      for kind in kinds { policies[index].sections[kind]?.direction = .both }
    }
    let setup = Schedule.Setup(
      mailboxes: mailboxes, policies: policies, kinds: kinds, guards: Guards(), pageSize: 512, approvesAtEnd: true,
      hasUnheldTexts: true)
    let themes = (0..<(2 + random.below(3))).map { _ in random.pick(Theme.allCases) }
    repertoire.erpEdits = themes.flatMap(\.erpEdits)
    repertoire.itemEdits = themes.flatMap(\.itemEdits)
    repertoire.acts = themes.flatMap(\.acts)
    let scene = Scene(kind: random.pick(kinds), field: random.below(30))
    var events: [Event] = []
    begin(scene, &events)
    for _ in 0..<(2 + random.below(3)) { goOn(scene, &events) }
    if random.chance(50) { comeBack(scene, &events) }
    return Schedule(seed: seed, flavour: flavour, setup: setup, events: events, repertoire: repertoire)
  }

  /// What most of a history is about.
  private struct Scene {
    let kind: RecordKind
    let field: Int
  }

  /// One or two records, often with an item that is not marked yet when the process ends.
  private mutating func begin(_ scene: Scene, _ events: inout [Event]) {
    let isUnmarked = random.chance(35)
    events.append(isUnmarked ? .mailbox(0, .create, kind: scene.kind, salt: salt(scene)) : creation(scene.kind))
    if random.chance(30) { events.append(creation(scene.kind)) }
    if isUnmarked {
      events.append(.interrupt(Interruption(place: .write(2), fault: lost())))
    } else if random.chance(40) {
      events.append(.interrupt(denseInterruption(scene)))
    }
    events.append(.round(full: false))
    if isUnmarked, random.chance(35) { loseCache(scene, &events) }
  }

  /// The cache is lost before the item could be marked, and one of the two is no longer synchronized.
  private mutating func loseCache(_ scene: Scene, _ events: inout [Event]) {
    let theme = random.pick([Theme.privacy, .category, .activity, .owner])
    repertoire.erpEdits += theme.erpEdits
    repertoire.itemEdits += theme.itemEdits
    for edit in theme.erpEdits.prefix(1) { events.append(.erp(edit, kind: scene.kind, salt: salt(scene))) }
    for edit in theme.itemEdits.prefix(1) { events.append(.mailbox(0, edit, kind: scene.kind, salt: salt(scene))) }
    if random.chance(30) { act(scene).map { events.append($0) } }
    events += [.admin(.wipeCache, salt: 0), .round(full: false)]
  }

  /// What users do between two rounds: anything; both sides at once; or one after a write to the other's record whose end nobody knows.
  private mutating func goOn(_ scene: Scene, _ events: inout [Event]) {
    switch random.below(10) {
    case 0...2:
      events.append(.erp(random.pick([.edit, .edit, .clear, .delete]), kind: scene.kind, salt: salt(scene)))
      events.append(.mailbox(random.below(mailboxes), random.pick([.edit, .delete, .delete]), kind: scene.kind, salt: salt(scene)))
      if random.chance(60) { loseWrite(scene, &events) }
    case 3...5:
      let isByERP = random.chance(70)
      events.append(isByERP ? .erp(.edit, kind: scene.kind, salt: salt(scene)) : .mailbox(0, .edit, kind: scene.kind, salt: salt(scene)))
      loseWrite(scene, &events)
    default:
      for _ in 0..<(1 + random.below(2)) { act(scene).map { events.append($0) } }
      if random.chance(35) { events.append(.interrupt(denseInterruption(scene))) }
    }
    events.append(.round(full: random.chance(5)))
  }

  private mutating func loseWrite(_ scene: Scene, _ events: inout [Event]) {
    events += [.interrupt(Interruption(place: .write(1), fault: lost())), .round(full: false)]
    events.append(
      random.chance(70)
        ? .mailbox(random.below(mailboxes), random.pick([.edit, .edit, .delete, .setPlain]), kind: scene.kind, salt: salt(scene))
        : .erp(random.pick([.edit, .clear]), kind: scene.kind, salt: salt(scene)))
  }

  private mutating func lost() -> Interruption.Fault {
    switch random.below(6) {
    case 0: .crash(after: false)
    case 1: .loseRequest
    case 2: .delay(200 + random.below(9000))
    case 3: .loseAnswer
    default: .crash(after: true)
    }
  }

  /// What was taken out returns.
  private mutating func comeBack(_ scene: Scene, _ events: inout [Event]) {
    if repertoire.erpEdits.contains(.deactivate) { events.append(.erp(.activate, kind: scene.kind, salt: salt(scene))) }
    if repertoire.erpEdits.contains(.reassign) { events.append(.erp(.reassign, kind: scene.kind, salt: salt(scene))) }
    let ways: [(ItemEdit, ItemEdit)] = [
      (.moveAway, .moveBack), (.delete, .restore), (.makePrivate, .makePublic), (.dropCategory, .addCategory),
    ]
    for (way, back) in ways where repertoire.itemEdits.contains(way) {
      for mailbox in 0..<mailboxes { events.append(.mailbox(mailbox, back, kind: scene.kind, salt: salt(scene))) }
    }
    events.append(.round(full: false))
  }

  /// Of the scene's field, mostly.
  private mutating func salt(_ scene: Scene) -> Int { random.below(1 << 14) * 30 + (random.chance(70) ? scene.field : random.below(30)) }

  private mutating func creation(_ kind: RecordKind) -> Event {
    let salt = random.below(1 << 20)
    return random.chance(50) ? .erp(.create, kind: kind, salt: salt) : .mailbox(random.below(mailboxes), .create, kind: kind, salt: salt)
  }

  private mutating func act(_ scene: Scene) -> Event? {
    let salt = salt(scene)
    let which = random.below(repertoire.erpEdits.count + repertoire.itemEdits.count + repertoire.acts.count)
    if which < repertoire.erpEdits.count { return .erp(repertoire.erpEdits[which], kind: scene.kind, salt: salt) }
    if which < repertoire.erpEdits.count + repertoire.itemEdits.count {
      return .mailbox(random.below(mailboxes), repertoire.itemEdits[which - repertoire.erpEdits.count], kind: scene.kind, salt: salt)
    }
    return repertoire.acts.isEmpty
      ? nil : .admin(repertoire.acts[which - repertoire.erpEdits.count - repertoire.itemEdits.count], salt: salt)
  }

  /// At one of the first writes or commits, or between a write and what follows it.
  private mutating func denseInterruption(_ scene: Scene) -> Interruption {
    if random.chance(20) {
      let fault: Interruption.Fault = random.chance(60) ? .diskFull : .crash(after: random.chance(50))
      return Interruption(place: .commit(5 + random.below(35)), fault: fault)
    }
    let isBetween = random.chance(25)
    let place: Interruption.Place = isBetween ? .afterWrite(1 + random.below(2)) : .write(1 + random.below(3))
    let happens = act(scene).map { event in Interruption.Fault.edit(event, after: !isBetween && random.chance(50)) }
    if isBetween || random.chance(25), let happens { return Interruption(place: place, fault: happens) }
    return Interruption(place: place, fault: random.chance(20) ? .twice : lost())
  }
}
