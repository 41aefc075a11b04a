import FakeTransport
import Foundation
import Model
import Testing
import Transport
import XMLStream

@testable import Exchange

@Suite struct MessageTests {
  private static func message(_ content: String, element: String = "Message") throws -> Item {
    let xml = "<t:\(element) xmlns:t=\"urn:t\"><t:ItemId Id=\"n\" ChangeKey=\"k\"/>\(content)</t:\(element)>"
    return try #require(try ItemMapping.of(.emails).item(try XML.parse(Array(xml.utf8))))
  }

  @Test func `a message is created without being sent, read and not as a draft, with its bytes and both stamps`() async throws {
    let (client, transport) = Wire.client { _, _ in
      Wire.reply(
        "CreateItem", [Wire.message("CreateItem", "<m:Items><t:Message><t:ItemId Id=\"n\" ChangeKey=\"k\"/></t:Message></m:Items>")])
    }
    let bytes: [UInt8] = Array("Subject: x\r\n\r\n".utf8) + [0, 255, 13, 10]
    let new = NewItem(
      fields: Fields([.categories: .set(["ERP"])]), foreignID: EntityID(rawValue: "e1"), operationID: OperationID(rawValue: "00ff"),
      content: bytes)
    _ = try await client.create([new], kind: .emails, in: FolderID(rawValue: "f"), of: Wire.alice)
    let operation = try #require(transport.requests.first.flatMap(Wire.operation))
    #expect(operation.attribute("MessageDisposition") == "SaveOnly")
    let message = try #require(operation.descendant("Items", "Message"))
    #expect(Data(base64Encoded: message.text("MimeContent") ?? "").map(Array.init) == bytes)
    #expect(
      message.children.map(\.name) == ["MimeContent", "Categories", "ExtendedProperty", "ExtendedProperty", "ExtendedProperty", "IsRead"])
    #expect(PropertyPath.tag("0xE07", type: "Integer").value(in: message) == "1")
    #expect(EWSNames.foreignID.value(in: message) == "e1" && EWSNames.operationID.value(in: message) == "00ff")
  }

  @Test func `the bytes of a message come as Exchange has them`() async throws {
    let bytes: [UInt8] = Array("Subject: x\r\n\r\n".utf8) + [0, 255, 13, 10]
    let text = Data(bytes).base64EncodedString(options: [.lineLength64Characters])
    let (client, transport) = Wire.client { _, _ in
      let item = "<t:Message><t:MimeContent CharacterSet=\"UTF-8\">\(text)</t:MimeContent><t:ItemId Id=\"n\" ChangeKey=\"k\"/></t:Message>"
      return Wire.reply("GetItem", [Wire.message("GetItem", "<m:Items>\(item)</m:Items>")])
    }
    #expect(try await client.content(of: ItemID(rawValue: "n"), in: Wire.alice) == bytes)
    let shape = try #require(transport.requests.first.flatMap(Wire.operation)?.child("ItemShape"))
    #expect(shape.text("IncludeMimeContent") == "true")
  }

  @Test func `a message without MIME content is an error, never an empty file`() async throws {
    let (client, _) = Wire.client { _, _ in
      Wire.reply("GetItem", [Wire.message("GetItem", "<m:Items><t:Message><t:ItemId Id=\"n\" ChangeKey=\"k\"/></t:Message></m:Items>")])
    }
    await #expect(throws: SyncError.self) { try await client.content(of: ItemID(rawValue: "n"), in: Wire.alice) }
  }

  @Test func `messages that take too long together are asked for in halves, each once`() async throws {
    let (client, transport) = Wire.client { operation, _ in
      let asked = operation.child("ItemIds")?.children.compactMap { $0.attribute("Id") } ?? []
      if asked.count > 2 { return Wire.fault("ErrorTimeoutExpired") }
      let answers = asked.map { id in
        let text = "<t:MimeContent>\(Data(id.utf8).base64EncodedString())</t:MimeContent><t:ItemId Id=\"\(id)\" ChangeKey=\"k\"/>"
        return Wire.message("GetItem", "<m:Items><t:Message>\(text)</t:Message></m:Items>")
      }
      return Wire.reply("GetItem", answers)
    }
    let ids = ["one", "two", "three", "four"].map { ItemID(rawValue: $0) }
    let contents = try await client.contents(of: ids, in: Wire.alice)
    #expect(try contents.map { String(decoding: try $0.get(), as: UTF8.self) } == ids.map(\.rawValue))
    #expect(transport.requests.count == 3)
  }

  @Test func `the size of a message is known from its values, before its bytes are asked for`() throws {
    #expect(try Self.message("<t:Size>41943040</t:Size>").size == 40 << 20)
    #expect(try Self.message("").size == nil)
  }

  @Test func `people, times and ids of a message are read`() throws {
    let person = "<t:Mailbox><t:Name>Lee, Ann</t:Name><t:EmailAddress>Ann@x.test</t:EmailAddress></t:Mailbox>"
    let routed =
      "<t:Mailbox><t:Name>Internal</t:Name><t:EmailAddress>/O=ORG/CN=X</t:EmailAddress><t:RoutingType>EX</t:RoutingType></t:Mailbox>"
    let item = try Self.message(
      "<t:Subject>Offer </t:Subject><t:DateTimeReceived>2026-11-02T09:32:00Z</t:DateTimeReceived><t:DateTimeSent>2026-11-02T09:31:00Z</t:DateTimeSent>"
        + "<t:Sender>\(routed)</t:Sender><t:ToRecipients>\(person)\(routed)</t:ToRecipients><t:From>\(person)</t:From>"
        + "<t:InternetMessageId>&lt;1@x.test&gt;</t:InternetMessageId>")
    #expect(item.fields.text(.subject) == "Offer" && item.fields.text(.messageID) == "<1@x.test>")
    #expect(item.fields.text(.from) == "\"Lee, Ann\" <Ann@x.test>")
    #expect(item.fields.text(.to) == "\"Lee, Ann\" <Ann@x.test>; Internal")
    #expect(item.fields[.participants] == .set(["ann@x.test"]))
    #expect(item.fields[.start] == Timestamp(iso8601: "2026-11-02T09:31:00Z").map { .instant($0, zone: nil) })
    #expect(!item.isForeignClass)
  }

  @Test func `drafts and other classes are left alone`() throws {
    #expect(try Self.message("<t:IsDraft>true</t:IsDraft>").isForeignClass)
    #expect(try Self.message("", element: "MeetingRequest").isForeignClass)
    #expect(try Self.message("<t:ItemClass>REPORT.IPM.Note.NDR</t:ItemClass>").isForeignClass)
    #expect(try !Self.message("<t:ItemClass>IPM.Note.SMIME</t:ItemClass>").isForeignClass)
    #expect(try Self.message("<t:Sensitivity>Private</t:Sensitivity>").isPrivate)
  }
}
