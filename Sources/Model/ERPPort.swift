/// The ERP as the engine sees it. One reading serves all employees.
public protocol ERPPort: ERPMailPort {
  /// One page of the records changed since the cursor (LastModifiedDateTime filter). What slips through a cursor is found by `versions`.
  /// - Parameter cursor: nil: everything.
  func changes(of kind: RecordKind, since cursor: String?, page: String?) async throws(SyncError) -> EntityChangePage

  /// The ids and versions of all records that exist now, without their contents: one complete listing, or an error; never a part of one.
  func versions(of kind: RecordKind) async throws(SyncError) -> [EntityID: String]

  /// Whole records by id, one result an id in the same order. A missing one is `notFound`, by the record's own answer.
  func entities(_ ids: [EntityID], kind: RecordKind) async throws(SyncError) -> [Result<Entity, SyncError>]

  /// Creates a record that carries the operation id where the type has a place for it. Returns it as the ERP answered it.
  func create(_ entity: NewEntity, kind: RecordKind) async throws(SyncError) -> Entity

  /// Changes single fields if the record is still at the version (read, compare, write). `staleVersion` otherwise, `notFound` where it is gone.
  func update(_ update: EntityUpdate, kind: RecordKind) async throws(SyncError) -> Entity

  /// Deletes a record if it is still at the version. `notFound` where it is gone already.
  func delete(_ id: EntityID, version: String, kind: RecordKind) async throws(SyncError)

  /// Records that a create in doubt may have made: by operation id, or for types without a place for it by values.
  func created(by operation: OperationID, like fields: Fields, kind: RecordKind) async throws(SyncError) -> [Entity]

  /// What is spoken to, in words for people: asks the site where the configuration does not say.
  func site() async throws(SyncError) -> String
  /// The employees with their owner codes and workgroups.
  func employees() async throws(SyncError) -> [ERPEmployee]

  /// Seconds after which a request without an answer is given up.
  var requestSeconds: Int { get }

  /// Ends the session (sign-out); the next call signs in again.
  func close() async

  /// What this side holds of a record type.
  func support(for kind: RecordKind) -> FieldSupport
}

/// A record of the ERP, mapped.
public struct Entity: Sendable, Hashable, Codable {
  /// The identity.
  public var id: EntityID
  /// The visible key, e.g. ContactID.
  public var key: String
  /// What changes with every change: LastModifiedDateTime as the server gave it.
  public var version: String
  /// When it was last changed, by the server's clock.
  public var modified: Timestamp?
  /// The mapped values.
  public var fields: Fields
  /// Owner's visible code.
  public var owner: String?
  /// Owner's name, where the record shows it.
  public var ownerName: String?
  /// Visible code of the workgroup.
  public var workgroup: String?
  /// Active and of a kind that takes part: an employee's own contact or an inactive one does not.
  public var isInScope: Bool
  /// The creation that it stems from or belongs to.
  public var operationID: OperationID?

  /// Creates the value from its parts.
  public init(
    id: EntityID, key: String, version: String, modified: Timestamp?, fields: Fields, owner: String? = nil, ownerName: String? = nil,
    workgroup: String? = nil, isInScope: Bool = true, operationID: OperationID? = nil
  ) {
    self.id = id
    self.key = key
    self.version = version
    self.modified = modified
    self.fields = fields
    self.owner = owner
    self.ownerName = ownerName
    self.workgroup = workgroup
    self.isInScope = isInScope
    self.operationID = operationID
  }
}

/// One page of changed records.
public struct EntityChangePage: Sendable {
  /// The records.
  public var entities: [Entity]
  /// What to pass for the next page; nil: this was the last.
  public var nextPage: String?
  /// The cursor to store once the last page is stored.
  public var cursor: String
  /// Creates the value from its parts.
  public init(entities: [Entity], nextPage: String?, cursor: String) {
    self.entities = entities
    self.nextPage = nextPage
    self.cursor = cursor
  }
}

/// A record to create.
public struct NewEntity: Sendable, Hashable, Codable {
  /// The mapped values.
  public var fields: Fields
  /// Visible code of the owner.
  public var owner: String?
  /// Class given to a new contact.
  public var contactClass: String?
  /// The creation that it stems from or belongs to.
  public var operationID: OperationID
  /// Of an email activity: what it has beside its values.
  public var mail: NewMail?
  /// Creates the value from its parts.
  public init(fields: Fields, owner: String? = nil, contactClass: String? = nil, operationID: OperationID, mail: NewMail? = nil) {
    self.mail = mail
    self.fields = fields
    self.owner = owner
    self.contactClass = contactClass
    self.operationID = operationID
  }
}

/// Changes to single fields of one record.
public struct EntityUpdate: Sendable, Hashable, Codable {
  /// The identity.
  public var id: EntityID
  /// The id and change key, or the version, as the server last gave it.
  public var version: String
  /// New values; a nil value clears the field.
  public var changes: [Field: Value?]
  /// The whole record after the change, for values that share a place (phones in typed slots).
  public var result: Fields
  /// Creates the value from its parts.
  public init(id: EntityID, version: String, changes: [Field: Value?], result: Fields) {
    self.id = id
    self.version = version
    self.changes = changes
    self.result = result
  }
}

/// An employee in the ERP.
public struct ERPEmployee: Sendable, Hashable, Codable {
  /// The identity.
  public var id: String
  /// The name.
  public var name: String
  /// E-mail address.
  public var email: String?
  /// The visible codes by which records name this employee as owner.
  public var ownerCodes: Set<String>
  /// The code that new records get as their owner.
  public var ownerCode: String
  /// Codes of the workgroups that the employee belongs to.
  public var workgroups: Set<String>
  /// Creates the value from its parts.
  public init(id: String, name: String, email: String?, ownerCodes: Set<String>, workgroups: Set<String>) {
    self.id = id
    self.name = name
    self.email = email
    self.ownerCodes = ownerCodes
    ownerCode = id
    self.workgroups = workgroups
  }
}
