import Model

/// What a calendar's server knows of a series beside its items.
struct SimSeries: Sendable {
  /// Where the pattern has its occurrences, in milliseconds, also those that were taken out.
  var starts: [Int64]
  /// By the pattern's day: the birth of the occurrence that lies there or did.
  var births: [Int: Value] = [:]
  /// By an occurrence's key: the fields in which it no longer follows the series.
  var own: [String: Set<Field>] = [:]

  static let day: Int64 = 86_400_000

  /// Where the pattern has an occurrence, by its key.
  static func original(of item: SimItem) -> Int64? {
    item.moveKey.lastIndex(of: "/").flatMap { Timestamp(iso8601: item.moveKey[item.moveKey.index(after: $0)...]) }?.milliseconds
  }

  /// The key of an occurrence, as the adapter makes it.
  static func key(_ uid: String, _ original: Int64) -> String { "\(uid)/\(Timestamp(milliseconds: original).iso8601)" }
}

extension SimItem {
  /// UID of the series that it is or belongs to.
  var seriesUID: String? {
    switch form {
    case .series: moveKey
    case .occurrence: moveKey.lastIndex(of: "/").map { String(moveKey[..<$0]) }
    default: nil
    }
  }

  /// When it begins, in milliseconds.
  var start: Int64? { if case .instant(let start, _)? = fields[.start] { start.milliseconds } else { nil } }
}

extension World {
  /// Where the occurrences of a series are among a mailbox's items.
  func occurrences(of uid: String, in mailbox: Int) -> [Int] {
    mailboxes[mailbox].items.indices.filter {
      mailboxes[mailbox].items[$0].form == .occurrence && mailboxes[mailbox].items[$0].seriesUID == uid
    }
  }

  private func master(of item: SimItem, in mailbox: Int) -> Int? {
    guard item.form == .occurrence, let uid = item.seriesUID else { return nil }
    return mailboxes[mailbox].items.firstIndex { $0.form == .series && $0.moveKey == uid }
  }

  /// Adds one occurrence of a series, as the pattern has it.
  func addOccurrence(of master: SimItem, at original: Int64, in mailbox: Int) {
    var fields = master.fields
    fields[.start] = .instant(Timestamp(milliseconds: original), zone: nil)
    fields[RecordShape.events.birth] = series[master.moveKey]?.births[Int(original / SimSeries.day)]
    mailboxes[mailbox].items.append(
      SimItem(
        id: ItemID(rawValue: number("e")), kind: .events, changeKey: nextSequence(), place: master.place, fields: fields,
        isPrivate: master.isPrivate, created: master.created, modified: clock, moveKey: SimSeries.key(master.moveKey, original),
        sequence: sequence, arrival: sequence, form: .occurrence))
  }

  /// Whether an occurrence may begin then: between the days of the ones before and after it.
  func mayBegin(_ item: SimItem, at start: Int64, in mailbox: Int) -> Bool {
    guard item.form == .occurrence, let uid = item.seriesUID, let own = item.start else { return true }
    let others = occurrences(of: uid, in: mailbox).map { mailboxes[mailbox].items[$0] }.filter { $0.id != item.id }.compactMap(\.start)
    let day = start / SimSeries.day
    let isBehind = others.filter { $0 < own }.allSatisfy { $0 / SimSeries.day < day }
    return isBehind && others.filter { $0 > own }.allSatisfy { $0 / SimSeries.day > day }
  }

  /// After a change of an item's fields, by whomever: an occurrence is an exception from here on, and its series has changed; what changed of a
  /// series its other occurrences follow.
  func settle(_ fields: some Sequence<Field>, of index: Int, in mailbox: Int) {
    bump(item: index, in: mailbox)
    let item = mailboxes[mailbox].items[index]
    guard let uid = item.seriesUID else { return }
    if let master = master(of: item, in: mailbox) {
      series[uid]?.own[item.moveKey, default: []].formUnion(fields)
      return bump(item: master, in: mailbox)
    }
    for other in occurrences(of: uid, in: mailbox) {
      let own = series[uid]?.own[mailboxes[mailbox].items[other].moveKey] ?? []
      for field in fields where !own.contains(field) { mailboxes[mailbox].items[other].fields[field] = item.fields[field] }
      mailboxes[mailbox].items[other].isPrivate = item.isPrivate
      bump(item: other, in: mailbox)
    }
  }

  /// Takes an occurrence out of its series.
  func takeOut(occurrence index: Int, in mailbox: Int) {
    let item = mailboxes[mailbox].items[index]
    if let master = master(of: item, in: mailbox) { bump(item: master, in: mailbox) }
    if let uid = item.seriesUID { series[uid]?.own[item.moveKey] = nil }
    mailboxes[mailbox].items.remove(at: index)
  }

  /// The occurrences of a series go where it went, under new ids.
  func moveOccurrences(along master: SimItem, in mailbox: Int) {
    for index in occurrences(of: master.moveKey, in: mailbox) {
      mailboxes[mailbox].items[index].id = ItemID(rawValue: number("e"))
      mailboxes[mailbox].items[index].place = master.place
      bump(item: index, in: mailbox)
      mailboxes[mailbox].items[index].arrival = sequence
    }
  }
}
