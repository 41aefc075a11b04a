/// The dates of cookies (RFC 6265, section 5.1.1): many forms, told apart by the shape of their words.
enum CookieDate {
  private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

  /// Seconds since 1970; nil when day, month, year or time is missing or out of range.
  static func seconds(_ text: Substring) -> Int64? {
    var day: Int64?
    var month: Int64?
    var year: Int64?
    var clock: Int64?
    for word in text.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != ":" }) {
      if word.contains(":") {
        clock = clock ?? secondsOfDay(word)
      } else if let number = Int64(word) {
        if day == nil, word.count <= 2 {
          day = number
        } else if year == nil {
          year = number < 70 ? number + 2000 : number < 100 ? number + 1900 : number
        }
      } else if month == nil, let index = months.firstIndex(of: String(word.prefix(3)).lowercased()) {
        month = Int64(index + 1)
      }
    }
    guard let day, let month, let year, let clock, (1...31).contains(day), (1601...9999).contains(year) else { return nil }
    return daysSince1970(year: year, month: month, day: day) * 86_400 + clock
  }

  private static func secondsOfDay(_ word: Substring) -> Int64? {
    let parts = word.split(separator: ":").map { Int64($0) ?? -1 }
    guard parts.count == 3, (0...23).contains(parts[0]), (0...59).contains(parts[1]), (0...59).contains(parts[2]) else { return nil }
    return parts[0] * 3600 + parts[1] * 60 + parts[2]
  }

  /// Days of the proleptic Gregorian calendar, counted in eras of 400 years that begin in March.
  private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted = month > 2 ? year : year - 1
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
