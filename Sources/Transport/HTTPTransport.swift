public import Model

/// Sends requests. Every HTTP status is an answer; errors are what kept an answer from coming.
public protocol HTTPTransport: Sendable {
  /// Sends a request and gives the whole answer.
  ///
  /// - Throws: ``SyncError`` with the code `unreachable`, `tls`, `insecure` (credentials over plain http to another machine; nothing was
  ///   sent), `timedOut`, `cancelled` (by the task), `tooLarge` (above `maximumResponseBytes`), `malformedAnswer` (not HTTP) or
  ///   `malformedRequest` (URL or header fields that cannot be sent).
  func send(_ request: HTTPRequest) async throws(SyncError) -> HTTPResponse

  /// Sends a request and hands over the content of a 2xx answer as it comes; the content of any other answer is in the response.
  ///
  /// `onChunk` is called on the thread that drives all connections: it must be quick and must not wait. `maximumResponseBytes` bounds the
  /// whole stream. Throws as ``send(_:)`` does.
  func stream(_ request: HTTPRequest, onChunk: @escaping @Sendable ([UInt8]) -> Void) async throws(SyncError) -> HTTPResponse
}
