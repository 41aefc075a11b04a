import Model

/// Names of the protocol: namespaces, the project's own properties, folder classes.
enum EWSNames {
  static let soap = "http://schemas.xmlsoap.org/soap/envelope/"
  static let messages = "http://schemas.microsoft.com/exchange/services/2006/messages"
  static let types = "http://schemas.microsoft.com/exchange/services/2006/types"

  /// The GUID namespace of the project's named properties. It never changes: links are rebuilt by it.
  static let propertySet = "b6d0c4a2-7f5e-4c1b-9a38-2e61d07fc95a"
  /// The ERP's id of the record.
  static let foreignID = PropertyPath.named("ErpRecordId")
  /// The creation that the item stems from.
  static let operationID = PropertyPath.named("OperationId")
  /// PidTagSearchKey: kept over moves, and copied with copies.
  static let searchKey = PropertyPath.tag("0x300B", type: "Binary")

  /// The distinguished folder of a record type.
  static func distinguishedFolder(_ kind: RecordKind) -> String {
    switch kind {
    case .contacts: "contacts"
    case .tasks: "tasks"
    case .events: "calendar"
    case .emails: "inbox"
    }
  }

  /// The class of folders that hold a record type (FolderClass).
  static func folderClass(_ kind: RecordKind) -> String {
    switch kind {
    case .contacts: "IPF.Contact"
    case .tasks: "IPF.Task"
    case .events: "IPF.Appointment"
    case .emails: "IPF.Note"
    }
  }

  /// The element that creates such a folder.
  static func folderElement(_ kind: RecordKind) -> String {
    switch kind {
    case .contacts: "t:ContactsFolder"
    case .tasks: "t:TasksFolder"
    case .events: "t:CalendarFolder"
    case .emails: "t:Folder"
    }
  }
}
