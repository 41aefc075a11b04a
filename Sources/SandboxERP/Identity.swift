public import FlyingFox
import Foundation

/// The site's authority: tokens for a user's password or a refresh token, which is good once and replaced each time.
extension ERPServer {
  /// The connected application that may ask for tokens.
  public static let application = (id: "5B3A2F10-0000-4000-8000-C0FFEE000001@Company", secret: "sandbox-application")

  /// Answers `POST /identity/connect/token`.
  public func handleIdentity(_ request: HTTPRequest) async -> HTTPResponse {
    guard request.method == .POST, request.path.hasSuffix("/connect/token") else { return HTTPResponse(statusCode: .notFound) }
    let body = String(decoding: (try? await request.bodyData) ?? Data(), as: UTF8.self)
    let form = Dictionary(FormText.pairs(body), uniquingKeysWith: { $1 })
    guard form["client_id"] == Self.application.id, form["client_secret"] == Self.application.secret else {
      return Self.json(400, .object(["error": .text("invalid_client")]))
    }
    // With the scope `api` the site keeps one session for all tokens of a grant.
    var grant = configuration.identifier()
    switch form["grant_type"] {
    case "password":
      guard form["username"] == configuration.username, form["password"] == configuration.password else { return Self.invalidGrant }
    case "refresh_token":
      guard let known = refreshTokens.removeValue(forKey: form["refresh_token"] ?? "") else { return Self.invalidGrant }
      grant = known
    default: return Self.json(400, .object(["error": .text("unsupported_grant_type")]))
    }
    let (token, refresh) = (configuration.identifier(), configuration.identifier())
    bearers[token] = (grant, configuration.now().addingTimeInterval(tokenSeconds))
    refreshTokens[refresh] = grant
    return Self.json(
      200,
      .object([
        "access_token": .text(token), "expires_in": .number(tokenSeconds), "token_type": .text("Bearer"), "refresh_token": .text(refresh),
        "scope": .text(form["scope"] ?? "api offline_access"),
      ]))
  }

  private static let invalidGrant = json(400, .object(["error": .text("invalid_grant")]))

  /// A refresh token as if a user had agreed in a browser.
  public func agree() -> String {
    let token = configuration.identifier()
    refreshTokens[token] = configuration.identifier()
    return token
  }

  /// How long tokens last from now on, in seconds; those given out already end.
  public func setTokenLifetime(seconds: Double) {
    tokenSeconds = seconds
    bearers = [:]
  }

  /// The session of a request's token, which is opened with the first request; nil without a token that is good.
  func sessionOfToken(_ request: HTTPRequest) throws -> String? {
    guard let header = request.headers[.authorization], header.lowercased().hasPrefix("bearer "),
      let (grant, ends) = bearers[String(header.dropFirst(7))], ends > configuration.now()
    else { return nil }
    let session = "grant \(grant)"
    if !isOpen(session) { try takeSeat(session) }
    return session
  }
}
