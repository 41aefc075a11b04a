import FakeTransport
import Foundation
import Model
import Testing
import Transport

@testable import ERP

/// Texts of several email activities in one request.
@Suite struct AcumaticaMailTests {
  private static func id(_ number: Int) -> EntityID { EntityID(rawValue: "5f1d1f1c-7a7e-4f57-9b4c-\(String(format: "%012d", number))") }

  private static func email(_ id: String) -> String {
    """
    {"id":"\(id)","NoteID":{"value":"\(id.uppercased())"},"Body":{"value":"<p>\(id)</p>"},\
    "files":[{"id":"f","filename":"Email (\(id))\\\\offer.pdf"}]}
    """
  }

  private static func client(_ answer: @escaping FakeTransport.Answer) -> (AcumaticaClient, FakeTransport) {
    let transport = FakeTransport { (request, number) throws(SyncError) in
      request.url.contains("/auth/") ? HTTPResponse(204) : try answer(request, number)
    }
    let settings = ERPSettings(
      url: "https://erp.example.test", endpoint: "Default/24.200.001",
      authentication: .password(username: "concord", password: .literal("x")))
    let client = AcumaticaClient(settings: settings, password: "x", transport: transport, surroundings: FakeClock().surroundings)
    return (client, transport)
  }

  /// The ids that a listing names.
  private static func named(_ request: HTTPRequest) -> [String] {
    let filter = URLComponents(string: request.url)?.queryItems?.first { $0.name == "$filter" }?.value ?? ""
    return filter.components(separatedBy: " or ").compactMap { part in
      part.hasPrefix("NoteID eq guid'") ? String(part.dropFirst("NoteID eq guid'".count).dropLast()) : nil
    }
  }

  @Test func `25 activities go in a request, whose query IIS still takes`() async throws {
    let (client, transport) = Self.client { request, _ in
      HTTPResponse(200, "[" + Self.named(request).map(Self.email).joined(separator: ",") + "]")
    }
    let ids = (0..<60).map(Self.id)
    let found = try await client.messages(ids)
    #expect(Set(found.keys) == Set(ids))
    #expect(found[Self.id(7)] == EntityMessage(body: "<p>\(Self.id(7))</p>", files: [EntityFile(id: "f", name: "offer.pdf")]))
    let lists = transport.requests.filter { $0.url.contains("filter") }
    #expect(lists.map { Self.named($0).count } == [25, 25, 10])
    #expect(lists.allSatisfy { ($0.url.split(separator: "?").last?.utf8.count ?? 0) < 2048 })
  }

  @Test func `what a listing leaves out, or a site that lists no texts, is no error: those are asked for one by one`() async throws {
    let (client, _) = Self.client { request, _ in
      let ids = Self.named(request)
      if ids.contains(Self.id(30).rawValue) {
        return HTTPResponse(500, #"{"exceptionMessage":"Optimization cannot be performed. The field has BQL delegate."}"#)
      }
      return HTTPResponse(200, "[" + ids.dropFirst().map(Self.email).joined(separator: ",") + "]")
    }
    let found = try await client.messages((0..<50).map(Self.id))
    #expect(Set(found.keys) == Set((1..<25).map(Self.id)))
  }

  @Test func `a site that cannot be reached stops the account`() async {
    let (client, _) = Self.client { _, _ throws(SyncError) in throw SyncError(.unreachable, "no route") }
    await #expect(throws: SyncError.self) { try await client.messages([Self.id(1)]) }
  }
}
