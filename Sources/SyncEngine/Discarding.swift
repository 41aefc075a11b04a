public import Model
import Reconcile
public import Store

/// One step of a plan that a guard counts, under a name that is the same in the next cycle.
struct HeldStep: Sendable {
  enum Kind: Sendable { case delete, create, tell }
  var kind: Kind
  /// Names the step among those of its spoke.
  var key: String
  /// For people.
  var line: String
  /// Messages that it makes Exchange send.
  var messages = 0
  /// What a discarded step is remembered by. One that only tells others is no longer the same once the record changes again.
  var remembered: String
}

extension Decided {
  /// The steps that a guard counts.
  var heldSteps: [HeldStep] {
    lazy var subjects = pair.subjects.sorted().joined(separator: " ")
    return actions.flatMap { action in
      var steps: [HeldStep] = []
      let messages = Notices.messages(notice(of: action), step: action.step, item: pair.item?.item)
      if messages > 0 {
        let key = "tell \(messages) of \(action.intentName) \(subjects)"
        let versions = "\(pair.entity?.entity.version ?? "") \(pair.item?.item.version.changeKey ?? "")"
        steps.append(
          HeldStep(
            kind: .tell, key: key, line: "tell \(messages) attendees of \(pair.name): \(action.intentName), \(action.reason)",
            messages: messages, remembered: "\(key) \(versions)"))
      }
      if action.isDelete || action.isCreate {
        let key = "\(action.intentName) \(subjects)"
        steps.append(
          HeldStep(
            kind: action.isDelete ? .delete : .create, key: key,
            line: "\(action.intentName) \(action.writtenSide.rawValue) \(pair.name): \(action.reason)", remembered: key))
      }
      return steps
    }
  }
}

/// What was decided not to be done: steps of discarded holds. Their records stay as they are on both sides; everything else goes on.
struct Discarded: Sendable {
  private var keys: Set<String> = []

  init() {}

  init(_ spoke: Spoke, _ reader: any RecordReader) throws {
    keys = Set(try reader.meta(Self.key(spoke.mailbox, spoke.kind))?.parts(at: "\n", omittingEmpty: true) ?? [])
  }

  fileprivate static func key(_ mailbox: Mailbox, _ kind: RecordKind) -> String { "discarded \(mailbox.address)/\(kind.rawValue)" }

  /// The decision, unless it was discarded.
  func filtered(_ decision: Decided) -> Decided {
    guard !keys.isEmpty, decision.heldSteps.contains(where: { keys.contains($0.remembered) }) else { return decision }
    var left = decision
    let what = decision.actions.filter(\.isRemote).map(\.intentName).joined(separator: ", ")
    left.actions = [Action(.leave, reason: "'\(what)' was discarded with a held plan: both sides stay as they are")]
    return left
  }

  /// Remembers the steps of a plan that was discarded.
  static func remember(_ steps: [String], _ spoke: Spoke, _ transaction: any RecordTransaction) throws {
    var all = try Discarded(spoke, transaction.reader).keys
    all.formUnion(steps)
    try transaction.setMeta(key(spoke.mailbox, spoke.kind), all.sorted().joined(separator: "\n"))
  }
}

/// The decision about a held cycle.
public enum HoldDecision {
  /// Approves or discards a hold. One that was discarded can be approved after all: its records are compared again.
  /// - Returns: false where there is no such hold to decide about.
  public static func decide(_ id: String, _ decision: Hold.State, _ store: any RecordStore) throws(SyncError) -> Bool {
    try store.write { transaction in
      guard var hold = try transaction.reader.holds(open: false).first(where: { $0.id == id }) else { return false }
      switch (hold.state, decision) {
      case (.open, _): break
      case (.discarded, .approved):
        try transaction.setMeta(Discarded.key(hold.mailbox, hold.kind), nil)
        for side in SystemSide.allCases {
          try transaction.setCursor(Spoke.progressCursor(hold.mailbox, hold.kind, side), nil)
        }
      default: return false
      }
      hold.state = decision
      try transaction.save(hold)
      return true
    }
  }
}
