public import Model

extension Retry {
  /// A failing record is set aside after so many tries.
  static let triesBeforeSettingAside = 8
  private static let firstPauseMilliseconds: Int64 = 60_000
  private static let longestPauseMilliseconds: Int64 = 6 * 3_600_000

  /// One failure more of a record: the pauses double from a minute to six hours, and after eight tries it is set aside.
  /// - Parameter known: its failures until now; nil: none.
  public static func next(
    after known: Retry?, mailbox: Mailbox, kind: RecordKind, subject: String, error: String, at now: Timestamp
  ) -> Retry {
    let tries = (known?.tries ?? 0) + 1
    let pause = min(firstPauseMilliseconds << Int64(min(tries - 1, 20)), longestPauseMilliseconds)
    return Retry(
      mailbox: mailbox, kind: kind, subject: subject, tries: tries, since: known?.since ?? now, nextAt: now.advanced(milliseconds: pause),
      isSetAside: tries >= triesBeforeSettingAside, reason: error)
  }
}
