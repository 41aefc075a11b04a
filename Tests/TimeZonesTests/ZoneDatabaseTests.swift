import Foundation
import Testing
import TimeZones

struct ZoneDatabaseTests {
  private static let start: Int64 = 1_767_225_600  // 2026-01-01T00:00:00Z
  private static let year: Int64 = 365 * 86_400

  @Test func `Berlin changes twice a year, by rule at one o'clock UTC`() throws {
    let changes = try #require(ZoneDatabase.changes(of: "Europe/Berlin", after: Self.start, through: Self.start + Self.year))
    #expect(changes.map(\.seconds) == [1_774_746_000, 1_792_890_000])
    #expect(changes.map(\.offsetBefore) == [3600, 7200])
    #expect(changes.map(\.offsetAfter) == [7200, 3600])
    #expect(changes.map(\.isDaylight) == [true, false])
  }

  @Test func `Lord Howe changes by half an hour`() throws {
    let changes = try #require(ZoneDatabase.changes(of: "Australia/Lord_Howe", after: Self.start, through: Self.start + Self.year))
    #expect(changes.map { $0.offsetAfter - $0.offsetBefore } == [-1800, 1800])
  }

  @Test func `a zone without changes has none, an unknown one no answer`() {
    #expect(ZoneDatabase.changes(of: "Asia/Tokyo", after: Self.start, through: Self.start * 2) == [])
    #expect(ZoneDatabase.changes(of: "Mars/Olympus", after: 0, through: 1) == nil)
    #expect(ZoneDatabase.offset(of: "Mars/Olympus", at: 0) == nil)
    #expect(!ZoneDatabase.has("../../etc/passwd"))
    #expect(!ZoneDatabase.has("CET+3"))
  }

  @Test func `the changes of every zone of the system give its offset on any day of twenty years`() throws {
    for name in TimeZone.knownTimeZoneIdentifiers where ZoneDatabase.has(name) {
      let zone = try #require(TimeZone(identifier: name))
      let changes = try #require(ZoneDatabase.changes(of: name, after: Self.start, through: Self.start + 20 * Self.year))
      var known = try #require(ZoneDatabase.offset(of: name, at: Self.start))
      var next = changes[...]
      for day in stride(from: Self.start, to: Self.start + 20 * Self.year, by: 3 * 86_400) {
        while let change = next.first, change.seconds <= day {
          #expect(change.offsetBefore == known, "\(name)")
          known = change.offsetAfter
          next = next.dropFirst()
        }
        let offset = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(day)))
        if offset != known { Issue.record("\(name) has \(offset) at \(day), by its changes \(known)") }
      }
    }
  }
}
