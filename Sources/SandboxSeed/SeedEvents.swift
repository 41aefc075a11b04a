/// An event of the company, in the ERP's terms.
public struct SeedEvent: Sendable, Hashable {
  /// Contract names with values; times as ISO 8601.
  public var fields: [String: String]
  /// The owner's id.
  public var owner: String
  /// Addresses of the invited, with their names.
  public var attendees: [String: String]
  /// When the owner is reminded, as ISO 8601; nil: not.
  public var reminder: String?
}

/// A series that an employee keeps in the mailbox, with one occurrence moved and one taken out.
public struct SeedSeries: Sendable, Hashable {
  /// The `CalendarItem` element.
  public var xml: String
  /// Its subject.
  public var subject: String
  /// Numbers of the occurrences, from 1.
  public var moved: Int
  /// Number of the occurrence that is taken out.
  public var deleted: Int
}

extension Company {
  /// Events of the employees around a day; each employee gets as many as any other.
  /// - Parameter today: days since 1970-01-01.
  public func events(_ count: Int, seed: UInt64, today: Int) -> [SeedEvent] {
    guard !employees.isEmpty else { return [] }
    var random = RandomNumbers(seed: seed ^ 0x6576_656E)
    return (0..<count).map { event(number: $0, today, &random) }
  }

  private func event(number: Int, _ today: Int, _ random: inout RandomNumbers) -> SeedEvent {
    let owner = employees[number % employees.count]
    let company = random.pick(Names.companies)
    var fields = [
      "Summary": "\(random.pick(["Kickoff with", "Visit to", "Contract talks with", "Demo for", "Abnahme bei"])) \(company)",
      "Location": random.pick(["Room 1", "Head office; 3rd floor, left", "Online", company]),
      "ShowAs": random.pick(["Busy", "Busy", "Busy", "Tentative", "Free", "Out of Office"]),
      "Status": random.pick(["Open", "Open", "Open", "Open", "Completed", "Canceled"]),
    ]
    let day = today - 10 + random.below(40)
    let minute = (7 + random.below(9)) * 60 + 15 * random.below(4)
    if random.chance(15) {
      (fields["AllDay"], fields["StartDate"], fields["EndDate"]) = ("true", Self.midnight(day), Self.midnight(day + 1 + random.below(2)))
    } else {
      fields["StartDate"] = Self.time(day, minute: minute)
      fields["EndDate"] = Self.time(day, minute: minute + 30 * (1 + random.below(4)))
    }
    if random.chance(50) {
      fields["Body"] = "<html><head></head><body><p>Agenda:</p><ol><li>Prices &amp; terms</li><li>Dates</li></ol></body></html>"
    }
    var attendees: [String: String] = [:]
    if random.chance(60) {
      for other in employees where other.id != owner.id && random.chance(50) { attendees[other.email] = other.name }
      if random.chance(50) { attendees["office@\(Names.domain(company))"] = company }
    }
    return SeedEvent(
      fields: fields, owner: owner.id, attendees: attendees,
      reminder: random.chance(50) && fields["AllDay"] == nil ? Self.time(day, minute: minute - 15) : nil)
  }

  /// The weekly series of one employee, begun some weeks ago.
  /// - Parameter category: the category that the item carries.
  public func series(of employee: SeedEmployee, category: String, today: Int) -> SeedSeries {
    // A Tuesday three weeks ago.
    let start = today - 21 - ((today - 21 + 4) % 7 + 7 - 2) % 7
    let date = Self.date(start)
    let subject = "Weekly review of \(employee.workgroup)"
    let xml = """
      <CalendarItem><Subject>\(subject)</Subject><Body BodyType="Text">What went well, what did not.</Body>\
      <Categories><String>\(category)</String></Categories><ReminderIsSet>true</ReminderIsSet>\
      <ReminderMinutesBeforeStart>10</ReminderMinutesBeforeStart><Start>\(date)T09:30:00</Start><End>\(date)T10:15:00</End>\
      <Location>Room 2</Location><Recurrence><WeeklyRecurrence><Interval>1</Interval><DaysOfWeek>Tuesday</DaysOfWeek>\
      <FirstDayOfWeek>Monday</FirstDayOfWeek></WeeklyRecurrence><NumberedRecurrence><StartDate>\(date)</StartDate>\
      <NumberOfOccurrences>12</NumberOfOccurrences></NumberedRecurrence></Recurrence>\
      <StartTimeZone Id="W. Europe Standard Time"/><EndTimeZone Id="W. Europe Standard Time"/></CalendarItem>
      """
    return SeedSeries(xml: xml, subject: subject, moved: 5, deleted: 7)
  }
}
