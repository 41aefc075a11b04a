extension Company {
  /// `YYYY-MM-DDT00:00:00.000+00:00` of a day since 1970-01-01.
  static func midnight(_ day: Int) -> String { time(day, minute: 0) }

  /// `YYYY-MM-DDTHH:MM:00.000+00:00` of a day since 1970-01-01 and a minute of it.
  static func time(_ day: Int, minute: Int) -> String {
    "\(date(day))T\(digits(minute / 60, 2)):\(digits(minute % 60, 2)):00.000+00:00"
  }

  /// `YYYY-MM-DD` of a day since 1970-01-01 (civil-from-days over a year that begins in March).
  static func date(_ day: Int) -> String {
    let shifted = day + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
    return "\(year)-\(digits(month < 10 ? month + 3 : month - 9, 2))-\(digits(dayOfYear - (153 * month + 2) / 5 + 1, 2))"
  }
}
