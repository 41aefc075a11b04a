import Model

/// Numbers with units, as the configuration writes them.
enum Units {
  /// `10240 KiB`, `10 MiB`, `5000000` (bytes).
  static func bytes(_ name: String, _ section: Section) -> Int? {
    let allowed = "a number with B, KiB, MiB or GiB, up to 2 GiB"
    guard let text = section.text(name, allowed: allowed) else { return nil }
    guard let match = text.wholeMatch(of: #/(\d{1,10})\s*(B|KB|KiB|MB|MiB|GB|GiB)?/#), let number = Int(match.1) else {
      section.fault(name, "'\(text)' is not a size", allowed: allowed)
      return nil
    }
    let factor =
      switch match.2 {
      case "KB": 1000;
      case "KiB": 1 << 10;
      case "MB": 1_000_000;
      case "MiB": 1 << 20;
      case "GB": 1_000_000_000;
      case "GiB": 1 << 30;
      default: 1
      }
    let (size, overflow) = number.multipliedReportingOverflow(by: factor)
    guard !overflow, size <= 2 << 30 else {
      section.fault(name, "'\(text)' is too large", allowed: allowed)
      return nil
    }
    return size
  }

  /// `30s`, `5m`, `2h`, `1d`, within a range of seconds.
  static func seconds(_ name: String, _ section: Section, in range: ClosedRange<Int>) -> Int? {
    let allowed = "a number with s, m, h or d, from \(span(range.lowerBound)) to \(span(range.upperBound))"
    guard let text = section.text(name, allowed: allowed) else { return nil }
    guard let match = text.wholeMatch(of: #/(\d{1,6})\s*(s|m|h|d)/#), let number = Int(match.1) else {
      section.fault(name, "'\(text)' is not a time span", allowed: allowed)
      return nil
    }
    let factor =
      switch match.2 {
      case "s": 1;
      case "m": 60;
      case "h": 3600;
      default: 86_400
      }
    guard range.contains(number * factor) else {
      section.fault(name, "'\(text)' is too short or too long", allowed: allowed)
      return nil
    }
    return number * factor
  }

  private static func span(_ seconds: Int) -> String {
    if seconds % 86_400 == 0 { return "\(seconds / 86_400)d" }
    return seconds % 60 == 0 ? "\(seconds / 60)m" : "\(seconds)s"
  }

  /// `07:00` as minutes after midnight.
  static func minuteOfDay(_ name: String, _ section: Section, last: Int) -> Int? {
    let allowed = "a time as \"07:00\" in quotes"
    guard let text = section.text(name, allowed: allowed) else { return nil }
    guard let match = text.wholeMatch(of: #/(\d{1,2}):(\d{2})/#), let hour = Int(match.1), let minute = Int(match.2), minute < 60,
      hour * 60 + minute <= last
    else {
      section.fault(name, "'\(text)' is not a time of day", allowed: allowed)
      return nil
    }
    return hour * 60 + minute
  }
}
