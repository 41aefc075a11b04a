public import Model

/// One fault of a configuration file, with its place.
public struct ConfigurationFault: Sendable, Hashable, CustomStringConvertible {
  /// The file as it was named.
  public var file: String
  /// Line, from 1.
  public var line: Int
  /// Column, from 1.
  public var column: Int
  /// The key's path, as `policies[0].contacts.direction`; empty: the file as a whole.
  public var key: String
  /// What is wrong.
  public var message: String
  /// What is allowed instead; nil: see the message.
  public var allowed: String?

  /// `FILE:LINE:COLUMN: 'key': what is wrong; allowed: …`.
  public var description: String {
    let subject = key.isEmpty ? "" : "'\(key)': "
    return "\(file):\(line):\(column): \(subject)\(message)\(allowed.map { "; allowed: " + $0 } ?? "")"
  }
}

/// Every fault of a configuration file.
public struct ConfigurationFaults: Error, Sendable, CustomStringConvertible {
  /// At least one, in the order of the file.
  public var faults: [ConfigurationFault]

  /// One line a fault.
  public var description: String { faults.map(\.description).joined(separator: "\n") }
}

/// A configuration that was read, with what is worth a warning.
public struct ConfigurationReading: Sendable {
  /// What the file says, defaults filled in.
  public var settings: Settings
  /// One line each.
  public var warnings: [String]
}
