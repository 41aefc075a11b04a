import Model

/// The linked reminder of a task or an event (contract ReminderDetail): date and time apart up to 24.200, joined from 25.200 on.
enum ReminderMapping {
  /// What `$select` asks for.
  static func selected(_ contract: ContractVersion) -> [String] {
    ["Reminder/IsActive"]
      + (contract == .through24_200 ? ["Reminder/RemindAtDate", "Reminder/RemindAtTime"] : ["Reminder/RemindAtDateTime"])
  }

  /// The instant of an active reminder, to the minute.
  static func instant(_ reminder: ERPRecord) -> Value? {
    guard reminder.flag("IsActive") == true else { return nil }
    if let joined = reminder.text("RemindAtDateTime").flatMap({ Timestamp(iso8601: $0) }) { return value(joined) }
    guard let date = reminder.text("RemindAtDate") else { return nil }
    let day = date.prefix { $0 != "T" }
    // The clock time stands in a dateTime of its own, behind whichever date the server puts there.
    let clock = reminder.text("RemindAtTime").flatMap { $0.split(separator: "T", maxSplits: 1).last } ?? "00:00:00+00:00"
    return Timestamp(iso8601: "\(day)T\(clock)").map(value)
  }

  /// The body that sets a reminder, or switches it off.
  static func body(_ reminder: Value?, _ contract: ContractVersion) -> [String: ERPRecord.Cell] {
    guard case .instant(let instant, _)? = reminder else { return ["IsActive": ERPRecord.Cell(.flag(false))] }
    let text = instant.iso8601Milliseconds
    var cells = ["IsActive": ERPRecord.Cell(.flag(true))]
    switch contract {
    case .through24_200:
      cells["RemindAtDate"] = .text("\(instant.utcDate)T00:00:00.000+00:00")
      cells["RemindAtTime"] = .text(text)
    case .from25_200: cells["RemindAtDateTime"] = .text(text)
    }
    return cells
  }

  private static func value(_ instant: Timestamp) -> Value {
    .instant(Timestamp(seconds: instant.seconds - instant.seconds % 60), zone: nil)
  }
}
