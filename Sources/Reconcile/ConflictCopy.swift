public import Model

/// The mark of a record that is the second of two that a conflict kept, in the field that people see: the family name or the subject.
public enum ConflictCopy {
  private static let beginning = "(conflict copy, "

  private static func field(_ kind: RecordKind) -> Field { kind == .contacts ? .familyName : .subject }

  /// The values with the mark.
  static func marked(_ fields: Fields, _ kind: RecordKind, of origin: SystemSide, _ today: CivilDate) -> Fields {
    var fields = fields
    let mark = "\(beginning)\(origin == .erp ? "ERP" : "Exchange"), \(today))"
    fields[field(kind)] = .text([fields.text(field(kind)), mark].compactMap { $0 }.joined(separator: " "))
    return fields
  }

  /// The values without the mark: those of the record that was copied.
  public static func unmarked(_ fields: Fields, _ kind: RecordKind) -> Fields {
    guard let text = fields.text(field(kind)), let mark = text.ranges(of: beginning).last else { return fields }
    var fields = fields
    let name = text[..<mark.lowerBound]
    fields[field(kind)] = name.isEmpty ? nil : .text(String(name.hasSuffix(" ") ? name.dropLast() : name))
    return fields
  }
}
