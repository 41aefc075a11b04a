import FakeTransport
import Model
import Testing
import Transport
import XMLStream

@testable import Exchange

/// Conversations with the server: versions, pages, batches, answers that are not what was asked.
@Suite struct EWSClientTests {
  private static func ids(_ count: Int) -> [ItemID] { (0..<count).map { ItemID(rawValue: "i\($0)") } }

  private static func found(_ operation: XMLElement) -> [String] {
    operation.child("ItemIds")?.children.compactMap { $0.attribute("Id") } ?? []
  }

  private static func got(_ id: String) -> String { Wire.message("GetItem", "<m:Items>\(Wire.contact(id))</m:Items>") }

  @Test func `a server that refuses the schema's version is asked with an older one, and from then on with that`() async throws {
    let (client, transport) = Wire.client { operation, number in
      number == 0 ? Wire.fault("ErrorInvalidServerVersion") : Wire.reply("GetItem", Self.found(operation).map(Self.got))
    }
    for _ in 0..<2 { _ = try await client.items(Self.ids(1), kind: .contacts, in: Wire.alice) }
    let versions = transport.requests.map {
      Wire.envelope(of: $0)?.descendant("Header", "RequestServerVersion")?.attribute("Version") ?? ""
    }
    #expect(versions == ["Exchange2013_SP1", "Exchange2013", "Exchange2013"])
  }

  @Test func `a server that speaks none of the versions is reported after the last`() async {
    let (client, transport) = Wire.client { _, _ in Wire.fault("ErrorInvalidServerVersion") }
    let error = await #expect(throws: SyncError.self) { try await client.items(Self.ids(1), kind: .contacts, in: Wire.alice) }
    #expect(error?.code == .malformedRequest && transport.requests.count == 3)
  }

  @Test(arguments: [
    "", "<html/>", "{}", "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body/></s:Envelope>",
    "<!DOCTYPE x [<!ENTITY a \"b\">]><x>&a;</x>",
  ])
  func `status 200 with something else than an answer is an error`(body: String) async {
    let (client, _) = Wire.client { _, _ in HTTPResponse(200, body) }
    await #expect { try await client.items(Self.ids(1), kind: .contacts, in: Wire.alice) } throws: {
      ($0 as? SyncError)?.code == .malformedAnswer
    }
  }

  @Test func `an answer to another operation, or with fewer objects, is an error and never half a success`() async {
    let (other, _) = Wire.client { _, _ in Wire.reply("FindItem", [Wire.message("FindItem")]) }
    await #expect { try await other.items(Self.ids(1), kind: .contacts, in: Wire.alice) } throws: {
      ($0 as? SyncError)?.code == .malformedAnswer
    }
    let (short, _) = Wire.client { _, _ in Wire.reply("GetItem", [Self.got("i0")]) }
    await #expect { try await short.items(Self.ids(2), kind: .contacts, in: Wire.alice) } throws: {
      ($0 as? SyncError)?.code == .malformedAnswer
    }
  }

  @Test func `items are asked for in the account's batches, in order`() async throws {
    let (client, transport) = Wire.client(change: { $0.selectBatch = 40 }) { operation, _ in
      Wire.reply("GetItem", Self.found(operation).map(Self.got))
    }
    let results = try await client.items(Self.ids(95), kind: .contacts, in: Wire.alice)
    #expect(try results.map { try $0.get().version.id } == Self.ids(95))
    #expect(transport.requests.compactMap(Wire.operation).map { Self.found($0).count } == [40, 40, 15])
  }

  @Test func `a batch that takes too long is halved until it does not`() async throws {
    let (client, transport) = Wire.client { operation, _ in
      let ids = Self.found(operation)
      return ids.count > 3 ? Wire.fault("ErrorTimeoutExpired") : Wire.reply("GetItem", ids.map(Self.got))
    }
    let results = try await client.items(Self.ids(10), kind: .contacts, in: Wire.alice)
    #expect(try results.map { try $0.get().version.id } == Self.ids(10))
    #expect(transport.requests.count == 7)
  }

  @Test func `what a stopped batch did not get to is asked for again, alone`() async throws {
    let (client, transport) = Wire.client { operation, number in
      let ids = Self.found(operation)
      let messages = ids.enumerated().map { index, id in
        number == 0 && index > 1 ? Wire.message("GetItem", "<m:Items/>", code: "ErrorBatchProcessingStopped") : Self.got(id)
      }
      return Wire.reply("GetItem", messages)
    }
    let results = try await client.items(Self.ids(5), kind: .contacts, in: Wire.alice)
    #expect(try results.map { try $0.get().version.id } == Self.ids(5))
    #expect(transport.requests.compactMap(Wire.operation).map(Self.found) == [["i0", "i1", "i2", "i3", "i4"], ["i2", "i3", "i4"]])
  }

  @Test func `a page of changes tells what is there, what is gone, and how far it went`() async throws {
    let page = """
      <m:SyncState>S2</m:SyncState><m:IncludesLastItemInRange>false</m:IncludesLastItemInRange><m:Changes>\
      <t:Create>\(Wire.contact("a"))</t:Create><t:Update>\(Wire.contact("b"))</t:Update>\
      <t:Delete><t:ItemId Id="c" ChangeKey="x"/></t:Delete>\
      <t:ReadFlagChange><t:ItemId Id="d" ChangeKey="x"/><t:IsRead>true</t:IsRead></t:ReadFlagChange></m:Changes>
      """
    let (client, transport) = Wire.client { _, _ in Wire.reply("SyncFolderItems", [Wire.message("SyncFolderItems", page)]) }
    let answer = try await client.changes(in: FolderID(rawValue: "f"), of: Wire.alice, since: "S1", limit: 9999)
    #expect(answer.cursor == "S2" && !answer.isLast)
    #expect(
      answer.changes == [
        .present(ItemVersion(id: ItemID(rawValue: "a"), changeKey: "k"), foreignID: nil),
        .present(ItemVersion(id: ItemID(rawValue: "b"), changeKey: "k"), foreignID: nil), .removed(ItemID(rawValue: "c")),
      ])
    let operation = try #require(transport.requests.first.flatMap(Wire.operation))
    #expect(operation.text("SyncState") == "S1" && operation.text("MaxChangesReturned") == "512")
  }

  @Test(arguments: [
    "<m:IncludesLastItemInRange>true</m:IncludesLastItemInRange><m:Changes/>",
    "<m:SyncState/><m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>", "<m:SyncState>S</m:SyncState><m:Changes/>",
  ])
  func `a page without its cursor or its end is an error, never an empty folder`(content: String) async {
    let (client, _) = Wire.client { _, _ in Wire.reply("SyncFolderItems", [Wire.message("SyncFolderItems", content)]) }
    await #expect { try await client.changes(in: FolderID(rawValue: "f"), of: Wire.alice, since: nil, limit: 10) } throws: {
      ($0 as? SyncError)?.code == .malformedAnswer
    }
  }

  @Test func `a delegate says whose folder it means, an impersonator whose name it takes`() async throws {
    for access in [ExchangeAccount.Access.delegate, .impersonation] {
      let (client, transport) = Wire.client(change: { $0.access = access }) { _, _ in
        Wire.reply(
          "GetFolder",
          [Wire.message("GetFolder", "<m:Folders><t:ContactsFolder><t:FolderId Id=\"f\" ChangeKey=\"k\"/></t:ContactsFolder></m:Folders>")])
      }
      #expect(try await client.folder(of: .contacts, named: nil, in: Wire.alice, create: false) == FolderID(rawValue: "f"))
      let envelope = try #require(transport.requests.first.flatMap(Wire.envelope))
      let named = envelope.descendant("Header", "ExchangeImpersonation", "ConnectingSID")?.text("PrimarySmtpAddress")
      let whose = envelope.descendant("Body", "GetFolder", "FolderIds", "DistinguishedFolderId")?.text("Mailbox", "EmailAddress")
      #expect(access == .delegate ? named == nil && whose == "alice@example.test" : named == "alice@example.test" && whose == nil)
    }
  }

  @Test func `a test account sends no write at all`() async {
    let (client, transport) = Wire.client(change: { $0.isTestOnly = true }) { _, _ in HTTPResponse(200) }
    let new = NewItem(fields: Fields(), foreignID: EntityID(rawValue: "e"), operationID: OperationID(rawValue: "o"))
    await #expect(throws: SyncError.self) {
      try await client.create([new], kind: .contacts, in: FolderID(rawValue: "f"), of: Wire.alice)
    }
    await #expect(throws: SyncError.self) { try await client.moveToDeletedItems(Self.ids(1), kind: .contacts, in: Wire.alice) }
    await #expect(throws: SyncError.self) { try await client.update([], kind: .contacts, in: Wire.alice) }
    #expect(transport.requests.isEmpty)
  }

  @Test func `a write never makes the server send mail, and never overwrites what it has not seen`() async throws {
    let (client, transport) = Wire.client { operation, _ in
      let name = operation.name
      return Wire.reply(name, [Wire.message(name, "<m:Items>\(Wire.contact("n"))</m:Items>")])
    }
    let new = NewItem(
      fields: Fields([.familyName: .text("Doe")]), foreignID: EntityID(rawValue: "e"), operationID: OperationID(rawValue: "o"))
    _ = try await client.create([new], kind: .contacts, in: FolderID(rawValue: "f"), of: Wire.alice)
    let update = ItemUpdate(
      version: ItemVersion(id: ItemID(rawValue: "n"), changeKey: "k"), changes: [.jobTitle: .text("Head")],
      result: Fields([.familyName: .text("Doe"), .jobTitle: .text("Head")]))
    _ = try await client.update([update], kind: .contacts, in: Wire.alice)
    let operations = transport.requests.compactMap(Wire.operation)
    #expect(operations[0].attribute("MessageDisposition") == "SaveOnly")
    #expect(
      operations[1].attribute("ConflictResolution") == "NeverOverwrite" && operations[1].attribute("MessageDisposition") == "SaveOnly")
    #expect(operations[1].descendant("ItemChanges", "ItemChange", "ItemId")?.attribute("ChangeKey") == "k")
  }
}
