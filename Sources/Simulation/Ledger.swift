import Model

/// What became of every text that a user wrote.
final class Ledger {
  /// Who wrote it: a user of the mailbox with this number, or of the ERP.
  private(set) var author: [Int: Int] = [:]
  static let erpUser = -1
  /// Replaced or deleted by a user who saw it.
  private(set) var excused: Set<Int> = []
  /// In the journal, also of caches that are lost by now.
  private(set) var journalled: Set<Int> = []
  /// Was in the ERP at some time.
  var wasInERP: Set<Int> = []

  func issue(_ token: Token, by author: Int) { self.author[token.number] = author }

  /// What users wrote in the place of a text, knowing it.
  private var successors: [Int: Set<Int>] = [:]

  /// A user who sees the old text writes the new one in its place.
  func replace(_ old: Value?, by new: Value?) {
    excuse(old)
    if let old = Token(old), let new = Token(new) { successors[old.number, default: []].insert(new.number) }
  }

  /// Whether a text was written in the place of the other, or of one that was written in its place.
  func isSuccessor(_ new: Token, of old: Token) -> Bool {
    (successors[old.number] ?? []).contains { $0 == new.number || isSuccessor(new, of: Token($0)) }
  }

  func excuse(_ value: Value?) { if let token = Token(value) { excused.insert(token.number) } }

  func excuse(_ fields: Fields) { for name in fields.names { excuse(fields[name]) } }

  func journal(_ entry: [Loser]) { for loser in entry { if let token = Token(loser.lost) { journalled.insert(token.number) } } }

  func isAccounted(_ token: Token) -> Bool { excused.contains(token.number) || journalled.contains(token.number) }
}
