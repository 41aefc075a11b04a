public import Model

extension HTTPHeaders {
  /// The longest pause that is believed: a day, in milliseconds.
  private static let longestPause: Int64 = 86_400_000

  /// How long the server asks to wait (`Retry-After`: seconds or a date, RFC 9110 section 10.2.3), in milliseconds, 0 to a day.
  /// Nil without the field, or where it cannot be read.
  public func retryAfter(now: Timestamp) -> Int64? {
    guard let text = first("Retry-After")?.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ") else { return nil }
    if let seconds = Int64(text) { return seconds < 0 ? nil : min(seconds, Self.longestPause / 1000) * 1000 }
    guard let date = CookieDate.seconds(Substring(text)) else { return nil }
    // A date is exact to the second: rounded up, so that nothing comes before its end.
    return min(max(date * 1000 - now.milliseconds, 0), Self.longestPause)
  }
}
