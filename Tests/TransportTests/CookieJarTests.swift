import Foundation
import Synchronization
import Testing

@testable import Transport

@Suite struct CookieJarTests {
  private static let start: Int64 = 1_700_000_000  // 2023-11-14 22:13:20 UTC

  private func target(_ url: String) throws -> HTTPTarget { try HTTPTarget(url: url) }

  @Test func `a cookie goes back to its host and path only, the longer path first`() throws {
    let jar = CookieJar(now: { Self.start })
    let signIn = try target("https://erp.test/entity/auth/login")
    jar.store(setCookie: "All=1; path=/", from: signIn)
    jar.store(setCookie: "Session=abc; Path=/entity; HttpOnly", from: signIn)
    jar.store(setCookie: "Narrow=2", from: signIn)
    #expect(jar.header(for: try target("https://erp.test/entity/Default")) == "Session=abc; All=1")
    #expect(jar.header(for: try target("https://erp.test/entity/auth/logout")) == "Narrow=2; Session=abc; All=1")
    #expect(jar.header(for: try target("https://erp.test/entityother")) == "All=1")
    #expect(jar.header(for: try target("https://other.test/entity")) == nil)
  }

  @Test func `a later cookie of the same name and path replaces the earlier`() throws {
    let jar = CookieJar(now: { Self.start })
    jar.store(setCookie: "A=1", from: try target("https://erp.test/"))
    jar.store(setCookie: "A=2", from: try target("https://erp.test/"))
    #expect(jar.header(for: try target("https://erp.test/")) == "A=2")
    jar.removeAll()
    #expect(jar.isEmpty)
  }

  @Test func `a secure cookie does not go over plain http`() throws {
    let jar = CookieJar(now: { Self.start })
    jar.store(setCookie: "Session=abc; Secure", from: try target("https://localhost/"))
    #expect(jar.header(for: try target("http://localhost/")) == nil)
    #expect(jar.header(for: try target("https://localhost/")) == "Session=abc")
  }

  @Test func `a cookie ends by Max-Age, by Expires, or when the server deletes it`() throws {
    let time = Clock(Self.start)
    let jar = CookieJar(now: { time.seconds })
    let home = try target("https://erp.test/")
    jar.store(setCookie: "Short=1; Max-Age=10; Expires=Fri, 31 Dec 9999 23:59:59 GMT", from: home)
    jar.store(setCookie: "Dated=1; Expires=Tue, 14 Nov 2023 22:13:25 GMT", from: home)
    jar.store(setCookie: "Kept=1; Max-Age=99999999999999", from: home)
    #expect(jar.header(for: home) == "Short=1; Dated=1; Kept=1")
    time.seconds = Self.start + 5
    #expect(jar.header(for: home) == "Short=1; Kept=1")
    time.seconds = Self.start + 10
    #expect(jar.header(for: home) == "Kept=1")
    jar.store(setCookie: "Kept=; expires=Thu, 01-Jan-1970 00:00:00 GMT", from: home)
    #expect(jar.isEmpty)
  }

  @Test(arguments: ["", "=1", ";", "novalue", "A=\u{1}", "A=" + String(repeating: "x", count: 5000)])
  func `a field that is no cookie is ignored`(field: String) throws {
    let jar = CookieJar(now: { Self.start })
    jar.store(setCookie: field, from: try target("https://erp.test/"))
    #expect(jar.isEmpty)
  }

  @Test func `the oldest cookies go when there are too many`() throws {
    let jar = CookieJar(now: { Self.start })
    let home = try target("https://erp.test/")
    for number in 0...CookieJar.maximumCookies { jar.store(setCookie: "C\(number)=\(number)", from: home) }
    let pairs = try #require(jar.header(for: home)).components(separatedBy: "; ")
    #expect(pairs.count == CookieJar.maximumCookies)
    #expect(pairs.first == "C1=1")
  }

  @Test(arguments: [
    ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
    ("Sun Nov  6 08:49:37 1994", 784_111_777), ("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800), ("Thu, 01-Jan-1970 00:00:00 GMT", 0),
    ("Mon, 01 Jan 1601 00:00:00 GMT", -11_644_473_600),
  ])
  func `the three forms of a date are read`(text: String, seconds: Int64) {
    #expect(CookieDate.seconds(text[...]) == seconds)
  }

  @Test(arguments: ["", "tomorrow", "06 Nov 1994", "Sun, 06 Nov 1994 24:00:00", "Sun, 32 Nov 1994 08:49:37", "1 Jan 1600 00:00:00"])
  func `what is no date is nil`(text: String) {
    #expect(CookieDate.seconds(text[...]) == nil)
  }
}

/// A clock that a test sets.
private final class Clock: Sendable {
  private let value: Mutex<Int64>

  init(_ seconds: Int64) { value = Mutex(seconds) }

  var seconds: Int64 {
    get { value.withLock { $0 } }
    set { value.withLock { $0 = newValue } }
  }
}
