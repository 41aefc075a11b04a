import FlyingFox
public import Foundation
import SandboxStore

extension ERPServer {
  /// The most bytes of a file that the site takes (File Upload Preferences, SM202550).
  private static let largestFile = 25 << 20
  /// Form and view that a record's files hang on.
  private static let graphs = [
    "Contact": "PX.Objects.CR.ContactMaint/Contact", "Email": "PX.Objects.CR.CREmailActivityMaint/Message",
    "Task": "PX.Objects.CR.CRTaskMaint/Tasks", "Event": "PX.Objects.EP.EPEventMaint/Events",
  ]

  /// Where a file of the record is put: the address ends with the file's name.
  static func fileAddress(_ entity: String, _ record: String) -> String {
    "\(root)/files/\(graphs[entity] ?? "PX.Objects.\(entity)/\(entity)")/\(record)/{filename}"
  }

  static func render(_ file: ServerFile, _ entity: String, _ record: String) -> JSONValue {
    // The name comes back with the form's name and the record's key before it.
    var object: [String: JSONValue] = [
      "id": .text(file.id), "filename": .text("\(entity) (\(record))\\\(file.name)"),
      "href": .text("\(root)/files/\(file.id)"),
    ]
    object["comment"] = file.comment.map(JSONValue.text) ?? .null
    return .object(object)
  }

  /// Answers what concerns files; nil: the request does not.
  func answerFile(_ request: HTTPRequest, _ parts: [String], _ body: Data) throws -> HTTPResponse? {
    if parts[3...].first == "files" {
      if request.method == .GET, parts.count == 5 { return try getFile(parts[4]) }
      guard request.method == .PUT, parts.count == 8 else { throw ERPRefusal(404, "Not found.") }
      let entity = Self.graphs.first { $0.value == "\(parts[4])/\(parts[5])" }?.key
      guard let entity else { throw ERPRefusal(404, "Not found.") }
      return try putFile(entity, parts[6], parts[7], request, body)
    }
    guard parts.count >= 7, parts[parts.count - 2] == "files", request.method == .PUT else { return nil }
    return try putFile(parts[3], parts[4..<(parts.count - 2)].joined(separator: "/"), parts[parts.count - 1], request, body)
  }

  private func getFile(_ id: String) throws -> HTTPResponse {
    guard let owner = fileOwners[id.lowercased()],
      let file = tables[owner.entity]?.records[owner.record]?.files.first(where: { $0.id == id.lowercased() })
    else { throw ERPRefusal(404, "The file was not found.") }
    return HTTPResponse(statusCode: .ok, headers: HTTPHeaders([.contentType: "application/octet-stream"]), body: file.bytes)
  }

  private func putFile(_ entity: String, _ key: String, _ name: String, _ request: HTTPRequest, _ body: Data) throws -> HTTPResponse {
    var record = try find(entity, key)
    guard body.count <= Self.largestFile else { throw ERPRefusal(500, "The file exceeds the maximum allowed size.") }
    guard !name.isEmpty, !name.contains(where: { "<>:|?*\\".contains($0) }) else {
      throw ERPRefusal(500, "The file name contains characters that are not allowed.")
    }
    let comment = request.headers[HTTPHeader("PX-CbFileComment")]
    if let index = record.files.firstIndex(where: { $0.name.lowercased() == name.lowercased() }) {
      // Another file of one name is a new revision of the first.
      record.files[index].bytes = body
    } else {
      record.files.append(ServerFile(id: configuration.identifier(), name: name, comment: comment, bytes: body))
    }
    tables[entity]?.records[record.id] = record
    let id = record.files.first { $0.name.lowercased() == name.lowercased() }?.id ?? ""
    fileOwners[id] = (entity, record.id)
    return HTTPResponse(
      statusCode: .noContent, headers: HTTPHeaders([HTTPHeader("Location"): "\(Self.root)/files/\(id)"]))
  }

  // MARK: Email activities

  /// What the form fills in on a new email.
  func completeEmail(_ record: inout ServerRecord) {
    let now = JSONValue.text(Clock.text(configuration.now()))
    record.fields["CreatedDateTime"] = now
    record.fields["CreatedByID"] = .text(configuration.username)
    record.fields["StartDate"] = record.fields["StartDate"] ?? now
    record.fields["Incoming"] = record.fields["Incoming"] ?? .flag(false)
    record.fields["MailStatus"] = record.fields["MailStatus"] ?? .text("Draft")
  }

  /// What the related record is called.
  func relatedName(_ record: ServerRecord) -> JSONValue? {
    guard let id = record.fields["RelatedEntityNoteID"]?.text else { return nil }
    return tables["Contact"]?.records[id]?.fields["DisplayName"]
  }

  /// Adds an email activity as if it had been entered or received there.
  /// - Parameter files: names with contents.
  public func addEmail(_ fields: [String: String], incoming: Bool, files: [(name: String, bytes: Data)]) {
    var record = ServerRecord(
      id: configuration.identifier(), key: "", fields: ["Incoming": .flag(incoming)], linked: [:],
      modified: Date(timeIntervalSince1970: 0), sequence: 0)
    for (name, value) in fields { record.fields[name] = .text(value) }
    record.key = record.id
    record.fields["NoteID"] = .text(record.id)
    completeEmail(&record)
    for file in files {
      let id = configuration.identifier()
      record.files.append(ServerFile(id: id, name: file.name, comment: nil, bytes: file.bytes))
      fileOwners[id] = ("Email", record.id)
    }
    store(&record, "Email")
  }
}

extension HTTPResponse {
  /// Bytes of the body, where it is held in memory.
  var bodyLength: Int {
    if case .httpBody(let body) = payload { body.count ?? 0 } else { 0 }
  }
}
