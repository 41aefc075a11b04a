public import Model

/// An entity as it was last observed.
public struct StoredEntity: Sendable, Hashable {
  /// The record.
  public var entity: Entity
  /// Rises with every change of what was observed.
  public var revision: Int64
  /// Deleted, by positive evidence.
  public var isDeleted: Bool

  /// Creates the value from its parts.
  public init(entity: Entity, revision: Int64, isDeleted: Bool) {
    self.entity = entity
    self.revision = revision
    self.isDeleted = isDeleted
  }
}

/// An item as it was last observed.
public struct StoredItem: Sendable, Hashable {
  /// Where an item is.
  public enum Presence: Int, Sendable, Hashable {
    /// In its folder.
    case present = 0
    /// No longer in its folder, and not explained yet.
    case left = 1
    /// Deleted or moved away, by positive evidence.
    case deleted = 2
  }

  /// The record.
  public var item: Item
  /// Rises with every change of what was observed.
  public var revision: Int64
  /// Where it is.
  public var presence: Presence

  /// Creates the value from its parts.
  public init(item: Item, revision: Int64, presence: Presence) {
    self.item = item
    self.revision = revision
    self.presence = presence
  }
}

/// Of an entity what tells whether it has to be looked at.
public struct EntityMark: Sendable, Hashable {
  /// The identity.
  public var id: EntityID
  /// Rises with every change of what was observed.
  public var revision: Int64
  /// Deleted, by positive evidence.
  public var isDeleted: Bool
  /// Number of its link in the mailbox asked for; nil: none.
  public var link: Int64?

  /// Creates the value from its parts.
  public init(id: EntityID, revision: Int64, isDeleted: Bool, link: Int64?) {
    self.id = id
    self.revision = revision
    self.isDeleted = isDeleted
    self.link = link
  }
}

/// Of an item what tells whether it has to be looked at.
public struct ItemMark: Sendable, Hashable {
  /// The identity.
  public var id: ItemID
  /// Rises with every change of what was observed.
  public var revision: Int64
  /// Where it is.
  public var presence: StoredItem.Presence
  /// The ERP's id stamped on it; nil: none.
  public var foreignID: EntityID?
  /// Number of its link; nil: none.
  public var link: Int64?
  /// The entity that it is linked to; nil: none.
  public var linkedEntity: EntityID?

  /// Creates the value from its parts.
  public init(
    id: ItemID, revision: Int64, presence: StoredItem.Presence, foreignID: EntityID?, link: Int64?, linkedEntity: EntityID?
  ) {
    self.id = id
    self.revision = revision
    self.presence = presence
    self.foreignID = foreignID
    self.link = link
    self.linkedEntity = linkedEntity
  }
}

/// One mailbox's pairing of one entity with one item, with what both were last agreed to be.
public struct Link: Sendable, Hashable {
  /// Whether the pair is synchronized.
  public enum State: Int, Sendable, Hashable {
    case linked = 0
    /// Known, so that neither side is created again, but left alone.
    case detached = 1
  }

  /// 0 until it is saved.
  public var id: Int64
  /// The mailbox concerned.
  public var mailbox: Mailbox
  /// The record type.
  public var kind: RecordKind
  /// The entity concerned; nil: none.
  public var entityID: EntityID?
  /// The item concerned; nil: none.
  public var itemID: ItemID?
  /// The entity at the last agreement.
  public var baseEntity: Base?
  /// The item at the last agreement.
  public var baseItem: Base?
  /// Its state.
  public var state: State
  /// The side that the record was created on.
  public var origin: SystemSide
  /// The UID of the record's file, stable for ever.
  public var uid: String
  /// The creation that made the younger side.
  public var operationID: OperationID?
  /// The key that a move keeps.
  public var moveKey: String?
  /// When both sides last agreed.
  public var syncedAt: Timestamp?

  /// Creates the value from its parts.
  public init(
    id: Int64, mailbox: Mailbox, kind: RecordKind, entityID: EntityID?, itemID: ItemID?, baseEntity: Base?, baseItem: Base?, state: State,
    origin: SystemSide, uid: String, operationID: OperationID?, moveKey: String?, syncedAt: Timestamp?
  ) {
    self.id = id
    self.mailbox = mailbox
    self.kind = kind
    self.entityID = entityID
    self.itemID = itemID
    self.baseEntity = baseEntity
    self.baseItem = baseItem
    self.state = state
    self.origin = origin
    self.uid = uid
    self.operationID = operationID
    self.moveKey = moveKey
    self.syncedAt = syncedAt
  }
}

/// A remote write that was decided and whose outcome is not recorded yet.
public struct Intent: Sendable, Hashable {
  /// Its identity.
  public var id: OperationID
  /// The cycle that it belongs to.
  public var run: String
  /// The mailbox concerned.
  public var mailbox: Mailbox
  /// The record type.
  public var kind: RecordKind
  /// Where the write goes.
  public var side: SystemSide
  /// `create`, `update`, `delete`, `withdraw`, `keep both`.
  public var action: String
  /// Number of the link concerned; nil: none yet.
  public var link: Int64?
  /// The entity concerned; nil: none.
  public var entityID: EntityID?
  /// The item concerned; nil: none.
  public var itemID: ItemID?
  /// The values sent.
  public var payload: Fields
  /// The fields that the write empties.
  public var cleared: Set<Field>
  /// How often it was about to be sent.
  public var sends: Int
  /// When.
  public var time: Timestamp

  /// Creates the value from its parts.
  public init(
    id: OperationID, run: String, mailbox: Mailbox, kind: RecordKind, side: SystemSide, action: String, link: Int64?, entityID: EntityID?,
    itemID: ItemID?, payload: Fields, cleared: Set<Field> = [], sends: Int, time: Timestamp
  ) {
    self.id = id
    self.run = run
    self.mailbox = mailbox
    self.kind = kind
    self.side = side
    self.action = action
    self.link = link
    self.entityID = entityID
    self.itemID = itemID
    self.payload = payload
    self.cleared = cleared
    self.sends = sends
    self.time = time
  }
}

/// A record that failed and is tried again with growing pauses, or was set aside.
public struct Retry: Sendable, Hashable {
  /// The mailbox concerned.
  public var mailbox: Mailbox
  /// The record type.
  public var kind: RecordKind
  /// `item:ID` or `entity:ID`.
  public var subject: String
  /// How often it was tried.
  public var tries: Int
  /// When it failed first.
  public var since: Timestamp
  /// When it is tried again.
  public var nextAt: Timestamp
  /// Whether it is no longer tried.
  public var isSetAside: Bool
  /// Why, in one line.
  public var reason: String
}

/// One cycle of one employee and type.
public struct Run: Sendable, Hashable {
  /// Its identity.
  public var id: String
  /// The mailbox concerned.
  public var mailbox: Mailbox
  /// The record types.
  public var kinds: Set<RecordKind>
  /// When it began.
  public var started: Timestamp
  /// When it ended; nil: it has not.
  public var ended: Timestamp?
  /// `running`, `ok`, `failed`, `held`.
  public var outcome: String
  /// What was done, by name.
  public var counts: [String: Int]
  /// What it said; nil: nothing.
  public var message: String?

  /// Creates the value from its parts.
  public init(
    id: String, mailbox: Mailbox, kinds: Set<RecordKind>, started: Timestamp, ended: Timestamp?, outcome: String, counts: [String: Int],
    message: String?
  ) {
    self.id = id
    self.mailbox = mailbox
    self.kinds = kinds
    self.started = started
    self.ended = ended
    self.outcome = outcome
    self.counts = counts
    self.message = message
  }
}

/// Values of one record that a conflict or a delete overwrote.
public struct JournalEntry: Sendable, Hashable {
  /// 0 until it is saved.
  public var id: Int64
  /// When.
  public var time: Timestamp
  /// The cycle that it belongs to.
  public var run: String
  /// The mailbox concerned.
  public var mailbox: Mailbox
  /// The record type.
  public var kind: RecordKind
  /// The UID of the record's file.
  public var uid: String
  /// What the record is called.
  public var name: String
  /// The entity concerned; nil: none.
  public var entityID: EntityID?
  /// The item concerned; nil: none.
  public var itemID: ItemID?
  /// The values that were overwritten.
  public var losers: [Loser]
  /// The rule that decided.
  public var rule: String
  /// When it was restored; nil: it was not.
  public var restoredAt: Timestamp?
  /// One of the writes of a run, kept so that the run can be undone; nil: values that gave way to a conflict or a delete.
  public var write: Write?

  /// What a run wrote.
  public struct Write: Sendable, Hashable {
    /// Where.
    public var side: SystemSide
    /// `create`, `update`, `delete`, `withdraw`.
    public var action: String

    /// Creates the value from its parts.
    public init(side: SystemSide, action: String) {
      self.side = side
      self.action = action
    }
  }

  /// Creates the value from its parts.
  public init(
    id: Int64, time: Timestamp, run: String, mailbox: Mailbox, kind: RecordKind, uid: String, name: String, entityID: EntityID?,
    itemID: ItemID?,
    losers: [Loser], rule: String, restoredAt: Timestamp?, write: Write? = nil
  ) {
    self.write = write
    self.id = id
    self.time = time
    self.run = run
    self.mailbox = mailbox
    self.kind = kind
    self.uid = uid
    self.name = name
    self.entityID = entityID
    self.itemID = itemID
    self.losers = losers
    self.rule = rule
    self.restoredAt = restoredAt
  }
}

/// A cycle that a guard stopped.
public struct Hold: Sendable, Hashable {
  /// What was decided about it.
  public enum State: String, Sendable, Hashable { case open, approved, discarded, done }

  /// Its identity.
  public var id: String
  /// The mailbox concerned.
  public var mailbox: Mailbox
  /// The record type.
  public var kind: RecordKind
  /// When it was held.
  public var created: Timestamp
  /// Why, in one line.
  public var reason: String
  /// One line a step.
  public var plan: [String]
  /// Fingerprint of the plan: an approval is for this plan alone.
  public var hash: String
  /// Its state.
  public var state: State

  /// Creates the value from its parts.
  public init(
    id: String, mailbox: Mailbox, kind: RecordKind, created: Timestamp, reason: String, plan: [String], hash: String, state: State
  ) {
    self.id = id
    self.mailbox = mailbox
    self.kind = kind
    self.created = created
    self.reason = reason
    self.plan = plan
    self.hash = hash
    self.state = state
  }
}
