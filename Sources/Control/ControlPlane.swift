public import Model

/// One file of a control directory.
public struct ControlFile: Sendable, Hashable {
  /// Its path below `.control`, e.g. `["sync"]` or `["policies", "Sales.yaml"]`.
  public var path: [String]
  /// The employee whose control directory it lies in; nil: the mount's.
  public var employee: String?
  /// Whether lines can be written to it.
  public var isWritable: Bool

  /// Creates the value from its parts.
  public init(path: [String], employee: String?, isWritable: Bool) {
    self.path = path
    self.employee = employee
    self.isWritable = isWritable
  }

  /// The last part of its path.
  public var name: String { path.last ?? "" }
}

/// A write that goes on; it can be given up.
public protocol ControlWriteHandle: Sendable {
  /// The writer no longer waits. What was started goes on.
  func cancel()
}

/// What stands behind the control files. Reading never waits: neither for the network nor for a cycle that runs.
public protocol ControlPlane: Sendable {
  /// The files of a control directory as they are now.
  func files(employee: String?) -> [ControlFile]
  /// A file's content as it is now, and when it last changed.
  func contents(of file: ControlFile) -> (bytes: [UInt8], modified: Timestamp)
  /// Takes one write: one or more lines, parsed whole before anything runs.
  /// - Parameter completion: called once, with 0 or an errno value; for `wait` when the cycle has ended, from any thread.
  /// - Returns: a handle while the write is not completed.
  func write(
    _ bytes: [UInt8], to file: ControlFile, user: UInt32, completion: @escaping @Sendable (Int32) -> Void
  ) -> (any ControlWriteHandle)?
}
