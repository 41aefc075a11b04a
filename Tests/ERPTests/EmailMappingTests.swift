import Foundation
import Model
import Testing

@testable import ERP

@Suite struct EmailMappingTests {
  private static let mapping = EmailMapping.mapping
  private static let id = "5f1d1f1c-7a7e-4f57-9b4c-000000000001"

  private static func entity(_ cells: String) throws -> Entity {
    let known = #""NoteID":{"value":"\#(id)"},"LastModifiedDateTime":{"value":"2026-11-24T10:00:00+00:00"}"#
    let record = try #require(ERPRecord(JSONNode(Array("{\(known)\(cells.isEmpty ? "" : ",")\(cells)}".utf8)[...])))
    return try #require(mapping.entity(record))
  }

  @Test func `what is written comes back the same, Message-ID and mark in the note`() throws {
    let fields = Fields([
      .subject: .text("Offer"), .from: .text("\"Lee, Ann\" <ann@x.test>"), .to: .text("Bob <bob@x.test>; c@x.test"), .cc: .text("d@x.test"),
      .start: .instant(Timestamp(seconds: 1_793_611_860), zone: nil), .messageID: .text("<a b@x.test>"),
      .participants: .set(["ann@x.test", "bob@x.test", "c@x.test", "d@x.test"]),
    ])
    let contact = EntityID(rawValue: "c1")
    let new = NewEntity(
      fields: fields, owner: "EP1", operationID: OperationID(rawValue: "00ff"),
      mail: NewMail(body: "<p>x</p>", isIncoming: false, relatedContact: contact))
    let body = Self.mapping.creation(new)
    #expect(body.cells["MailStatus"] == .text("Processed"))
    #expect(body.cells["Incoming"] == ERPRecord.Cell(.flag(false)))
    #expect(body.cells["RelatedEntityNoteID"] == .text("c1") && body.cells["RelatedEntityType"] == .text("PX.Objects.CR.Contact"))
    let written = String(decoding: try JSONEncoder().encode(body), as: UTF8.self)
    let read = try Self.entity(String(written.dropFirst().dropLast()))
    #expect(read.fields == fields)
    #expect(read.operationID == OperationID(rawValue: "00ff") && read.owner == "EP1" && read.isInScope)
    #expect(body.cells["Body"] == .text("<p>x</p>"))
  }

  @Test func `an activity that never was a message has a Message-ID of its own, always the same`() throws {
    let one = try Self.entity(#""Subject":{"value":"x"},"note":{"value":"called back at noon"}"#)
    #expect(one.fields.text(.messageID) == "<\(Self.id).erp@concordfs.invalid>")
    #expect(one.operationID == nil)
  }

  @Test(arguments: [
    (#""MailStatus":{"value":"Draft"}"#, false), (#""MailStatus":{"value":"Draft"},"Incoming":{"value":true}"#, false),
    (#""MailStatus":{"value":"Pending Processing"}"#, false), (#""MailStatus":{"value":"Processed"}"#, true),
    (#""MailStatus":{"value":"Archived"}"#, true), (#""MailStatus":{"value":"Deleted"},"Incoming":{"value":true}"#, false),
    (#""Incoming":{"value":true}"#, true), ("", false),
  ])
  func `what was neither sent nor received takes no part`(cells: String, isInScope: Bool) throws {
    #expect(try Self.entity(cells).isInScope == isInScope)
  }

  @Test func `a list of people that is too long is cut between two of them`() throws {
    let list = (0..<300).map { "Person number \($0) <person\($0)@example.test>" }.joined(separator: "; ")
    let body = Self.mapping.creation(
      NewEntity(fields: Fields([.to: .text(list)]), operationID: OperationID(rawValue: "0"), mail: nil))
    guard case .text(let written)? = body.cells["To"]?.content else {
      Issue.record("no recipients")
      return
    }
    #expect(written.utf16.count <= 3000 && written.hasSuffix("@example.test>") && written.hasPrefix("Person number 0 <"))
    #expect(written.count > 2900)
  }

  @Test func `a creation in doubt is looked for in its own second, whatever the subject holds`() throws {
    let time = Fields([.start: .instant(Timestamp(seconds: 1_793_611_860), zone: nil), .subject: .text("it's")])
    #expect(
      Self.mapping.createdFilter(OperationID(rawValue: "0"), time).contains("StartDate ge datetimeoffset'2026-11-02T09:30:59.000+00:00'"))
    let without = Self.mapping.createdFilter(OperationID(rawValue: "0"), Fields([.subject: .text("it's")]))
    #expect(without == "Subject eq 'it''s'")
  }
}
