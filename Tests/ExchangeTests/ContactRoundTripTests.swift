import FakeTransport
import Model
import Testing
import Transport
import XMLStream

@testable import Exchange

/// What is written to a mailbox is what comes back from it, for every field.
@Suite struct ContactRoundTripTests {
  /// What the client sends to create an item of these fields.
  private static func created(_ fields: Fields) async throws -> XMLElement {
    let (client, transport) = Wire.client { _, _ in
      Wire.reply("CreateItem", [Wire.message("CreateItem", "<m:Items>\(Wire.contact("n"))</m:Items>")])
    }
    let new = NewItem(fields: fields, foreignID: EntityID(rawValue: "e1"), operationID: OperationID(rawValue: "00ff"))
    _ = try await client.create([new], kind: .contacts, in: FolderID(rawValue: "f"), of: Wire.alice)
    return try #require(transport.requests.first.flatMap(Wire.operation)?.descendant("Items", "Contact"))
  }

  /// The item as the server would give it back: what was sent, with an id.
  private static func readBack(_ contact: XMLElement) throws -> Item {
    var contact = contact
    contact.children.insert(XMLElement(name: "ItemId", attributes: ["Id": "n", "ChangeKey": "k"]), at: 0)
    return try #require(try ItemMapping.of(.contacts).item(contact))
  }

  private static let full = Fields([
    .title: .text("Dr."), .givenName: .text("Zoë & <Co>"), .middleName: .text("A."), .familyName: .text("O'Neill"), .suffix: .text("Jr."),
    .nickname: .text("Zo"), .jobTitle: .text("Head"), .company: .text("Acme"), .department: .text("Sales"), .email1: .text("a@b.test"),
    .email2: .text("c@d.test"), .email3: .text("e@f.test"), .phoneBusiness: .text("1"), .phoneBusiness2: .text("2"),
    .phoneCompany: .text("3"), .phoneMobile: .text("4"), .phoneHome: .text("5"), .phoneAssistant: .text("6"), .faxBusiness: .text("7"),
    .faxHome: .text("8"), .street: .text("Main Street 1\nFloor 2"), .city: .text("Zürich"), .state: .text("ZH"), .postalCode: .text("8001"),
    .country: .text("CH"), .webPage: .text("https://example.test/?a=1&b=2"), .spouse: .text("Jan"), .notes: .text("line\nline ]]> two"),
    .categories: .set(["ERP", "Golf"]), .birthday: .date(CivilDate(dayNumber: -307)),
  ])

  @Test func `every field comes back as it was sent`() async throws {
    let item = try Self.readBack(try await Self.created(Self.full))
    var fields = item.fields
    // The shown name is made from the parts.
    fields[.displayName] = nil
    #expect(fields == Self.full)
    #expect(item.foreignID == EntityID(rawValue: "e1") && item.operationID == OperationID(rawValue: "00ff"))
    #expect(Set(Self.full.names + [.displayName]) == Set(Field.contactFields), "the sample has every field")
  }

  @Test(arguments: Field.contactFields)
  func `each field alone comes back, and elements stand in the schema's order`(field: Field) async throws {
    guard let value = Self.full[field] else { return }
    let contact = try await Self.created(Fields([field: value]))
    #expect(try Self.readBack(contact).fields[field] == value)
    let order = [
      "Subject", "Body", "Categories", "ExtendedProperty", "FileAs", "DisplayName", "GivenName", "MiddleName", "Nickname", "CompanyName",
      "EmailAddresses", "PhysicalAddresses", "PhoneNumbers", "Birthday", "BusinessHomePage", "Department", "Generation", "JobTitle",
      "SpouseName", "Surname",
    ]
    let places = contact.children.map { order.firstIndex(of: $0.name) ?? -1 }
    #expect(!places.contains(-1) && places == places.sorted(), "\(contact.children.map(\.name))")
  }

  @Test(arguments: Field.contactFields)
  func `an update names the changed field alone; an emptied one is deleted, not set to nothing`(field: Field) async throws {
    guard let value = Self.full[field] else { return }
    for isEmptied in [false, true] {
      let (client, transport) = Wire.client { _, _ in
        Wire.reply("UpdateItem", [Wire.message("UpdateItem", "<m:Items>\(Wire.contact("n"))</m:Items>")])
      }
      var result = Self.full
      if isEmptied { result[field] = nil }
      let update = ItemUpdate(
        version: ItemVersion(id: ItemID(rawValue: "n"), changeKey: "k"), changes: [field: isEmptied ? nil : value], result: result)
      _ = try await client.update([update], kind: .contacts, in: Wire.alice)
      let updates = try #require(
        transport.requests.first.flatMap(Wire.operation)?.descendant("ItemChanges", "ItemChange", "Updates")?.children)
      // Parts of the name change the shown name, the file name and the subject too.
      let naming = ["contacts:DisplayName", "contacts:FileAs", "item:Subject"]
      let own = updates.filter { update in !naming.contains(update.children.first?.attribute("FieldURI") ?? "") }
      #expect(own.map(\.name) == [isEmptied ? "DeleteItemField" : "SetItemField"], "\(updates)")
      #expect(own.allSatisfy { $0.name == "DeleteItemField" || $0.child("Contact")?.children.count == 1 })
    }
  }

  @Test(arguments: [
    ("1980-05-17T11:59:00Z", "1980-05-17"), ("1980-05-16T22:00:00Z", "1980-05-17"), ("1980-05-17T12:00:00Z", "1980-05-18"),
    ("1980-05-17T00:00:00Z", "1980-05-17"), ("1604-05-17T11:59:00Z", ""), ("4501-01-01T00:00:00Z", ""), ("rubbish", ""),
  ])
  func `birthdays are days, whatever zone the client was in`(wire: String, expected: String) throws {
    var contact = XMLElement(name: "Contact", children: [XMLElement(name: "Birthday", text: wire)])
    contact = try XML.parse(Array("<Contact><Birthday>\(wire)</Birthday></Contact>".utf8))
    #expect(try Self.readBack(contact).fields[.birthday]?.date?.description ?? "" == expected)
  }

  @Test func `countries are known by name in people's languages and by code; the unknown stays as it is`() throws {
    for (name, code) in [
      ("Switzerland", "CH"), ("Schweiz", "CH"), ("suisse", "CH"), ("USA", "US"), ("de", "DE"), ("Exampleland", "Exampleland"),
    ] {
      let contact = try XML.parse(
        Array(
          "<Contact><PhysicalAddresses><Entry Key=\"Business\"><CountryOrRegion>\(name)</CountryOrRegion></Entry></PhysicalAddresses></Contact>"
            .utf8))
      #expect(try Self.readBack(contact).fields.text(.country) == code)
    }
  }
}

/// The reference's own samples, where they lie beside the repository.
@Suite(.enabled(if: Wire.samples != nil, "the EWS samples (../shared/reference/ews/samples) are not here"))
struct GoldenSampleTests {
  private static func client(_ sample: String, status: Int = 200) throws -> EWSClient {
    let body = try Wire.sample(sample)
    return Wire.client { _, _ in HTTPResponse(status: status, body: body) }.0
  }

  @Test func `a contact of the samples is read with all its fields, and a missing one is a missing one`() async throws {
    let ids = [ItemID(rawValue: "a"), ItemID(rawValue: "b")]
    let results = try await Self.client("10-getitem-contact-batch-res").items(ids, kind: .contacts, in: Wire.alice)
    let item = try results[0].get()
    #expect(
      item.fields
        == Fields([
          .displayName: .text("Ann Example"), .givenName: .text("Ann"), .familyName: .text("Example"), .company: .text("Acme Ltd"),
          .email1: .text("ann@example.test"), .street: .text("1 Sample Street"), .city: .text("Sampleton"), .state: .text("ST"),
          .country: .text("Exampleland"), .postalCode: .text("00001"), .phoneBusiness: .text("+1 555 0100"),
          .phoneMobile: .text("+1 555 0101"), .birthday: .date(CivilDate(dayNumber: 3789)), .webPage: .text("https://example.test/"),
          .department: .text("Sales"), .jobTitle: .text("Buyer"), .notes: .text("Prefers e-mail."),
          .categories: .set(["Customer", "Blue Category"]),
        ]))
    // The sample's property set is not ours.
    #expect(item.foreignID == nil)
    if case .failure(let error) = results[1] { #expect(error.code == .notFound) } else { Issue.record("\(results[1])") }
  }

  @Test func `pages of changes of the samples are read to their ends`() async throws {
    for sample in ["05-syncfolderitems-initial-res", "06-syncfolderitems-incremental-res"] {
      let page = try await Self.client(sample).changes(in: FolderID(rawValue: "f"), of: Wire.alice, since: nil, limit: 100)
      #expect(!page.cursor.isEmpty && !page.changes.isEmpty, "\(sample)")
    }
    await #expect {
      try await Self.client("07-syncfolderitems-badstate-res").changes(in: FolderID(rawValue: "f"), of: Wire.alice, since: "x", limit: 1)
    } throws: {
      ($0 as? SyncError)?.code == .cursorInvalid
    }
  }

  @Test(arguments: [
    ("90-fault-serverbusy-http500-res", SyncError.Code.throttled), ("91-fault-schemavalidation-http500-res", .malformedRequest),
    ("92-fault-invalidserverversion-http500-res", .malformedRequest), ("93-fault-nonexistentmailbox-http500-res", .mailboxNotFound),
  ])
  func `faults of the samples have their meaning`(sample: String, meaning: SyncError.Code) async throws {
    let client = try Self.client(sample, status: 500)
    let error = await #expect(throws: SyncError.self) { try await client.probe(Wire.alice) }
    #expect(error?.code == meaning)
  }

  @Test func `a busy server inside an impersonated answer is found`() async throws {
    let client = try Self.client("38-finditem-impersonated-inner-busy-res")
    let error = await #expect(throws: SyncError.self) { try await client.call("FindItem", in: Wire.alice) { $0.empty("m:FindItem") } }
    #expect(error?.code == .throttled)
  }
}
