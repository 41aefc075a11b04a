/// What the installation that serves a mailbox leaves in it, so that no second one serves it too.
public struct OwnerMark: Sendable, Hashable, Codable {
  /// Identity of the installation: the same while it is on the same machine with its cache in the same place, be the cache new or not.
  public var installation: String
  /// Name of its machine, for people.
  public var host: String
  /// Path of its cache, for people.
  public var store: String
  /// Changes with each round that writes: a cache that does not know it is older than what was written, or is another's.
  public var token: String
  /// Another installation may take over after this time.
  public var until: Timestamp

  /// Creates the value from its parts.
  public init(installation: String, host: String, store: String, token: String, until: Timestamp) {
    self.installation = installation
    self.host = host
    self.store = store
    self.token = token
    self.until = until
  }
}
