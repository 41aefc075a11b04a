/// A refusal with EWS's response code.
struct Refusal: Error, Sendable {
  var code: String
  var text: String
  /// Values of `m:MessageXml`, e.g. BackOffMilliseconds.
  var values: [(String, String)] = []
  /// The property that was refused.
  var path: String?
  /// Whether the whole request fails with a SOAP fault (HTTP 500).
  var isFault = false
  /// Subscriptions that are not known.
  var lostSubscriptions: [String] = []

  init(_ code: String, _ text: String, values: [(String, String)] = [], path: String? = nil, isFault: Bool = false) {
    self.code = code
    self.text = text
    self.values = values
    self.path = path
    self.isFault = isFault
  }

  static let itemNotFound = Refusal("ErrorItemNotFound", "The specified object was not found in the store.")
  static let folderNotFound = Refusal("ErrorFolderNotFound", "The specified folder could not be found in the store.")
  static let accessDenied = Refusal("ErrorAccessDenied", "Access is denied. Check credentials and try again.")
  static func schema(_ text: String) -> Refusal {
    Refusal("ErrorSchemaValidation", "The request failed schema validation: \(text)", isFault: true)
  }
}
