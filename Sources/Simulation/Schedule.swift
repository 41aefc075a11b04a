public import Model

/// Everything that happens in one simulated history, drawn from a seed before it runs, so that single events can be left out.
public struct Schedule: Sendable {
  /// What it was drawn from.
  public var seed: UInt64
  /// Which events it was drawn to have many of.
  public var flavour: Flavour
  /// How the world looks at first.
  var setup: Setup
  /// What happens, in order.
  public var events: [Event]
  /// What may happen in it.
  var repertoire: Repertoire

  /// Which events a schedule has many of.
  public enum Flavour: String, Sendable, CaseIterable {
    /// Whatever comes.
    case usual
    /// What meets seldom by chance: servers that seem empty for a round, edits between a write and its reading back, copies that are edited.
    case rare
    /// Whatever comes; all mailboxes tell of changes, and are turned side by side, in every round but full ones.
    case told
    /// Something goes wrong in nearly every round: on the way, in a server, with the disk, or the process ends.
    case faulty
    /// Calendars have series, whose occurrences are changed alone and together; no cache is lost.
    case series
    /// Few kinds of events, around one or two records, so that they meet in ways that seldom come by chance.
    case dense
  }

  /// The kinds of events that a history may have, each as often as its weight.
  struct Repertoire: Sendable {
    var erpEdits: [ERPEdit] = []
    var itemEdits: [ItemEdit] = []
    var acts: [AdminAct] = []
    /// By the numbers that `Generator` gives them.
    var faults: [Int] = []
  }

  /// How the world looks at first.
  struct Setup: Sendable {
    var mailboxes: Int
    var policies: [Policy]
    var kinds: [RecordKind]
    var guards: Guards
    /// Changes that a listing gives a page.
    var pageSize: Int
    /// Holds are approved before the last rounds; else what they concern stays as it is.
    var approvesAtEnd: Bool
    /// Users of calendars make series too.
    var hasSeries = false
    /// Users of mailboxes write texts that the ERP cannot hold.
    var hasUnheldTexts = false
  }
}

/// One thing that happens. `salt` picks the record and what else is left open, so that leaving out another event changes little.
public enum Event: Sendable, Hashable {
  case erp(ERPEdit, kind: RecordKind, salt: Int)
  case mailbox(Int, ItemEdit, kind: RecordKind, salt: Int)
  case admin(AdminAct, salt: Int)
  /// Happens in the middle of the next round.
  case interrupt(Interruption)
  /// The process ends in the middle of the next round, after the call or commit at this place. Takes no time, so that what comes before is as it is
  /// where the process goes on.
  case end(Interruption.Place)
  case round(full: Bool)
}

/// What a user of the ERP does.
public enum ERPEdit: String, Sendable, Hashable, CaseIterable {
  case create, edit, clear, delete, touch, reassign, deactivate, activate
  /// A field that holds no text: a status, a start, the attendees.
  case setPlain

  /// Those of contacts, whose seeds stay what they were.
  static let ofContacts = allCases.filter { $0 != .setPlain }
}

/// What a user of a mailbox does.
public enum ItemEdit: String, Sendable, Hashable, CaseIterable {
  case create, createElsewhere, edit, clear, delete, destroy, moveAway, moveBack, copy, restore, dropCategory, addCategory, makePrivate
  case makePublic, touch
  /// A field that holds no text: a status, a start, the attendees.
  case setPlain

  /// Those of contacts, whose seeds stay what they were.
  static let ofContacts = allCases.filter { $0 != .setPlain }
}

/// What an administrator, or a server's own life, does.
public enum AdminAct: String, Sendable, Hashable, CaseIterable {
  case flipConflict, flipDirection, flipFilter, flipCategoryRule, flipMerge, switchEmployee, wipeCache, keepCache, restoreCache, approve
  case discard, forgetSyncState, migrateMailbox, clockJump
}

extension AdminAct {
  /// Those of histories with series. The cache stays: occurrences bear no mark by which a lost one could be made anew. Days that pass, and
  /// employees that are switched off and on, meet often.
  static let ofSeries =
    allCases.filter { ![.wipeCache, .keepCache, .restoreCache].contains($0) } + [.clockJump, .clockJump, .switchEmployee, .switchEmployee]

  /// Whether it concerns the servers, not the engine.
  var isOfServers: Bool { [.forgetSyncState, .migrateMailbox, .clockJump].contains(self) }
}

/// Something in the middle of a round.
public struct Interruption: Sendable, Hashable {
  /// Where.
  public enum Place: Sendable, Hashable {
    /// The call with this number, reads and writes.
    case call(Int)
    /// The writing call with this number.
    case write(Int)
    /// The call that follows the writing call with this number, where that does not write.
    case afterWrite(Int)
    /// The commit of the cache with this number.
    case commit(Int)
  }

  /// What.
  public indirect enum Fault: Sendable, Hashable {
    case edit(Event, after: Bool)
    case crash(after: Bool)
    /// The request never arrives.
    case loseRequest
    /// It is carried out, and the answer never arrives.
    case loseAnswer
    /// It is carried out after its sender gave up, so many milliseconds later.
    case delay(Int)
    /// It is carried out twice.
    case twice
    /// A listing leaves things out, records are denied, one record of a batch fails.
    case lie
    /// From here to the end of the round every reading lies, and no item can be read.
    case blind
    case refuse(Refusal)
    /// The disk is full at a commit.
    case diskFull
  }

  /// How a server refuses.
  public enum Refusal: String, Sendable, Hashable, CaseIterable { case throttled, transient, unauthorized, cursorInvalid, failed }

  /// Where.
  public var place: Place
  /// What.
  public var fault: Fault
}
