import Foundation
import SandboxStore
import XMLStream

/// The id of an occurrence: its master's, and where the pattern has it.
enum OccurrenceID {
  private static let masterLength = 114

  static func make(master: String, original: Date) -> String {
    var bytes = Data(base64Encoded: master) ?? Data()
    bytes.append(0x51)
    withUnsafeBytes(of: Int64(original.timeIntervalSince1970).bigEndian) { bytes.append(contentsOf: $0) }
    return bytes.base64EncodedString()
  }

  static func parse(_ id: String) -> (master: String, original: Date)? {
    guard let bytes = Data(base64Encoded: id), bytes.count == masterLength + 9, bytes[masterLength] == 0x51 else { return nil }
    let seconds = bytes.suffix(8).reduce(Int64(0)) { $0 << 8 | Int64($1) }
    return (bytes.prefix(masterLength).base64EncodedString(), Date(timeIntervalSince1970: Double(seconds)))
  }
}

extension ExchangeServer {
  /// Days after now up to which a series without end is looked at.
  private static let horizon = 366 * 30

  /// Original starts of a series in order, deleted ones included, up to an instant or a number of them.
  func originals(of master: ServerItem, before end: Date, upTo number: Int = .max) -> [Date] {
    guard let state = master.calendar, let series = state.series else { return [] }
    let time = state.zone.wall(state.start).seconds
    return series.days(through: state.zone.wall(end).day, upTo: number).map { state.zone.instant(WallTime(day: $0, seconds: time)) }
  }

  /// One occurrence as an item of its own; nil where the pattern has none there, or it is deleted.
  func occurrence(of master: ServerItem, at original: Date) -> ServerItem? {
    guard let state = master.calendar, let series = state.series, !state.deleted.contains(original) else { return nil }
    let day = state.zone.wall(original).day
    let time = state.zone.wall(state.start).seconds
    guard series.days(through: day).last == day, state.zone.instant(WallTime(day: day, seconds: time)) == original else { return nil }
    return composed(master, state, original)
  }

  func composed(_ master: ServerItem, _ state: CalendarState, _ original: Date) -> ServerItem {
    let (first, last) = (state.zone.wall(state.start), state.zone.wall(state.end))
    let end = WallTime(day: state.zone.wall(original).day + last.day - first.day, seconds: last.seconds)
    var item = plain(master, state, original, end: state.zone.instant(end))
    guard let exception = state.exceptions[original] else { return item }
    for (name, element) in exception.elements { item.elements[name] = element }
    for (name, values) in exception.extended { item.extended[name] = values }
    item.changeKey = exception.changeKey
    item.modified = exception.modified
    item.calendar?.start = exception.start
    item.calendar?.end = exception.end
    item.calendar?.isException = true
    item.calendar?.response = exception.response
    item.calendar?.replied = exception.replied
    item.set("Start", Self.timeText(exception.start))
    item.set("End", Self.timeText(exception.end))
    return item
  }

  private func plain(_ master: ServerItem, _ state: CalendarState, _ original: Date, end: Date) -> ServerItem {
    var item = master
    var own = state
    own.series = nil
    own.exceptions = [:]
    own.deleted = []
    own.original = original
    own.master = master.id
    own.start = original
    own.end = end
    item.id = OccurrenceID.make(master: master.id, original: original)
    item.changeKey = state.occurrenceKey
    item.calendar = own
    item.elements["Recurrence"] = nil
    item.set("Start", Self.timeText(original))
    item.set("End", Self.timeText(end))
    return item
  }

  /// An item by any kind of reference: an item's or an occurrence's id, an occurrence by number, the master of an occurrence.
  func resolve(_ reference: XMLElement) throws -> (item: ServerItem, address: String) {
    switch reference.name {
    case "OccurrenceItemId":
      let (master, address) = try stored(reference.attribute("RecurringMasterId"))
      guard let index = reference.attribute("InstanceIndex").flatMap(Int.init), index >= 1 else {
        throw Refusal("ErrorInvalidIdMalformed", "InstanceIndex is malformed.")
      }
      let all = originals(of: master, before: configuration.now().addingTimeInterval(Double(Self.horizon) * 86_400), upTo: index)
      guard index <= all.count else {
        throw Refusal("ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange", "Occurrence index is out of recurrence range.")
      }
      guard let item = occurrence(of: master, at: all[index - 1]) else {
        throw Refusal("ErrorCalendarOccurrenceIsDeletedFromRecurrence", "Occurrence with this index was previously deleted.")
      }
      return (item, address)
    case "RecurringMasterItemId":
      guard let id = reference.attribute("OccurrenceId") else { throw Refusal("ErrorInvalidIdMalformed", "Id is malformed.") }
      return try stored(OccurrenceID.parse(id)?.master ?? id)
    default:
      guard let id = reference.attribute("Id") else { throw Refusal("ErrorInvalidIdMalformed", "Id is malformed.") }
      guard let parts = OccurrenceID.parse(id) else { return try stored(id) }
      let (master, address) = try stored(parts.master)
      guard let item = occurrence(of: master, at: parts.original) else { throw Refusal.itemNotFound }
      return (item, address)
    }
  }

  private func stored(_ id: String?) throws -> (item: ServerItem, address: String) {
    guard let id, let address = owners[id], let item = mailboxes[address]?.items[id] else { throw Refusal.itemNotFound }
    return (item, address)
  }

  /// Keeps a changed item: an occurrence as an exception of its master, anything else as it is.
  func keep(_ item: inout ServerItem, _ mailbox: inout ServerMailbox, isReadFlagAlone: Bool = false) throws {
    guard let state = item.calendar, let id = state.master, let original = state.original else {
      return touch(&item, &mailbox, isReadFlagAlone: isReadFlagAlone)
    }
    guard var master = mailbox.items[id], let series = master.calendar else { throw Refusal.itemNotFound }
    try checkNeighbours(item, state, master, original)
    let plain = plain(master, series, original, end: original)
    item.changeKey = identities.changeKey()
    item.modified = configuration.now()
    var exception = SeriesException(
      start: state.start, end: state.end, changeKey: item.changeKey, modified: item.modified, elements: [:], extended: [:],
      response: state.response, replied: state.replied)
    for name in Set(item.elements.keys).union(plain.elements.keys) where !["Start", "End"].contains(name) {
      if item.elements[name] != plain.elements[name] { exception.elements[name] = .some(item.elements[name]) }
    }
    for name in Set(item.extended.keys).union(plain.extended.keys) where item.extended[name] != plain.extended[name] {
      exception.extended[name] = .some(item.extended[name])
    }
    master.calendar?.exceptions[original] = exception
    item.calendar?.isException = true
    touch(&master, &mailbox)
  }

  /// An occurrence stays between the ones before and after it.
  private func checkNeighbours(_ item: ServerItem, _ state: CalendarState, _ master: ServerItem, _ original: Date) throws {
    guard state.start != original, let series = master.calendar else { return }
    let all = originals(of: master, before: original.addingTimeInterval(366 * 86_400))
    guard let place = all.firstIndex(of: original) else { return }
    func start(_ other: Date) -> Date { series.exceptions[other]?.start ?? other }
    let before = all[..<place].last { !series.deleted.contains($0) }.map(start)
    let after = all[(place + 1)...].first { !series.deleted.contains($0) }.map(start)
    let isCrossing = before.map { state.start <= $0 } ?? false || after.map { state.start >= $0 } ?? false
    if isCrossing {
      throw Refusal("ErrorOccurrenceCrossingBoundary", "Modified occurrence is crossing or overlapping adjacent occurrence.")
    }
  }

  /// Takes one occurrence out of its series.
  func deleteOccurrence(_ item: ServerItem, _ mailbox: inout ServerMailbox) throws {
    guard let state = item.calendar, let id = state.master, let original = state.original, var master = mailbox.items[id] else {
      throw Refusal.itemNotFound
    }
    master.calendar?.exceptions[original] = nil
    master.calendar?.deleted.insert(original)
    touch(&master, &mailbox)
  }

  /// Moves one occurrence of a series by two hours and takes another out, as if the owner had.
  public func seedExceptions(mailbox address: String, subject: String, moved: Int, deleted: Int) throws {
    guard
      let master = mailboxes[address.lowercased()]?.items.values.first(where: {
        $0.text("Subject") == subject && $0.calendar?.series != nil
      })
    else { throw Refusal.itemNotFound }
    func occurrence(_ index: Int) throws -> ServerItem {
      try resolve(XMLElement(name: "OccurrenceItemId", attributes: ["RecurringMasterId": master.id, "InstanceIndex": String(index)])).item
    }
    var item = try occurrence(moved)
    let other = try occurrence(deleted)
    guard var mailbox = mailboxes[address.lowercased()], let state = item.calendar else { throw Refusal.itemNotFound }
    item.calendar?.start = state.start.addingTimeInterval(7200)
    item.calendar?.end = state.end.addingTimeInterval(7200)
    try keep(&item, &mailbox)
    try deleteOccurrence(other, &mailbox)
    mailboxes[address.lowercased()] = mailbox
  }
}
