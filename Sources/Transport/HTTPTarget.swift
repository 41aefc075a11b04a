import CurlShim
public import Model

/// Where a request goes, as libcurl itself reads the URL.
public struct HTTPTarget: Sendable, Equatable {
  /// Whether it is https.
  public let isSecure: Bool
  /// In lower case; an IPv6 address without brackets.
  public let host: String
  let port: String
  /// Without query.
  public let path: String

  /// Takes a URL apart.
  /// - Throws: ``SyncError`` `configuration` for a URL that is not http or https, cannot be read or has a user part.
  public init(url: String) throws(SyncError) {
    var parts = curlshim_url()
    guard !url.utf8.contains(0), curlshim_url_parse(url, &parts) else {
      throw SyncError(.configuration, "a request URL is not an absolute http or https URL; check the server addresses in the configuration")
    }
    isSecure = Self.string(parts.scheme) == "https"
    host = Self.string(parts.host)
    port = Self.string(parts.port)
    path = Self.string(parts.path)
    guard !parts.has_user else {
      throw SyncError(.configuration, "the URL for \(host) has a user name in it; take it out and configure the credentials instead")
    }
  }

  /// Scheme, host and port: all that an error message shows of a URL.
  public var origin: String {
    let defaultPort = isSecure ? "443" : "80"
    let shownHost = host.contains(":") ? "[\(host)]" : host
    return "\(isSecure ? "https" : "http")://\(shownHost)\(port == defaultPort ? "" : ":\(port)")"
  }

  /// Whether the host is this machine whatever the name service says: 127.0.0.0/8, ::1, or localhost, which libcurl resolves itself.
  public var isLoopback: Bool {
    if host == "localhost" || host == "::1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { part in UInt8(part).map { String($0) == part } ?? false }
  }

  /// Refuses to send credentials over plain http to another machine.
  func checkCredentials(of request: HTTPRequest) throws(SyncError) {
    guard !isSecure, !isLoopback, request.unixSocketPath == nil, request.holdsCredentials else { return }
    throw SyncError(
      .insecure, "credentials for \(origin) would travel unencrypted, so nothing was sent; use an https address (http only on loopback)")
  }

  private static func string<Bytes>(_ bytes: Bytes) -> String {
    withUnsafeBytes(of: bytes) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

extension HTTPRequest {
  private static let credentialFields: Set<String> = ["authorization", "cookie", "proxy-authorization"]

  var holdsCredentials: Bool {
    authentication != .none || cookieJar != nil || bodyHoldsSecret
      || headers.contains { Self.credentialFields.contains($0.name.lowercased()) }
  }

  /// The lines for libcurl, which takes `name;` for an empty value and `name:` for leaving its own field out.
  func headerLines() throws(SyncError) -> [String] {
    // No `Expect: 100-continue`, and no content type that the caller did not name.
    var lines = ["Expect:"]
    if !headers.contains(where: { $0.name.lowercased() == "content-type" }) { lines.append("Content-Type:") }
    for (name, value) in headers {
      guard !name.isEmpty, name.utf8.allSatisfy(Self.isTokenByte), !value.utf8.contains(where: { $0 == 0 || $0 == 0x0A || $0 == 0x0D })
      else {
        throw SyncError(.malformedRequest, "a request header field has a name or a value that HTTP does not allow")
      }
      lines.append(value.isEmpty ? "\(name);" : "\(name): \(value)")
    }
    return lines
  }

  /// The tchar production of RFC 9110, section 5.6.2.
  static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}
