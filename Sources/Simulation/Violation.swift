/// A broken invariant.
public struct Violation: Sendable, Hashable, CustomStringConvertible {
  /// Its name in the model, `I1` to `I16`.
  public var invariant: String
  /// What was found.
  public var text: String
  /// Both in one line.
  public var description: String { "\(invariant): \(text)" }
}
