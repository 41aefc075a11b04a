import Synchronization
import ZoneShim

/// Names of time zones: Windows, as Exchange has them, and IANA, as iCalendar and the zone database have them, by CLDR's windowsZones.
public enum WindowsZones {
  /// The IANA name of UTC, as CLDR gives it.
  public static let utc = "Etc/UTC"

  /// The names that some clients write for UTC instead of Windows' own.
  private static let utcNames: Set<String> = ["utc", "tzone://microsoft/utc", "gmt", "z", "etc/utc", "coordinated universal time"]

  private struct Key: Hashable {
    var name: String
    var region: String?
    var toWindows: Bool
  }

  private static let known = Mutex<[Key: String?]>([:])
  /// Names remembered at most: what a hostile server sends must not grow without end.
  private static let memoryLimit = 4096

  /// The IANA zone of a zone's name in Exchange: a Windows id, one of UTC's other names, or an IANA name already.
  /// - Parameter region: ISO 3166 code of the region whose place is wanted; nil: the zone's main place.
  /// - Returns: nil for a name that CLDR and the zone database do not know, as `Customized Time Zone`: then only instants are known.
  public static func iana(of name: String, region: String? = nil) -> String? {
    if utcNames.contains(name.lowercased()) { return utc }
    return remembered(Key(name: name, region: region, toWindows: false)) {
      text { zoneshim_iana(name, region, $0, $1) } ?? (ZoneDatabase.has(name) ? name : nil)
    }
  }

  /// The Windows id of an IANA zone, or of one of its older names; nil where Windows has none.
  public static func windows(of iana: String) -> String? {
    if utcNames.contains(iana.lowercased()) { return "UTC" }
    return remembered(Key(name: iana, region: nil, toWindows: true)) { text { zoneshim_windows(iana, $0, $1) } }
  }

  private static func remembered(_ key: Key, _ find: () -> String?) -> String? {
    if let answer = known.withLock({ $0[key] }) { return answer }
    let answer = find()
    known.withLock { memory in
      if memory.count >= memoryLimit { memory.removeAll(keepingCapacity: true) }
      memory[key] = .some(answer)
    }
    return answer
  }

  private static func text(_ call: (UnsafeMutablePointer<CChar>, Int32) -> Int32) -> String? {
    let size = Int(ZONESHIM_NAME_SIZE)
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { buffer in
      guard let base = buffer.baseAddress, call(base, Int32(size)) == 1 else { return nil }
      return String(cString: base)
    }
  }
}
