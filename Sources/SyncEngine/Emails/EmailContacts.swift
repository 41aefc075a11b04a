import MIME
import Model
import Store

/// Finds the ERP's contacts by their addresses, and with `create_contacts` makes one for each address that has none: one, never two. So
/// what asks the ERP goes one after the other, whichever message asks.
actor EmailContacts {
  private let executor: Executor
  /// What was found or made in this cycle, by address; several where the ERP has several.
  private var known: [String: [EntityID]] = [:]
  private var isBusy = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  /// The name of the intents of creations.
  static let action = "contact"

  init(executor: Executor) { self.executor = executor }

  /// Asks for these people's contacts together, so that none is asked for by himself later. A failure is left to that.
  func prepare(for people: [MIMEAddress]) async throws(SyncError) {
    guard !unknown(among: people).isEmpty else { return }
    await enter()
    defer { leave() }
    do throws(SyncError) { try await lookUp(people) } catch  where !error.stopsAccount {}
  }

  /// The one contact with one of these addresses; the first address that has exactly one decides.
  func related(to people: [MIMEAddress]) async throws(SyncError) -> EntityID? {
    if !unknown(among: people).isEmpty {
      await enter()
      defer { leave() }
      try await lookUp(people)
    }
    for person in people {
      if let found = known[person.address.lowercased()], found.count == 1 { return found[0] }
    }
    return nil
  }

  /// Makes contacts for those of these people that the ERP does not know, where the policy says so. Colleagues are employees, no contacts.
  func ensure(_ people: [MIMEAddress]) async throws(SyncError) {
    guard executor.spoke.section.createContacts else { return }
    let strangers = people.filter { !executor.colleagues.contains($0.address.lowercased()) }
    func isMissing(_ person: MIMEAddress) -> Bool { known[person.address.lowercased()]?.isEmpty ?? true }
    guard strangers.contains(where: isMissing) else { return }
    await enter()
    defer { leave() }
    try await lookUp(strangers)
    for person in strangers where isMissing(person) { try await create(person) }
  }

  private func enter() async {
    if isBusy { await withCheckedContinuation { waiting.append($0) } } else { isBusy = true }
  }

  private func leave() {
    if waiting.isEmpty { isBusy = false } else { waiting.removeFirst().resume() }
  }

  private func unknown(among people: [MIMEAddress]) -> Set<String> {
    Set(people.map { $0.address.lowercased() }).filter { known[$0] == nil && !executor.colleagues.contains($0) }
  }

  private func lookUp(_ people: [MIMEAddress]) async throws(SyncError) {
    let unknown = unknown(among: people)
    guard !unknown.isEmpty else { return }
    let found = try await executor.parts.erp.contacts(withAddresses: unknown.sorted())
    for address in unknown { known[address] = found[address] ?? [] }
  }

  private func create(_ person: MIMEAddress) async throws(SyncError) {
    let (parts, spoke) = (executor.parts, executor.spoke)
    let address = person.address.lowercased()
    let open = try parts.store.read { try $0.openIntents(mailbox: nil) }
    // The answer to an earlier creation is still out: the next cycle finds what became of it.
    if open.contains(where: { $0.action == Self.action && $0.payload.text(.email1)?.lowercased() == address }) {
      throw SyncError(.transient, "a contact for \(address) may have been made already; the next cycle looks it up")
    }
    let fields = Self.fields(person)
    let intent = Intent(
      id: parts.surroundings.operationID(), run: executor.run, mailbox: spoke.mailbox, kind: spoke.kind, side: .erp, action: Self.action,
      link: nil, entityID: nil, itemID: nil, payload: fields, sends: 0, time: parts.surroundings.now())
    try parts.store.write { transaction in
      try transaction.open(intent)
      try transaction.markSent(intent.id)
    }
    do throws(SyncError) {
      let new = NewEntity(
        fields: fields, owner: executor.employee?.ownerCode,
        contactClass: spoke.policy.sections[.contacts]?.contactClass, operationID: intent.id)
      let made = try await parts.erp.create(new, kind: .contacts)
      known[address] = [made.id]
      try parts.store.write { transaction in
        // Mailboxes that synchronize contacts get it in the same round.
        if spoke.policy.sections[.contacts] != nil { _ = try transaction.observe(made, kind: .contacts) }
        try transaction.close(intent.id)
      }
      executor.log.write(.informational, "a contact was made for \(address), who wrote or got an email", spoke)
    } catch {
      if error.leavesWriteInDoubt || error.stopsAccount { throw error }
      try parts.store.write { try $0.close(intent.id) }
      executor.log.write(.warning, "no contact could be made for \(address): \(error)", spoke)
    }
  }

  /// The last word of a name is the family name; without a name the address stands in.
  private static func fields(_ person: MIMEAddress) -> Fields {
    var fields = Fields()
    let name = person.name.contains("@") ? "" : person.name
    let halves = name.split(separator: ",", maxSplits: 1).map { $0.split(separator: " ").joined(separator: " ") }
    let words = (halves.count == 2 && !halves[1].isEmpty ? "\(halves[1]) \(halves[0])" : name).split(separator: " ").map(String.init)
    fields[.givenName] = .text(words.dropLast().joined(separator: " "))
    fields[.familyName] = .text(words.last ?? person.address.split(separator: "@").first.map(String.init) ?? person.address)
    fields[.email1] = .text(person.address)
    return fields
  }
}
