import FakeTransport
import Foundation
import Model
import Testing
import Transport

@testable import ERP

/// Reading and writing contacts over a transport without a network.
@Suite struct AcumaticaClientTests {
  private static let id = "5f1d1f1c-7a7e-4f57-9b4c-000000000001"

  private static func contact(_ number: Int, version: String = "2026-11-24T10:00:00.123+00:00", job: String = "Engineer") -> String {
    """
    {"id":"x","NoteID":{"value":"5F1D1F1C-7A7E-4F57-9B4C-\(String(format: "%012d", number))"},"ContactID":{"value":\(100_000 + number)},\
    "Active":{"value":true},"LastName":{"value":"Doe"},"FirstName":{},"JobTitle":{"value":"\(job)"},\
    "LastModifiedDateTime":{"value":"\(version)"},"custom":{},"_links":{},"rowNumber":1}
    """
  }

  private static func client(isReadOnly: Bool = false, _ answer: @escaping FakeTransport.Answer) -> (AcumaticaClient, FakeTransport) {
    let transport = FakeTransport { (request, number) throws(SyncError) in
      request.url.contains("/auth/") ? HTTPResponse(204) : try answer(request, number)
    }
    let settings = ERPSettings(
      url: "https://erp.example.test", endpoint: "Default/24.200.001",
      authentication: .password(username: "concord", password: .literal("x")))
    return (
      AcumaticaClient(
        settings: settings, password: "x", transport: transport, surroundings: FakeClock().surroundings, isReadOnly: isReadOnly), transport
    )
  }

  private static func query(_ request: HTTPRequest) -> [String: String] {
    let items = URLComponents(string: request.url)?.queryItems ?? []
    return Dictionary(items.map { ($0.name, $0.value ?? "") }, uniquingKeysWith: { $1 })
  }

  @Test func `pages follow each other by what came, and end with one that is not full`() async throws {
    let (client, transport) = Self.client { request, _ in
      let skip = Self.query(request)["$skip"].flatMap(Int.init) ?? 0
      let count = skip == 0 ? 500 : 3
      return HTTPResponse(200, "[" + (0..<count).map { Self.contact(skip + $0) }.joined(separator: ",") + "]")
    }
    let first = try await client.changes(of: .contacts, since: nil, page: nil)
    #expect(first.entities.count == 500 && first.nextPage == "500")
    let second = try await client.changes(of: .contacts, since: nil, page: first.nextPage)
    #expect(second.entities.count == 3 && second.nextPage == nil)
    #expect(second.cursor == "2026-11-24T10:00:00.123+00:00")
    #expect(Self.query(transport.requests[1])["$filter"] == nil)
    #expect(Self.query(transport.requests[1])["$select"]?.contains("LastModifiedDateTime") == true)
  }

  @Test func `a delta asks for what is later than the cursor, and the cursor never goes back`() async throws {
    let (client, transport) = Self.client { _, _ in HTTPResponse(200, "[]") }
    let page = try await client.changes(of: .contacts, since: "2026-11-24T10:00:00.000+00:00", page: nil)
    #expect(page.cursor == "2026-11-24T10:00:00.000+00:00" && page.nextPage == nil)
    let filter = Self.query(transport.requests[1])["$filter"]
    #expect(filter == "LastModifiedDateTime gt datetimeoffset'2026-11-24T10:00:00.000+00:00'")
    #expect(transport.requests[1].url.contains("%2B00%3A00"), "a plus sign that is not encoded arrives as a blank")
  }

  @Test func `a listing with a record that has no id is an error, never a listing without it`() async throws {
    let (client, _) = Self.client { _, _ in HTTPResponse(200, "[\(Self.contact(1)),{\"ContactID\":{\"value\":7}}]") }
    await #expect { try await client.versions(of: .contacts) } throws: { ($0 as? SyncError)?.code == .malformedAnswer }
  }

  @Test func `an answer that is no JSON is an error, also with status 200`() async throws {
    for body in ["<html>Login</html>", "", "[{\"NoteID\":", "{}"] {
      let (client, _) = Self.client { _, _ in HTTPResponse(200, body) }
      await #expect(throws: SyncError.self, "\(body)") { try await client.versions(of: .contacts) }
    }
  }

  @Test func `a byte order mark before the JSON does no harm`() async throws {
    let (client, _) = Self.client { _, _ in
      HTTPResponse(status: 200, body: [0xEF, 0xBB, 0xBF] + Array("[\(Self.contact(1))]".utf8))
    }
    #expect(try await client.versions(of: .contacts).count == 1)
  }

  @Test func `a missing record is its own answer among the others`() async throws {
    let missing =
      #"{"exceptionMessage":"No entity satisfies the condition.","exceptionType":"PX.Api.ContractBased.NoEntitySatisfiesTheConditionException"}"#
    let (client, _) = Self.client { request, _ in
      request.url.contains("000000000002") ? HTTPResponse(500, missing) : HTTPResponse(200, Self.contact(1))
    }
    let ids = [1, 2, 3].map { EntityID(rawValue: "5f1d1f1c-7a7e-4f57-9b4c-00000000000\($0)") }
    let results = try await client.entities(ids, kind: .contacts)
    #expect(results.count == 3)
    #expect(throws: Never.self) { try results[0].get() }
    if case .failure(let error) = results[1] { #expect(error.code == .notFound) } else { Issue.record("\(results[1])") }
  }

  @Test func `a record that changed since is not overwritten: nothing is sent`() async throws {
    let (client, transport) = Self.client { _, _ in HTTPResponse(200, Self.contact(1, version: "2026-11-24T11:00:00+00:00")) }
    let update = EntityUpdate(
      id: EntityID(rawValue: Self.id), version: "2026-11-24T10:00:00.123+00:00", changes: [.jobTitle: .text("Head")],
      result: Fields([.familyName: .text("Doe"), .jobTitle: .text("Head")]))
    await #expect { try await client.update(update, kind: .contacts) } throws: { ($0 as? SyncError)?.code == .staleVersion }
    await #expect {
      try await client.delete(EntityID(rawValue: Self.id), version: "2026-11-24T10:00:00.123+00:00", kind: .contacts)
    } throws: { ($0 as? SyncError)?.code == .staleVersion }
    #expect(!transport.requests.contains { $0.method == "PUT" || $0.method == "DELETE" })
  }

  @Test func `an update sends the changed fields alone, under the condition that the record exists`() async throws {
    let (client, transport) = Self.client { request, _ in
      HTTPResponse(200, Self.contact(1, job: request.method == "PUT" ? "Head" : "Engineer"))
    }
    let update = EntityUpdate(
      id: EntityID(rawValue: Self.id), version: "2026-11-24T10:00:00.123+00:00", changes: [.jobTitle: .text("Head"), .birthday: nil],
      result: Fields([.familyName: .text("Doe"), .jobTitle: .text("Head")]))
    let entity = try await client.update(update, kind: .contacts)
    #expect(entity.fields.text(.jobTitle) == "Head")
    let put = try #require(transport.requests.last)
    #expect(put.method == "PUT" && put.headers.contains { $0.name == "If-Match" })
    let body = try #require(try JSONSerialization.jsonObject(with: Data(put.body ?? [])) as? [String: Any])
    #expect(Set(body.keys) == ["id", "JobTitle", "DateOfBirth"])
  }

  @Test func `a creation is under the condition that the record does not exist, and carries its mark`() async throws {
    let (client, transport) = Self.client { _, _ in HTTPResponse(200, Self.contact(1)) }
    let new = NewEntity(
      fields: Fields([.givenName: .text("Jane")]), owner: "EP1", contactClass: "CUSTOMER", operationID: OperationID(rawValue: "00ff"))
    _ = try await client.create(new, kind: .contacts)
    let put = try #require(transport.requests.last)
    #expect(put.headers.contains { $0.name == "If-None-Match" && $0.value == "*" })
    let body = try #require(ERPRecord(JSONNode((put.body ?? [])[...])))
    #expect(body.text("ExtRefNbr") == "cfs-00ff" && body.text("ContactClass") == "CUSTOMER" && body.text("Owner") == "EP1")
    #expect(body.text("LastName") == "Jane", "the one required field is never empty")
  }

  @Test(arguments: [false, true])
  func `an event is as its own write left it, though somebody changes it before it is read back`(isChanged: Bool) async throws {
    @Sendable func event(_ subject: String, _ version: String, attendees: String) -> String {
      """
      {"id":"\(Self.id)","NoteID":{"value":"\(Self.id)"},"Summary":{"value":"\(subject)"},"StartDate":{"value":"2026-11-24T10:00:00+00:00"},\
      "Attendees":[\(attendees)],"LastModifiedDateTime":{"value":"\(version)"}}
      """
    }
    let guest = #"{"id":"r","Email":{"value":"guest@example.test"}}"#
    let (client, _) = Self.client { request, _ in
      if request.method == "PUT" { return HTTPResponse(200, event("Ours", "2026-11-24T10:00:01+00:00", attendees: "")) }
      return HTTPResponse(
        200,
        isChanged
          ? event("Theirs", "2026-11-24T10:00:02+00:00", attendees: #"{"id":"r","Email":{"value":"other@example.test"}}"#)
          : event("Ours", "2026-11-24T10:00:01+00:00", attendees: guest))
    }
    let sent = Fields([.subject: .text("Ours"), .attendees: .attendees([Attendee(address: "guest@example.test")])])
    let made = try await client.create(
      NewEntity(fields: sent, owner: nil, operationID: OperationID(rawValue: "1")), kind: .events)
    #expect(made.fields.text(.subject) == "Ours")
    #expect(made.fields[.attendees]?.people.map(\.address) == ["guest@example.test"])
    #expect(made.version.contains("10:00:01"), "its next reading is a change")
  }

  @Test func `a plan's client sends no write at all`() async throws {
    let (client, transport) = Self.client(isReadOnly: true) { _, _ in HTTPResponse(200, Self.contact(1)) }
    let new = NewEntity(fields: Fields(), operationID: OperationID(rawValue: "0"))
    await #expect(throws: SyncError.self) { try await client.create(new, kind: .contacts) }
    await #expect(throws: SyncError.self) { try await client.delete(EntityID(rawValue: Self.id), version: "v", kind: .contacts) }
    #expect(transport.requests.isEmpty)
  }
}
