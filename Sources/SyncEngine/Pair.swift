import Model
import Reconcile
import Store

/// Two records that belong together, or one that has no partner yet.
struct Pair: Sendable {
  var link: Link?
  var entity: StoredEntity?
  var item: StoredItem?
  /// Found by foreign id or by e-mail, not linked yet.
  var isMatched = false
  /// The item is a second one of a linked record, made by a write that was taken for lost.
  var isTwin = false
  /// The item is a message whose activity the ERP no longer has: it stays, and no second activity is made of it.
  var isOrphan = false
  /// Why nothing may be done, where the rule lies outside the reconciler: an ambiguous match, a stamp without partner.
  var obstacle: String?

  /// What the record is called, for people.
  var name: String {
    let fields = item?.item.fields ?? entity?.entity.fields ?? link?.baseItem?.fields ?? Fields()
    return recordName(fields)
  }

  /// The names under which failures of this pair are counted.
  var subjects: [String] {
    // An activity that is gone is known by the message's mark alone.
    let record = entity?.entity.id ?? link?.entityID ?? (isOrphan ? item?.item.foreignID : nil)
    return [(item?.item.version.id ?? link?.itemID).map(Subject.item), record.map(Subject.entity)].compactMap { $0 }
  }
}

/// A pair with what the reconciler wants done with it.
struct Decided: Sendable {
  var pair: Pair
  var actions: [Action]
  /// What decides whether others may be told of a write to a calendar.
  var notices = NoticeContext(isRebuild: true, isRetry: false, now: Timestamp(milliseconds: 0))

  /// Whether nothing is left to note: the link knows both records as they are, and its file was put when it came to know them.
  var isSettled: Bool {
    guard let link = pair.link, link.state == .linked, let entity = pair.entity?.entity, let item = pair.item?.item else { return false }
    return actions.allSatisfy { if case .acknowledge = $0.step { true } else { false } }
      && link.baseEntity == Base(fields: entity.fields, version: entity.version)
      && link.baseItem == Base(fields: item.fields, version: item.version.changeKey)
  }

  /// What no other decision may touch at the same time: its records, and the Message-ID of a message that goes into the ERP.
  var subjects: [String] {
    guard pair.link == nil, let id = pair.item?.item.fields.text(.messageID), actions.contains(where: \.reachesERP) else {
      return pair.subjects
    }
    return pair.subjects + ["message:\(id)"]
  }

  /// Whom Exchange may tell of one of the actions.
  func notice(of action: Action) -> Notice { notice(of: action, notices) }

  /// Whether somebody would be told of an action, were it not tried again after a try that may have told them.
  func isSilenced(_ action: Action) -> Bool {
    guard notices.isRetry else { return false }
    var first = notices
    first.isRetry = false
    return notice(of: action, first) != .none
  }

  private func notice(of action: Action, _ context: NoticeContext) -> Notice {
    guard !pair.isTwin else { return .none }
    let entity = pair.entity.flatMap { $0.isDeleted ? nil : $0.entity }
    return Notices.notice(
      for: action.step, entity: entity, item: pair.item?.item,
      isLinked: pair.link.map { $0.baseItem != nil && $0.baseEntity != nil } ?? false, context: context)
  }
}

/// What has to be looked at in one cycle, by identity only, so that a first run over a large mailbox stays small in memory.
enum Candidate: Sendable, Hashable {
  case link(Int64)
  case entity(EntityID)
  case item(ItemID)
}

/// What a record is called, for people: its name or subject, its company, its address.
func recordName(_ fields: Fields) -> String {
  if let subject = fields.text(.subject) { return subject }
  let name = [Field.givenName, .middleName, .familyName].compactMap { fields.text($0) }.joined(separator: " ")
  return [name, fields.text(.displayName), fields.text(.company), fields.text(.email1)].compactMap { $0 }.first { !$0.isEmpty }
    ?? "(no name)"
}
