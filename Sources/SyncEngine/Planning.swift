public import Model
import Store

/// One step that a cycle would take.
public struct PlanLine: Sendable, Hashable, Codable {
  /// A field with its values before and after; nil: empty.
  public struct Change: Sendable, Hashable, Codable {
    /// The field's stable name.
    public var field: String
    /// The value that stands now.
    public var old: String?
    /// The value that would stand then.
    public var new: String?
  }

  /// Address of the employee.
  public var employee: String
  /// The record type.
  public var kind: RecordKind
  /// The side that would be written; nil: none.
  public var side: SystemSide?
  /// `create`, `update`, `delete`, `withdraw`, `keep both`, `link`, `unlink`, `leave`, …
  public var action: String
  /// What the record is called.
  public var name: String
  /// The `UID` of the record's file; nil: it has none yet.
  public var uid: String?
  /// Field by field.
  public var changes: [Change]
  /// The rule that decides.
  public var reason: String
}

/// Works out the plan of one spoke on a copy of the store.
struct Planning: Sendable {
  let parts: EngineParts
  let log: SyncLog
  let cycle: Cycle

  func lines() async throws(SyncError) -> [PlanLine] {
    let spoke = cycle.spoke
    try cycle.checkEmployee()
    if !spoke.account.isTestOnly { try await cycle.owner.inspect(spoke, cycle.exchange) }
    let relocation = Relocation(parts: parts, log: log, spoke: spoke, exchange: cycle.exchange)
    var lines: [PlanLine] = []
    var place: FolderID?
    if try relocation.isDue() {
      try relocation.leaveUnlinked()
      lines = try relocation.linked().map { link in
        PlanLine(
          employee: spoke.employee.email, kind: spoke.kind, side: .exchange, action: "move",
          name: recordName(link.baseItem?.fields ?? Fields()), uid: link.uid, changes: [],
          reason: "the policy's folder is '\(spoke.folderName)' now")
      }
    } else if let folder = try await cycle.exchange.folder(of: spoke.kind, named: spoke.section.folder, in: spoke.mailbox, create: false) {
      if try Participation(parts: parts).wasOff(spoke) {
        try Participation(parts: parts).forget(spoke, relocation.linked(), folder: folder)
      }
      place = folder
      let feed = MailboxFeed(parts: parts, log: log, spoke: spoke, exchange: cycle.exchange)
      _ = try await feed.refresh(folder: folder, full: false) { _ in }
    }
    let isFirstRun = try parts.store.read { try $0.cursor(spoke.initialisedCursor) } == nil
    try cycle.startOverIfPolicyChanged(full: false)
    let planner = try Planner.make(cycle, isFirstRun: isFirstRun, folder: place)
    let agenda = try planner.agenda()
    for chunk in agenda.candidates.inBatches(of: Cycle.chunk) {
      let decided = try parts.store.read { reader in
        try chunk.compactMap { candidate in try planner.decide(candidate, reader).map { (candidate, $0) } }
      }
      for decision in Cycle.unique(decided).decided { lines += Self.lines(decision, spoke) }
    }
    return lines
  }

  /// The lines of one pair; what only moves the bases on is left out.
  static func lines(_ decision: Decided, _ spoke: Spoke) -> [PlanLine] {
    decision.actions.compactMap { action in
      switch action.step {
      case .acknowledge, .dropLink: return nil
      default: break
      }
      return PlanLine(
        employee: spoke.employee.email, kind: spoke.kind, side: action.isRemote ? action.writtenSide : nil, action: action.intentName,
        name: decision.pair.name, uid: decision.pair.link?.uid, changes: changes(action, decision.pair), reason: action.reason)
    }
  }

  private static func changes(_ action: Action, _ pair: Pair) -> [PlanLine.Change] {
    switch action.step {
    case .updateItem(let changes, _): differences(changes, pair.item?.item.fields ?? Fields())
    case .updateEntity(let changes, _): differences(changes, pair.entity?.entity.fields ?? Fields())
    case .createItem(let fields), .createEntity(let fields):
      fields.names.map { PlanLine.Change(field: $0.rawValue, old: nil, new: fields[$0]?.display) }
    default: []
    }
  }

  private static func differences(_ changes: [Field: Value?], _ current: Fields) -> [PlanLine.Change] {
    changes.sorted { $0.key < $1.key }.map { field, value in
      PlanLine.Change(field: field.rawValue, old: current[field]?.display, new: value?.display)
    }
  }
}
