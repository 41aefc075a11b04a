import CurlShim
import Model

extension SyncError {
  /// The error for a transfer that brought no answer. `detail` is libcurl's own text, which names hosts, never credentials.
  static func ofTransfer(_ outcome: curlshim_outcome, detail: String, target: HTTPTarget, timeoutSeconds: Int) -> SyncError {
    let origin = target.origin
    let cause = detail.isEmpty ? nil : detail
    switch outcome {
    case CURLSHIM_NAME_NOT_FOUND:
      return SyncError(.unreachable, "\(origin): the host name was not found; check the address and the name service", cause: cause)
    case CURLSHIM_NOT_CONNECTED:
      return SyncError(.unreachable, "\(origin): no connection; check that the server runs and listens there", cause: cause)
    case CURLSHIM_TLS_FAILED:
      return SyncError(
        .tls, "\(origin): the TLS connection was refused; check the server's certificate and the configured certificate authority file",
        cause: cause)
    case CURLSHIM_TIMED_OUT:
      return SyncError(
        .timedOut, "\(origin): no complete answer within \(timeoutSeconds) s; check the server's load and the network", cause: cause)
    case CURLSHIM_CONNECTION_LOST, CURLSHIM_NOT_SENT_TWICE:
      return SyncError(
        .unreachable, "\(origin): the connection was lost before the answer was complete; whether the request was carried out is unknown",
        cause: cause)
    case CURLSHIM_NOT_HTTP, CURLSHIM_CONTENT_ENCODING, CURLSHIM_OK:
      return SyncError(.malformedAnswer, "\(origin): the answer is not valid HTTP; check what listens there", cause: cause)
    case CURLSHIM_BAD_REQUEST:
      return SyncError(.malformedRequest, "\(origin): the request could not be sent as it is; check the address", cause: cause)
    default:
      return SyncError(.failed, "\(origin): the request failed; see the cause", cause: cause)
    }
  }

  /// The error of a request whose task was cancelled.
  static func cancelledTransfer(_ target: HTTPTarget) -> SyncError {
    SyncError(.cancelled, "the request to \(target.origin) was cancelled; a write may or may not have been applied")
  }
}
