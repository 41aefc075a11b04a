import Glibc
import Synchronization

/// The cookies of one session (RFC 6265), kept in memory only. Stricter than a browser: a cookie goes back to the very host that set it.
public final class CookieJar: Sendable {
  /// Cookies that a jar holds at most; further ones push out the oldest.
  public static let maximumCookies = 64
  /// Bytes of a Set-Cookie field above which it is ignored (RFC 6265, section 6.1).
  public static let maximumCookieBytes = 4096
  /// Seconds above which a Max-Age says nothing more: a hundred years.
  private static let longestAge: Int64 = 3_155_760_000

  private struct Cookie {
    var host: String
    var path: String
    var name: String
    var value: String
    var secureOnly = false
    /// Seconds since 1970 at which it ends; nil lasts as long as the jar.
    var ends: Int64?
  }

  private let cookies = Mutex<[Cookie]>([])
  private let now: @Sendable () -> Int64

  /// An empty jar.
  public convenience init() { self.init(now: { Int64(time(nil)) }) }

  /// An empty jar with a clock of its own: seconds since 1970.
  init(now: @escaping @Sendable () -> Int64) { self.now = now }

  /// Forgets all cookies, as after signing out.
  public func removeAll() { cookies.withLock { $0 = [] } }

  /// Whether there is no cookie.
  public var isEmpty: Bool { cookies.withLock { $0.isEmpty } }

  /// The value of the Cookie field for a request to this address; nil when there is nothing to send or it is no address.
  public func header(url: String) -> String? { (try? HTTPTarget(url: url)).flatMap(header(for:)) }

  /// Takes over a Set-Cookie field of an answer from this address; for transports beside libcurl's.
  public func store(setCookie field: String, url: String) {
    guard let target = try? HTTPTarget(url: url) else { return }
    store(setCookie: field, from: target)
  }

  /// The value of the Cookie field for a request; nil when there is nothing to send.
  func header(for target: HTTPTarget) -> String? {
    let now = now()
    let pairs = cookies.withLock { cookies in
      cookies.filter {
        $0.host == target.host && (target.isSecure || !$0.secureOnly) && Self.path(target.path, isWithin: $0.path) && $0.ends ?? .max > now
      }
      .sorted { $0.path.utf8.count > $1.path.utf8.count }
      .map { "\($0.name)=\($0.value)" }
    }
    return pairs.isEmpty ? nil : pairs.joined(separator: "; ")
  }

  /// Takes over a Set-Cookie field of an answer from `target`. What cannot be read is ignored, as the RFC asks.
  func store(setCookie field: String, from target: HTTPTarget) {
    let parts = field.split(separator: ";", omittingEmptySubsequences: false).map(Self.trimmed)
    guard field.utf8.count <= Self.maximumCookieBytes, !field.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }),
      let pair = parts.first, let equals = pair.firstIndex(of: "="), !Self.trimmed(pair[..<equals]).isEmpty
    else { return }
    var cookie = Cookie(
      host: target.host, path: Self.defaultPath(of: target.path), name: String(Self.trimmed(pair[..<equals])),
      value: String(Self.trimmed(pair[pair.index(after: equals)...])))
    let now = now()
    var maximumAge: Int64?
    for part in parts.dropFirst() {
      let pieces = part.split(separator: "=", maxSplits: 1).map(Self.trimmed)
      let argument = pieces.count > 1 ? pieces[1] : ""
      switch pieces.first?.lowercased() {
      case "secure": cookie.secureOnly = true
      case "path": cookie.path = argument.hasPrefix("/") ? String(argument) : cookie.path
      case "max-age": maximumAge = Int64(argument) ?? maximumAge
      case "expires": cookie.ends = CookieDate.seconds(argument) ?? cookie.ends
      default: break
      }
    }
    // Max-Age goes before Expires (RFC 6265, section 5.3).
    if let maximumAge { cookie.ends = now + min(max(maximumAge, -1), Self.longestAge) }
    replace(with: cookie, now: now)
  }

  private func replace(with cookie: Cookie, now: Int64) {
    cookies.withLock { cookies in
      cookies.removeAll { $0.host == cookie.host && $0.path == cookie.path && $0.name == cookie.name || $0.ends ?? .max <= now }
      if cookie.ends ?? .max > now { cookies.append(cookie) }
      if cookies.count > Self.maximumCookies { cookies.removeFirst(cookies.count - Self.maximumCookies) }
    }
  }

  /// RFC 6265, section 5.1.4.
  private static func defaultPath(of path: String) -> String {
    guard path.hasPrefix("/"), let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }

  /// RFC 6265, section 5.1.4.
  private static func path(_ path: String, isWithin prefix: String) -> Bool {
    path == prefix || path.hasPrefix(prefix) && (prefix.hasSuffix("/") || path.dropFirst(prefix.count).hasPrefix("/"))
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return text
  }
}
