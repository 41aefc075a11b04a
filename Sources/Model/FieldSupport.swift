/// What one side can hold of one record type: which fields, how long, how cut. The written rule for what a side cannot hold.
public struct FieldSupport: Sendable {
  /// The longest text of a field in UTF-16 code units (the unit of both servers' columns); nil: no limit known.
  public typealias Limit = Int?

  private let limits: [Field: Limit]
  private let adjust: @Sendable (Fields) -> Fields
  /// Fields that the side sets by itself: they are read and shown, never written to it and never a conflict.
  public let ownFields: Set<Field>

  /// Support for these fields; `adjust` maps values that need more than cutting (a country's name, phones that share slots).
  public init(
    limits: [Field: Limit], ownFields: Set<Field> = [], adjust: @escaping @Sendable (Fields) -> Fields = { $0 }
  ) {
    self.limits = limits
    self.ownFields = ownFields
    self.adjust = adjust
  }

  /// The fields that the side holds.
  public var fields: Set<Field> { Set(limits.keys) }

  /// What remains of these values after a write to this side and reading it back.
  public func projected(_ fields: Fields) -> Fields {
    var result = Fields()
    let adjusted = adjust(fields)
    for name in adjusted.names {
      guard let limit = limits[name], let value = adjusted[name] else { continue }
      result[name] = limit.map { Self.cut(value, to: $0) } ?? value
    }
    return result
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
