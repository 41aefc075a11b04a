/// The properties of messages about meetings, after those of every message, in schema order.
enum MeetingProperties {
  static let common: [Property] = [
    p("AssociatedCalendarItemId", "meeting:AssociatedCalendarItemId"), p("IsDelegated", "meeting:IsDelegated"),
    p("IsOutOfDate", "meeting:IsOutOfDate"), p("HasBeenProcessed", "meeting:HasBeenProcessed"), p("ResponseType", "meeting:ResponseType"),
    p("UID", "calendar:UID"), p("RecurrenceId", "calendar:RecurrenceId"), p("DateTimeStamp", "calendar:DateTimeStamp"),
    p("IsOrganizer", "calendar:IsOrganizer"),
  ]

  static let request: [Property] = [
    p("MeetingRequestType", "meetingRequest:MeetingRequestType"), p("IntendedFreeBusyStatus", "meetingRequest:IntendedFreeBusyStatus"),
    p("Start", "calendar:Start"), p("End", "calendar:End"), p("OriginalStart", "calendar:OriginalStart"),
    p("IsAllDayEvent", "calendar:IsAllDayEvent"), p("LegacyFreeBusyStatus", "calendar:LegacyFreeBusyStatus"),
    p("Location", "calendar:Location"),
  ]

  private static func p(_ element: String, _ uri: String) -> Property {
    Property(element: element, uri: uri, canCreate: false, canUpdate: false, canDelete: false)
  }
}
