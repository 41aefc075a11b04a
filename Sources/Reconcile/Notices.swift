public import Model

/// What a decision about mail depends on beside the write itself.
public struct NoticeContext: Sendable, Hashable {
  /// The first cycle, or the first after the cache was lost.
  public var isRebuild: Bool
  /// An earlier try of this write may have been carried out.
  public var isRetry: Bool
  /// The present.
  public var now: Timestamp

  /// Creates the value from its parts.
  public init(isRebuild: Bool, isRetry: Bool, now: Timestamp) {
    self.isRebuild = isRebuild
    self.isRetry = isRetry
    self.now = now
  }
}

/// Whom Exchange may tell of a write: mail is sent only for what a user of the ERP changed in a future event whose organizer is this mailbox.
public enum Notices {
  /// Fields whose change concerns whoever is invited. A category, a reminder and how the time is shown are the organizer's own affair.
  public static let significant: Set<Field> = [.subject, .body, .start, .end, .allDay, .location, .attendees]

  /// The notice of a step.
  /// - Parameters:
  ///   - entity: the ERP's record as it is now; nil where it is gone.
  ///   - item: the mailbox's record before the write; nil where there is none.
  ///   - isLinked: the two were agreed on before. What completes a pair that was only just matched is no user's change.
  public static func notice(
    for step: Action.Step, entity: Entity?, item: Item?, isLinked: Bool, context: NoticeContext
  ) -> Notice {
    guard !context.isRebuild, !context.isRetry, item?.form != .attendeeCopy else { return .none }
    switch step {
    case .createItem(let fields):
      return !people(fields).isEmpty && isFuture(fields, context.now) ? .all : .none
    case .updateItem(let changes, let result):
      let before = item?.fields ?? Fields()
      guard isLinked, !people(before).union(people(result)).isEmpty,
        isFuture(before, context.now) || isFuture(result, context.now)
      else { return .none }
      let changed = Set(changes.keys).intersection(significant).filter { !result.same($0, in: before) }
      if changed.isEmpty { return .none }
      return changed == [.attendees] ? .changed : .all
    case .deleteItem, .withdrawItem:
      guard isLinked, let fields = item?.fields else { return .none }
      return !people(fields).isEmpty && isFuture(fields, context.now) ? .all : .none
    default: return .none
    }
  }

  /// How many messages a write with this notice makes Exchange send.
  public static func messages(_ notice: Notice, step: Action.Step, item: Item?) -> Int {
    let before = item.map { people($0.fields) } ?? []
    let after: Set<String> =
      switch step {
      case .createItem(let fields): people(fields)
      case .updateItem(_, let result): people(result)
      default: []
      }
    switch notice {
    case .none: return 0
    case .all: return before.union(after).count
    case .changed: return before.symmetricDifference(after).count
    }
  }

  private static func people(_ fields: Fields) -> Set<String> { Set((fields[.attendees]?.people ?? []).map(\.address)) }

  /// Begins after now; an event of whole days from the day after.
  private static func isFuture(_ fields: Fields, _ now: Timestamp) -> Bool {
    switch fields[.start] {
    case .instant(let start, _): start > now
    case .date(let date): date > now.utcDate
    default: false
    }
  }
}
