import Model

/// Draws schedules from seeds. Each seed leaves out some kinds of events altogether, so that the rest meet more often (swarm testing,
/// Groce et al. 2012).
struct Generator {
  var random: SeededRandom
  let seed: UInt64
  var repertoire = Schedule.Repertoire()
  let kinds: [RecordKind]
  let flavour: Schedule.Flavour
  var mailboxes = 1

  init(seed: UInt64, kinds: [RecordKind], flavour: Schedule.Flavour) {
    self.seed = seed
    self.kinds = kinds
    self.flavour = flavour
    random = SeededRandom(seed: seed)
  }

  /// Draws what comes after the process of a history ended in the middle.
  init(continuing schedule: Schedule, number: Int) {
    self.init(seed: schedule.seed, kinds: schedule.setup.kinds, flavour: schedule.flavour)
    random = SeededRandom(seed: random.next() &+ UInt64(number))
    repertoire = schedule.repertoire
    mailboxes = schedule.setup.mailboxes
  }

  /// Seldom much, so that the recovery meets few other things: edits, an act of an administrator, another round in which something goes wrong.
  mutating func aftermath() -> [Event] {
    var events: [Event] = []
    for _ in 0..<random.below(3) { edit().map { events.append($0) } }
    if !repertoire.acts.isEmpty, random.chance(15) { events.append(.admin(random.pick(repertoire.acts), salt: random.below(1 << 20))) }
    if random.chance(20), let interruption = interruption() { events += [.interrupt(interruption), .round(full: false)] }
    return events
  }

  static func schedule(seed: UInt64, kinds: [RecordKind], flavour: Schedule.Flavour) -> Schedule {
    var generator = Generator(seed: seed, kinds: kinds, flavour: flavour)
    return flavour == .dense ? generator.drawDense() : generator.draw()
  }

  private mutating func some<Element>(_ all: [Element], percent: Int) -> [Element] { all.filter { _ in random.chance(percent) } }

  private mutating func draw() -> Schedule {
    mailboxes = flavour == .told ? 2 + random.below(2) : random.chance(45) ? 2 : 1
    let setup = Schedule.Setup(
      mailboxes: mailboxes, policies: (0..<mailboxes).map { policy($0) }, kinds: kinds, guards: guards(),
      pageSize: random.chance(30) ? 1 + random.below(3) : 512, approvesAtEnd: random.chance(70),
      hasSeries: flavour == .series)
    repertoire.erpEdits = some(kinds == [.contacts] ? ERPEdit.ofContacts : ERPEdit.allCases, percent: 60)
    repertoire.itemEdits = some(kinds == [.contacts] ? ItemEdit.ofContacts : ItemEdit.allCases, percent: 45)
    if flavour == .rare { repertoire.itemEdits += [.edit, .copy, .delete] }
    if flavour == .series { repertoire.itemEdits = repertoire.itemEdits.filter { $0 != .copy } + [.edit, .setPlain, .delete] }
    repertoire.acts = random.chance(50) ? some(flavour == .series ? AdminAct.ofSeries : AdminAct.allCases, percent: 25) : []
    repertoire.faults = flavour == .faulty ? Array(0..<10) : random.chance(65) ? some(Array(0..<10), percent: 35) : []
    var events: [Event] = []
    for _ in 0..<(1 + random.below(3)) {
      let salt = random.below(1 << 20)
      let kind = random.pick(kinds)
      events.append(
        random.chance(flavour == .series ? 20 : 50)
          ? .erp(.create, kind: kind, salt: salt) : .mailbox(random.below(mailboxes), .create, kind: kind, salt: salt))
    }
    for _ in 0..<(2 + random.below(3)) {
      for _ in 0..<(flavour == .series ? 2 + random.below(5) : random.below(4)) { edit().map { events.append($0) } }
      if !repertoire.acts.isEmpty, random.chance(40) { events.append(.admin(random.pick(repertoire.acts), salt: random.below(1 << 20))) }
      if random.chance(flavour == .faulty ? 90 : 60) {
        for _ in 0..<(1 + random.below(2)) { interruption().map { events.append(.interrupt($0)) } }
      }
      if flavour == .rare, random.chance(60) { events.append(.interrupt(rareInterruption())) }
      events.append(.round(full: random.chance(flavour == .rare ? 30 : 8)))
    }
    return Schedule(seed: seed, flavour: flavour, setup: setup, events: events, repertoire: repertoire)
  }

  private mutating func guards() -> Guards {
    var guards = Guards()
    if random.chance(20) {
      guards.deletes = Guards.Limit(count: random.below(2), percent: 10)
      guards.creates = Guards.Limit(count: 1 + random.below(2), percent: 50)
    }
    return guards
  }

  mutating func policy(_ index: Int) -> Policy {
    var sections: [RecordKind: Policy.Section] = [:]
    for kind in kinds { sections[kind] = section(kind) }
    return Policy(
      name: "P\(index)", category: .init(name: "ERP", color: 7), conflict: random.pick(Policy.Conflict.allCases), sections: sections)
  }

  private mutating func section(_ kind: RecordKind) -> Policy.Section {
    let hasOwnFolder = random.chance(30)
    var section = Policy.Section(folder: hasOwnFolder && kind != .events ? "ERP \(kind.rawValue)" : nil)
    section.direction = random.chance(65) ? .both : random.pick(Policy.Direction.allCases)
    section.filter = random.chance(65) ? .all : random.pick(Policy.Filter.allCases)
    section.mergeByEmail = random.chance(40)
    section.withoutCategory = random.chance(20)
    if kind == .emails {
      // Messages go both ways, in a folder of their own, whatever else was drawn.
      section.folder = "ERP emails"
      (section.direction, section.mergeByEmail, section.attachments) = (.both, false, true)
    }
    return section
  }

  private mutating func edit() -> Event? {
    let salt = random.below(1 << 20)
    let kind = random.pick(kinds)
    if random.chance(50) { return repertoire.erpEdits.isEmpty ? nil : .erp(random.pick(repertoire.erpEdits), kind: kind, salt: salt) }
    return repertoire.itemEdits.isEmpty ? nil : .mailbox(random.below(mailboxes), random.pick(repertoire.itemEdits), kind: kind, salt: salt)
  }

  private mutating func interruption() -> Interruption? {
    guard !repertoire.faults.isEmpty else { return nil }
    let place: Interruption.Place =
      switch random.below(10) {
      case 0...3: .write(1 + random.below(4))
      case 4...6: .call(1 + random.below(30))
      default: .commit(1 + random.below(40))
      }
    return Interruption(place: place, fault: fault(random.pick(repertoire.faults)))
  }

  private mutating func rareInterruption() -> Interruption {
    if random.chance(40) { return Interruption(place: .call(1 + random.below(8)), fault: .blind) }
    let (kind, salt) = (random.pick(kinds), random.below(1 << 20))
    let event: Event =
      random.chance(50)
      ? .erp(random.pick([.edit, .clear, .delete]), kind: kind, salt: salt)
      : .mailbox(random.below(mailboxes), random.pick([.edit, .clear, .delete, .moveAway]), kind: kind, salt: salt)
    return Interruption(place: .afterWrite(1 + random.below(3)), fault: .edit(event, after: false))
  }

  private mutating func fault(_ number: Int) -> Interruption.Fault {
    switch number {
    case 0: return edit().map { .edit($0, after: random.chance(50)) } ?? .lie
    case 1: return .crash(after: false)
    case 2: return .crash(after: true)
    case 3: return .loseRequest
    case 4: return .loseAnswer
    case 5: return .delay(200 + random.below(9000))
    case 6: return .twice
    case 7: return .lie
    case 8: return .diskFull
    default: return .refuse(random.pick(Interruption.Refusal.allCases))
    }
  }
}
