import Synchronization

/// Who this is among all that could serve a mailbox: a machine and the place of a cache on it, so that a cache that was lost and rebuilt
/// is the same installation. Remembers, as long as the process lives, which mailboxes it serves.
public final class Installation: Sendable {
  /// Identity, in hexadecimal digits.
  public let id: String
  /// Name of the machine, for people.
  public let host: String
  /// Path of the cache.
  public let store: String
  private let served = Mutex<Set<String>>([])

  /// Digits of the identity: enough to tell installations apart, too few to tell the machine's confidential id (machine-id(5)).
  private static let digits = 8

  /// - Parameter machine: what is the machine's alone and stays so, as /etc/machine-id.
  public init(machine: String, host: String, store: String) {
    id = String(Guarding.fingerprint([machine, store]).prefix(Self.digits))
    self.host = host
    self.store = store
  }

  func serves(_ mailbox: String) -> Bool { served.withLock { $0.contains(mailbox) } }

  func noteServed(_ mailbox: String) { served.withLock { _ = $0.insert(mailbox) } }
}
