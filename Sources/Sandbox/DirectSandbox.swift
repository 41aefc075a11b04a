import FlyingFox
import Foundation
public import SandboxERP
public import SandboxExchange

/// The two servers without a socket: requests are handed over as bytes and answered in the same process, so that a seed replays everything.
public final class DirectSandbox: Sendable {
  /// A request to either server, or to the sandbox itself (`/sandbox/…`).
  public struct Request: Sendable {
    /// `GET`, `POST`, …
    public var method: String
    /// Path and query, percent-encoded.
    public var target: String
    /// Header fields.
    public var headers: [(name: String, value: String)]
    /// The content.
    public var body: [UInt8]

    /// A request from its parts.
    public init(_ method: String, _ target: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
      self.method = method
      self.target = target
      self.headers = headers
      self.body = body
    }
  }

  /// An answer.
  public struct Answer: Sendable {
    /// The status code.
    public var status: Int
    /// Header fields.
    public var headers: [(name: String, value: String)]
    /// The content.
    public var body: [UInt8]
  }

  /// The Exchange server.
  public let exchange: ExchangeServer
  /// The ERP.
  public let erp: ERPServer

  /// Servers without records.
  public init(exchange: ExchangeServerConfiguration, erp: ERPServerConfiguration) {
    self.exchange = ExchangeServer(configuration: exchange)
    self.erp = ERPServer(configuration: erp)
  }

  /// Answers a request.
  public func answer(_ request: Request) async -> Answer {
    let parts = request.target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    var headers = HTTPHeaders()
    for (name, value) in request.headers { headers.setValues([value], for: HTTPHeader(name)) }
    // Put together by hand: FlyingFox would have the target taken apart by URLComponents, for the query of the log.
    var whole = HTTPRequest(
      method: HTTPMethod(request.method), version: .http11, path: "", query: [], headers: headers,
      body: HTTPBodySequence(data: Data(request.body)))
    whole.target = .init(path: parts[0], query: parts.count > 1 ? parts[1] : "")
    whole.path = parts[0]
    let response = await Sandbox.answer(whole, exchange, erp)
    var fields: [(name: String, value: String)] = []
    for name in response.headers.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
      for value in response.headers.values(for: name) { fields.append((name.rawValue, value)) }
    }
    let body = (try? await response.bodyData) ?? Data()
    return Answer(status: response.statusCode.code, headers: fields, body: [UInt8](body))
  }
}
