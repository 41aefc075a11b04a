import Model

/// How one record type stands in the ERP's contract: its entity, what is read of it, how it is created, changed and found again.
struct EntityMapping: Sendable {
  /// Name of the entity in the contract, e.g. `Contact`.
  let name: String
  /// What `$select` asks for.
  let selected: [String]
  /// What `$expand` asks for; empty: nothing.
  let expanded: [String]
  /// What a record can hold.
  let support: FieldSupport
  /// A record as the engine knows it; nil without id or version.
  let entity: @Sendable (ERPRecord) -> Entity?
  /// The body that creates a record.
  let creation: @Sendable (NewEntity) -> ERPBody
  /// The body that changes single fields of the record as it stands now.
  let change: @Sendable (EntityUpdate, ERPRecord) -> ERPBody
  /// `$filter` that finds what a create in doubt made: by its mark, or for types without a place for one by values.
  let createdFilter: @Sendable (OperationID, Fields) -> String

  /// What `$custom` asks for; empty: nothing.
  var custom: [String] = []
  /// Fields that the answer to a PUT does not show yet: details come back empty, and the record is read once more.
  var unanswered: [Field] = []

  /// The usual query of a record: selection, expansion, elements outside the contract.
  var shape: [(String, String)] {
    [("$select", selected), ("$expand", expanded), ("$custom", custom)].filter { !$0.1.isEmpty }.map { ($0.0, $0.1.joined(separator: ",")) }
  }

  private static let mappings: [ContractVersion: [RecordKind: EntityMapping]] = Dictionary(
    uniqueKeysWithValues: ContractVersion.allCases.map {
      (
        $0,
        [
          .contacts: ContactMapping.mapping, .tasks: TaskMapping.mapping($0), .events: EventMapping.mapping($0),
          .emails: EmailMapping.mapping,
        ]
      )
    })

  /// The mapping of a record type in a contract.
  /// - Throws: `configuration` for a type that this version does not synchronize.
  static func of(_ kind: RecordKind, _ contract: ContractVersion) throws(SyncError) -> EntityMapping {
    guard let mapping = mappings[contract]?[kind] else {
      throw SyncError(.configuration, "\(kind.rawValue) are not synchronized by this version")
    }
    return mapping
  }

  /// What the ERP can hold of a record type; nothing of a type that is not synchronized.
  static func support(for kind: RecordKind) -> FieldSupport {
    // The contracts differ in the form of values alone.
    mappings[.through24_200]?[kind]?.support ?? FieldSupport(limits: [:])
  }
}
