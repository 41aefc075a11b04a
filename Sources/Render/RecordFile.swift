public import Model

/// The bytes of a record's file in the mount.
public enum RecordFile {
  private static let renderers: [RecordKind: @Sendable (_ uid: String, _ fields: Fields, _ revision: Timestamp) -> [UInt8]] = [
    .contacts: { VCard.render(uid: $0, fields: $1, revision: $2) }, .tasks: { VTodo.render(uid: $0, fields: $1, revision: $2) },
  ]

  /// Renders a record. The same input gives the same bytes, always.
  /// - Parameters:
  ///   - uid: stable for ever.
  ///   - revision: the record's last change.
  /// - Returns: nil for a record type that this version does not show.
  public static func render(_ kind: RecordKind, uid: String, fields: Fields, revision: Timestamp) -> [UInt8]? {
    renderers[kind]?(uid, fields, revision)
  }
}
