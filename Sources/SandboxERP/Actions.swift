public import FlyingFox
import Foundation

/// What can be done with a record beside reading and writing it.
enum ERPActions {
  /// Fields that an action sets, by entity and action; empty: the action changes nothing that the contract shows.
  static let all: [String: [String: [String: JSONValue]]] = [
    "Contact": ["CheckForContactDuplicates": [:], "MarkContactAsValidated": [:], "ValidateContactAddress": [:]],
    "Task": [
      "CompleteTask": ["Status": .text("Completed"), "CompletionPercentage": .number(100)],
      "CancelActivityTask": ["Status": .text("Canceled")],
    ],
    "Event": [
      "CompleteEvent": ["Status": .text("Completed")], "CancelActivityEvent": ["Status": .text("Canceled")], "InviteEvent": [:],
      "InviteAllEvent": [:], "AcceptInvitationEvent": [:], "RejectInvitationEvent": [:],
    ],
    "Email": [
      "SendEmail": ["MailStatus": .text("Processed")], "ProcessEmail": [:], "CancelSendingEmail": ["MailStatus": .text("Canceled")],
      "ArchiveEmail": ["MailStatus": .text("Archived")],
    ],
    "Activity": ["CompleteActivity": ["Status": .text("Completed")]],
  ]

  /// Actions that run on after the answer: the client asks how they go.
  static let longRunning: Set<String> = ["CheckForContactDuplicates", "ProcessEmail"]

  /// Statuses from which an action is possible; all when it has no entry.
  static let preconditions: [String: Set<String>] = [
    "CompleteTask": ["Open", "In Process"], "CancelActivityTask": ["Draft", "Open", "In Process"], "CompleteEvent": ["Open"],
    "CancelActivityEvent": ["Open"],
  ]
}

extension ERPServer {
  /// Carries out `POST …/ENTITY/ACTION`: 204 when done, 202 with the address of its status while it runs.
  func act(_ entity: String, _ action: String, _ body: Data) throws -> HTTPResponse {
    guard let changes = ERPActions.all[entity]?[action] else { throw ERPRefusal(404, "The action '\(action)' of \(entity) was not found.") }
    guard let sent = try? JSONDecoder().decode(JSONValue.self, from: body), case .object(let target)? = sent["entity"] else {
      throw ERPRefusal(400, "The request is invalid: the member 'entity' is missing.")
    }
    guard var record = try existing(entity, target) else { throw ERPRefusal.noEntity }
    if let allowed = ERPActions.preconditions[action], let status = record.fields["Status"]?.text, !allowed.contains(status) {
      let fault = "The action '\(action)' is not available for a record with the status '\(status)'."
      throw ERPRefusal(422, fault, record: .object(["id": .text(record.id), "error": .text(fault)]))
    }
    if action == "InviteAllEvent" {
      for index in record.details["Attendees"]?.indices ?? 0..<0 {
        record.details["Attendees"]?[index].fields["InvitationStatus"] = .text("Invited")
      }
      store(&record, entity)
    } else if !changes.isEmpty {
      record.fields.merge(changes) { _, new in new }
      if action == "CompleteTask" { record.fields["CompletedAt"] = .text(Clock.text(configuration.now())) }
      store(&record, entity)
    }
    guard ERPActions.longRunning.contains(action) else { return HTTPResponse(statusCode: .noContent) }
    let operation = configuration.identifier()
    // Asked once, it still runs; asked again, it has ended.
    operations[operation] = 1
    return HTTPResponse(
      statusCode: .accepted, headers: HTTPHeaders([HTTPHeader("Location"): "\(Self.root)/\(entity)/\(action)/status/\(operation)"]))
  }

  /// How an action goes: 202 while it runs, then 204.
  func actionStatus(_ operation: String) throws -> HTTPResponse {
    guard let left = operations[operation] else { throw ERPRefusal(404, "The operation was not found.") }
    operations[operation] = left > 0 ? left - 1 : nil
    return HTTPResponse(statusCode: left > 0 ? .accepted : .noContent)
  }
}

extension ERPServer {
  /// Answers requests below `/t/TENANT/api/odata/gi`: this site has no generic inquiries, and says so.
  public func handleInquiries(_ request: HTTPRequest) -> HTTPResponse {
    let expected = Data("\(configuration.username):\(configuration.password)".utf8).base64EncodedString()
    guard request.headers[.authorization] == "Basic \(expected)" else {
      return HTTPResponse(statusCode: .unauthorized, headers: HTTPHeaders([HTTPHeader("WWW-Authenticate"): "Basic realm=\"sandbox\""]))
    }
    guard request.path.hasSuffix("/api/odata/gi/$metadata") else { return HTTPResponse(statusCode: .notFound) }
    let document = """
      <?xml version="1.0" encoding="utf-8"?>\
      <edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>\
      <Schema Namespace="Default" xmlns="http://docs.oasis-open.org/odata/ns/edm"><EntityContainer Name="Default"/></Schema>\
      </edmx:DataServices></edmx:Edmx>
      """
    return HTTPResponse(statusCode: .ok, headers: HTTPHeaders([.contentType: "application/xml"]), body: Data(document.utf8))
  }
}
