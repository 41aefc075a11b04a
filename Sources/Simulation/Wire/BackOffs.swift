import Glibc
import Transport

/// I13: until when each server asked to be left alone, by its own words on the wire: `Retry-After` in seconds, or `BackOffMilliseconds` of
/// Exchange's busy answers.
struct BackOffs: Sendable {
  private var ends: [Bool: Int64] = [:]

  /// When a server's pause ends; nil: it asked for none.
  func end(isExchange: Bool) -> Int64? { ends[isExchange] }

  /// Reads what an answer asks for.
  mutating func note(_ answer: HTTPResponse, isExchange: Bool, now: Int64) {
    guard let pause = Self.pause(answer) else { return }
    ends[isExchange] = max(ends[isExchange] ?? 0, now + pause)
  }

  private static let busy = Array("BackOffMilliseconds\">".utf8)

  private static func pause(_ answer: HTTPResponse) -> Int64? {
    if [429, 503].contains(answer.status) { return answer.headers.first("Retry-After").flatMap { Int64($0) }.map { $0 * 1000 } }
    guard let name = answer.body.firstPlace(of: busy) else { return nil }
    return Int64(String(decoding: answer.body[(name + busy.count)...].prefix { (48..<58).contains($0) }, as: UTF8.self))
  }
}

extension [UInt8] {
  /// Where these bytes occur first; nil: nowhere.
  func firstPlace(of part: [UInt8]) -> Int? {
    withUnsafeBytes { all -> Int? in
      guard let start = all.baseAddress, let first = part.first, part.count <= all.count else { return nil }
      var place = 0
      while let found = memchr(start + place, Int32(first), all.count - part.count + 1 - place) {
        place = UnsafeRawPointer(found) - start
        if memcmp(found, part, part.count) == 0 { return place }
        place += 1
      }
      return nil
    }
  }
}
