import XMLStream

/// What distinguishes the classes of items: the element, the folder class, the properties in schema order.
struct ItemClass: Sendable {
  let element: String
  let itemClass: String
  let folderClass: String
  /// ItemType's properties first, then the class's own.
  let properties: [Property]
  /// Place of each element in the schema's sequence.
  let order: [String: Int]
  private let byURI: [String: Property]

  private init(_ element: String, _ itemClass: String, _ folderClass: String, _ table: String, _ more: [Property] = []) {
    self.element = element
    self.itemClass = itemClass
    self.folderClass = folderClass
    properties = (PropertyTable.classes["Item"] ?? []) + (table == "Item" ? [] : PropertyTable.classes[table] ?? []) + more
    order = Dictionary(properties.enumerated().map { ($1.element, $0) }, uniquingKeysWith: { first, _ in first })
    byURI = Dictionary(properties.filter { !$0.uri.isEmpty }.map { ($0.uri, $0) }, uniquingKeysWith: { first, _ in first })
  }

  func property(uri: String) -> Property? { byURI[uri] }
  func property(element: String) -> Property? { order[element].map { properties[$0] } }

  static let all: [String: ItemClass] = Dictionary(
    uniqueKeysWithValues: [
      ItemClass("Contact", "IPM.Contact", "IPF.Contact", "Contact"), ItemClass("Task", "IPM.Task", "IPF.Task", "Task"),
      ItemClass("CalendarItem", "IPM.Appointment", "IPF.Appointment", "CalendarItem"),
      ItemClass("Message", "IPM.Note", "IPF.Note", "Message"),
      ItemClass(
        "MeetingRequest", "IPM.Schedule.Meeting.Request", "IPF.Note", "Message", MeetingProperties.common + MeetingProperties.request),
      ItemClass("MeetingResponse", "IPM.Schedule.Meeting.Resp.Pos", "IPF.Note", "Message", MeetingProperties.common),
      ItemClass("MeetingCancellation", "IPM.Schedule.Meeting.Canceled", "IPF.Note", "Message", MeetingProperties.common),
      ItemClass("DistributionList", "IPM.DistList", "IPF.Contact", "DistributionList"), ItemClass("Item", "IPM", "IPF.Note", "Item"),
    ].map { ($0.element, $0) })
}

/// An extended property's name, in one form whatever form the request had.
struct ExtendedName: Sendable, Hashable, Codable {
  var set: String?
  var name: String?
  var number: Int?
  var tag: Int?
  var type: String

  private static let distinguished = [
    "PublicStrings": "00020329-0000-0000-c000-000000000046", "InternetHeaders": "00020386-0000-0000-c000-000000000046",
    "Address": "00062004-0000-0000-c000-000000000046", "Appointment": "00062002-0000-0000-c000-000000000046",
    "Task": "00062003-0000-0000-c000-000000000046", "Common": "00062008-0000-0000-c000-000000000046",
    "Meeting": "6ed8da90-450b-101b-98da-00aa003f1305", "Sharing": "00062040-0000-0000-c000-000000000046",
    "UnifiedMessaging": "4442858e-a9e3-4e80-b900-317a210cc15b", "CalendarAssistant": "11000e07-b51b-40d6-af21-caa85edab1d0",
  ]

  /// Nil when the combination is not legal: set and name, set and id, or tag alone.
  init?(_ uri: XMLElement) {
    guard let type = uri.attribute("PropertyType") else { return nil }
    self.type = type
    if let tag = uri.attribute("PropertyTag") {
      guard let number = tag.lowercased().hasPrefix("0x") ? Int(tag.dropFirst(2), radix: 16) : Int(tag), number < 0x8000 else { return nil }
      self.tag = number
      return
    }
    set = uri.attribute("PropertySetId")?.lowercased() ?? uri.attribute("DistinguishedPropertySetId").flatMap { Self.distinguished[$0] }
    name = uri.attribute("PropertyName")
    number = uri.attribute("PropertyId").flatMap(Int.init)
    guard set != nil, (name == nil) != (number == nil) else { return nil }
  }

  /// A MAPI property of the server's own.
  init(tag: Int, type: String) {
    self.tag = tag
    self.type = type
  }

  /// Attributes of `t:ExtendedFieldURI` as servers write them: lower-case GUID, tag without padding.
  var attributes: [(String, String)] {
    if let tag { return [("PropertyTag", "0x" + String(tag, radix: 16)), ("PropertyType", type)] }
    let named = name.map { ("PropertyName", $0) } ?? ("PropertyId", String(number ?? 0))
    let setName = Self.distinguished.first { $0.value == set }?.key
    return [setName.map { ("DistinguishedPropertySetId", $0) } ?? ("PropertySetId", set ?? ""), named, ("PropertyType", type)]
  }
}
