import Foundation

/// A record as the server keeps it: fields by contract name, linked records by theirs.
struct ServerRecord: Sendable, Codable {
  var id: String
  var key: String
  var fields: [String: JSONValue]
  var linked: [String: [String: JSONValue]]
  /// Rows of detail arrays by the array's name.
  var details: [String: [DetailRow]] = [:]
  /// Elements of the form outside the contract, `View.Field` by name.
  var custom: [String: JSONValue] = [:]
  var modified: Date
  /// Place in the order of changes.
  var sequence: Int
  /// The record's note: free text that every record has.
  var note = ""
  /// Attached files, in order.
  var files: [ServerFile] = []
}

/// A file attached to a record.
struct ServerFile: Sendable, Codable {
  var id: String
  var name: String
  var comment: String?
  var bytes: Data
}

/// A refusal of the REST API.
struct ERPRefusal: Error, Sendable {
  var status: Int
  var message: String
  var exceptionType: String?
  /// A 422's record with its refused fields.
  var record: JSONValue?
  /// Value of the header Retry-After.
  var retryAfter: String?

  init(_ status: Int, _ message: String, exceptionType: String? = nil, record: JSONValue? = nil, retryAfter: String? = nil) {
    self.status = status
    self.message = message
    self.exceptionType = exceptionType
    self.record = record
    self.retryAfter = retryAfter
  }

  static let noEntity = ERPRefusal(
    500, "No entity satisfies the condition.", exceptionType: "PX.Api.ContractBased.NoEntitySatisfiesTheConditionException")

  var body: JSONValue {
    if let record { return record }
    var body: [String: JSONValue] = ["message": .text(status == 500 ? "An error has occurred." : message)]
    if status == 500 {
      body["exceptionMessage"] = .text(message)
      body["exceptionType"] = .text(exceptionType ?? "PX.Data.PXException")
    }
    return .object(body)
  }
}
