import Foundation
import ResolverShim

/// One SRV record (RFC 2782): where a service of a domain is.
public struct ServiceRecord: Sendable, Hashable {
  /// The lowest is tried first.
  public var priority: Int
  /// Among those of one priority the highest is the likeliest.
  public var weight: Int
  /// The port.
  public var port: Int
  /// The host, without a dot at its end.
  public var target: String

  /// Creates the value from its parts.
  public init(priority: Int, weight: Int, port: Int, target: String) {
    self.priority = priority
    self.weight = weight
    self.port = port
    self.target = target
  }

  /// The records of a name, by the name servers of this machine; none where nobody answers.
  /// - Parameter name: as `_autodiscover._tcp.example.test`.
  public static func lookup(_ name: String) async -> [ServiceRecord] {
    await withCheckedContinuation { continuation in
      // The resolver waits for its servers: a thread of its own, not one of the tasks'.
      Thread.detachNewThread {
        var found = [resolvershim_srv](repeating: resolvershim_srv(), count: 32)
        let count = Int(resolvershim_lookup_srv(name, &found, Int32(found.count)))
        continuation.resume(
          returning: found.prefix(count).map { record in
            ServiceRecord(
              priority: Int(record.priority), weight: Int(record.weight), port: Int(record.port),
              target: withUnsafeBytes(of: record.target) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }.lowercased())
          })
      }
    }
  }
}
