import Model

/// What the owner of a calendar does with a series, or with one of its occurrences.
struct SeriesUsers {
  let users: Users
  private var world: World { users.world }

  /// Days from now to the first occurrence: around both ends of the window, and in its middle.
  private static let firstDays = [-45, -33, -31, -3, 1, 5, 170, 178]
  /// Days between two occurrences.
  private static let gaps = [2, 7, 20]
  private static let hour: Int64 = 3_600_000

  func create(_ mailbox: Int, _ fields: Fields, _ inFolder: Bool, _ salt: Int) {
    var fields = fields
    let today = world.clock / SimSeries.day * SimSeries.day
    let first = today + Int64(Self.firstDays[(salt >> 9) % Self.firstDays.count]) * SimSeries.day + 10 * Self.hour
    let starts = (0..<2 + (salt >> 6) % 3).map { first + Int64($0 * Self.gaps[(salt >> 4) % Self.gaps.count]) * SimSeries.day }
    let shape = RecordShape.events
    var series = SimSeries(starts: starts)
    for (number, start) in starts.enumerated() {
      series.births[Self.day(start)] = number == 0 ? fields[shape.birth] : users.token(shape.birth, mailbox)
    }
    fields[shape.birth] = nil
    fields[.start] = .instant(Timestamp(milliseconds: first), zone: nil)
    let (id, uid) = (ItemID(rawValue: world.number("e")), world.number("k"))
    let master = SimItem(
      id: id, kind: .events, changeKey: world.nextSequence(), place: inFolder ? world.place(mailbox, .events) : .elsewhere, fields: fields,
      isPrivate: salt >> 14 & 7 == 0, created: world.clock, modified: world.clock, moveKey: uid, sequence: world.sequence,
      arrival: world.sequence, form: .series)
    world.tell("user of \(world.mailboxes[mailbox].address) creates the series \(id) \(uid) at \(starts.map(Self.text)) \(fields)")
    world.mailboxes[mailbox].items.append(master)
    world.series[uid] = series
    for start in starts { world.addOccurrence(of: master, at: start, in: mailbox) }
    world.deliver(master, from: mailbox)
  }

  private static func day(_ start: Int64) -> Int { Int(start / SimSeries.day) }

  private static func text(_ start: Int64) -> String { Timestamp(milliseconds: start).iso8601 }

  func change(_ edit: ItemEdit, _ index: Int, _ mailbox: Int, _ field: Field, _ salt: Int) {
    let isSeries = world.mailboxes[mailbox].items[index].form == .series
    switch edit {
    case .edit, .clear: write(field, edit == .clear ? nil : users.token(field, mailbox), index, mailbox)
    case .dropCategory: write(.categories, nil, index, mailbox)
    case .addCategory: write(.categories, .set(["ERP", "Friends"]), index, mailbox)
    case .touch: world.settle([], of: index, in: mailbox)
    case .setPlain where salt & 4 == 0:
      write(.attendees, RecordShape.events.plainValue(.attendees, .exchange, now: world.clock, salt >> 3), index, mailbox)
    default: return isSeries ? changeSeries(edit, index, mailbox, salt) : changeOccurrence(edit, index, mailbox, salt)
    }
    world.deliver(world.mailboxes[mailbox].items[index], from: mailbox)
  }

  // MARK: One occurrence

  /// It goes with its series, and cannot be more private than that.
  private func changeOccurrence(_ edit: ItemEdit, _ index: Int, _ mailbox: Int, _ salt: Int) {
    let item = world.mailboxes[mailbox].items[index]
    switch edit {
    case .setPlain:
      guard let start = item.start.map({ Self.later($0, salt >> 3) }), world.mayBegin(item, at: start, in: mailbox) else { return }
      write(.start, .instant(Timestamp(milliseconds: start), zone: nil), index, mailbox)
    case .delete, .destroy:
      forget(item, mailbox)
      world.takeOut(occurrence: index, in: mailbox)
    default: break
    }
  }

  /// A start not far from another.
  static func later(_ start: Int64, _ salt: Int) -> Int64 { start + [hour, 3 * hour, SimSeries.day, -SimSeries.day][salt & 3] }

  private func write(_ field: Field, _ value: Value?, _ index: Int, _ mailbox: Int) {
    let item = world.mailboxes[mailbox].items[index]
    world.ledger.follow(item.fields[field], by: value)
    // What it had from its series stays there.
    if item.form == .series || item.seriesUID.flatMap({ world.series[$0]?.own[item.moveKey] })?.contains(field) ?? false {
      world.ledger.excuse(item.fields[field])
    }
    world.mailboxes[mailbox].items[index].fields[field] = value
    world.settle([field], of: index, in: mailbox)
  }

  /// Its owner saw it. What it had from its series stays there.
  private func forget(_ item: SimItem, _ mailbox: Int) {
    let master = world.mailboxes[mailbox].items.first { $0.form == .series && $0.moveKey == item.seriesUID }
    for entry in item.fields.entries where master?.fields[entry.field] != entry.value { world.ledger.excuse(entry.value) }
    world.oracle?.userDeleted(item, in: mailbox)
    // Another one of the series may take its place, with the series' texts.
    world.oracle?.userRestored(item)
  }

  // MARK: A whole series

  private func changeSeries(_ edit: ItemEdit, _ index: Int, _ mailbox: Int, _ salt: Int) {
    let item = world.mailboxes[mailbox].items[index]
    switch edit {
    case .makePrivate, .makePublic:
      world.mailboxes[mailbox].items[index].isPrivate = edit == .makePrivate
      world.settle([], of: index, in: mailbox)
      world.deliver(world.mailboxes[mailbox].items[index], from: mailbox)
    case .setPlain: shift(index, mailbox, salt >> 3)
    case .delete, .destroy:
      for other in members(item, mailbox) {
        world.ledger.excuse(other.fields)
        world.oracle?.userDeleted(other, in: mailbox)
      }
      world.withdraw(item, from: mailbox)
      if edit == .delete { return world.move(item: index, in: mailbox, to: .trash) }
      world.leave(item: index, in: mailbox)
      world.mailboxes[mailbox].items.removeAll { $0.seriesUID == item.moveKey && $0.form != .attendeeCopy }
    case .moveAway:
      world.move(item: index, in: mailbox, to: item.place == .elsewhere ? world.place(mailbox, .events) : .elsewhere)
    case .moveBack, .restore:
      for other in members(item, mailbox) {
        world.oracle?.userRestored(other)
        // Its record may have got an item of its own meanwhile.
        if edit == .restore { world.oracle?.userCopied(other) }
      }
      world.move(item: index, in: mailbox, to: world.place(mailbox, .events))
    default: break
    }
  }

  private func members(_ master: SimItem, _ mailbox: Int) -> [SimItem] {
    [master] + world.occurrences(of: master.moveKey, in: mailbox).map { world.mailboxes[mailbox].items[$0] }
  }

  /// Another pattern: the same days at another hour, or later days. Exceptions are lost by it, and what was taken out is back, as its owner is
  /// told before.
  private func shift(_ index: Int, _ mailbox: Int, _ salt: Int) {
    let master = world.mailboxes[mailbox].items[index]
    guard var series = world.series[master.moveKey], series.starts.count > 1 else { return }
    let step = salt & 3 == 0 ? series.starts[1] - series.starts[0] : salt & 3 == 1 ? SimSeries.day : Self.hour
    let days = Set(series.starts.map { Self.day($0 + step) })
    var present: Set<Int> = []
    for item in members(master, mailbox) where item.form == .occurrence {
      let original = SimSeries.original(of: item).map(Self.day)
      if let original { present.insert(original) }
      for field in series.own[item.moveKey] ?? [] { world.ledger.excuse(item.fields[field]) }
      world.oracle?.userRestored(item)
      if let original, days.contains(original) { continue }
      world.ledger.excuse(item.fields[RecordShape.events.birth])
      world.oracle?.userDeleted(item, in: mailbox)
    }
    world.mailboxes[mailbox].items.removeAll { $0.form == .occurrence && $0.seriesUID == master.moveKey }
    series.starts = series.starts.map { $0 + step }
    series.own = [:]
    let known = series.births.filter { present.contains($0.key) }
    series.births = [:]
    for day in days.sorted() { series.births[day] = known[day] ?? users.token(RecordShape.events.birth, mailbox) }
    world.series[master.moveKey] = series
    world.tell("  the series is at \(series.starts.map(Self.text)) from here on")
    guard let place = world.mailboxes[mailbox].items.firstIndex(where: { $0.id == master.id }) else { return }
    world.mailboxes[mailbox].items[place].fields[.start] = .instant(Timestamp(milliseconds: series.starts[0]), zone: nil)
    world.bump(item: place, in: mailbox)
    for start in series.starts { world.addOccurrence(of: world.mailboxes[mailbox].items[place], at: start, in: mailbox) }
    world.deliver(world.mailboxes[mailbox].items[place], from: mailbox)
  }
}
