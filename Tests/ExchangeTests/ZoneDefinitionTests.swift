import Model
import Testing
import XMLStream

@testable import Exchange

/// A zone whose name says nothing is known by its rules.
@Suite struct ZoneDefinitionTests {
  private static func element(_ name: String, _ text: String = "", _ attributes: [String: String] = [:], _ children: [XMLElement] = [])
    -> XMLElement
  {
    XMLElement(name: name, attributes: attributes, children: children, text: text)
  }

  private static func change(_ period: String, _ offset: String, _ month: Int, _ occurrence: Int, _ weekday: String = "Sunday")
    -> XMLElement
  {
    element(
      "RecurringDayTransition", "", [:],
      [
        element("To", period, ["Kind": "Period"]), element("TimeOffset", offset), element("Month", String(month)),
        element("DayOfWeek", weekday), element("Occurrence", String(occurrence)),
      ])
  }

  /// A `t:StartTimeZone` of that name with a standard and a daylight period.
  private static func zone(_ id: String, standard: String, daylight: String = "PT0M", changes: [XMLElement] = []) -> XMLElement {
    let fixed = [element("Transition", "", [:], [element("To", "s", ["Kind": "Period"])])]
    return element(
      "StartTimeZone", "", ["Id": id],
      [
        element(
          "Periods", "", [:],
          [element("Period", "", ["Id": "s", "Bias": standard]), element("Period", "", ["Id": "d", "Bias": daylight])]),
        element("TransitionsGroups", "", [:], [element("TransitionsGroup", "", ["Id": "0"], changes.isEmpty ? fixed : changes)]),
        element("Transitions", "", [:], [element("Transition", "", [:], [element("To", "0", ["Kind": "Group"])])]),
      ])
  }

  private static let custom = "Customized Time Zone"
  private static let european = [change("d", "PT2H", 3, -1), change("s", "PT3H", 10, -1)]

  @Test func `the clocks of central Europe are Berlin's`() {
    let element = Self.zone(Self.custom, standard: "-PT60M", daylight: "-PT2H", changes: Self.european)
    #expect(CalendarZones.zone(element, at: "2027-05-03T08:00:00Z") == "Europe/Berlin")
  }

  @Test func `the clocks of the east of the United States are New York's`() {
    let changes = [Self.change("d", "PT2H", 3, 2), Self.change("s", "PT2H", 11, 1)]
    let element = Self.zone(Self.custom, standard: "PT300M", daylight: "PT240M", changes: changes)
    #expect(CalendarZones.zone(element, at: "2027-05-03T08:00:00Z") == "America/New_York")
  }

  @Test func `in the south the year begins in summer`() {
    let changes = [Self.change("d", "PT2H", 10, 1), Self.change("s", "PT3H", 4, 1)]
    let element = Self.zone(Self.custom, standard: "-PT10H", daylight: "-PT11H", changes: changes)
    // Both keep these clocks.
    #expect(["Australia/Sydney", "Australia/Hobart"].contains(CalendarZones.zone(element, at: "2027-05-03T08:00:00Z")))
  }

  @Test(arguments: [
    ("-PT60M", "Etc/GMT-1"), ("PT7H", "Etc/GMT+7"), ("PT0S", "Etc/UTC"), ("-PT5H30M", "Asia/Calcutta"), ("-PT330M", "Asia/Calcutta"),
  ])
  func `a zone without changes is known by its offset`(bias: String, zone: String) {
    let found = CalendarZones.zone(Self.zone(Self.custom, standard: bias), at: "2027-05-03T08:00:00Z")
    // CLDR and the database may write the place in its old or its new form.
    #expect(found == zone || zone == "Asia/Calcutta" && found == "Asia/Kolkata")
  }

  @Test func `a name that is known needs no rules, and rules without a match give no zone`() {
    let known = Self.zone("Tokyo Standard Time", standard: "-PT60M")
    #expect(CalendarZones.zone(known, at: "2027-05-03T08:00:00Z") == "Asia/Tokyo")
    let odd = Self.zone(Self.custom, standard: "-PT61M", daylight: "-PT2H", changes: Self.european)
    #expect(CalendarZones.zone(odd, at: "2027-05-03T08:00:00Z") == nil)
    #expect(CalendarZones.zone(Self.element("StartTimeZone", "", ["Id": Self.custom]), at: "2027-05-03T08:00:00Z") == nil)
    #expect(CalendarZones.zone(Self.zone(Self.custom, standard: "-PT60M"), at: nil) == nil)
  }

  @Test(arguments: ["", "60M", "PT", "P1M", "PT99999999999999999999H", "-PT-5M", "PT1.5H"])
  func `what is no duration gives no definition`(bias: String) {
    #expect(ZoneDefinition(Self.zone(Self.custom, standard: bias)) == nil || bias == "PT")
  }

  @Test(arguments: [(13, 1), (0, 1), (3, 0), (3, 6), (3, -2)])
  func `a change on no day of the calendar gives no definition`(month: Int, occurrence: Int) {
    let changes = [Self.change("d", "PT2H", month, occurrence)]
    #expect(ZoneDefinition(Self.zone(Self.custom, standard: "-PT1H", daylight: "-PT2H", changes: changes)) == nil)
  }
}
