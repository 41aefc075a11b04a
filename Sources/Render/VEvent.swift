import Model

/// Renders events as iCalendar (RFC 5545 section 3.6.1): one event, or one series with its exceptions, and the zones they name. The same
/// fields give the same bytes, always.
enum VEvent {
  /// One file.
  /// - Parameters:
  ///   - uid: stable for ever.
  ///   - revision: the record's last change, as LAST-MODIFIED and DTSTAMP.
  static func render(uid: String, fields: Fields, revision: Timestamp, zones: Zones) -> [UInt8] {
    let series = fields[.recurrence].flatMap(Series.init)
    let clock = EventClock(zones: zones)
    return ICalendar.file { lines in
      VTimeZone.write(named(fields, series), isSeries: series != nil, zones, &lines)
      write(uid: uid, fields, series, original: nil, revision, clock, &lines)
      for override in series?.overrides ?? [] {
        write(uid: uid, override.fields, nil, original: override.original, revision, clock, &lines)
      }
    }
  }

  /// Every time of the file that names a zone.
  private static func named(_ fields: Fields, _ series: Series?) -> [(zone: String, instant: Timestamp)] {
    var values = [fields[.start], fields[.end]] + (series?.excluded ?? [])
    for override in series?.overrides ?? [] { values += [override.original, override.fields[.start], override.fields[.end]] }
    return values.compactMap { value in
      if case .instant(let instant, let zone?)? = value { (zone, instant) } else { nil }
    }
  }

  private static func write(
    uid: String, _ fields: Fields, _ series: Series?, original: Value?, _ revision: Timestamp, _ clock: EventClock,
    _ lines: inout ContentLines
  ) {
    lines.add("BEGIN", "VEVENT")
    lines.add("UID", ContentLines.text(uid))
    lines.add("DTSTAMP", revision.basicFormat)
    lines.add("LAST-MODIFIED", revision.basicFormat)
    if let original { clock.write("RECURRENCE-ID", original, &lines) }
    ICalendar.text("SUMMARY", .subject, fields, &lines)
    ICalendar.text("DESCRIPTION", .body, fields, &lines)
    ICalendar.text("LOCATION", .location, fields, &lines)
    if let start = fields[.start] { clock.write("DTSTART", start, &lines) }
    if let end = fields[.end], fields[.start].map({ $0 != end }) ?? true { clock.write("DTEND", end, &lines) }
    if let series {
      lines.add("RRULE", series.rule)
      for excluded in series.excluded { clock.write("EXDATE", excluded, &lines) }
    }
    writeShown(fields, &lines)
    ICalendar.categories(fields, &lines)
    writePeople(fields, &lines)
    if case .number(let minutes)? = fields[.reminder] {
      ICalendar.alarm(fields, trigger: (parameters: [], value: "-PT\(max(minutes, 0))M"), &lines)
    }
    lines.add("END", "VEVENT")
  }

  private static func writeShown(_ fields: Fields, _ lines: inout ContentLines) {
    let shown = fields.text(.showAs) ?? "Busy"
    lines.add("STATUS", shown == "Tentative" ? "TENTATIVE" : "CONFIRMED")
    lines.add("TRANSP", shown == "Free" ? "TRANSPARENT" : "OPAQUE")
    // The finer words that calendars of Exchange's family understand.
    lines.add("X-MICROSOFT-CDO-BUSYSTATUS", ContentLines.text(shown.uppercased()))
  }

  private static func writePeople(_ fields: Fields, _ lines: inout ContentLines) {
    let people = fields[.attendees]?.people ?? []
    guard !people.isEmpty else { return }
    if let organizer = fields.text(.organizer) { lines.add("ORGANIZER", address(organizer)) }
    for person in people {
      var parameters: [(name: String, value: String)] = person.name.isEmpty ? [] : [("CN", person.name)]
      parameters += [("ROLE", person.isOptional ? "OPT-PARTICIPANT" : "REQ-PARTICIPANT"), ("PARTSTAT", person.answer), ("RSVP", "TRUE")]
      lines.add("ATTENDEE", parameters: parameters, address(person.address))
    }
  }

  /// A `mailto` URI; what an address may not hold there is percent-encoded (RFC 6068 section 2). Who has no address gets a URI that is none.
  private static func address(_ text: String) -> String {
    guard text.contains("@") else { return "invalid:nomail" }
    var result = "mailto:"
    for byte in text.utf8 {
      let isPlain =
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || "@.-_~!$'*+=/".utf8.contains(byte)
      if isPlain {
        result.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        let digits = String(byte, radix: 16, uppercase: true)
        result += "%" + (digits.count == 1 ? "0" + digits : digits)
      }
    }
    return result
  }
}

/// Writes times of events: days, the clocks of a zone, or UTC where no zone is known.
struct EventClock {
  let zones: Zones

  func write(_ name: String, _ value: Value, _ lines: inout ContentLines) {
    switch value {
    case .date(let date): ICalendar.day(name, date, &lines)
    case .instant(let instant, let zone):
      if let zone, !VTimeZone.isUTC(zone), zones.offset(zone, instant) != nil {
        lines.add(name, parameters: [(name: "TZID", value: zone)], local(instant, zone))
      } else {
        lines.add(name, instant.basicFormat)
      }
    default: break
    }
  }

  private func local(_ instant: Timestamp, _ zone: String) -> String {
    let offset = zones.offset(zone, instant) ?? 0
    return String(Timestamp(seconds: instant.seconds + Int64(offset)).basicFormat.dropLast())
  }
}
