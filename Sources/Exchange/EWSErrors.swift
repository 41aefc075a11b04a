import Model
import Transport
import XMLStream

/// Turns refusals of Exchange into the engine's errors: HTTP status, SOAP fault, and each object's ResponseCode.
enum EWSErrors {
  /// DavMail's experience: a server that names no time wants about a minute.
  private static let usualBackOff: Int64 = 60_000
  /// The longest back-off that is believed: a day.
  private static let longestBackOff: Int64 = 86_400_000
  private static let excerptLimit = 300

  /// The error of a whole reply whose status is not 200.
  /// - Parameter body: the parsed body, when it is XML.
  static func error(for answer: HTTPResponse, body: XMLElement?, now: Timestamp, _ what: String) -> SyncError {
    if let fault = body?.descendant("Body", "Fault") { return error(forFault: fault, what) }
    switch answer.status {
    case 401: return SyncError(.unauthorized, "Exchange refused the sign-in: check the account's user, password and auth (\(what))")
    case 403: return SyncError(.accessDenied, "Exchange forbids EWS for this account or client: ask its administrator (\(what))")
    case 404: return SyncError(.configuration, "there is no EWS at the configured address: check 'server' of the account (\(what))")
    case 413: return SyncError(.tooLarge, "the request is larger than Exchange takes (\(what))")
    case 429: return throttled(answer.headers.retryAfter(now: now), what)
    // Without a time it is an outage, not a pause.
    case 503 where answer.headers.retryAfter(now: now) != nil: return throttled(answer.headers.retryAfter(now: now), what)
    case 301, 302, 307, 308, 451:
      let target = answer.headers.first("Location") ?? ""
      if target.lowercased().contains("genericerrorpage") { return SyncError(.transient, "Exchange is not available for now (\(what))") }
      return SyncError(.configuration, "Exchange answers from another address: check 'server' of the account (\(what))", cause: target)
    default:
      let text = String(decoding: answer.body.prefix(2048), as: UTF8.self).replacing(#/<[^>]*>/#, with: " ")
      let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ").prefix(excerptLimit)
      return SyncError(.transient, "Exchange failed with status \(answer.status) (\(what))", cause: String(line))
    }
  }

  private static func error(forFault fault: XMLElement, _ what: String) -> SyncError {
    let detail = fault.child("detail")
    let code = detail?.text("ResponseCode") ?? fault.text("faultcode")?.split(separator: ":").last.map(String.init) ?? "unknown"
    let message = detail?.text("Message") ?? fault.text("faultstring") ?? ""
    return error(code: code, message: message, details: detail?.child("MessageXml"), what)
  }

  /// The error of one object; nil on success. Of a warning the code decides too.
  static func error(for message: XMLElement, _ what: String) -> SyncError? {
    guard message.attribute("ResponseClass") != "Success" else { return nil }
    return error(
      code: message.text("ResponseCode") ?? "unknown", message: message.text("MessageText") ?? "", details: message.child("MessageXml"),
      what)
  }

  private static func error(code: String, message: String, details: XMLElement?, _ what: String) -> SyncError {
    let values = details?.children("Value") ?? []
    if code == "ErrorInternalServerError", let inner = values.first(where: { $0.attribute("Name") == "InnerErrorResponseCode" })?.text,
      inner != code
    {
      return error(code: inner, message: message, details: details, what)
    }
    let backOff = values.first { $0.attribute("Name") == "BackOffMilliseconds" }.flatMap { milliseconds($0.text) }
    let path = details?.child("FieldURI")?.attribute("FieldURI") ?? details?.child("IndexedFieldURI")?.attribute("FieldURI")
    let cause = [code, message, path].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: ": ")
    return classified(code, backOff, cause, what)
  }

  /// The table of response codes, by what is to be done.
  private static func classified(_ code: String, _ backOff: Int64?, _ cause: String, _ what: String) -> SyncError {
    func made(_ kind: SyncError.Code, _ text: String) -> SyncError { SyncError(kind, "\(text) (\(what))", cause: cause) }
    switch code {
    case "ErrorServerBusy", "ErrorExceededConnectionCount": return throttled(backOff, what)
    case "ErrorTooManyObjectsOpened", "ErrorInternalServerTransientError", "ErrorInsufficientResources", "ErrorADUnavailable",
      "ErrorADOperation",
      "ErrorMailboxFailover", "ErrorConnectionFailed", "ErrorNotEnoughMemory", "ErrorMailboxStoreUnavailable", "ErrorMailboxMoveInProgress",
      "ErrorCrossSiteRequest", "ErrorProxyRequestNotAllowed", "ErrorNoRespondingCASInDestinationSite":
      return made(.transient, "Exchange is not available for now")
    case "ErrorTimeoutExpired": return made(.timedOut, "Exchange took too long")
    case "ErrorBatchProcessingStopped": return made(.notProcessed, "Exchange ended the batch before this record")
    case "ErrorInvalidSyncStateData": return made(.cursorInvalid, "Exchange no longer knows how far the folder was read")
    case "ErrorSyncFolderNotFound", "ErrorFolderNotFound", "ErrorParentFolderNotFound":
      return made(.folderNotFound, "the folder is gone or not readable")
    case "ErrorItemNotFound", "ErrorCalendarCannotUpdateDeletedItem": return made(.notFound, "the item is not there")
    case "ErrorIrresolvableConflict", "ErrorStaleObject", "ErrorChangeKeyRequired", "ErrorChangeKeyRequiredForWriteOperations",
      "ErrorInvalidChangeKey":
      return made(.staleVersion, "the item was changed since it was read")
    case "ErrorAccessDenied", "ErrorCreateItemAccessDenied", "ErrorNoFreeBusyAccess", "ErrorImpersonateUserDenied",
      "ErrorImpersonationDenied",
      "ErrorImpersonationFailed", "ErrorCannotDeleteObject":
      return made(.accessDenied, "the account has no right to do this in the mailbox")
    case "ErrorNonExistentMailbox", "ErrorMailRecipientNotFound", "ErrorAccountDisabled", "ErrorMailboxConfiguration",
      "ErrorMissingEmailAddress",
      "ErrorNonPrimarySmtpAddress":
      return made(.mailboxNotFound, "there is no such mailbox, or it is disabled, or the address is not its primary one")
    case "ErrorPasswordExpired", "ErrorPasswordChangeRequired": return made(.unauthorized, "the account's password has expired")
    case "ErrorQuotaExceeded": return made(.quotaExceeded, "the mailbox is full")
    case "ErrorMessageSizeExceeded", "ErrorDataSizeLimitExceeded", "ErrorAttachmentSizeLimitExceeded":
      return made(.tooLarge, "the record is too large")
    case "ErrorSchemaValidation", "ErrorInvalidRequest", "ErrorInvalidOperation", "ErrorInvalidIdMalformed", "ErrorInvalidId":
      return made(.malformedRequest, "Exchange refuses the request as wrong")
    case "ErrorInvalidServerVersion", "ErrorIncorrectSchemaVersion", "ErrorInvalidSchemaVersionForMailboxVersion":
      return made(.malformedRequest, versionRefused)
    case "ErrorFolderExists": return made(.alreadyExists, "the folder exists already")
    default: break
    }
    let aboutTheRecord = [
      "ErrorInvalidProperty", "ErrorInvalidValue", "ErrorInvalidExtended", "ErrorInvalidContact", "ErrorInvalidRecipients", "ErrorCalendar",
      "ErrorUpdateProperty", "ErrorIncorrectUpdate", "ErrorItemSave", "ErrorPropertyUpdate", "ErrorObjectType", "ErrorCannotCreate",
      "ErrorCorrupt", "ErrorItemCorrupt", "ErrorMimeContent", "ErrorContentConversion", "ErrorItemPropertyRequest", "ErrorInvalidPercent",
      "ErrorInvalidComplete",
    ]
    if aboutTheRecord.contains(where: code.hasPrefix) { return made(.invalidRecord, "Exchange refuses a value of the record") }
    return made(.failed, "Exchange failed")
  }

  /// What an error says when the schema version of the request was the reason; the client then steps down.
  static let versionRefused = "Exchange does not speak this version of the schema"

  private static func throttled(_ backOff: Int64?, _ what: String) -> SyncError {
    let time = min(max(backOff ?? usualBackOff, 1), longestBackOff)
    return SyncError(
      .throttled, "Exchange asks to slow down for \((time + 999) / 1000) s (\(what))", retry: .afterBackOff(milliseconds: time))
  }

  private static func milliseconds(_ text: String?) -> Int64? {
    text.flatMap { Int64($0.filter { !$0.isWhitespace }) }.flatMap { $0 >= 0 ? $0 : nil }
  }
}
