/// The values that one side was last agreed to have, and their version.
public struct Base: Sendable, Hashable, Codable {
  /// The mapped values.
  public var fields: Fields
  /// The change key or the ERP's version at which the side had them; nil: unknown, read before trusting.
  public var version: String?
  /// Creates the value from its parts.
  public init(fields: Fields, version: String?) {
    self.fields = fields
    self.version = version
  }
}

/// What is known of one side of a pair in this cycle.
public enum Observed<Record: Sendable & Hashable>: Sendable, Hashable {
  /// There is none and never was: nothing linked on this side.
  case none
  case present(Record)
  /// It was linked and is gone, by positive evidence.
  case deleted
}

/// One thing the reconciler wants done. `reason` is the rule, for `plan`, `why` and the journal.
public struct Action: Sendable, Hashable, Codable {
  /// What is to be done, on which side, with which values.
  public enum Step: Sendable, Hashable, Codable {
    /// Create an item from the entity's values and link them.
    case createItem(fields: Fields)
    /// Create an entity from the item's values and link them.
    case createEntity(fields: Fields)
    case updateItem(changes: [Field: Value?], result: Fields)
    case updateEntity(changes: [Field: Value?], result: Fields)
    /// Pair the two as they are; bases are the given values.
    case link
    /// The item goes to Deleted Items and the link goes with it.
    case deleteItem
    case deleteEntity
    /// The item goes to Deleted Items because the entity left the filter; the entity stays.
    case withdrawItem
    /// The link is kept as detached, so that neither side is created again; both records stay.
    case detach
    /// Both are gone: the link goes.
    case dropLink
    /// Both are copied to the other side as second records marked as conflict copies.
    case fork(itemCopy: Fields, entityCopy: Fields)
    /// Nothing is written; the bases move on to what was read.
    case acknowledge
    /// A change of the side that the direction does not carry: counted, not written.
    case drift(SystemSide)
    /// Set aside for a person: more than one match, a status without counterpart.
    case leave
  }

  /// What is to be done.
  public var step: Step
  /// One line: the rule that decided.
  public var reason: String
  /// Values that lose and are written to the journal before they are overwritten.
  public var losers: [Loser]
  /// Creates the value from its parts.
  public init(_ step: Step, reason: String, losers: [Loser] = []) {
    self.step = step
    self.reason = reason
    self.losers = losers
  }
}

/// A value that a conflict or a delete overwrites.
public struct Loser: Sendable, Hashable, Codable {
  /// The side whose value loses.
  public var side: SystemSide
  /// The field.
  public var field: Field
  /// The value that loses; nil: empty.
  public var lost: Value?
  /// The value that stands instead; nil: empty, or the record was deleted.
  public var kept: Value?
  /// Creates the value from its parts.
  public init(side: SystemSide, field: Field, lost: Value?, kept: Value?) {
    self.side = side
    self.field = field
    self.lost = lost
    self.kept = kept
  }
}
