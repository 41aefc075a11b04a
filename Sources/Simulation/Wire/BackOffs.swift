import Foundation
import Transport

/// I13: until when each server asked to be left alone, by its own words on the wire: `Retry-After` in seconds, or `BackOffMilliseconds` of
/// Exchange's busy answers.
struct BackOffs: Sendable {
  private var ends: [Bool: Int64] = [:]

  /// Milliseconds that are left of a server's pause; nil: none.
  func left(isExchange: Bool, now: Int64) -> Int64? {
    guard let end = ends[isExchange], end > now else { return nil }
    return end - now
  }

  /// Reads what an answer asks for.
  mutating func note(_ answer: HTTPResponse, isExchange: Bool, now: Int64) {
    guard let pause = Self.pause(answer) else { return }
    ends[isExchange] = max(ends[isExchange] ?? 0, now + pause)
  }

  private static let busy = Data("BackOffMilliseconds\">".utf8)

  private static func pause(_ answer: HTTPResponse) -> Int64? {
    if [429, 503].contains(answer.status) { return answer.headers.first("Retry-After").flatMap { Int64($0) }.map { $0 * 1000 } }
    let body = Data(answer.body)
    guard let name = body.range(of: busy) else { return nil }
    return Int64(String(decoding: body[name.upperBound...].prefix { (48..<58).contains($0) }, as: UTF8.self))
  }
}
