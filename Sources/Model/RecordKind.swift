/// The four record types that a policy can synchronize.
public enum RecordKind: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
  case contacts, tasks, events, emails

  /// Order of the cases: the order in which a cycle works.
  public static func < (left: RecordKind, right: RecordKind) -> Bool { left.order < right.order }

  private var order: UInt8 {
    switch self {
    case .contacts: 0
    case .tasks: 1
    case .events: 2
    case .emails: 3
    }
  }

  /// Hashed by its place; what is hashed by default is the name.
  public func hash(into hasher: inout Hasher) { hasher.combine(order) }

  /// The name of the mailbox's own folder for this type, used where the policy names none.
  public var defaultFolderName: String {
    switch self {
    case .contacts: "Contacts"
    case .tasks: "Tasks"
    case .events: "Calendar"
    case .emails: "Mail"
    }
  }

  /// The ending of a record's file in the mount, without the dot.
  public var fileExtension: String {
    switch self {
    case .contacts: "vcf"
    case .tasks, .events: "ics"
    case .emails: "eml"
    }
  }
}

/// One of the two systems of record.
public enum SystemSide: String, Sendable, Hashable, Codable, CaseIterable {
  case erp, exchange

  /// The other system.
  public var other: SystemSide { self == .erp ? .exchange : .erp }
}
