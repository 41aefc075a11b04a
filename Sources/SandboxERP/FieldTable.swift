/// The fields of each entity of Default/24.200.001 that the server keeps, with type, length in UTF-16 units, allowed values.
enum FieldTable {
  static let entities: [String: [ContractField]] = [
    "Contact": [
      ContractField("Active", .flag),
      ContractField("Address", .linked),
      ContractField("AddressValidated", .flag, isReadOnly: true),
      ContractField("Attention", .text),
      ContractField("BusinessAccount", .text),
      ContractField("CompanyName", .text, limit: 255),
      ContractField("ContactClass", .text, limit: 10),
      ContractField("ContactID", .number, isReadOnly: true),
      ContractField("ContactMethod", .text),
      ContractField("ConvertedBy", .text),
      ContractField("DateOfBirth", .time),
      ContractField("DisplayName", .text, isReadOnly: true),
      ContractField("DoNotCall", .flag),
      ContractField("DoNotEmail", .flag),
      ContractField("DoNotFax", .flag),
      ContractField("DoNotMail", .flag),
      ContractField("Duplicate", .text),
      ContractField("DuplicateFound", .flag, isReadOnly: true),
      ContractField("Email", .text, limit: 255),
      ContractField("ExtRefNbr", .text, limit: 40),
      ContractField("Fax", .text, limit: 50),
      ContractField(
        "FaxType", .text,
        choices: ["Business 1", "Business 2", "Business 3", "Cell", "Assistant", "Fax", "Home", "Home Fax"]),
      ContractField("FirstName", .text, limit: 50),
      ContractField("FullName", .text, isReadOnly: true),
      ContractField("Gender", .text, choices: ["Male", "Female"]),
      ContractField("Image", .text),
      ContractField("JobTitle", .text, limit: 255),
      ContractField("LanguageOrLocale", .text, limit: 10),
      ContractField("LastIncomingActivity", .time, isReadOnly: true),
      ContractField("LastModifiedDateTime", .time, isReadOnly: true),
      ContractField("LastName", .text, limit: 100),
      ContractField("LastOutgoingActivity", .time, isReadOnly: true),
      ContractField("MaritalStatus", .text, choices: ["Single", "Married", "Divorced", "Widowed"]),
      ContractField("MiddleName", .text, limit: 50),
      ContractField("NoMarketing", .flag),
      ContractField("NoMassMail", .flag),
      ContractField("NoteID", .guid, isReadOnly: true),
      ContractField("OverrideAccountAddress", .flag),
      ContractField("Owner", .text),
      ContractField("OwnerEmployeeName", .text, isReadOnly: true),
      ContractField("ParentAccount", .text),
      ContractField("Phone1", .text, limit: 50),
      ContractField(
        "Phone1Type", .text,
        choices: ["Business 1", "Business 2", "Business 3", "Cell", "Assistant", "Fax", "Home", "Home Fax"]),
      ContractField("Phone2", .text, limit: 50),
      ContractField(
        "Phone2Type", .text,
        choices: ["Business 1", "Business 2", "Business 3", "Cell", "Assistant", "Fax", "Home", "Home Fax"]),
      ContractField("Phone3", .text, limit: 50),
      ContractField(
        "Phone3Type", .text,
        choices: ["Business 1", "Business 2", "Business 3", "Cell", "Assistant", "Fax", "Home", "Home Fax"]),
      ContractField("QualificationDate", .time),
      ContractField("Reason", .text),
      ContractField("Source", .text),
      ContractField("SourceCampaign", .text, limit: 15),
      ContractField("SpouseOrPartnerName", .text, limit: 255),
      ContractField("Status", .text, choices: ["Active", "Inactive"]),
      ContractField("Synchronize", .flag),
      ContractField("Title", .text, limit: 50),
      ContractField("Type", .text),
      ContractField("WebSite", .text, limit: 255),
      ContractField("Workgroup", .text),
      ContractField("WorkgroupDescription", .text, isReadOnly: true),
    ],
    "Employee": [
      ContractField("ContactInfo", .linked),
      ContractField("EmployeeID", .text, limit: 30, isReadOnly: true),
      ContractField("EmployeeName", .text, limit: 255),
      ContractField("EmployeeSettings", .linked),
      ContractField("LastModifiedDateTime", .time, isReadOnly: true),
      ContractField("Status", .text, choices: ["Active", "On Hold", "Hold Payments", "Inactive", "One-Time"]),
    ],
    "Task": [
      ContractField("Body", .text),
      ContractField("Category", .text),
      ContractField("CompletedAt", .time, isReadOnly: true),
      ContractField("CompletionPercentage", .number),
      ContractField("CreatedByID", .text, isReadOnly: true),
      ContractField("CreatedDateTime", .time, isReadOnly: true),
      ContractField("DueDate", .time),
      ContractField("Internal", .flag),
      ContractField("LastModifiedDateTime", .time, isReadOnly: true),
      ContractField("NoteID", .guid, isReadOnly: true),
      ContractField("Owner", .text),
      ContractField("Parent", .guid),
      ContractField("ParentSummary", .text, isReadOnly: true),
      ContractField("Priority", .text, choices: ["Low", "Normal", "High"]),
      ContractField("RelatedEntityDescription", .text, isReadOnly: true),
      ContractField("RelatedEntityNoteID", .guid),
      ContractField("RelatedEntityType", .text),
      ContractField("Reminder", .linked, part: "ReminderDetail"),
      ContractField("StartDate", .time),
      ContractField(
        "Status", .text,
        choices: ["Open", "Draft", "In Process", "Canceled", "Completed", "Approved", "Rejected", "Pending Approval", "Released"]),
      ContractField("Summary", .text, limit: 998),
      ContractField("WorkgroupID", .text),
    ],
    "Event": [
      ContractField("AllDay", .flag),
      ContractField("Attendees", .details, part: "EventAttendee"),
      ContractField("Body", .text),
      ContractField("Category", .text),
      ContractField("CreatedByID", .text, isReadOnly: true),
      ContractField("CreatedDateTime", .time, isReadOnly: true),
      ContractField("EndDate", .time, until25: true),
      ContractField("EndTime", .time, column: "EndDate", until25: true),
      ContractField("EndDateTime", .time, column: "EndDate", since25: true),
      ContractField("Internal", .flag),
      ContractField("LastModifiedDateTime", .time, isReadOnly: true),
      ContractField("Location", .text, limit: 255),
      ContractField("NoteID", .guid, isReadOnly: true),
      ContractField("Priority", .text, choices: ["Low", "Normal", "High"]),
      ContractField("RelatedEntityDescription", .text, isReadOnly: true),
      ContractField("RelatedEntityNoteID", .guid),
      ContractField("RelatedActivities", .details, part: "ActivityDetail"),
      ContractField("RelatedEntityType", .text),
      ContractField("Reminder", .linked, part: "ReminderDetail"),
      ContractField("ShowAs", .text, choices: ["Free", "Tentative", "Busy", "Out of Office"]),
      ContractField("StartDate", .time),
      ContractField("Status", .text, choices: ["Open", "Completed", "Canceled"]),
      ContractField("Summary", .text, limit: 998),
      ContractField("TimeActivity", .linked, part: "EventTimeActivity"),
    ],
    "Email": [
      ContractField("Bcc", .text, limit: 3000),
      ContractField("Body", .text),
      ContractField("Cc", .text, limit: 3000),
      ContractField("CreatedByID", .text, isReadOnly: true),
      ContractField("CreatedDateTime", .time, isReadOnly: true),
      ContractField("Description", .text),
      ContractField("From", .text, limit: 500),
      ContractField("FromEmailAccountDisplayName", .text, isReadOnly: true),
      ContractField("FromEmailAccountID", .number),
      ContractField("Incoming", .flag),
      ContractField("Internal", .flag),
      ContractField("LastModifiedDateTime", .time, isReadOnly: true),
      ContractField(
        "MailStatus", .text,
        choices: ["Draft", "Pending Processing", "Processing", "Scheduled", "Processed", "Canceled", "Failed", "Deleted", "Archived"]),
      ContractField("NoteID", .guid, isReadOnly: true),
      ContractField("Owner", .text),
      ContractField("Parent", .guid),
      ContractField("ParentSummary", .text, isReadOnly: true),
      ContractField("RelatedEntityDescription", .text, isReadOnly: true),
      ContractField("RelatedEntityNoteID", .guid),
      ContractField("RelatedEntityType", .text),
      ContractField("StartDate", .time),
      ContractField("Subject", .text, limit: 998),
      ContractField("To", .text, limit: 3000),
      ContractField("Workgroup", .text),
    ],
    "Activity": [
      ContractField("Body", .text),
      ContractField("CreatedByID", .text, isReadOnly: true),
      ContractField("CreatedDateTime", .time, isReadOnly: true),
      ContractField("Date", .time),
      ContractField("Internal", .flag),
      ContractField("LastModifiedDateTime", .time, isReadOnly: true),
      ContractField("NoteID", .guid, isReadOnly: true),
      ContractField("Owner", .text),
      ContractField("RelatedEntityDescription", .text),
      ContractField("RelatedEntityNoteID", .guid),
      ContractField("RelatedEntityType", .text),
      ContractField("Status", .text),
      ContractField("Summary", .text, limit: 998),
      ContractField("Task", .text),
      ContractField("Type", .text, limit: 5),
      ContractField("Workgroup", .text),
    ],
    "ReminderDetail": [
      ContractField("IsActive", .flag),
      ContractField("RemindAtDate", .time, until25: true),
      ContractField("RemindAtTime", .time, column: "RemindAtDate", until25: true),
      ContractField("RemindAtDateTime", .time, column: "RemindAtDate", since25: true),
    ],
    "EventAttendee": [
      ContractField("Comment", .text, limit: 255),
      ContractField("Email", .text, limit: 255),
      ContractField("EventNoteID", .guid, isReadOnly: true),
      ContractField(
        "InvitationStatus", .text, choices: ["Not Invited", "Invited", "Accepted", "Declined", "Rescheduled", "Canceled"]),
      ContractField("Key", .text, isReadOnly: true),
      ContractField("Name", .text, limit: 255),
      ContractField("NameAttendeeName", .text, isReadOnly: true),
      ContractField("Type", .number),
    ],
    "EventTimeActivity": [
      ContractField("BillableOvertime", .text),
      ContractField("BillableTime", .text),
      ContractField("Overtime", .text),
      ContractField("TimeSpent", .text),
    ],
    "ActivityDetail": [],
    "Address": [
      ContractField("AddressLine1", .text),
      ContractField("AddressLine2", .text),
      ContractField("City", .text),
      ContractField("Country", .text),
      ContractField("PostalCode", .text),
      ContractField("State", .text),
      ContractField("Validated", .flag),
    ],
  ]
}

extension FieldTable {
  /// Contracts of linked records and detail rows: they have no address of their own.
  static let parts: Set<String> = Set(entities.values.joined().compactMap(\.part))

  /// Elements of forms that the contract leaves out and `$custom` reaches, by entity or detail: `View.Field` with its type.
  static let custom: [String: [String: ContractField.Kind]] = [
    "Event": ["Events.OwnerID": .text, "Events.TimeZone": .text],
    "EventAttendee": ["Attendees.IsOptional": .flag, "Attendees.ContactID": .number],
  ]
}

/// One field of an entity.
struct ContractField: Sendable {
  enum Kind: Sendable { case text, flag, number, time, guid, linked, details }

  let name: String
  let kind: Kind
  let limit: Int?
  let choices: [String]
  let isReadOnly: Bool
  /// The contract of a linked record or of detail rows.
  let part: String?
  /// Where the value is kept: two names may stand for one column.
  let column: String
  /// Contracts that have the field: those before 25.200, those from it on.
  let (isInOld, isInNew): (Bool, Bool)

  init(
    _ name: String, _ kind: Kind, limit: Int? = nil, choices: [String] = [], isReadOnly: Bool = false, part: String? = nil,
    column: String? = nil, until25: Bool = false, since25: Bool = false
  ) {
    self.name = name
    self.part = part ?? (kind == .linked ? name : nil)
    self.column = column ?? name
    (isInOld, isInNew) = (!since25, !until25)
    self.kind = kind
    self.limit = limit
    self.choices = choices
    self.isReadOnly = isReadOnly
  }
}
