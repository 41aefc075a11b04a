import Foundation
import Model
import Store

/// Events of the ERP whose owner does not synchronize events: they have no appointment, so that their attendees see none. They are named, so that
/// somebody can switch the owner on.
public struct UnservedEvents: Sendable, Hashable, Codable {
  /// One event without an appointment.
  public struct Entry: Sendable, Hashable, Codable {
    /// What it is called.
    public var name: String
    /// The owner's code as the ERP shows it.
    public var owner: String

    /// One line for people.
    public var text: String { "'\(name)' has no appointment, and its attendees see none: its owner \(owner) does not synchronize events" }
  }

  /// The events, in the order of names.
  public var entries: [Entry] = []

  /// Where they are kept between cycles, and what they were last looked for in.
  public static let key = "unserved events"
  private static let cursor = "engine/unserved-events"

  /// What is known from the last cycle.
  public init(stored text: String?) {
    entries = text.flatMap { try? JSONDecoder().decode([Entry].self, from: Data($0.utf8)) } ?? []
  }

  /// Looks again when the ERP's events or those who synchronize them have changed, and logs what is new.
  static func refresh(_ parts: EngineParts, _ log: SyncLog, served: Set<String>) throws(SyncError) {
    let now = parts.surroundings.now()
    let (state, known, storedState) = try parts.store.read { reader in
      (
        "\(try reader.lastEntityRevision(kind: .events)) \(now.utcDate) \(served.sorted().joined(separator: "\n"))",
        try reader.meta(key), try reader.cursor(cursor)
      )
    }
    guard state != storedState else { return }
    let found = try parts.store.read { reader in
      try reader.presentEntities(kind: .events).compactMap { stored -> Entry? in
        guard let owner = stored.entity.owner, stored.entity.isInScope, !served.contains(owner), isAhead(stored.entity.fields, now) else {
          return nil
        }
        return Entry(name: recordName(stored.entity.fields), owner: owner)
      }.sorted { ($0.name, $0.owner) < ($1.name, $1.owner) }
    }
    let entries = UnservedEvents(stored: known).entries
    for entry in found where !entries.contains(entry) { log.write(.warning, entry.text) }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let text = String(decoding: (try? encoder.encode(found)) ?? Data("[]".utf8), as: UTF8.self)
    try parts.store.write { transaction in
      try transaction.setMeta(key, found.isEmpty ? nil : text)
      try transaction.setCursor(cursor, state)
    }
  }

  /// What is over needs no appointment any more.
  private static func isAhead(_ fields: Fields, _ now: Timestamp) -> Bool {
    switch fields[.end] {
    case .instant(let end, _): end > now
    case .date(let date): date > now.utcDate
    default: false
    }
  }
}
