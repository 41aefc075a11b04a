import Foundation
import Model
import Transport

/// Turns refusals of the REST API into the engine's errors (HttpError bodies, 422 records, HTML pages of proxies).
enum ERPErrors {
  /// The error body of a failed request.
  private struct HTTPErrorBody: Decodable {
    var message: String?
    var exceptionMessage: String?
    var exceptionType: String?
  }

  /// What a missing record answers: 500 with this exception, never 404.
  private static let missingRecord = "NoEntitySatisfiesTheConditionException"

  /// Whether a site says that its licence has no session left: at the sign-in, with OAuth at the first request.
  static func isSeatLimit(_ answer: HTTPResponse) -> Bool {
    answer.status >= 400 && String(decoding: answer.body.prefix(4096), as: UTF8.self).localizedCaseInsensitiveContains("login limit")
  }

  /// The error of a sign-in that found no session left.
  static func noSeat(_ detail: String?) -> SyncError {
    SyncError(
      .throttled, "the ERP has no free API session for this user: sign others out, or raise the limit on the licence", cause: detail,
      retry: .afterBackOff(milliseconds: seatPause))
  }

  private static let seatPause: Int64 = 60_000

  /// The longest piece of a server's own text that goes into an error, in characters.
  private static let excerptLimit = 300

  /// The error of an answer whose status is not 2xx.
  /// - Parameter refusalsBefore: how many 429s came in a row before: without `Retry-After` each pause is twice the one before.
  static func error(for answer: HTTPResponse, now: Timestamp, refusalsBefore: Int = 0, _ what: String) -> SyncError {
    let body = try? JSONDecoder().decode(HTTPErrorBody.self, from: Data(answer.body))
    let detail = excerpt(body?.exceptionMessage ?? body?.message ?? plainText(answer.body))
    if body?.exceptionType?.hasSuffix(missingRecord) == true { return SyncError(.notFound, "the ERP has no such record: \(what)") }
    if isSeatLimit(answer) { return noSeat(detail) }
    switch answer.status {
    case 400, 411, 415, 406: return SyncError(.malformedRequest, "the ERP does not understand: \(what)", cause: detail)
    case 401: return SyncError(.unauthorized, "the ERP refused the sign-in: check erp.auth in the configuration", cause: detail)
    case 403: return SyncError(.accessDenied, "the ERP's user has no right to: \(what)", cause: detail)
    case 404:
      return SyncError(.configuration, "the ERP does not know this address: check erp.url and erp.endpoint (\(what))", cause: detail)
    case 412: return SyncError(.staleVersion, "the ERP's record is not as expected: \(what)", cause: detail)
    case 422: return SyncError(.invalidRecord, "the ERP refuses the record: \(what)", cause: refusals(answer.body) ?? detail)
    case 429:
      return SyncError(
        .throttled, "the ERP asks to slow down: \(what)", cause: detail,
        retry: .afterBackOff(milliseconds: backOff(answer, now, refusalsBefore)))
    case 502, 503, 504: return SyncError(.transient, "the ERP is not available for now: \(what)", cause: detail)
    default: return SyncError(.failed, "the ERP failed with status \(answer.status): \(what)", cause: detail)
    }
  }

  /// Waiting time of a 429 without `Retry-After`, in milliseconds.
  private static let usualBackOff: Int64 = 10_000

  /// The longest pause that is made without being told its length, in milliseconds.
  private static let longestBackOff: Int64 = 600_000

  private static func backOff(_ answer: HTTPResponse, _ now: Timestamp, _ refusalsBefore: Int) -> Int64 {
    if let told = answer.headers.retryAfter(now: now) { return min(max(told, 1_000), 3_600_000) }
    return min(usualBackOff << min(refusalsBefore, 10), longestBackOff)
  }

  private static func refusals(_ body: [UInt8]) -> String? {
    guard let record = (try? JSONNode(body[...])).flatMap({ ERPRecord($0) }), !record.refusals.isEmpty else { return nil }
    return excerpt(record.refusals.joined(separator: "; "))
  }

  /// Text of an HTML or plain page without its tags.
  private static func plainText(_ body: [UInt8]) -> String {
    String(decoding: body.prefix(4096), as: UTF8.self).replacing(#/<[^>]*>/#, with: " ")
  }

  private static func excerpt(_ text: String) -> String? {
    let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return line.isEmpty ? nil : String(line.prefix(excerptLimit))
  }
}
