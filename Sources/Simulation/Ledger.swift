import Model

/// What became of every text that a user wrote.
struct Ledger {
  /// Who wrote each, in the order of their numbers: a user of the mailbox with this number, or of the ERP.
  private var authors: [Int] = []
  static let erpUser = -1
  /// Replaced or deleted by a user who saw it.
  private var excused = TokenSet()
  /// Deleted with its record by a user of the ERP.
  private var deleted = TokenSet()
  /// In the journal, also of caches that are lost by now.
  private var journalled = TokenSet()
  /// Was in the ERP at some time.
  var wasInERP = TokenSet()

  /// A new text by a user.
  mutating func issue(by author: Int) -> Token {
    authors.append(author)
    return Token(authors.count)
  }

  /// Every text that a user wrote.
  var tokens: [Token] { authors.indices.map { Token($0 + 1) } }

  func author(of token: Token) -> Int? { authors.indices.contains(token.number - 1) ? authors[token.number - 1] : nil }

  /// What users wrote in the place of a text, knowing it.
  private var successors: [Int: Set<Int>] = [:]

  /// A user who sees the old text writes the new one in its place.
  mutating func replace(_ old: Value?, by new: Value?) {
    excuse(old)
    follow(old, by: new)
  }

  /// The same where the old text stays elsewhere: in the series of the occurrence that no longer has it.
  mutating func follow(_ old: Value?, by new: Value?) {
    if let old = Token(old), let new = Token(new) { successors[old.number, default: []].insert(new.number) }
  }

  /// Whether a text was written in the place of the other, or of one that was written in its place.
  func isSuccessor(_ new: Token, of old: Token) -> Bool {
    (successors[old.number] ?? []).contains { $0 == new.number || isSuccessor(new, of: Token($0)) }
  }

  mutating func excuse(_ value: Value?) { if let token = Token(value) { excused.insert(token.number) } }

  mutating func excuse(_ fields: Fields) { for entry in fields.entries { excuse(entry.value) } }

  /// A user of the ERP deletes a record with these values.
  mutating func delete(_ fields: Fields) {
    excuse(fields)
    for entry in fields.entries { if let token = Token(entry.value) { deleted.insert(token.number) } }
  }

  func wasDeleted(_ token: Token) -> Bool { deleted.contains(token.number) }

  mutating func journal(_ entry: [Loser]) { for loser in entry { if let token = Token(loser.lost) { journalled.insert(token.number) } } }

  func isJournalled(_ token: Token) -> Bool { journalled.contains(token.number) }

  func isAccounted(_ token: Token) -> Bool { excused.contains(token.number) || journalled.contains(token.number) }
}

extension World {
  /// How many records hold a token, Deleted Items included.
  func count(of token: Token) -> Int {
    entities.count { $0.fields.holds(token) }
      + mailboxes.reduce(0) { $0 + $1.items.count { $0.form != .attendeeCopy && $0.fields.holds(token) } }
  }

  /// The tokens that some record holds, Deleted Items included.
  var livingTokens: TokenSet {
    var living = TokenSet()
    func add(_ fields: Fields) { for entry in fields.entries { if let token = Token(entry.value) { living.insert(token.number) } } }
    for entity in entities { add(entity.fields) }
    for mailbox in mailboxes { for item in mailbox.items where item.form != .attendeeCopy { add(item.fields) } }
    return living
  }
}

extension Fields {
  /// Whether one of the values begins with the token.
  func holds(_ token: Token) -> Bool { entries.contains { Token($0.value) == token } }
}
