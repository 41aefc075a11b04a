import MIME
import Model
import Store

/// What holds of emails: they are made on the other side, once, and nothing of them is changed or deleted there.
extension Oracle {
  /// A file that goes to an activity belongs to a creation that is not complete yet.
  func engineAttaches(_ name: String, to entity: SimEntity) {
    let open = (try? cache.read { try $0.openIntents(mailbox: nil) }) ?? []
    let isNoted = (try? cache.read { try $0.meta("incomplete email \(entity.id.rawValue)") }) != nil
    if !isNoted, !world.isLanding, world.delayed.isEmpty, !open.contains(where: { $0.side == .erp && $0.kind == .emails }) {
      report("I15", "the engine attaches \(name) to \(entity.id) without an intent in the cache")
    }
    if entity.operationID == nil { report("I6", "the engine attaches \(name) to \(entity.id), which a user wrote") }
    if let message = Token(entity.fields[.messageID]), isWithheld(message, .emails) {
      report("I6", "the engine attaches \(name) to \(entity.id), whose message no longer takes part")
    }
  }
}

extension CalmOracle {
  /// An activity and its message: the files that the message has are the activity's, where the engine made it.
  func checkFiles(_ entity: SimEntity, _ item: SimItem) {
    // What was brought to a mailbox before its files were there is as it was then; whether any are missing, a lost cache knew.
    guard entity.operationID != nil, item.operationID == nil, !oracle.seen.cacheWasExchanged, let content = item.content else { return }
    // Of two that a server made of one creation the engine completes one.
    if let birth = Token(entity.fields[.messageID]), oracle.allowance(of: birth.number) > 1 { return }
    let wanted = Set(MIMEMessage(parsing: content)?.attachments.map(\.name) ?? [])
    let there = Set((entity.files ?? [:]).keys)
    if wanted != there { oracle.report("I1", "\(entity.id) has the files \(there.sorted()), \(item.id) has \(wanted.sorted())") }
  }

  /// Whether another message of the mailbox, with the same Message-ID, is the ERP's: a second one is left as it is.
  func isKnownMessage(_ item: SimItem, _ mailbox: Int) -> Bool {
    let box = Mailbox(address: world.mailboxes[mailbox].address)
    // One that is gone without a neighbour to prove it still counts.
    let unproven = (try? oracle.cache.read { try $0.leftItems(kind: .emails, mailbox: box) }) ?? []
    if unproven.contains(where: { $0.item.fields.same(.messageID, in: item.fields) }) { return true }
    return world.mailboxes[mailbox].items.contains { other in
      other.id != item.id && other.kind == .emails && other.fields.same(.messageID, in: item.fields)
        && (try? oracle.cache.read { try $0.link(item: other.id, kind: .emails, mailbox: box) }) != nil
    }
  }

  /// Messages of one Message-ID in a mailbox's folder, but for users' copies and what servers doubled.
  func checkMessages(_ mailbox: Int) {
    let box = world.mailboxes[mailbox]
    let live = box.items.filter { $0.kind == .emails && $0.place == .policy && !$0.isUserCopy && !$0.isPrivate }
    for (birth, items) in Dictionary(grouping: live, by: { Token($0.fields[.messageID])?.number ?? 0 }) where items.count > 1 {
      // One that a user changed since a server made it twice is the user's.
      if items.count > oracle.allowance(of: birth), !differ(items) {
        oracle.report("I3", "\(items.map(\.id.rawValue)) in mailbox \(mailbox) are one message of birth \(birth)")
      }
    }
  }
}
