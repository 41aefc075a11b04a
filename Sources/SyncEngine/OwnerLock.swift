public import Model
public import Store
import Synchronization

/// Sees to it that one installation alone serves a mailbox, and that its cache goes on where the mailbox was left.
///
/// The mailbox names its owner with a token that changes before a round's first write. A cache that does not know the token is older than
/// what was written since (a backup that was put back), or the mailbox is: then the mailbox's next cycles are those of a rebuilt cache, which
/// delete nothing and send no mail. Another installation is refused until the owner's lease ends or somebody says that it may take over.
///
/// One value serves one round: each mailbox is asked once.
final class OwnerLock: Sendable {
  /// How long an owner that does not show up keeps the mailbox, in milliseconds: a day.
  static let lease: Int64 = 24 * 3_600_000

  private let parts: EngineParts
  private let log: SyncLog
  private let entries = Mutex<[Mailbox: Entry]>([:])

  private struct Entry {
    var refusal: SyncError?
    /// nil: the mailbox has no place for a mark.
    var mark: OwnerMark?
    var isRenewed = false
    /// The mailbox was served by a cache that knew more than this one does.
    var hasLostCache = false
  }

  /// When requests of a lost cache have come to their end.
  private let settled = Mutex<Timestamp?>(nil)

  /// The tokens that the cache knows.
  private struct Tokens {
    /// What the mailbox has, as far as is known.
    var last: String?
    /// What was about to be written.
    var next: String?

    init(stored: String?) {
      let words = stored?.parts(at: " ") ?? []
      last = words.first.flatMap { $0.isEmpty ? nil : $0 }
      next = words.count > 1 ? words[1] : nil
    }

    var text: String { (last ?? "") + (next.map { " " + $0 } ?? "") }

    func continues(_ mark: OwnerMark?) -> Bool {
      guard let mark else { return last == nil }
      return mark.token == last || mark.token == next
    }
  }

  init(parts: EngineParts, log: SyncLog) {
    self.parts = parts
    self.log = log
  }

  private static func key(_ mailbox: Mailbox) -> String { "owner \(mailbox.address)" }

  /// Before anything else of a cycle.
  /// - Parameter trustsMemory: a mailbox that was this installation's a moment ago is not asked; before anything is written it is.
  /// - Throws: `held` where another serves the mailbox, naming it and the way to take over.
  func enter(_ spoke: Spoke, _ exchange: any ExchangePort, trustsMemory: Bool = false) async throws(SyncError) {
    if let known = entries.withLock({ $0[spoke.mailbox] }) {
      if let refusal = known.refusal { throw refusal }
      return
    }
    if trustsMemory, let mark = try remembered(spoke) { return entries.withLock { $0[spoke.mailbox] = Entry(mark: mark) } }
    parts.memory.note(mark: nil, of: spoke.mailbox, at: parts.surroundings.now())
    do {
      let (mark, hasLostCache) = try await claim(spoke, exchange)
      entries.withLock { $0[spoke.mailbox] = Entry(mark: mark, hasLostCache: hasLostCache) }
      parts.memory.note(mark: mark, of: spoke.mailbox, at: parts.surroundings.now())
    } catch {
      if error.code == .held { entries.withLock { $0[spoke.mailbox] = Entry(refusal: error) } }
      throw error
    }
  }

  /// The mark that was seen in the mailbox a moment ago, where the cache has not been exchanged since and nobody wants a take-over.
  private func remembered(_ spoke: Spoke) throws(SyncError) -> OwnerMark? {
    guard let mark = parts.memory.mark(of: spoke.mailbox, at: parts.surroundings.now()) else { return nil }
    return try parts.store.read { reader in
      let tokens = Tokens(stored: try reader.meta(Self.key(spoke.mailbox)))
      let isAsWas = try tokens.last == mark.token && tokens.next == nil && reader.meta(TakeOver.key(spoke.mailbox)) == nil
      return isAsWas ? mark : nil
    }
  }

  /// Whether the mailbox was served by a cache that knew more than this one does.
  func hasLostCache(_ spoke: Spoke) -> Bool { entries.withLock { $0[spoke.mailbox]?.hasLostCache ?? false } }

  /// How long requests of a lost cache may still be under way, in milliseconds: once a round all mailboxes wait for them together. nil: none is.
  func settling(_ spoke: Spoke, _ guards: Guards) -> Int64? {
    guard hasLostCache(spoke) else { return nil }
    let now = parts.surroundings.now()
    let end = settled.withLock { end in
      end = end ?? now.advanced(milliseconds: guards.settlingMilliseconds)
      return end ?? now
    }
    return min(end.milliseconds - now.milliseconds, guards.settlingMilliseconds)
  }

  /// For a plan on a copy of the cache: the same without a claim.
  func inspect(_ spoke: Spoke, _ exchange: any ExchangePort) async throws(SyncError) {
    guard let state = try await look(spoke, exchange) else { return }
    if !state.tokens.continues(state.mark) { try beginAnew(spoke) }
  }

  /// Before a cycle writes: once a round the token changes, so that caches of before are known to be older.
  func beforeWriting(_ spoke: Spoke, _ exchange: any ExchangePort) async throws(SyncError) {
    guard let known = entries.withLock({ $0[spoke.mailbox] }), let mark = known.mark, !known.isRenewed else { return }
    // Until it is written, the mailbox has to be asked again.
    parts.memory.note(mark: nil, of: spoke.mailbox, at: parts.surroundings.now())
    guard try await exchange.ownerMark(of: spoke.mailbox)?.token == mark.token else {
      throw SyncError(.held, "\(spoke.mailbox.address) has got another owner while it was read: nothing was written")
    }
    let renewed = try await write(replacing: mark, spoke, exchange)
    entries.withLock { $0[spoke.mailbox] = Entry(mark: renewed, isRenewed: true, hasLostCache: known.hasLostCache) }
    parts.memory.note(mark: renewed, of: spoke.mailbox, at: parts.surroundings.now())
  }

  private struct Look {
    var mark: OwnerMark?
    var tokens: Tokens
    var takesOver: Bool
    var isOurs: Bool
  }

  /// Reads who owns the mailbox and whether that stands in the way. nil: the account may not read it.
  private func look(_ spoke: Spoke, _ exchange: any ExchangePort) async throws(SyncError) -> Look? {
    let (mailbox, installation, now) = (spoke.mailbox, parts.installation, parts.surroundings.now())
    let mark: OwnerMark?
    do {
      mark = try await exchange.ownerMark(of: mailbox)
    } catch  where error.code == .accessDenied {
      return nil
    }
    let (tokens, takesOver) = try parts.store.read { reader in
      (Tokens(stored: try reader.meta(Self.key(mailbox))), try reader.meta(TakeOver.key(mailbox)) != nil)
    }
    let isOurs = mark?.installation == installation.id
    if let mark, !isOurs, !takesOver, mark.until > now { throw Self.refusal(mark, mailbox) }
    if isOurs, !tokens.continues(mark), !takesOver, installation.serves(mailbox.address) {
      throw SyncError(
        .held,
        "\(mailbox.address) is served by a second concordfs that takes itself for this one (\(installation.store), a copied machine?), or it was put back from a backup: stop the other, then 'concordfs takeover \(mailbox.address)'"
      )
    }
    return Look(mark: mark, tokens: tokens, takesOver: takesOver, isOurs: isOurs)
  }

  private static func refusal(_ mark: OwnerMark, _ mailbox: Mailbox) -> SyncError {
    SyncError(
      .held,
      "\(mailbox.address) is served by the concordfs of \(mark.store) on \(mark.host), which keeps it until \(mark.until.iso8601): use that one; if it is gone for good, 'concordfs takeover \(mailbox.address)'"
    )
  }

  private func claim(_ spoke: Spoke, _ exchange: any ExchangePort) async throws(SyncError) -> (mark: OwnerMark?, hasLostCache: Bool) {
    guard let state = try await look(spoke, exchange) else {
      log.write(
        .verbose, "the account may not note in the calendar's settings who serves this mailbox: two installations would not be noticed",
        spoke)
      return (nil, false)
    }
    let continues = state.tokens.continues(state.mark)
    if !continues { try beginAnew(spoke) }
    let now = parts.surroundings.now()
    guard let mark = state.mark, state.isOurs, continues, !state.takesOver, mark.until.milliseconds - now.milliseconds > Self.lease / 2
    else { return (try await take(state, spoke, exchange), state.mark != nil && !continues) }
    if state.tokens.next != nil { try save(Tokens(stored: mark.token), spoke) }
    parts.installation.noteServed(spoke.mailbox.address)
    return (mark, false)
  }

  /// Writes a mark and makes sure that it is the one that stays.
  private func take(_ state: Look, _ spoke: Spoke, _ exchange: any ExchangePort) async throws(SyncError) -> OwnerMark? {
    let mark: OwnerMark
    do {
      mark = try await write(replacing: state.mark, spoke, exchange)
    } catch  where error.code == .accessDenied {
      log.write(.warning, "the account may not note who serves this mailbox: two installations would not be noticed (\(error))", spoke)
      return nil
    }
    let stands = try await exchange.ownerMark(of: spoke.mailbox)
    guard let stands, stands.token == mark.token else {
      throw stands.map { Self.refusal($0, spoke.mailbox) }
        ?? SyncError(.malformedAnswer, "the note of who serves \(spoke.mailbox.address) did not stay")
    }
    if let old = state.mark, !state.isOurs {
      log.write(.warning, "took over from the concordfs of \(old.store) on \(old.host)", spoke)
    }
    try parts.store.write { try $0.setMeta(TakeOver.key(spoke.mailbox), nil) }
    parts.installation.noteServed(spoke.mailbox.address)
    return mark
  }

  /// The cache knows of the token before the mailbox does, and that it is there after.
  private func write(replacing old: OwnerMark?, _ spoke: Spoke, _ exchange: any ExchangePort) async throws(SyncError) -> OwnerMark {
    let now = parts.surroundings.now()
    let mark = OwnerMark(
      installation: parts.installation.id, host: parts.installation.host, store: parts.installation.store,
      token: parts.surroundings.operationID().rawValue, until: now.advanced(milliseconds: Self.lease))
    var tokens = Tokens(stored: old?.token)
    tokens.next = mark.token
    try save(tokens, spoke)
    do throws(SyncError) {
      try await exchange.setOwnerMark(mark, isNew: old == nil, of: spoke.mailbox)
    } catch  where error.code == .alreadyExists {
      throw SyncError(.held, "another concordfs has just begun to serve \(spoke.mailbox.address): the next cycle says which")
    }
    try save(Tokens(stored: mark.token), spoke)
    return mark
  }

  private func save(_ tokens: Tokens, _ spoke: Spoke) throws(SyncError) {
    try parts.store.write { try $0.setMeta(Self.key(spoke.mailbox), tokens.text) }
  }

  /// What the cache holds of the mailbox is older than what was written since: every record type begins as after a lost cache. What was
  /// decided or under way then is no longer.
  private func beginAnew(_ spoke: Spoke) throws(SyncError) {
    let (mailbox, now) = (spoke.mailbox, parts.surroundings.now())
    let isKnown = try parts.store.write { transaction in
      let reader = transaction.reader
      let known = try RecordKind.allCases.filter { kind in
        let isInitialised = try reader.cursor(Spoke.initialisedCursor(mailbox, kind)) != nil
        return try isInitialised || reader.linkCount(kind: kind, mailbox: mailbox) > 0
      }
      for kind in known { try transaction.setCursor(Spoke.offCursor("\(mailbox.address)/\(kind.rawValue)"), now.iso8601) }
      for intent in try reader.openIntents(mailbox: mailbox) { try transaction.close(intent.id) }
      for var hold in try reader.holds(open: false) where hold.mailbox == mailbox && (hold.state == .open || hold.state == .approved) {
        hold.state = .done
        try transaction.save(hold)
      }
      return !known.isEmpty
    }
    guard isKnown else { return }
    log.write(
      .warning,
      "the cache is not the one that last wrote to this mailbox (put back from a backup?): everything is compared as after a rebuild, nothing is deleted and no mail is sent",
      spoke)
  }
}

/// A word of the administrator that a mailbox is to be taken over from whatever installation serves it.
public enum TakeOver {
  static func key(_ mailbox: Mailbox) -> String { "take over \(mailbox.address)" }

  /// Notes it; the mailbox's next cycle does it.
  public static func request(_ mailboxes: [Mailbox], _ store: any RecordStore, at now: Timestamp) throws(SyncError) {
    try store.write { transaction in
      for mailbox in mailboxes { try transaction.setMeta(key(mailbox), now.iso8601) }
    }
  }
}
