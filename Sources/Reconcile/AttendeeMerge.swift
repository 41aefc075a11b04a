public import Model

/// The list of people that one side had when its changes were written to the other: what the write did, done to what this side had before.
/// - Parameters:
///   - written: what reached the other side.
///   - before: what that side had when the two last agreed.
///   - other: what this side had then.
public func peopleAgreed(written: Fields, since before: Fields, other: Fields) -> Value? {
  AttendeeMerge(written[.attendees], since: before[.attendees]).applied(to: other[.attendees])
}

/// The people invited to an event, merged person by person: what one side added, took out or changed since it was last agreed on is done to the
/// list of the other. Whom the other side alone has stays.
struct AttendeeMerge {
  /// What a side did, by address; nil: took somebody out.
  private var done: [String: Attendee?] = [:]

  /// What a side did since its base.
  init(_ now: Value?, since base: Value?) {
    let (now, base) = (Self.byAddress(now), Self.byAddress(base))
    for (address, person) in now where base[address]?.isOptional != person.isOptional { done[address] = .some(person) }
    for address in base.keys where now[address] == nil { done[address] = .some(nil) }
  }

  private static func byAddress(_ value: Value?) -> [String: Attendee] {
    Dictionary((value?.people ?? []).map { ($0.address, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Whether the side did anything.
  var isEmpty: Bool { done.isEmpty }

  /// The people to whom both did something different.
  func disputed(with other: AttendeeMerge) -> Set<String> {
    Set(
      done.compactMap { address, person in
        guard let theirs = other.done[address] else { return nil }
        return person?.isOptional == theirs?.isOptional ? nil : address
      })
  }

  /// Leaves out what was done to these people.
  mutating func drop(_ addresses: Set<String>) { done = done.filter { !addresses.contains($0.key) } }

  /// Another side's list with what this side did; the order stays, new ones come last.
  func applied(to value: Value?) -> Value? {
    var people = value?.people ?? []
    for (address, person) in done.sorted(by: { $0.key < $1.key }) {
      let place = people.firstIndex { $0.address == address }
      switch (person, place) {
      case (let person?, let place?): people[place].isOptional = person.isOptional
      case (let person?, nil): people.append(person)
      case (nil, let place?): people.remove(at: place)
      case (nil, nil): break
      }
    }
    return people.isEmpty ? nil : .attendees(people)
  }

  /// A list in the place of another; of that one those stay who have no e-mail address, which the ERP cannot name.
  static func replacing(_ old: Value?, by new: Value?) -> Value? {
    let people = (new?.people ?? []) + (old?.people ?? []).filter { !$0.hasMail }
    return people.isEmpty ? nil : .attendees(people)
  }
}
