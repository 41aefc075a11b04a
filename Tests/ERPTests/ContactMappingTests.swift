import Foundation
import Model
import Testing

@testable import ERP

@Suite struct ContactMappingTests {
  private static let mapping = ContactMapping.mapping

  private static func record(_ json: String) throws -> ERPRecord { try #require(ERPRecord(JSONNode(Array(json.utf8)[...]))) }

  private static func wire(_ body: ERPBody) throws -> ERPRecord {
    try #require(ERPRecord(JSONNode([UInt8](JSONEncoder().encode(body))[...])))
  }

  private static let known =
    #""NoteID":{"value":"5f1d1f1c-7a7e-4f57-9b4c-000000000001"},"LastModifiedDateTime":{"value":"2026-11-24T10:00:00+00:00"}"#

  private static let fields = Fields([
    .title: .text("Dr."), .givenName: .text("Zoë"), .middleName: .text("A."), .familyName: .text("Doe"), .jobTitle: .text("Engineer"),
    .company: .text("Acme"), .email1: .text("zoe@example.test"), .webPage: .text("https://example.test"), .spouse: .text("Jan"),
    .street: .text("Main Street 1\nFloor 2"), .city: .text("Zürich"), .state: .text("ZH"), .postalCode: .text("8001"),
    .country: .text("CH"), .birthday: .date(CivilDate(dayNumber: -307)), .phoneBusiness: .text("1"), .phoneMobile: .text("2"),
    .phoneHome: .text("3"), .faxBusiness: .text("4"),
  ])

  /// The record as it would be read back: what was written, with what the ERP adds.
  private static func readBack(_ body: ERPBody) throws -> Fields {
    let written = String(decoding: try JSONEncoder().encode(body), as: UTF8.self)
    return try #require(Self.mapping.entity(try record("{\(known),\(written.dropFirst())"))).fields
  }

  @Test func `what is written comes back the same`() throws {
    let body = Self.mapping.creation(
      NewEntity(fields: Self.fields, operationID: OperationID(rawValue: "0")))
    #expect(try Self.readBack(body) == Self.fields)
    #expect(Self.mapping.support.projected(Self.fields) == Self.fields)
  }

  /// Whatever is written, reading it back gives what the support says the ERP holds: else a value would come back as a change for ever.
  @Test(arguments: [
    [Field.familyName: Value.text(String(repeating: "ß", count: 300))], [.street: .text("a\nb\nc\nd")],
    [.street: .text(String(repeating: "long street ", count: 20) + "\n" + String(repeating: "x", count: 80))],
    [.country: .text("Atlantis")],
    [.street: .text("\n\nthird")], [.email2: .text("two@example.test")], [.notes: .text("n")],
    [.title: .text(String(repeating: "😀", count: 40))],
    [.phoneBusiness: .text("1"), .phoneBusiness2: .text("2"), .phoneCompany: .text("3"), .phoneMobile: .text("4"), .phoneHome: .text("5")],
    [.phoneAssistant: .text("1"), .phoneCompany: .text("2"), .faxBusiness: .text("3"), .faxHome: .text("4")],
    [.postalCode: .text(String(repeating: "9", count: 30))],
  ])
  func `what the ERP holds of a value is what its support says`(own: [Field: Value]) throws {
    var fields = Fields([.familyName: .text("Doe")])
    for (field, value) in own { fields[field] = value }
    let body = Self.mapping.creation(NewEntity(fields: fields, operationID: OperationID(rawValue: "0")))
    #expect(try Self.readBack(body) == Self.mapping.support.projected(fields))
  }

  @Test func `an address is marked as the contact's own before it is written`() throws {
    let update = EntityUpdate(
      id: EntityID(rawValue: "5f1d1f1c-7a7e-4f57-9b4c-000000000001"), version: "v", changes: [.city: .text("Bern")], result: Self.fields)
    let wire = try Self.wire(Self.mapping.change(update, Self.record("{}")))
    #expect(wire.flag("OverrideAccountAddress") == true)
    #expect(wire.linked["Address"]?.cells.keys.sorted() == ["City"])
  }

  @Test func `the required name is never emptied`() throws {
    var result = Self.fields
    result[.familyName] = nil
    let update = EntityUpdate(
      id: EntityID(rawValue: "5f1d1f1c-7a7e-4f57-9b4c-000000000001"), version: "v", changes: [.familyName: nil], result: result)
    #expect(try Self.wire(Self.mapping.change(update, Self.record("{}"))).cells["LastName"] == nil)
  }

  @Test(arguments: [
    (#""Active":{"value":false}"#, false), (#""Active":{"value":true},"Type":{"value":"Employee"}"#, false),
    (#""Type":{"value":"Lead"}"#, false), (#""Type":{"value":"Contact"}"#, true), (#""Active":{}"#, true),
  ])
  func `employees, leads and inactive contacts take no part`(own: String, expected: Bool) throws {
    #expect(Self.mapping.entity(try Self.record("{\(Self.known),\(own)}"))?.isInScope == expected)
  }

  @Test func `a record without id or time is none`() throws {
    #expect(Self.mapping.entity(try Self.record(#"{"LastModifiedDateTime":{"value":"2026-11-24T10:00:00+00:00"}}"#)) == nil)
    #expect(Self.mapping.entity(try Self.record(#"{"id":"5f1d1f1c-7a7e-4f57-9b4c-000000000001"}"#)) == nil)
  }

  @Test func `everything that is mapped is asked for`() {
    let asked = Set(Self.mapping.selected)
    for name in ["NoteID", "ContactID", "LastName", "Phone1", "Phone1Type", "Fax", "FaxType", "Address/Country", "LastModifiedDateTime"] {
      #expect(asked.contains(name), "\(name)")
    }
  }
}

/// Four numbers with free types against one number a kind.
@Suite struct PhoneSlotsTests {
  private static func record(_ slots: [String: String]) throws -> ERPRecord {
    var body = ERPBody()
    for (name, text) in slots { body.cells[name] = .text(text) }
    return try #require(ERPRecord(JSONNode([UInt8](JSONEncoder().encode(body))[...])))
  }

  private static func read(_ slots: [String: String]) throws -> Fields {
    var fields = Fields()
    PhoneSlots.read(try record(slots), into: &fields)
    return fields
  }

  private static func changed(_ changes: Set<Field>, _ result: [Field: Value], _ current: [String: String]) throws -> [String: String] {
    var body = ERPBody()
    PhoneSlots.fill(&body, changes: changes, result: Fields(result), current: try record(current))
    return body.cells.compactMapValues { cell in if case .text(let text) = cell.content { text } else { nil } }
  }

  @Test func `slots are read by their types, and by their usual ones where they have none`() throws {
    #expect(
      try Self.read(["Phone1": "1", "Phone1Type": "Cell", "Phone2": "2", "Phone2Type": "Home Fax", "Phone3": "3", "Fax": "4"])
        == Fields([.phoneMobile: .text("1"), .faxHome: .text("2"), .phoneHome: .text("3"), .faxBusiness: .text("4")]))
  }

  @Test func `of two slots of one type the first counts, and an unknown type is left alone`() throws {
    #expect(
      try Self.read(["Phone1": "1", "Phone1Type": "Cell", "Phone2": "2", "Phone2Type": "cell", "Phone3": "3", "Phone3Type": "Pager"])
        == Fields([.phoneMobile: .text("1")]))
  }

  @Test func `a changed number goes into the slot of its type`() throws {
    #expect(
      try Self.changed([.phoneMobile], [.phoneMobile: .text("9")], ["Phone3": "1", "Phone3Type": "Cell"])
        == ["Phone3": "9", "Phone3Type": "Cell"])
  }

  @Test func `a new number takes a free slot, a fax rather the fax slot`() throws {
    let current = ["Phone1": "1", "Phone1Type": "Cell"]
    #expect(
      try Self.changed([.phoneHome], [.phoneMobile: .text("1"), .phoneHome: .text("2")], current) == ["Phone2": "2", "Phone2Type": "Home"])
    #expect(
      try Self.changed([.faxBusiness], [.phoneMobile: .text("1"), .faxBusiness: .text("2")], current) == ["Fax": "2", "FaxType": "Fax"])
  }

  @Test func `without a free slot a number is left out, and no other is overwritten`() throws {
    let full = [
      "Phone1": "1", "Phone1Type": "Cell", "Phone2": "2", "Phone2Type": "Home", "Phone3": "3", "Phone3Type": "Pager", "Fax": "4",
      "FaxType": "Fax",
    ]
    #expect(try Self.changed([.phoneBusiness], [.phoneBusiness: .text("9")], full) == [:])
  }

  @Test func `a slot that is emptied in the same change is free for another number`() throws {
    let full = [
      "Phone1": "1", "Phone1Type": "Cell", "Phone2": "2", "Phone2Type": "Home", "Phone3": "3", "Phone3Type": "Business 1", "Fax": "4",
      "FaxType": "Fax",
    ]
    let cells = try Self.changed([.phoneHome, .phoneBusiness2], [.phoneBusiness2: .text("9")], full)
    #expect(cells["Phone2"] == "9" && cells["Phone2Type"] == "Business 2")
  }
}
