import Foundation
import Model
import Sandbox
import SandboxERP
import SandboxExchange
import Store

/// Both servers' state as the object layer knows it.
struct WireState {
  var entities: [SimEntity]
  var mailboxes: [[SimItem]]
  /// By mailbox: items that are another's successor, by their new ids.
  var moved: [[ItemID: SimItem]]
}

extension Wire {
  /// Looks at both servers.
  /// - Parameter copying: items that are new are a user's copies.
  func look(copying: Bool = false) async -> WireState {
    var state = WireState(entities: [], mailboxes: [], moved: [])
    for (index, box) in world.mailboxes.enumerated() {
      let views = await sandbox.exchange.items(of: box.address)
      var (items, moved): ([SimItem], [ItemID: SimItem]) = ([], [:])
      let known = Dictionary(box.items.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
      let present = Set(views.map(\.id))
      var gone = box.items.filter { !present.contains($0.id.rawValue) }
      for view in views {
        guard var item = item(view, index) else { continue }
        itemViews[item.id] = view
        if let before = known[item.id] {
          (item.isUserCopy, item.isLikeTwin, item.seenByEngine) = (before.isUserCopy, before.isLikeTwin, before.seenByEngine)
        } else if let place = gone.firstIndex(where: { $0.moveKey == item.moveKey && $0.created == item.created }) {
          let before = gone.remove(at: place)
          moved[item.id] = before
          (item.isUserCopy, item.isLikeTwin) = (before.isUserCopy, before.isLikeTwin)
        } else {
          item.isUserCopy = copying
          item.isLikeTwin = copying && world.isLikeTwin(item)
        }
        items.append(item)
      }
      state.mailboxes.append(items)
      state.moved.append(moved)
    }
    var entities: [EntityID: SimEntity] = [:]
    for kind in world.setup.kinds {
      guard let shape = WireShape.of(kind) else { continue }
      for view in await sandbox.erp.records(of: shape.entity) {
        let entity = entity(view, shape)
        recordViews[entity.id] = view
        entities[entity.id] = entity
      }
    }
    // In the order in which they were first seen, as users pick them by it.
    for old in world.entities { if let now = entities.removeValue(forKey: old.id) { state.entities.append(now) } }
    state.entities += entities.values.sorted { $0.sequence < $1.sequence }
    return state
  }

  /// Takes over what was seen.
  func take(_ state: WireState) {
    world.entities = state.entities
    for index in world.mailboxes.indices { world.mailboxes[index].items = state.mailboxes[index] }
    // A change that users make in the world bears a number that no server has given.
    let items = state.mailboxes.joined().map(\.sequence)
    world.sequence = max(world.sequence, state.entities.map(\.sequence).max() ?? 0, items.max() ?? 0)
  }

  private func item(_ view: ItemView, _ mailbox: Int) -> SimItem? {
    guard let shape = WireShape.known.first(where: { $0.className == view.className }), world.setup.kinds.contains(shape.kind) else {
      return nil
    }
    let place: SimItem.Place
    switch view.folder {
    case shape.folder: place = .own
    case "ERP \(shape.kind.rawValue)": place = .policy
    case shape.elsewhere: place = .elsewhere
    case "deleteditems": place = .trash
    default: return nil
    }
    return SimItem(
      id: ItemID(rawValue: view.id), kind: shape.kind, changeKey: view.change, place: place, fields: shape.fields(of: view),
      foreignID: view.named["ErpRecordId"].map { EntityID(rawValue: $0) },
      operationID: view.named["OperationId"].map { OperationID(rawValue: $0) }, isPrivate: view.texts["Sensitivity"] == "Private",
      created: Self.milliseconds(view.created), modified: Self.milliseconds(view.modified),
      moveKey: view.calendar == nil ? view.searchKey : view.texts["UID"] ?? "",
      sequence: view.change, arrival: view.arrival,
      form: view.calendar?.isOrganizer == false ? .attendeeCopy : nil)
  }

  private func entity(_ view: RecordView, _ shape: WireShape) -> SimEntity {
    let mark = view.texts["ExtRefNbr"].flatMap { $0.hasPrefix("cfs-") ? OperationID(rawValue: String($0.dropFirst(4))) : nil }
    return SimEntity(
      id: EntityID(rawValue: view.id), kind: shape.kind, key: view.id, version: view.sequence, modified: Self.milliseconds(view.modified),
      fields: shape.fields(of: view), owner: shape.owner(of: view),
      isActive: view.isActive && (shape.kind != .events || view.texts["Status"] != "Canceled"), operationID: mark,
      created: Self.milliseconds(view.modified), sequence: view.sequence)
  }

  private static func milliseconds(_ date: Date) -> Int64 { Int64((date.timeIntervalSince1970 * 1000).rounded()) }

  // MARK: What the engine did

  /// Tells the oracle what a request of the engine changed on the servers, and takes it over.
  /// - Parameter again: the servers carried the same request out before.
  func watch(again: Bool) async {
    let after = await look()
    latest = after
    for (index, items) in after.mailboxes.enumerated() { watch(items, after.moved[index], index) }
    let before = Dictionary(world.entities.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    let present = Set(after.entities.map(\.id))
    var created: [SimEntity] = []
    for entity in after.entities {
      guard let old = before[entity.id] else {
        created.append(entity)
        continue
      }
      guard old.version != entity.version else { continue }
      world.carryOut("updated-entities")
      world.oracle?.engineUpdates(old, changes: Self.changes(from: old.fields, to: entity.fields))
    }
    for old in world.entities where !present.contains(old.id) {
      world.carryOut("deleted-entities")
      world.oracle?.engineDeletes(old)
    }
    await watchMail()
    take(after)
    for entity in created {
      world.carryOut("created-entities")
      world.oracle?.engineCreated(entity, by: entity.operationID ?? openCreation(entity.kind), again: again)
    }
  }

  private func watch(_ items: [SimItem], _ moved: [ItemID: SimItem], _ mailbox: Int) {
    let before = Dictionary(world.mailboxes[mailbox].items.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    var left = before
    for item in items {
      left[item.id] = nil
      // What Exchange itself puts into the calendars of those invited.
      if item.form == .attendeeCopy, before[item.id]?.foreignID == item.foreignID { continue }
      if let old = before[item.id] {
        guard old.changeKey != item.changeKey else { continue }
        world.mutations += 1
        let update = ItemUpdate(
          version: ItemVersion(id: item.id, changeKey: ""), changes: Self.changes(from: old.fields, to: item.fields), result: item.fields,
          foreignID: item.foreignID == old.foreignID ? nil : item.foreignID)
        world.oracle?.engineUpdates(old, update, in: mailbox)
      } else if let old = moved[item.id] {
        left[old.id] = nil
        if item.place == .trash {
          world.carryOut("deleted-items")
          world.oracle?.engineDeletes(old, in: mailbox)
        } else {
          world.mutations += 1
        }
      } else {
        world.carryOut("created-items")
        world.oracle?.engineCreates(item, in: mailbox)
      }
    }
    for old in left.values.sorted(by: { $0.id < $1.id }) where old.form == nil {
      world.oracle?.report("I9", "the engine deletes \(old.id) for good: it is not in Deleted Items")
    }
  }

  /// I10, by the messages about meetings that a request of the engine sent.
  private func watchMail() async {
    let messages = await sandbox.exchange.meetingMessages(after: sentMessages)
    sentMessages = await sandbox.exchange.sentCount
    for (uid, sent) in Dictionary(grouping: messages, by: \.uid).sorted(by: { $0.key < $1.key }) {
      guard let mailbox = world.mailboxes.firstIndex(where: { $0.address == sent[0].from }) else { continue }
      let (before, after) = (world.mailboxes[mailbox].items, latest?.mailboxes[mailbox] ?? [])
      // A user's copy has the same UID: those that the request changed. One that is not marked yet is known by its link, under the id that it had.
      let changed =
        before.filter { old in !after.contains { $0.id == old.id && $0.changeKey == old.changeKey } }
        + after.filter { new in !before.contains { $0.id == new.id } }
      let items = (changed + before + after).filter { $0.kind == .events && $0.moveKey == uid }
      guard let item = items.first else {
        world.oracle?.report("I10", "\(sent.map(\.to)) are told of a meeting that is nowhere")
        continue
      }
      world.oracle?.engineTells(item, sent.count, in: mailbox)
    }
  }

  private static func changes(from old: Fields, to new: Fields) -> [Field: Value?] {
    Dictionary(uniqueKeysWithValues: new.differences(from: old).map { ($0, new[$0]) })
  }

  /// Where the ERP has no place for the mark of a creation: any that is under way. One that is made anew has the deleted record's id beside it.
  private func openCreation(_ kind: RecordKind) -> OperationID {
    let open = (try? cache.read { try $0.openIntents(mailbox: nil) }) ?? []
    return open.first { $0.side == .erp && $0.kind == kind && ["create", "keep both"].contains($0.action) }?.id ?? OperationID(rawValue: "")
  }
}
