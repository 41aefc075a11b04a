/// A synchronization policy (the form SM204010).
public struct Policy: Sendable, Hashable, Codable {
  /// How a field that both sides changed is decided.
  public enum Conflict: String, Sendable, Hashable, Codable, CaseIterable {
    case erp, exchange
    case lastUpdated = "last-updated"
    case keepBoth = "keep-both"
  }

  /// Which way changes travel.
  public enum Direction: String, Sendable, Hashable, Codable, CaseIterable {
    case both
    case toExchange = "to-exchange"
    case toERP = "to-erp"

    /// Whether changes of that side are written to the other.
    public func carries(from side: SystemSide) -> Bool {
      switch self {
      case .both: true
      case .toExchange: side == .erp
      case .toERP: side == .exchange
      }
    }
  }

  /// Whose contacts are in scope.
  public enum Filter: String, Sendable, Hashable, Codable, CaseIterable { case all, owner, workgroup }

  /// The category that marks what was exported from the ERP.
  public struct Category: Sendable, Hashable, Codable {
    /// The name.
    public var name: String
    /// Index of the colour in Exchange's list, 0 (Red) to 24 (Dark Maroon); -1: none.
    public var color: Int
    /// Creates the value from its parts.
    public init(name: String, color: Int) {
      self.name = name
      self.color = color
    }
  }

  /// What one record type of the policy says.
  public struct Section: Sendable, Hashable, Codable {
    /// Separate folder; nil: the mailbox's own.
    public var folder: String?
    /// Exported items get no category, and new items without one are in scope.
    public var withoutCategory = false
    /// Which way changes travel.
    public var direction = Direction.both
    /// Whose records are in scope.
    public var filter = Filter.all
    /// An unlinked item is linked to the one contact with its address.
    public var mergeByEmail = false
    /// Class given to a new contact.
    public var contactClass: String?
    /// Template with `{ContactID}`; nil: the item's web page is the contact's own.
    public var erpLink: String?
    /// Whether attachments travel.
    public var attachments = false
    /// Whether addresses that the ERP does not know become contacts.
    public var createContacts = false
    /// Creates the value from its parts.
    public init(folder: String? = nil) { self.folder = folder }
  }

  /// The name.
  public var name: String
  /// What the policy is for.
  public var description: String
  /// The category that marks exported items; nil: none.
  public var category: Category?
  /// How a field that both sides changed is decided.
  public var conflict: Conflict
  /// A type without a section is not synchronized.
  public var sections: [RecordKind: Section]

  /// Creates the value from its parts.
  public init(name: String, description: String = "", category: Category? = nil, conflict: Conflict = .erp, sections: [RecordKind: Section])
  {
    self.name = name
    self.description = description
    self.category = category
    self.conflict = conflict
    self.sections = sections
  }

  /// The name of the type's folder in the mount: the policy's folder, or the mailbox's own folder's usual name.
  public func folderName(of kind: RecordKind) -> String { sections[kind]?.folder ?? kind.defaultFolderName }
}
