import Foundation
public import Model

/// Names of record files: built from the record, never copied.
public enum FileName {
  /// The longest name in bytes, its ending included (NAME_MAX of Linux).
  public static let byteLimit = 255

  /// The wished name of a record's file, ending included: full name, subject, or date and subject.
  /// - Returns: at most 255 bytes of UTF-8 in normal form C, without `/`, control and bidi characters, leading dots and dashes.
  public static func make(for kind: RecordKind, fields: Fields, zones: Zones = .none) -> String {
    let title: String
    switch kind {
    case .contacts: title = VCard.formattedName(fields)
    case .tasks: title = fields.text(.subject) ?? "(no subject)"
    case .events, .emails:
      title = [day(fields, kind, zones), fields.text(.subject) ?? "(no subject)"].compactMap { $0 }.joined(separator: " ")
    }
    return fitted(cleaned(title), ending: "." + kind.fileExtension)
  }

  /// A folder's name from the policy or an employee's address.
  public static func folder(_ name: String) -> String { fitted(cleaned(name), ending: "") }

  /// The name with a mark before its ending, for a name that is taken.
  public static func distinguished(_ name: String, mark: String) -> String {
    guard let dot = name.lastIndex(of: ".") else { return fitted(name, ending: " ~" + mark) }
    return fitted(String(name[..<dot]), ending: " ~" + mark + name[dot...])
  }

  /// The day of an event on the clocks of its zone; of an email with the time, in UTC.
  private static func day(_ fields: Fields, _ kind: RecordKind, _ zones: Zones) -> String? {
    switch fields[.start] {
    case .date(let date): date.description
    case .instant(let instant, let zone):
      kind == .emails
        ? "\(instant.utcDate) \(instant.iso8601.dropFirst(11).prefix(5).replacing(":", with: ""))"
        : zones.local(instant, zone: zone).date.description
    default: nil
    }
  }

  private static func cleaned(_ title: String) -> String {
    if isClean(title) { return title }
    var result = String.UnicodeScalarView()
    for scalar in title.precomposedStringWithCanonicalMapping.unicodeScalars {
      if scalar == "/" || scalar == "\\" {
        result.append("-")
      } else if isRefused(scalar) {
        if scalar.properties.isWhitespace { result.append(" ") }
      } else {
        result.append(scalar.properties.isWhitespace ? " " : scalar)
      }
    }
    var name = String(result).split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
    while let first = name.first, first == "." || first == "-" || first == " " { name.removeFirst() }
    while let last = name.last, last == "." || last == " " { name.removeLast() }
    return name.isEmpty ? "(no name)" : name
  }

  /// Whether a title is a name as it is: letters, digits and marks of ASCII with single spaces between them, as most are.
  private static func isClean(_ title: String) -> Bool {
    var previous = UInt8(ascii: " ")
    for byte in title.utf8 {
      guard byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "/"), byte != UInt8(ascii: "\\") else { return false }
      if byte == UInt8(ascii: " ") && previous == byte { return false }
      previous = byte
    }
    guard let first = title.utf8.first, first != UInt8(ascii: "."), first != UInt8(ascii: "-") else { return false }
    return previous != UInt8(ascii: " ") && previous != UInt8(ascii: ".")
  }

  /// Control characters, and marks that turn the direction of text around so that a name shows as another.
  private static func isRefused(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: return true
    case .format: return scalar != "\u{200D}" && scalar != "\u{200C}"
    default: return false
    }
  }

  /// Cut on a character boundary so that name and ending fit.
  private static func fitted(_ stem: String, ending: String) -> String {
    var stem = stem
    while stem.utf8.count + ending.utf8.count > byteLimit, !stem.isEmpty { stem.removeLast() }
    while stem.last == " " { stem.removeLast() }
    return (stem.isEmpty ? "_" : stem) + ending
  }
}
