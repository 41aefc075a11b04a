import Model
import Testing

@testable import Configuration

@Suite struct ConfigurationWriterTests {
  /// The settings as a reader of the written text has to find them: every secret as `***`.
  private func hidden(_ settings: Settings) -> Settings {
    let stars = Secret.literal("***")
    var settings = settings
    switch settings.erp.authentication {
    case .password(let username, _): settings.erp.authentication = .password(username: username, password: stars)
    case .oauth2(let id, _, let username, let password, let token):
      settings.erp.authentication = .oauth2(
        clientID: id, clientSecret: stars, username: username, password: password.map { _ in stars }, refreshToken: token.map { _ in stars }
      )
    }
    settings.erp.push?.secret = stars
    settings.erp.push?.tls?.privateKey = stars
    for index in settings.accounts.indices where settings.accounts[index].password != nil { settings.accounts[index].password = stars }
    return settings
  }

  private func expectRoundTrip(_ settings: Settings) throws {
    let text = ConfigurationWriter.text(settings)
    do {
      let again = try ConfigurationReader.parse(text, file: "c.yaml").settings
      #expect(again == hidden(settings))
    } catch {
      Issue.record("\(error)\n\(text)")
    }
  }

  @Test(arguments: [Examples.least, Examples.full, ConfigurationWriter.template])
  func `what is written is read back as the same settings, secrets hidden`(text: String) throws {
    try expectRoundTrip(try ConfigurationReader.parse(text, file: "c.yaml").settings)
  }

  @Test func `every form of signing in to the ERP is written`() throws {
    let secret = Secret.environment(name: "A")
    var settings = try ConfigurationReader.parse(Examples.full, file: "c.yaml").settings
    for (username, password, token) in [
      ("u", secret, nil), (nil, nil, secret), ("u", nil, secret), (nil, secret, secret), ("u", secret, secret),
    ] {
      settings.erp.authentication = .oauth2(
        clientID: "1@C", clientSecret: secret, username: username, password: password, refreshToken: token)
      try expectRoundTrip(settings)
    }
  }

  @Test(arguments: [
    "*a@b.test", "&a@b.test", "{a}@b.test", "a,b@c.test", "#a@b.test", "'a'@b.test", "!a@b.test", "a:@b.test", "a#b@c.test", "%a@b.test",
    "[a@b.test", "-@b.test", "?@b.test", "|@b.test", "`a@b.test", "ünï@b.test",
  ])
  func `an address that YAML would take for something else is written in quotes`(address: String) throws {
    var settings = try ConfigurationReader.parse(Examples.full, file: "c.yaml").settings
    settings.employees[1].email = address
    settings.accounts[0].email = address
    settings.schedules[1].employees = [address]
    try expectRoundTrip(settings)
  }

  @Test func `any text survives`() throws {
    var random = SplitMix(seed: 11)
    let alphabet: [Character] = [
      "a", " ", "\"", "\\", "'", "#", ":", ",", "{", "}", "[", "]", "&", "*", "!", "|", ">", "%", "@", "`", "-", "?", "\n", "\t", "\u{1}",
      "\u{7F}", "\u{85}", "\u{A0}", "\u{2028}", "\u{2029}", "\u{FEFF}", "\u{FFFE}", "\u{FFFF}", "\u{E000}", "é", "e\u{301}", "😀",
    ]
    var settings = try ConfigurationReader.parse(Examples.full, file: "c.yaml").settings
    for _ in 0..<200 {
      func text() -> String { "x" + String((0..<12).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] }) }
      settings.policies[0].description = text()
      settings.accounts[0].username = text()
      settings.employees[0].id = text()
      settings.schedules[0].name = text()
      settings.erp.tenant = text()
      try expectRoundTrip(settings)
    }
  }

  @Test func `a text that could be a number or a truth value stays a text`() throws {
    var settings = try ConfigurationReader.parse(Examples.full, file: "c.yaml").settings
    for text in ["123", "1e3", "true", "null", "~", "07:00", "2026-11-02", ".inf", "0x10", "=", "<<"] {
      settings.accounts[0].username = text
      settings.policies[0].description = text
      try expectRoundTrip(settings)
    }
  }

  @Test func `every colour of Exchange has a name that is read back`() throws {
    for color in -1...24 {
      var settings = try ConfigurationReader.parse(Examples.full, file: "c.yaml").settings
      settings.policies[0].category?.color = color
      try expectRoundTrip(settings)
    }
    #expect(CategoryColors.index(of: "dark grey") == CategoryColors.index(of: "Dark_Gray"))
    #expect(CategoryColors.index(of: "pink") == nil)
  }

  @Test func `one policy is written with its defaults filled in`() throws {
    let policy = try #require(try ConfigurationReader.parse(Examples.least, file: "c.yaml").settings.policies.first)
    #expect(
      ConfigurationWriter.text(policy) == """
        name: "Sales"
        conflict: erp
        contacts:
          folder: "ERP Contacts"
          without_category: false
          direction: both
          filter: all
          merge_by_email: false

        """)
  }
}

/// Random numbers that a seed repeats.
struct SplitMix {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
