/// A file that travels with a made-up message.
public struct SeedFile: Sendable, Hashable {
  /// Its name.
  public var name: String
  /// Its media type.
  public var type: String
  /// Its content.
  public var bytes: [UInt8]
}

/// A message between an employee and somebody outside.
public struct SeedEmail: Sendable, Hashable {
  /// Which employee, by position.
  public var employee: Int
  /// The other person's name.
  public var name: String
  /// The other person's address.
  public var address: String
  /// Written by the other person.
  public var isIncoming: Bool
  /// The subject.
  public var subject: String
  /// The text, as HTML.
  public var html: String
  /// When it was written, in seconds since the POSIX epoch.
  public var seconds: Int64
  /// What travels with it.
  public var files: [SeedFile]
}

extension Company {
  /// Monday, 5 October 2026, 08:00 UTC: when the first of the messages was written.
  private static let firstMessage: Int64 = 1_791_187_200

  /// So many messages: the same company and seed give the same ones. The others are contacts of the company where it has any.
  public func emails(_ count: Int, seed: UInt64) -> [SeedEmail] {
    guard !employees.isEmpty else { return [] }
    var random = RandomNumbers(seed: seed ^ 0x6d61_696c)
    let others = contacts.compactMap { contact in
      contact.fields["Email"].map { (["FirstName", "LastName"].compactMap { contact.fields[$0] }.joined(separator: " "), $0) }
    }
    return (0..<count).map { index in
      let other = others.isEmpty ? ("Robin Stranger", "robin@elsewhere.test") : random.pick(others)
      let article = random.pick(Self.articles)
      let units = 1 + random.below(40)
      let subject = random.pick([
        "Offer for \(units) × \(article)", "\(article): delivery date", "Re: \(article)", "Rückfrage zu \(article)",
      ])
      let rows = (0..<3).map { "<tr><td>\(random.pick(Self.articles))</td><td>\(1 + $0 * units)</td></tr>" }.joined()
      var files: [SeedFile] = []
      if random.chance(60) { files.append(Self.prices(units, &random)) }
      if random.chance(30) { files.append(Self.drawing(article, &random)) }
      return SeedEmail(
        employee: index % employees.count, name: other.0, address: other.1, isIncoming: random.chance(60), subject: subject,
        html: "<html><body><p>\(random.pick(Self.greetings)),</p><p>\(units) × \(article)</p><table>\(rows)</table></body></html>",
        seconds: Self.firstMessage + Int64(index) * 7_380 + Int64(random.below(3600)), files: files)
    }
  }

  private static let articles = ["Klemme M8", "bench lamp", "lampe d'établi", "作業台", "sensor kit", "Förderband 2 m", "gasket set"]
  private static let greetings = ["Hello", "Guten Tag", "Bonjour", "Dzień dobry", "お世話になっております"]

  private static func prices(_ units: Int, _ random: inout RandomNumbers) -> SeedFile {
    var text = "article;units;price\r\n"
    for article in articles { text += "\(article);\(units);\(10 + random.below(900)).\(digits(random.below(100), 2))\r\n" }
    return SeedFile(name: "Preisliste \(units) Stück.csv", type: "text/csv", bytes: Array(text.utf8))
  }

  /// Bytes of every value, as a drawing has them.
  private static func drawing(_ article: String, _ random: inout RandomNumbers) -> SeedFile {
    let size = 2000 + random.below(6000)
    let bytes = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    return SeedFile(name: "\(article).dwg", type: "application/acad", bytes: bytes)
  }
}
