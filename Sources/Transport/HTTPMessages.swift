/// How a request proves who sends it.
public enum HTTPAuthentication: Sendable, Equatable {
  /// Not at all.
  case none
  /// Name and password in each request (RFC 7617).
  case basic(user: String, password: String)
  /// NTLM (MS-NLMP), which authenticates the connection; `user` may be `DOMAIN\user` or `user@domain`.
  case ntlm(user: String, password: String)
  /// Kerberos by SPNEGO (RFC 4559), with the ticket of the process.
  case negotiate
  /// An OAuth 2.0 bearer token (RFC 6750).
  case bearer(token: String)
}

/// Header fields in the order in which they came or go; names compare without regard to case (RFC 9110, section 5.1).
public struct HTTPHeaders: Sendable, Equatable {
  /// A field.
  public struct Field: Sendable, Equatable {
    /// Its name, as written.
    public var name: String
    /// Its value, without surrounding white space.
    public var value: String
  }

  /// All fields.
  public private(set) var fields: [Field] = []

  /// No fields.
  public init() {}

  /// Adds a field behind the others.
  public mutating func add(_ name: String, _ value: String) { fields.append(Field(name: name, value: value)) }

  /// The value of the first field of that name.
  public func first(_ name: String) -> String? { fields.first { Self.same($0.name, name) }?.value }

  /// The values of all fields of that name.
  public func all(_ name: String) -> [String] { fields.filter { Self.same($0.name, name) }.map(\.value) }

  private static func same(_ one: String, _ other: String) -> Bool {
    one.utf8.count == other.utf8.count && one.lowercased() == other.lowercased()
  }
}

/// A request.
public struct HTTPRequest: Sendable {
  /// GET, POST, PUT, DELETE, PATCH, HEAD or any other token.
  public var method: String
  /// An absolute http or https URL, without a user part.
  public var url: String
  /// Header fields to send beside those that the transport makes: Host, Content-Length, Authorization, Cookie, Accept-Encoding,
  /// User-Agent.
  public var headers: [(name: String, value: String)]
  /// The content; nil sends none.
  public var body: [UInt8]?
  /// Seconds for the whole exchange, from the moment a connection slot is free for it (1...86,400).
  public var timeoutSeconds: Int
  /// Seconds without a single byte after which a running answer counts as lost; nil waits for `timeoutSeconds`.
  public var silenceSeconds: Int?
  /// How the request proves who sends it.
  public var authentication: HTTPAuthentication
  /// The cookies of the session: sent with the request, changed by the answer.
  public var cookieJar: CookieJar?
  /// Whether the content holds a password or the like, so that it must not travel over plain http to another machine.
  public var bodyHoldsSecret: Bool
  /// Whether the whole request may be sent a second time on a new connection when the kept one proves dead without an answer. The
  /// server may have carried it out, so only for what reads. Requests without content are always repeatable in this sense.
  public var mayRepeat: Bool
  /// Whether to ask for a compressed answer; it arrives inflated.
  public var acceptsCompression: Bool
  /// Bytes of the answer's content, inflated, above which it is refused.
  public var maximumResponseBytes: Int
  /// A Unix socket to connect to instead of the URL's host and port.
  public var unixSocketPath: String?

  /// A request; what is not given has the usual value: two minutes, 256 MiB, compressed, no credentials.
  public init(
    method: String = "GET", url: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil, timeoutSeconds: Int = 120,
    silenceSeconds: Int? = nil, authentication: HTTPAuthentication = .none, cookieJar: CookieJar? = nil, bodyHoldsSecret: Bool = false,
    mayRepeat: Bool = false, acceptsCompression: Bool = true, maximumResponseBytes: Int = 256 << 20, unixSocketPath: String? = nil
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.timeoutSeconds = timeoutSeconds
    self.silenceSeconds = silenceSeconds
    self.authentication = authentication
    self.cookieJar = cookieJar
    self.bodyHoldsSecret = bodyHoldsSecret
    self.mayRepeat = mayRepeat
    self.acceptsCompression = acceptsCompression
    self.maximumResponseBytes = maximumResponseBytes
    self.unixSocketPath = unixSocketPath
  }
}

/// The final answer to a request: authentication round trips and 1xx answers are gone through already.
public struct HTTPResponse: Sendable, Equatable {
  /// The status code (200...599). Redirects (3xx) are answers like others: they are never followed.
  public var status: Int
  /// The header fields.
  public var headers: HTTPHeaders
  /// The content, inflated. Empty when it was streamed.
  public var body: [UInt8]

  /// An answer from its parts.
  public init(status: Int, headers: HTTPHeaders = HTTPHeaders(), body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }
}
