public import Model

/// The bytes of a record's file in the mount.
public enum RecordFile {
  private typealias Renderer = @Sendable (_ uid: String, _ fields: Fields, _ revision: Timestamp, _ zones: Zones) -> [UInt8]

  private static let renderers: [RecordKind: Renderer] = [
    .contacts: { uid, fields, revision, _ in VCard.render(uid: uid, fields: fields, revision: revision) },
    .tasks: { uid, fields, revision, _ in VTodo.render(uid: uid, fields: fields, revision: revision) },
    .events: { VEvent.render(uid: $0, fields: $1, revision: $2, zones: $3) },
  ]

  /// Renders a record. The same input gives the same bytes, always.
  /// - Parameters:
  ///   - uid: stable for ever.
  ///   - revision: the record's last change.
  ///   - zones: the zones that events name.
  /// - Returns: nil for a record type that this version does not show.
  public static func render(_ kind: RecordKind, uid: String, fields: Fields, revision: Timestamp, zones: Zones = .none) -> [UInt8]? {
    renderers[kind]?(uid, fields, revision, zones)
  }
}
