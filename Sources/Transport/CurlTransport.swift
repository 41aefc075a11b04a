import Foundation
public import Model
import Synchronization

/// The transport over libcurl: one thread drives all connections, callers wait as tasks.
///
/// - Certificates are always checked, TLS 1.2 is the least; only http and https; redirects are answers like others and never followed.
/// - Credentials (authentication, cookies, secret content) go over plain http to this machine only; otherwise nothing is sent.
/// - HTTP/1.1 with kept connections, as NTLM needs; the connection is closed after a status of 500 and above.
/// - An https proxy of the environment (`https_proxy`, `no_proxy`) is used for other machines; plain http never goes through one.
/// - Cancelling the task breaks the transfer off.
///
/// Its thread ends when the transport is released.
public final class CurlTransport: HTTPTransport {
  private let mailbox = CurlMailbox()
  private let lastIdentifier = Atomic<UInt64>(0)

  /// A transport.
  ///
  /// - Parameters:
  ///   - maximumConnections: Connections open at once, and so requests under way (1...1000); the others wait, in order.
  ///   - userAgent: The User-Agent field. Exchange administrators allow and deny by it, and an empty one is often refused.
  ///   - certificateAuthorityFile: PEM certificates to trust beside those of the system.
  public init(maximumConnections: Int, userAgent: String, certificateAuthorityFile: String? = nil) {
    let mailbox = mailbox
    let connections = min(max(maximumConnections, 1), 1000)
    let thread = Thread {
      let loop = CurlLoop(
        mailbox: mailbox, maximumConnections: connections, userAgent: userAgent, authorityFile: certificateAuthorityFile)
      if let loop {
        loop.run()
      } else {
        mailbox.close()
      }
    }
    thread.name = "http"
    thread.start()
  }

  deinit { mailbox.close() }

  /// Sends a request and gives the whole answer; see ``HTTPTransport/send(_:)`` for what it throws.
  public func send(_ request: HTTPRequest) async throws(SyncError) -> HTTPResponse {
    try await perform(request, onChunk: nil)
  }

  /// Sends a request and hands over a 2xx answer's content as it comes; see ``HTTPTransport/stream(_:onChunk:)``.
  public func stream(
    _ request: HTTPRequest, onChunk: @escaping @Sendable ([UInt8]) -> Void
  ) async throws(SyncError) -> HTTPResponse {
    try await perform(request, onChunk: onChunk)
  }

  private func perform(_ request: HTTPRequest, onChunk: (@Sendable ([UInt8]) -> Void)?) async throws(SyncError) -> HTTPResponse {
    let target = try HTTPTarget(url: request.url)
    try target.checkCredentials(of: request)
    let headerLines = try request.headerLines()
    guard !request.method.isEmpty, request.method.utf8.allSatisfy(HTTPRequest.isTokenByte) else {
      throw SyncError(.malformedRequest, "a request to \(target.origin) has a method that HTTP does not allow")
    }
    if Task.isCancelled { throw .cancelledTransfer(target) }
    let identifier = lastIdentifier.wrappingAdd(1, ordering: .relaxed).newValue
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { (answer: CheckedContinuation<Result<HTTPResponse, SyncError>, Never>) in
        let job = HTTPJob(
          identifier: identifier, request: request, target: target, headerLines: headerLines, onChunk: onChunk, answer: answer)
        guard mailbox.post(.start(job)) else {
          return answer.resume(returning: .failure(SyncError(.failed, "the HTTP transport has ended, perhaps without memory; start again")))
        }
        // The handler may have run before the start was posted.
        if Task.isCancelled { _ = mailbox.post(.cancel(identifier: identifier)) }
      }
    } onCancel: {
      _ = mailbox.post(.cancel(identifier: identifier))
    }
    return try result.get()
  }
}
