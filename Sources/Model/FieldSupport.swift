/// What one side can hold of one record type: which fields, how long, how cut. The written rule for what a side cannot hold.
public final class FieldSupport: Sendable {
  /// The longest text of a field in UTF-16 code units (the unit of both servers' columns); nil: no limit known.
  public typealias Limit = Int?

  /// A field that the side holds.
  private struct Held: Sendable {
    let field: Field
    let limit: Limit
  }

  /// In the order of the fields' names.
  private let held: [Held]
  private let adjust: (@Sendable (Fields) -> Fields)?
  /// The fields that the side holds.
  public let fields: Set<Field>
  /// Fields that the side sets by itself: they are read and shown, never written to it and never a conflict.
  public let ownFields: Set<Field>

  /// Support for these fields; `adjust` maps values that need more than cutting (a country's name, phones that share slots).
  public init(limits: [Field: Limit], ownFields: Set<Field> = [], adjust: (@Sendable (Fields) -> Fields)? = nil) {
    held = limits.map { Held(field: $0, limit: $1) }.sorted { $0.field < $1.field }
    fields = Set(limits.keys)
    self.ownFields = ownFields
    self.adjust = adjust
  }

  /// The fields that another side holds too, in the order of their names.
  public func shared(with other: FieldSupport) -> [Field] {
    var result: [Field] = []
    var there = 0
    // Both lists are in the same order: going along them is faster than looking each field up, and every decision asks.
    for place in held {
      while there < other.held.count, other.held[there].field < place.field { there += 1 }
      if there < other.held.count, other.held[there].field == place.field { result.append(place.field) }
    }
    return result
  }

  /// What remains of these values after a write to this side and reading it back.
  public func projected(_ fields: Fields) -> Fields {
    (adjust?(fields) ?? fields).mapped(along: held, by: \.field) { place, entry in
      place.limit.map { Self.cut(entry.value, to: $0) } ?? entry.value
    }
  }

  /// Cut on a character boundary, so that no character is torn.
  private static func cut(_ value: Value, to limit: Int) -> Value {
    guard case .text(let text) = value, text.utf16.count > limit else { return value }
    var result = ""
    var length = 0
    for character in text {
      length += character.utf16.count
      guard length <= limit else { break }
      result.append(character)
    }
    return .text(canonicalText(result))
  }
}
