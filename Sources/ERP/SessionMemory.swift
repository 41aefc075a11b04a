/// Remembers the open session of the ERP beyond this process: each takes a seat of the licence until it is signed out or times out, so
/// what a killed process left open is signed out at the next start.
public struct SessionMemory: Sendable {
  /// The cookies of the session that was open last; nil: none is.
  public var load: @Sendable () -> String?
  /// Keeps the cookies of the open session where only this user reads them; nil: none is open any more.
  public var save: @Sendable (String?) -> Void

  /// A memory over a place of storage.
  public init(load: @escaping @Sendable () -> String?, save: @escaping @Sendable (String?) -> Void) {
    self.load = load
    self.save = save
  }

  /// Remembers nothing: for plans and tests, whose session is not the daemon's.
  public static let none = SessionMemory(load: { nil }, save: { _ in })
}
