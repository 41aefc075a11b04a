import CurlShim

/// Lends a job to the shim as C strings.
enum RequestStrings {
  /// Calls `body` with the request; its strings live as long as the call.
  static func with(
    _ job: HTTPJob, userAgent: String, authorityFile: String?, _ body: (curlshim_request) -> Bool
  ) -> Bool {
    let request = job.request
    var (kind, user, secret): (curlshim_authentication, String?, String?) = (CURLSHIM_AUTH_NONE, nil, nil)
    switch request.authentication {
    case .none: break
    case .basic(let name, let password): (kind, user, secret) = (CURLSHIM_AUTH_BASIC, name, password)
    case .ntlm(let name, let password): (kind, user, secret) = (CURLSHIM_AUTH_NTLM, name, password)
    case .negotiate: kind = CURLSHIM_AUTH_NEGOTIATE
    case .bearer(let token): (kind, secret) = (CURLSHIM_AUTH_BEARER, token)
    }
    let texts = [
      request.url, request.method, user, secret, request.cookieJar?.header(for: job.target), userAgent, authorityFile,
      request.unixSocketPath,
    ]
    return withStrings(texts[...], []) { strings in
      guard let url = strings[0], let method = strings[1] else { return false }
      return body(
        curlshim_request(
          url: url, method: method, body_bytes: request.body.map { Int64($0.count) } ?? -1,
          timeout_ms: min(max(request.timeoutSeconds, 1), 86_400) * 1000, connect_timeout_ms: 0,
          silence_s: max(request.silenceSeconds ?? 0, 0), authentication: kind, user: strings[2], secret: strings[3], cookies: strings[4],
          user_agent: strings[5], authority_file: strings[6], unix_socket: strings[7], accepts_compression: request.acceptsCompression,
          uses_proxy: job.target.isSecure && !job.target.isLoopback && request.unixSocketPath == nil))
    }
  }

  private static func withStrings(
    _ rest: ArraySlice<String?>, _ done: [UnsafePointer<CChar>?], _ body: ([UnsafePointer<CChar>?]) -> Bool
  ) -> Bool {
    guard let first = rest.first else { return body(done) }
    guard let text = first else { return withStrings(rest.dropFirst(), done + [nil], body) }
    return text.withCString { withStrings(rest.dropFirst(), done + [$0], body) }
  }
}
