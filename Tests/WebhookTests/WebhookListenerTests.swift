import Model
import Synchronization
import Testing

@testable import Webhook

@Suite struct WebhookListenerTests {
  private static let secret = "a secret of the ERP"

  private final class Heard: Sendable {
    let kinds = Mutex<[Set<RecordKind>]>([])
  }

  private func listener(_ secret: String = secret, address: String = "127.0.0.1", heard: Heard = Heard()) throws -> WebhookListener {
    try WebhookListener(
      PushSettings(address: address, port: 0, secret: .literal(secret)), secret: secret, privateKey: nil,
      onWake: { kinds in heard.kinds.withLock { $0.append(kinds) } })
  }

  @Test(
    arguments: [
      ("POST", "/", secret, 204), ("POST", "/contacts", secret, 204), ("POST", "/emails/", secret, 204), ("GET", "/", secret, 405),
      ("POST", "/Contact", secret, 404), ("POST", "/contacts/1", secret, 404), ("POST", "/", "", 403), ("POST", "/", nil, 403),
      ("POST", "/", "a secret of the ERQ", 403), ("POST", "/", "a secret of the ERP ", 403), ("GET", "/nowhere", "guess", 403),
    ] as [(String, String, String?, UInt32)])
  func `only a POST with the secret to a known path wakes`(method: String, path: String, value: String?, status: UInt32) throws {
    let heard = Heard()
    #expect(try listener(heard: heard).decide(method, path, value) == status)
    #expect(heard.kinds.withLock { $0.isEmpty } == (status != 204))
  }

  @Test func `the path says which record types may have changed`() throws {
    let heard = Heard()
    let listener = try listener(heard: heard)
    for path in ["/", "/tasks"] { _ = listener.decide("POST", path, Self.secret) }
    #expect(heard.kinds.withLock { $0 } == [Set(RecordKind.allCases), [.tasks]])
  }

  @Test func `a secret that can be guessed, and an address of another machine, are refused`() throws {
    #expect(throws: SyncError.self) { try listener("short") }
    #expect(throws: SyncError.self) { try listener(address: "192.0.2.1") }
    #expect(try listener().port > 0)
  }
}
