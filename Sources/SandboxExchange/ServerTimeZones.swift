import Foundation
import TimeZones
import XMLStream

extension ExchangeServer {
  /// Windows zones that this server's zone database has a place for.
  private static let zoneIDs: [String] = Set(TimeZone.knownTimeZoneIdentifiers.compactMap { WindowsZones.windows(of: $0) }).sorted()

  func serverTimeZones(_ operation: XMLElement) -> Message {
    let asked = operation.child("Ids")?.children("Id").map(\.text)
    let isFull = operation.attribute("ReturnFullTimeZoneData") != "false"
    let zones = (asked ?? Self.zoneIDs).compactMap(ServerZone.init(id:))
    return Message { xml in
      xml.within("m:TimeZoneDefinitions") { xml in
        for zone in zones {
          xml.within("t:TimeZoneDefinition", [("Id", zone.id), ("Name", name(zone))]) { if isFull { writeRules(zone, &$0) } }
        }
      }
    }
  }

  private func name(_ zone: ServerZone) -> String {
    let minutes =
      (zone.zone.secondsFromGMT(for: configuration.now()) - Int(zone.zone.daylightSavingTimeOffset(for: configuration.now()))) / 60
    if minutes == 0 { return "(UTC) \(zone.id)" }
    return String(format: "(UTC%@%02d:%02d) %@", minutes < 0 ? "-" : "+", abs(minutes) / 60, abs(minutes) % 60, zone.id)
  }

  /// Periods and transitions of the present year's rule, as the registry of Windows has them.
  private func writeRules(_ zone: ServerZone, _ xml: inout XMLWriter) {
    let now = configuration.now()
    let year = ServerDay.parts(Int(now.timeIntervalSince1970 / 86_400)).year
    let begin = Date(timeIntervalSince1970: Double(ServerDay.number(year: year, month: 1, day: 1)) * 86_400)
    var changes: [Date] = []
    var place = begin
    while let next = zone.zone.nextDaylightSavingTimeTransition(after: place), next < begin.addingTimeInterval(366 * 86_400),
      changes.count < 2
    {
      changes.append(next)
      place = next
    }
    if changes.count != 2 { changes = [] }
    let rule = "trule:Microsoft/Registry/\(zone.id)/1"
    func isDaylight(_ date: Date) -> Bool { zone.zone.isDaylightSavingTime(for: date) }
    func bias(_ date: Date) -> String {
      let minutes = -zone.zone.secondsFromGMT(for: date) / 60
      return "\(minutes < 0 ? "-" : "")PT\(abs(minutes))M"
    }
    let standard = ([begin] + changes).first { !isDaylight($0) } ?? begin
    xml.within("t:Periods") { xml in
      xml.empty("t:Period", [("Bias", bias(standard)), ("Name", "Standard"), ("Id", rule + "-Standard")])
      if let daylight = changes.first(where: isDaylight) {
        xml.empty("t:Period", [("Bias", bias(daylight)), ("Name", "Daylight"), ("Id", rule + "-Daylight")])
      }
    }
    xml.within("t:TransitionsGroups") { xml in
      xml.within("t:TransitionsGroup", [("Id", "0")]) { xml in
        if changes.isEmpty {
          xml.within("t:Transition") { $0.element("t:To", rule + "-Standard", [("Kind", "Period")]) }
        }
        for change in changes {
          writeChange(change, zone, rule + (isDaylight(change) ? "-Daylight" : "-Standard"), &xml)
        }
      }
    }
    xml.within("t:Transitions") { xml in xml.within("t:Transition") { $0.element("t:To", "0", [("Kind", "Group")]) } }
  }

  private func writeChange(_ change: Date, _ zone: ServerZone, _ period: String, _ xml: inout XMLWriter) {
    // The clock's time when the change comes, by the offset that ends.
    let before = zone.zone.secondsFromGMT(for: change.addingTimeInterval(-1))
    let local = Int(change.timeIntervalSince1970) + before
    let day = local / 86_400
    let (year, month, number) = ServerDay.parts(day)
    let isLast = number + 7 > ServerDay.count(year: year, month: month)
    let names = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
    xml.within("t:RecurringDayTransition") { xml in
      xml.element("t:To", period, [("Kind", "Period")])
      xml.element("t:TimeOffset", "PT\(local % 86_400 / 60)M")
      xml.element("t:Month", String(month))
      xml.element("t:DayOfWeek", names[ServerDay.weekday(day)])
      xml.element("t:Occurrence", isLast ? "-1" : String((number - 1) / 7 + 1))
    }
  }
}
