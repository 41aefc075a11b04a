import Model
import Store

/// What an oracle has seen and found so far.
struct Evidence: Sendable {
  /// Broken invariants, in the order in which they were found.
  var violations: [Violation] = []

  /// The mailboxes in which a user deleted a record, by birth.
  var deletedInMailbox: [Int: Set<Int>] = [:]
  /// The mailboxes in which a user deleted an item with the stamp: of a merged record the births differ.
  var itemsDeleted: [EntityID: Set<Int>] = [:]
  /// The mailboxes in which a user moved an item with the stamp out of its folder since the round began.
  var movedAway: [EntityID: Set<Int>] = [:]
  /// Mailboxes whose policy once wanted no category on linked items.
  var mayBearNoMark: Set<Int> = []
  /// Entities that left a filter, or may have.
  var mayHaveLeft: Set<EntityID> = []
  var madeItems = MadeItems()
  /// Writes whose outcome the engine could not know.
  var doubts = 0
  var interrupted: Set<OperationID> = []
  /// Of them the creations of items that are open, and those that the engine gave up without finding their item.
  var creationsInDoubt: [OperationID: Intent] = [:]
  var takenForLost: Set<OperationID> = []
  /// Texts that a user may have seen or not before writing another in their place.
  var inDoubt: Set<Int> = []
  /// Conflict copies made in the ERP, and in mailboxes, by birth.
  var forks: [Int: Int] = [:]
  var itemForks: [Int: Int] = [:]
  /// Mailboxes in which a user's copy was taken for the engine's own: what it was copied from is taken for the copy then.
  var copiesTaken: [EntityID: Set<Int>] = [:]
  /// Births of items that users brought back.
  var restored: Set<Int> = []
  /// Keys of items that users brought back since the round began.
  var restoredNow: Set<String> = []
  /// Items that users made by copying, by birth.
  var copiesMade: [Int: Int] = [:]
  /// Creations that a server carried out twice or long after their sender gave up, by birth.
  var late: [Int: Int] = [:]
  /// Creations whose record nothing told from one that was there, by birth.
  var unknowable: [Int: Int] = [:]
  /// Caches may have been exchanged for older ones: what they say of the past is not to be relied on.
  var cacheWasExchanged = false
  /// After that a mailbox, or the ERP, did not show everything to a first run.
  var wasBlindAfterLoss = false
  /// Pairs were formed anew, without knowing what they had agreed on: a cache was exchanged, or a mailbox switched off and on.
  var hadRebuild = false

  /// Up to here the journal was read.
  var nextJournalEntry: Int64 = 1
}
