import Foundation

/// Times as the API writes them.
enum Clock {
  private static let secondsOfDay = 86_400

  /// `2026-10-20T08:15:30.402+00:00`.
  static func text(_ date: Date) -> String {
    let milliseconds = Int((date.timeIntervalSince1970 * 1000).rounded())
    let (seconds, fraction) = (floored(milliseconds, 1000), milliseconds - floored(milliseconds, 1000) * 1000)
    let day = floored(seconds, secondsOfDay)
    let (rest, civil) = (seconds - day * secondsOfDay, civil(day))
    return "\(digits(civil.year, 4))-\(digits(civil.month, 2))-\(digits(civil.day, 2))T\(digits(rest / 3600, 2)):"
      + "\(digits(rest / 60 % 60, 2)):\(digits(rest % 60, 2)).\(digits(fraction, 3))+00:00"
  }

  /// ISO 8601 with or without fraction and offset; without an offset UTC; a date alone is its midnight.
  static func date(_ text: String) -> Date? {
    var rest = Array(text.utf8)[...]
    guard let year = number(&rest, 4), take(&rest, "-"), let month = number(&rest, 2), take(&rest, "-"), let day = number(&rest, 2),
      (1...12).contains(month), day >= 1, day <= length(of: month, year)
    else { return nil }
    var seconds = days(year, month, day) * secondsOfDay
    var milliseconds = 0
    if take(&rest, "T") || take(&rest, " ") {
      guard let hour = number(&rest, 2), take(&rest, ":"), let minute = number(&rest, 2), hour < 24, minute < 60 else { return nil }
      seconds += hour * 3600 + minute * 60
      if take(&rest, ":") {
        guard let second = number(&rest, 2), second < 60 else { return nil }
        seconds += second
      }
      if take(&rest, ".") {
        let fraction = rest.prefix { isDigit($0) }
        guard !fraction.isEmpty else { return nil }
        rest.removeFirst(fraction.count)
        var first = Array(fraction.prefix(3))[...]
        while first.count < 3 { first.append(UInt8(ascii: "0")) }
        milliseconds = number(&first, 3) ?? 0
      }
    }
    if !take(&rest, "Z") {
      let isWest = rest.first == UInt8(ascii: "-")
      if isWest || rest.first == UInt8(ascii: "+") {
        rest.removeFirst()
        guard let hours = number(&rest, 2), take(&rest, ":"), let minutes = number(&rest, 2), hours < 24, minutes < 60 else {
          return nil
        }
        seconds += (isWest ? 1 : -1) * (hours * 3600 + minutes * 60)
      }
    }
    guard rest.isEmpty else { return nil }
    return Date(timeIntervalSince1970: Double(seconds * 1000 + milliseconds) / 1000)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private static func take(_ rest: inout ArraySlice<UInt8>, _ mark: Unicode.Scalar) -> Bool {
    guard rest.first == UInt8(ascii: mark) else { return false }
    rest.removeFirst()
    return true
  }

  private static func number(_ rest: inout ArraySlice<UInt8>, _ count: Int) -> Int? {
    let digits = rest.prefix(count)
    guard digits.count == count, digits.allSatisfy(isDigit) else { return nil }
    rest.removeFirst(count)
    return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
  }

  private static func digits(_ number: Int, _ count: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, count - text.count)) + text
  }

  private static func floored(_ number: Int, _ divisor: Int) -> Int {
    number >= 0 ? number / divisor : -((-number + divisor - 1) / divisor)
  }

  private static func length(of month: Int, _ year: Int) -> Int {
    if month == 2 { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28 }
    return [4, 6, 9, 11].contains(month) ? 30 : 31
  }

  // MARK: Days since the POSIX epoch, by eras of 400 years that begin in March

  private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let year = month <= 2 ? year - 1 : year
    let era = floored(year, 400)
    let ofEra = year - era * 400
    let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
  }

  private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = floored(shifted, 146_097)
    let ofEra = shifted - era * 146_097
    let year = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * year + year / 4 - year / 100)
    let month = (5 * ofYear + 2) / 153
    let civilMonth = month < 10 ? month + 3 : month - 9
    return (year + era * 400 + (civilMonth <= 2 ? 1 : 0), civilMonth, ofYear - (153 * month + 2) / 5 + 1)
  }
}
