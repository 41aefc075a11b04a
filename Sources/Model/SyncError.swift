/// The one error type of the engine: what failed, on what, what to do next, and whether trying again can help.
public struct SyncError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What kind of failure it is. Codes may be added; match with `default`.
  public enum Code: String, Sendable, Hashable, Codable {
    /// No connection: name not found, refused, reset.
    case unreachable
    /// The TLS handshake or the certificate check failed.
    case tls
    /// Credentials would have travelled over plain http to a host that is not loopback.
    case insecure
    /// The time allowed for a request ran out; a write may or may not have been applied.
    case timedOut
    /// The task was cancelled.
    case cancelled
    /// The server refused the credentials (HTTP 401, ERP sign-in).
    case unauthorized
    /// Signed in, but without the right (HTTP 403, ErrorAccessDenied).
    case accessDenied
    /// The server asked to slow down; `retry` says for how long.
    case throttled
    /// The server failed in a way that passes (HTTP 502, 503, 504, mailbox failover, database down).
    case transient
    /// No such record (ErrorItemNotFound, the ERP's NoEntitySatisfiesTheCondition).
    case notFound
    /// The record changed since the version that the write named.
    case staleVersion
    /// The record exists already (412 on insert, ErrorFolderExists).
    case alreadyExists
    /// The server refuses the record's data (a field too long, a value not in the list).
    case invalidRecord
    /// The request or the record is larger than the server takes.
    case tooLarge
    /// The cursor is no longer valid (ErrorInvalidSyncStateData): read everything and compare.
    case cursorInvalid
    /// The folder is gone or no longer readable.
    case folderNotFound
    /// There is no such mailbox, or it is disabled.
    case mailboxNotFound
    /// The mailbox is full.
    case quotaExceeded
    /// Not tried: an earlier failure ended the batch (ErrorBatchProcessingStopped).
    case notProcessed
    /// The server answered something that the protocol does not allow.
    case malformedAnswer
    /// The server refuses our request as wrong: a fault of this program.
    case malformedRequest
    /// The configuration asks for something that is not there.
    case configuration
    /// The cache could not be read or written.
    case storage
    /// A guard or a pause stopped the write.
    case held
    /// Everything else.
    case failed
  }

  /// When trying again makes sense.
  public enum Retry: Sendable, Hashable {
    /// Trying the same again fails the same way.
    case never
    /// Read the record again, decide again, then try.
    case afterReading
    /// Later, with growing pauses.
    case later
    /// Not before this many milliseconds have passed, for every request of the account.
    case afterBackOff(milliseconds: Int64)
  }

  /// What kind of failure it is.
  public let code: Code
  /// One line for people: what failed, on what, what to do. Never holds a secret.
  public let message: String
  /// The lower-level text that explains it, as a server's own message. Never holds a secret.
  public let cause: String?
  /// When trying again makes sense.
  public let retry: Retry

  /// An error; `retry` defaults to what is usual for the code.
  public init(_ code: Code, _ message: String, cause: String? = nil, retry: Retry? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
    self.retry = retry ?? Self.usualRetry(of: code)
  }

  /// `message`, and the cause in parentheses.
  public var description: String { cause.map { "\(message) (\($0))" } ?? message }

  /// Whether the whole account or mailbox is concerned, so that going on with other records is pointless for now.
  public var stopsAccount: Bool {
    switch code {
    case .unreachable, .tls, .insecure, .unauthorized, .throttled, .mailboxNotFound, .configuration, .storage, .cancelled: true
    default: false
    }
  }

  /// Whether a write that failed so may have been applied all the same; with `storage` it was, and its outcome could not be kept.
  public var leavesWriteInDoubt: Bool {
    switch code {
    case .unreachable, .timedOut, .transient, .cancelled, .malformedAnswer, .storage: true
    default: false
    }
  }

  private static func usualRetry(of code: Code) -> Retry {
    switch code {
    case .unreachable, .timedOut, .transient, .throttled, .notProcessed, .quotaExceeded, .malformedAnswer, .storage, .failed: .later
    case .staleVersion, .cursorInvalid, .alreadyExists: .afterReading
    default: .never
    }
  }
}
