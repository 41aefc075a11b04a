import Foundation

/// A recurring series with its exceptions, as a calendar shows it. Kept in `Field.recurrence` in its text form.
public struct Series: Sendable, Hashable, Codable {
  /// One occurrence that differs from the pattern.
  public struct Override: Sendable, Hashable, Codable {
    /// Where the pattern has it: an instant with its zone, or a date for whole days (RFC 5545 RECURRENCE-ID).
    public var original: Value
    /// The occurrence's own values, whole.
    public var fields: Fields
    /// Creates the value from its parts.
    public init(original: Value, fields: Fields) {
      self.original = original
      self.fields = fields
    }
  }

  /// The value of RFC 5545 RRULE.
  public var rule: String
  /// Original starts of the occurrences that were taken out (EXDATE), in order.
  public var excluded: [Value]
  /// Occurrences that differ, by original start.
  public var overrides: [Override]

  /// Creates the value from its parts.
  public init(rule: String, excluded: [Value] = [], overrides: [Override] = []) {
    self.rule = rule
    self.excluded = excluded
    self.overrides = overrides
  }
}

/// What an item of a calendar is to its mailbox.
public enum ItemForm: String, Sendable, Hashable, Codable {
  /// A series as a whole: shown, never a partner of an entity.
  case series
  /// One occurrence of a series of this mailbox, with or without changes of its own.
  case occurrence
  /// An attendee's copy of somebody else's meeting, made by Exchange.
  case attendeeCopy
}

/// Whom Exchange tells of a write to a calendar.
public enum Notice: String, Sendable, Hashable, Codable {
  /// Nobody.
  case none
  /// Everybody invited.
  case all
  /// Those who were added to or removed from the invited.
  case changed
}

extension Series {
  /// The text form, the same for equal series; nil never in practice: every part can be written.
  public var value: Value? {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(self)).map { .opaque(String(decoding: $0, as: UTF8.self)) }
  }

  /// The series of a text form; nil for another value.
  public init?(_ value: Value) {
    guard case .opaque(let text) = value, let series = try? JSONDecoder().decode(Series.self, from: Data(text.utf8)) else { return nil }
    self = series
  }
}
