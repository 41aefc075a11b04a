import CurlShim
import Model

/// A request on its way to the loop thread.
struct HTTPJob: Sendable {
  let identifier: UInt64
  let request: HTTPRequest
  let target: HTTPTarget
  let headerLines: [String]
  let onChunk: (@Sendable ([UInt8]) -> Void)?
  let answer: CheckedContinuation<Result<HTTPResponse, SyncError>, Never>
}

/// One request and its answer as they happen. Lives on the loop thread only.
final class HTTPExchange {
  /// Bytes of header lines that an answer may have.
  static let maximumHeaderBytes = 256 << 10

  let job: HTTPJob
  /// The transfer that carries it; nil while it waits for a slot.
  var transfer: OpaquePointer?
  private var response = HTTPResponse(status: 0)
  private var headerBytes = 0
  private var bodyBytes = 0
  private var sentBytes = 0
  private var answerBegan = false
  private var stopReason: SyncError?

  init(_ job: HTTPJob) { self.job = job }

  /// The receiver for the shim. The exchange must stay alive until the transfer is removed.
  var receiver: curlshim_receiver {
    var receiver = curlshim_receiver()
    receiver.context = Unmanaged.passUnretained(self).toOpaque()
    receiver.header = { context, line, length in
      HTTPExchange.at(context)?.takeHeader(UnsafeRawBufferPointer(start: line, count: length)) ?? false
    }
    receiver.body = { context, bytes, length in
      HTTPExchange.at(context)?.takeBody(UnsafeRawBufferPointer(start: bytes, count: length)) ?? false
    }
    receiver.read = { context, buffer, capacity in
      HTTPExchange.at(context)?.fill(UnsafeMutableRawBufferPointer(start: buffer, count: capacity)) ?? 0
    }
    receiver.rewind = { context in HTTPExchange.at(context)?.rewind() ?? false }
    return receiver
  }

  static func at(_ context: UnsafeMutableRawPointer?) -> HTTPExchange? {
    context.map { Unmanaged<HTTPExchange>.fromOpaque($0).takeUnretainedValue() }
  }

  /// What came of it, from libcurl's outcome and words.
  func result(_ outcome: curlshim_outcome, detail: String) -> Result<HTTPResponse, SyncError> {
    if let stopReason { return .failure(stopReason) }
    if outcome == CURLSHIM_OK, response.status != 0 { return .success(response) }
    return .failure(.ofTransfer(outcome, detail: detail, target: job.target, timeoutSeconds: job.request.timeoutSeconds))
  }

  private func fill(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
    guard let body = job.request.body else { return 0 }
    let count = min(buffer.count, body.count - sentBytes)
    body.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[sentBytes..<sentBytes + count])) }
    sentBytes += count
    return count
  }

  /// Whether the content may be sent from its beginning. Not when all of it was sent and no answer came: the server may have acted on it,
  /// and libcurl would silently do it twice when a kept connection dies at that moment. An answer (401, as NTLM's) makes it safe.
  private func rewind() -> Bool {
    let whole = sentBytes == job.request.body?.count ?? 0
    guard job.request.mayRepeat || !whole || answerBegan else { return false }
    sentBytes = 0
    answerBegan = false
    return true
  }

  private func takeHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var line = bytes[...]
    while let last = line.last, last == 0x0A || last == 0x0D || last == 0x20 || last == 0x09 { line.removeLast() }
    if line.starts(with: "HTTP/".utf8) { return beginAnswer(String(decoding: line, as: UTF8.self)) }
    headerBytes += bytes.count
    guard headerBytes <= Self.maximumHeaderBytes else {
      stopReason = SyncError(
        .malformedAnswer, "\(job.target.origin) sent more than \(Self.maximumHeaderBytes) bytes of header fields; check what answers there")
      return false
    }
    guard let colon = line.firstIndex(of: 0x3A), colon > line.startIndex else { return true }
    let name = String(decoding: line[..<colon], as: UTF8.self)
    let value = String(decoding: line[(colon + 1)...].drop { $0 == 0x20 || $0 == 0x09 }, as: UTF8.self)
    response.headers.add(name, value)
    switch name.lowercased() {
    case "set-cookie": job.request.cookieJar?.store(setCookie: value, from: job.target)
    case "content-length": reserve(value)
    default: break
    }
    return true
  }

  /// A status line: of the final answer, of a 1xx answer or of an authentication round trip before it.
  private func beginAnswer(_ line: String) -> Bool {
    response = HTTPResponse(status: line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0)
    headerBytes = 0
    bodyBytes = 0
    answerBegan = true
    // After a fault a server may send a second answer, which would be taken for that of the next request.
    if response.status >= 500, let transfer { curlshim_transfer_close_connection(transfer) }
    return true
  }

  private func reserve(_ contentLength: String) {
    guard job.onChunk == nil, let length = Int(contentLength), length > 0 else { return }
    response.body.reserveCapacity(min(length, job.request.maximumResponseBytes, 16 << 20))
  }

  private func takeBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bodyBytes += bytes.count
    guard bodyBytes <= job.request.maximumResponseBytes else {
      stopReason = SyncError(
        .tooLarge, "the answer of \(job.target.origin) is longer than the \(job.request.maximumResponseBytes) bytes allowed; ask for less")
      return false
    }
    if let onChunk = job.onChunk, (200...299).contains(response.status) {
      onChunk(Array(bytes))
    } else {
      response.body.append(contentsOf: bytes)
    }
    return true
  }
}
