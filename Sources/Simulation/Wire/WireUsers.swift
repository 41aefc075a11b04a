import Foundation
import Model
import Sandbox
import SandboxExchange
import XMLStream

/// The people on both sides: what they do in the world is carried over to the servers by requests of their own.
extension Wire {
  func performWaiting() async {
    while !waiting.isEmpty { await perform(waiting.removeFirst()) }
  }

  func perform(_ event: Event) async {
    switch event {
    case .admin(.forgetSyncState, _), .admin(.migrateMailbox, _):
      world.tell("the sync states are forgotten")
      await install(.exchange(#"{"kind":"forgetSyncStates","count":1}"#))
      return
    case .erp(.clear, let kind, let salt), .mailbox(_, .clear, let kind, let salt):
      // The ERP wants a family name, and nobody can take it away.
      let shape = RecordShape.of(kind)
      if kind == .contacts, shape.fields[salt % shape.fields.count] == .familyName { return }
    default: break
    }
    let (entities, items) = (world.entities, world.mailboxes.map(\.items))
    Users(world: world).perform(event)
    let wanted = (entities: world.entities, items: world.mailboxes.map(\.items))
    // The servers are as they were.
    world.entities = entities
    for index in items.indices { world.mailboxes[index].items = items[index] }
    await carry(entities: wanted.entities)
    for index in items.indices {
      // In the calendars of those invited Exchange sees to the copies.
      let isOwn = if case .mailbox(index, _, _, _) = event { true } else { false }
      await carry(items: wanted.items[index], index, copies: isOwn)
    }
    let known = Set(entities.map(\.id))
    take(await look())
    for entity in world.entities where !known.contains(entity.id) { world.mail.cause(entity.id) }
    sentMessages = await sandbox.exchange.sentCount
  }

  // MARK: The ERP

  private func carry(entities wanted: [SimEntity]) async {
    let before = Dictionary(world.entities.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    for entity in wanted {
      guard let shape = WireShape.of(entity.kind) else { continue }
      let old = before[entity.id]
      if let old, old.version == entity.version { continue }
      let changed = old.map { Set(entity.fields.differences(from: $0.fields)) } ?? Set(entity.fields.names)
      // The birth stands behind the subject.
      var cells = shape.cells(changed, entity.fields, slotOfPhone: WireShape.slotOfPhone(recordViews[entity.id]))
      if old?.owner != entity.owner, shape.kind != .events { cells["Owner"] = .some(entity.owner) }
      var more: [String] = []
      if shape.kind == .events { more = eventParts(entity, old, changed) }
      if shape.kind == .contacts, old?.isActive != entity.isActive { more.append(#""Active":{"value":\#(entity.isActive)}"#) }
      await put(shape.entity, id: old?.id, cells, more)
    }
    let present = Set(wanted.map(\.id))
    for old in world.entities where !present.contains(old.id) {
      guard let shape = WireShape.of(old.kind) else { continue }
      await askERP("DELETE", "/\(shape.entity)/\(old.id)", nil)
    }
  }

  /// What an event's PUT has beside texts: times, people, the owner on the form, whether it is cancelled.
  private func eventParts(_ entity: SimEntity, _ old: SimEntity?, _ changed: Set<Field>) -> [String] {
    var parts: [String] = []
    if changed.contains(.start), case .instant(let start, _)? = entity.fields[.start] {
      let end = start.advanced(milliseconds: Self.duration)
      for (name, time) in [("StartDate", start), ("EndDate", end), ("EndTime", end)] {
        parts.append(#""\#(name)":{"value":"\#(time.iso8601Milliseconds)"}"#)
      }
    }
    if changed.contains(.attendees) {
      let wanted = Set((entity.fields[.attendees]?.people ?? []).map(\.address))
      let known = Set((old?.fields[.attendees]?.people ?? []).map(\.address))
      let rows =
        wanted.subtracting(known).sorted().map { #"{"Email":{"value":"\#($0)"}}"# }
        + known.subtracting(wanted).sorted().map { #"{"Email":{"value":"\#($0)"},"delete":true}"# }
      parts.append(#""Attendees":[\#(rows.joined(separator: ","))]"#)
    }
    if old?.owner != entity.owner, let owner = entity.owner {
      parts.append(#""custom":{"Events":{"OwnerID":{"type":"CustomStringField","value":"\#(owner)"}}}"#)
    }
    if let old, old.isActive != entity.isActive { parts.append(#""Status":{"value":"\#(entity.isActive ? "Open" : "Canceled")"}"#) }
    return parts
  }

  /// How long meetings last, in milliseconds.
  private static let duration: Int64 = 3_600_000

  private func put(_ entity: String, id: EntityID?, _ cells: [String: String?], _ more: [String]) async {
    var parts = cells.sorted { $0.key < $1.key }.map { name, text in
      #""\#(name)":{"value":\#(text.map { "\"\($0)\"" } ?? "null")}"#
    }
    if let id { parts.append(#""id":"\#(id)""#) }
    await askERP("PUT", "/" + entity, "{" + (parts + more).joined(separator: ",") + "}")
  }

  private func askERP(_ method: String, _ path: String, _ body: String?) async {
    for _ in 0..<2 {
      if userCookies == nil { await signInToERP() }
      let answer = await sandbox.answer(
        .init(
          method, "/entity/Default/24.200.001" + path, headers: [("Cookie", userCookies ?? ""), ("Content-Type", "application/json")],
          body: Array((body ?? "").utf8)))
      if answer.status == 401 {
        userCookies = nil
        continue
      }
      expect(200..<300, answer, "\(method) \(path) \(body ?? "")")
      return
    }
  }

  private func signInToERP() async {
    let form = #"{"name":"\#(Self.erpUser.name)","password":"\#(Self.erpUser.password)"}"#
    let answer = await sandbox.answer(.init("POST", "/entity/auth/login", body: Array(form.utf8)))
    userCookies = answer.headers.filter { $0.name.lowercased() == "set-cookie" }.map { String($0.value.prefix { $0 != ";" }) }
      .joined(separator: "; ")
  }

  private func expect(_ statuses: Range<Int>, _ answer: DirectSandbox.Answer, _ what: String) {
    if statuses.contains(answer.status) { return }
    world.oracle?.report(
      "simulation", "a user's request is refused: \(what): \(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
  }

  // MARK: Exchange

  /// - Parameter copies: also what concerns an attendee's copies of meetings.
  private func carry(items wanted: [SimItem], _ mailbox: Int, copies: Bool) async {
    let before = world.mailboxes[mailbox].items
    var left = before.filter { copies || $0.form == nil }
    let staying = Set(wanted.map(\.id))
    for item in wanted where copies || item.form == nil {
      guard let shape = WireShape.of(item.kind) else { continue }
      if let place = left.firstIndex(where: { $0.id == item.id }) {
        let old = left.remove(at: place)
        if old.changeKey != item.changeKey { await update(old, to: item, shape, mailbox) }
      } else if let place = left.firstIndex(where: { $0.moveKey == item.moveKey && $0.created == item.created && !staying.contains($0.id) })
      {
        await move(left.remove(at: place), to: item.place, shape, mailbox)
      } else if item.isUserCopy, let source = before.first(where: { $0.moveKey == item.moveKey && $0.id != item.id }) {
        await ask("<m:CopyItem>\(await target(item.place, shape, mailbox))\(reference(source))</m:CopyItem>", mailbox)
        take(await look(copying: true))
      } else {
        let folder = await target(item.place, shape, mailbox, name: "SavedItemFolderId")
        await ask(
          "<m:CreateItem\(sending(shape, "SendMeetingInvitations", "SendToAllAndSaveCopy"))>\(folder)<m:Items>\(element(item, shape))</m:Items></m:CreateItem>",
          mailbox)
      }
    }
    for gone in left {
      await ask(
        "<m:DeleteItem DeleteType=\"HardDelete\"\(deleting(gone))>\(reference(gone))</m:DeleteItem>", mailbox)
    }
  }

  private func move(_ item: SimItem, to place: SimItem.Place, _ shape: WireShape, _ mailbox: Int) async {
    if place == .trash {
      return await ask(
        "<m:DeleteItem DeleteType=\"MoveToDeletedItems\"\(deleting(item))>\(reference(item))</m:DeleteItem>",
        mailbox)
    }
    await ask("<m:MoveItem>\(await target(place, shape, mailbox))\(reference(item))</m:MoveItem>", mailbox)
  }

  private func update(_ old: SimItem, to item: SimItem, _ shape: WireShape, _ mailbox: Int) async {
    var updates = ""
    let changed = Set(item.fields.differences(from: old.fields))
    for place in shape.places where changed.contains(place.field) {
      let uri =
        place.key.map { "<t:IndexedFieldURI FieldURI=\"\(place.uri)\" FieldIndex=\"\($0)\"/>" } ?? "<t:FieldURI FieldURI=\"\(place.uri)\"/>"
      if let text = shape.text(place, item.fields) {
        updates += set(uri, shape, property(place, text))
      } else {
        updates += "<t:DeleteItemField>\(uri)</t:DeleteItemField>"
      }
    }
    if changed.contains(.categories) {
      let uri = "<t:FieldURI FieldURI=\"item:Categories\"/>"
      let names = categories(item)
      updates += names.isEmpty ? "<t:DeleteItemField>\(uri)</t:DeleteItemField>" : set(uri, shape, names)
    }
    if old.isPrivate != item.isPrivate { updates += set("<t:FieldURI FieldURI=\"item:Sensitivity\"/>", shape, sensitivity(item)) }
    for (_, text) in eventProperties(item, changed) {
      let name = text.drop { $0 != ":" }.dropFirst().prefix { $0.isLetter }
      updates += set("<t:FieldURI FieldURI=\"calendar:\(name)\"/>", shape, text)
    }
    if shape.kind == .events, changed.contains(.attendees), item.fields[.attendees] == nil {
      updates += "<t:DeleteItemField><t:FieldURI FieldURI=\"calendar:RequiredAttendees\"/></t:DeleteItemField>"
    }
    if updates.isEmpty {
      let name = shape.unmapped.element
      updates = set("<t:FieldURI FieldURI=\"\(shape.unmapped.uri)\"/>", shape, "<t:\(name)>\(world.clock)</t:\(name)>")
    }
    await ask(
      "<m:UpdateItem ConflictResolution=\"AlwaysOverwrite\" MessageDisposition=\"SaveOnly\""
        + sending(shape, "SendMeetingInvitationsOrCancellations", "SendToAllAndSaveCopy") + "><m:ItemChanges><t:ItemChange>\(id(old))"
        + "<t:Updates>\(updates)</t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>", mailbox)
  }

  private func sending(_ shape: WireShape, _ attribute: String, _ value: String) -> String {
    shape.kind == .events ? " \(attribute)=\"\(value)\"" : ""
  }

  private func deleting(_ item: SimItem) -> String {
    switch item.kind {
    case .tasks: " AffectedTaskOccurrences=\"AllOccurrences\""
    case .events: " SendMeetingCancellations=\"SendToAllAndSaveCopy\""
    default: ""
    }
  }

  private func set(_ uri: String, _ shape: WireShape, _ property: String) -> String {
    "<t:SetItemField>\(uri)<t:\(shape.className)>\(property)</t:\(shape.className)></t:SetItemField>"
  }

  private func property(_ place: WireShape.Place, _ text: String) -> String {
    let content = place.key.map { "<t:Entry Key=\"\($0)\">\(text)</t:Entry>" } ?? text
    return "<t:\(place.element)\(place.field == .body ? " BodyType=\"Text\"" : "")>\(content)</t:\(place.element)>"
  }

  private func categories(_ item: SimItem) -> String {
    let names = item.fields[.categories]?.elements ?? []
    return names.isEmpty ? "" : "<t:Categories>\(names.map { "<t:String>\($0)</t:String>" }.joined())</t:Categories>"
  }

  private func sensitivity(_ item: SimItem) -> String { "<t:Sensitivity>\(item.isPrivate ? "Private" : "Normal")</t:Sensitivity>" }

  /// A new item, its properties in the schema's order.
  private func element(_ item: SimItem, _ shape: WireShape) -> String {
    var properties: [(order: Int, text: String)] = [(2, sensitivity(item)), (4, categories(item))]
    for place in shape.places { if let text = shape.text(place, item.fields) { properties.append((place.order, property(place, text))) } }
    properties += eventProperties(item, Set(item.fields.names))
    let inOrder = properties.sorted { $0.order < $1.order }.map(\.text).joined()
    return "<t:\(shape.className)>\(inOrder)</t:\(shape.className)>"
  }

  /// What an event has beside texts, each with its place in the schema's order.
  private func eventProperties(_ item: SimItem, _ changed: Set<Field>) -> [(order: Int, text: String)] {
    guard item.kind == .events else { return [] }
    var properties: [(order: Int, text: String)] = []
    if changed.contains(.start), case .instant(let start, _)? = item.fields[.start] {
      properties.append((20, "<t:Start>\(start.iso8601)</t:Start>"))
      properties.append((21, "<t:End>\(start.advanced(milliseconds: Self.duration).iso8601)</t:End>"))
    }
    let people = item.fields[.attendees]?.people ?? []
    if changed.contains(.attendees), !people.isEmpty {
      let rows = people.map { "<t:Attendee><t:Mailbox><t:EmailAddress>\($0.address)</t:EmailAddress></t:Mailbox></t:Attendee>" }
      properties.append((25, "<t:RequiredAttendees>\(rows.joined())</t:RequiredAttendees>"))
    }
    return properties
  }

  private func id(_ item: SimItem) -> String {
    "<t:ItemId Id=\"\(item.id)\" ChangeKey=\"\(itemViews[item.id]?.changeKey ?? "")\"/>"
  }

  private func reference(_ item: SimItem) -> String { "<m:ItemIds>\(id(item))</m:ItemIds>" }

  /// The folder of a place, made where it is missing.
  private func target(_ place: SimItem.Place, _ shape: WireShape, _ mailbox: Int, name: String = "ToFolderId") async -> String {
    let address = world.mailboxes[mailbox].address
    let wanted =
      switch place {
      case .own: shape.folder
      case .policy: "ERP \(shape.kind.rawValue)"
      case .elsewhere: shape.elsewhere
      case .trash: "deleteditems"
      }
    var folders = await sandbox.exchange.folders(of: address)
    if place != .own, folders[wanted] == nil {
      await ask(
        "<m:CreateFolder><m:ParentFolderId><t:DistinguishedFolderId Id=\"msgfolderroot\"/></m:ParentFolderId><m:Folders>"
          + "<t:\(shape.folderElement)><t:DisplayName>\(wanted)</t:DisplayName></t:\(shape.folderElement)></m:Folders></m:CreateFolder>",
        mailbox)
      folders = await sandbox.exchange.folders(of: address)
    }
    let id = folders[wanted] ?? ""
    return "<m:\(name)><t:FolderId Id=\"\(id)\"/></m:\(name)>"
  }

  private func ask(_ operation: String, _ mailbox: Int) async {
    let envelope =
      "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
      + "xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" "
      + "xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"><s:Header>"
      + "<t:RequestServerVersion Version=\"Exchange2013_SP1\"/></s:Header><s:Body>\(operation)</s:Body></s:Envelope>"
    let user = world.mailboxes[mailbox].address
    let answer = await sandbox.answer(
      .init(
        "POST", "/EWS/Exchange.asmx", headers: [Self.authorization(user, Self.userPassword), ("Content-Type", "text/xml; charset=utf-8")],
        body: Array(envelope.utf8)))
    let text = String(decoding: answer.body, as: UTF8.self)
    if answer.status != 200 || !text.contains("NoError") {
      world.oracle?.report("simulation", "a user's request is refused: \(operation): \(answer.status) \(text)")
    }
  }
}
