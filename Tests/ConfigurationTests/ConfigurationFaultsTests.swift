import Testing

@testable import Configuration

@Suite struct ConfigurationFaultsTests {
  /// What replaces what in the least configuration, and the fault that comes of it.
  struct Case: Sendable, CustomTestStringConvertible {
    var old: String
    var new: String
    var key: String
    var message: String
    var allowed: String
    var testDescription: String { "\(key): \(new.replacing("\n", with: "⏎"))" }

    init(_ old: String, _ new: String, _ key: String, _ message: String, _ allowed: String) {
      (self.old, self.new, self.key, self.message, self.allowed) = (old, new, key, message, allowed)
    }
  }

  static let contacts = "contacts: {folder: ERP Contacts}"
  static let alice = "- {id: EP00000002, email: alice@example.test}"

  static let erpURL = "url: https://erp.example.test/Site"

  static let erpCases = [
    Case(erpURL, "\(erpURL)\n  push: {secret: x}", "erp.push.listen", "is missing", "127.0.0.1:8026"),
    Case(erpURL, "\(erpURL)\n  push: {listen: 8026, secret: x}", "erp.push.listen", "'8026' is not", "ADDRESS:PORT"),
    Case(erpURL, "\(erpURL)\n  push: {listen: \"192.0.2.7:80\", secret: x}", "erp.push.listen", "in clear", "certificate and private_key"),
    Case(erpURL, "\(erpURL)\n  push: {listen: \"127.0.0.1:80\"}", "erp.push.secret", "is missing", "{file: PATH}"),
    Case(erpURL, "\(erpURL)\n  push: {listen: \"127.0.0.1:80\", secret: x, header: a b}", "erp.push.header", "'a b' is not", "dashes"),
    Case(
      erpURL, "\(erpURL)\n  push: {listen: \"1.2.3.4:8\", secret: x, certificate: /c}", "erp.push.private_key", "is missing", "{file: PATH}"
    ),
    Case("store: /var/lib/concordfs/cache.db", "store: ''", "store", "must be a text", "path of the SQLite cache"),
    Case("store: /var/lib/concordfs/cache.db", "store: cache.db", "store", "'cache.db' is not a path", "an absolute path"),
    Case("kind: acumatica", "kind: other", "erp.kind", "'other' is not known", "acumatica"),
    Case("url: https://erp", "url: http://erp", "erp.url", "would carry passwords in clear", "https://"),
    Case("url: https://erp.example.test/Site", "url: erp", "erp.url", "'erp' is not an address", "https://"),
    Case("endpoint: Default/24.200.001", "endpoint: Default", "erp.endpoint", "'Default' is not a name and a version", "NAME/VERSION"),
    Case("endpoint: Default/24.200.001", "endpoint: [a, b]", "erp.endpoint", "must be a text", "NAME/VERSION"),
    Case("{username: concord, password", "{password", "erp.auth.username", "is missing", "client_id and client_secret"),
    Case(", password: {file: /run/secrets/erp}", "", "erp.auth.password", "is missing", "{file: PATH}, {env: NAME}"),
    Case("{username: concord, password", "{client_id: x, password", "erp.auth.client_secret", "is missing", "{file: PATH}"),
    Case("{file: /run/secrets/erp}", "{}", "erp.auth.password", "says nothing about where the secret lies", "{command: ["),
    Case("{file: /run/secrets/erp}", "{env: A, file: /b}", "erp.auth.password", "names more than one place", "{command: ["),
    Case("{file: /run/secrets/erp}", "{command: pass}", "erp.auth.password.command", "must be a list", "entries that begin with"),
  ]

  static let accountCases = [
    Case("name: HQ", "active: true", "exchange[0].name", "is missing", "a name of its own"),
    Case("email: concord-sync@example.test", "email: concord", "exchange[0].email", "'concord' is not an address", "alice@example.test"),
    Case("email: concord-sync@example.test", "email: ../x@y", "exchange[0].email", "is not an address", "alice@example.test"),
    Case("password: {file: /run/secrets/hq}", "auth: ntlm", "exchange[0].password", "is missing", "{file: PATH}"),
    Case("name: HQ", "name: HQ\n    auth: kerberos", "exchange[0].auth", "'kerberos' is not one", "basic, ntlm, negotiate, oauth2"),
    Case("name: HQ", "name: HQ\n    access: all", "exchange[0].access", "'all' is not one", "delegate, impersonation"),
    Case("name: HQ", "name: HQ\n    active: maybe", "exchange[0].active", "'maybe' is not true or false", "true, false"),
    Case("name: HQ", "name: HQ\n    logging: all", "exchange[0].logging", "'all' is not one", "none, default, informational, verbose"),
    Case("name: HQ", "name: HQ\n    default_policy: None", "exchange[0].default_policy", "no policy 'None'", "Sales"),
    Case("name: HQ", "name: HQ\n    select_batch: 0", "exchange[0].select_batch", "'0' is not a number", "1 to 1000"),
    Case("name: HQ", "name: HQ\n    update_batch: 1001", "exchange[0].update_batch", "'1001' is not a number", "1 to 1000"),
    Case("name: HQ", "name: HQ\n    attachment_limit: 3 TB", "exchange[0].attachment_limit", "'3 TB' is not a size", "KiB, MiB"),
    Case("name: HQ", "name: HQ\n    attachment_limit: 3 GiB", "exchange[0].attachment_limit", "too large", "up to 2 GiB"),
    Case("name: HQ", "name: HQ\n    concurrency: four", "exchange[0].concurrency", "'four' is not a number", "1 to 27"),
    Case("name: HQ", "name: HQ\n    test_only: [true]", "exchange[0].test_only", "'a section' is not true or false", "true, false"),
    Case("name: HQ", "name: HQ\n    notifications: push", "exchange[0].notifications", "'push' is not one", "none, streaming"),
    Case(
      "name: HQ", "name: HQ\n    autodiscover_hosts: [https://x]", "exchange[0].autodiscover_hosts", "no host name", "mail.example.test"),
    Case("name: HQ", "name: HQ\n    server: http://mail.example.test", "exchange[0].server", "in clear", "loopback"),
  ]

  private static func oauth(_ section: String, _ key: String, _ message: String, _ allowed: String) -> Case {
    Case("name: HQ", "name: HQ\n    auth: oauth2\n    oauth: \(section)", "exchange[0].oauth\(key)", message, allowed)
  }

  static let oauthCases = [
    Case(
      "name: HQ", "name: HQ\n    auth: oauth2", "exchange[0].oauth", "is missing", "token_url, client_id and client_secret or certificate"),
    oauth("{client_id: a, client_secret: {env: A}}", ".token_url", "is missing", "https://"),
    oauth("{token_url: 'http://login.test/t', client_id: a, client_secret: {env: A}}", ".token_url", "in clear", "loopback"),
    oauth("{token_url: 'https://u:p@login.test/', client_id: a, client_secret: {env: A}}", ".token_url", "holds an '@'", "https://"),
    oauth("{token_url: 'https://login.test/t', client_secret: {env: A}}", ".client_id", "is missing", "the application's id"),
    oauth("{token_url: 'https://login.test/t', client_id: a}", ".client_secret", "or certificate is needed", "{file: PATH}"),
    oauth("{token_url: 'https://login.test/t', client_id: a, certificate: /c.pem}", ".private_key", "is missing", "{file: PATH}"),
    oauth(
      "{token_url: 'https://login.test/t', client_id: a, certificate: c, private_key: {file: /k}, client_secret: {env: A}}",
      ".client_secret",
      "or certificate: one of the two, not both", "{file: PATH}"),
    oauth(
      "{token_url: 'https://login.test/t', client_id: a, private_key: {file: /k}, client_secret: {env: A}}", ".certificate", "is missing",
      "PEM"),
    oauth("{token_url: 'https://login.test/t', client_id: a, client_secret: {}}", ".client_secret", "says nothing", "{command: ["),
    oauth("{token_url: 'https://login.test/t', client_id: a, client_secret: {env: A}, tenant: x}", ".tenant", "unknown key", "scope"),
    oauth("{token_url: 'https://login.test/t', client_id: a, client_secret: {env: A}, scope: [a]}", ".scope", "must be a text", ""),
    Case("password: {file: /run/secrets/erp}", "client_secret: {env: A}", "erp.auth.client_id", "is missing", "GUID@Tenant"),
    Case(
      "{username: concord, password: {file: /run/secrets/erp}}", "{client_id: a@T, client_secret: {env: A}}", "erp.auth.refresh_token",
      "or username and password are needed", "{file: PATH}"),
  ]

  static let policyCases = [
    Case("name: Sales", "name: a/b", "policies[0].name", "'a/b' cannot name a file", "no '/'"),
    Case("name: Sales", "name: \"a\\nb\"", "policies[0].name", "cannot name a file", "no '/'"),
    Case(
      "name: Sales", "name: Sales\n    conflict: newest", "policies[0].conflict", "'newest' is", "erp, exchange, last-updated, keep-both"),
    Case("name: Sales", "name: Sales\n    category: {color: blue}", "policies[0].category.name", "is missing", "255 characters"),
    Case("name: Sales", "name: Sales\n    category: {name: 'a,b'}", "policies[0].category.name", "'a,b' cannot be", "without , and ;"),
    Case("name: Sales", "name: Sales\n    category: {name: a, color: pink}", "policies[0].category.color", "'pink' is not", "dark maroon"),
    Case(contacts, "contacts: {folder: a/b}", "policies[0].contacts.folder", "'a/b' cannot name a folder", "no '/'"),
    Case(contacts, "contacts: {folder: .a}", "policies[0].contacts.folder", "'.a' cannot name a folder", "no leading '.'"),
    Case(contacts, "contacts: {}", "policies[0].contacts", "nothing would be in scope", "without_category: true"),
    Case(contacts, "contacts: {folder: a, direction: up}", "policies[0].contacts.direction", "'up' is", "both, to-exchange, to-erp"),
    Case(contacts, "contacts: {folder: a, filter: mine}", "policies[0].contacts.filter", "'mine' is", "all, owner, workgroup"),
    Case(contacts, "contacts: {folder: a, contact_class: TOOLONGCLASS}", "policies[0].contacts.contact_class", "too long", "10 characters"),
    Case(contacts, "contacts: {folder: a, erp_link: 'https://x.test/'}", "policies[0].contacts.erp_link", "is not a link", "{ContactID}"),
    Case(contacts, "contacts: {folder: a, attachments: true}", "policies[0].contacts.attachments", "unknown key", "merge_by_email"),
    Case(contacts, "emails: {}", "policies[0].emails.folder", "is missing", "name of a folder in the mailbox"),
    Case(contacts, "contacts: {folder: A}\n    tasks: {folder: a}", "policies[0].tasks", "has the same folder 'a'", "of its own"),
  ]

  static let peopleCases = [
    Case(alice, "- {email: alice@example.test}", "employees[0].id", "is missing", "EP00000002"),
    Case(alice, "- {id: EP1, email: alice}", "employees[0].email", "'alice' is not an address", "alice@example.test"),
    Case(alice, "- {id: EP1, email: a@b.test, account: X}", "employees[0].account", "there is no account 'X'", "HQ"),
    Case(alice, "- {id: EP1, email: a@b.test, policy: X}", "employees[0].policy", "there is no policy 'X'", "Sales"),
    Case(alice, "- {id: EP1, email: a@b.test, unix_user: no one}", "employees[0].unix_user", "has no user 'no one'", "of this machine"),
    Case(alice, "- {id: EP1, email: a@b.test, unix_user: root}", "employees[0].unix_user", "superuser", "other than uid 0"),
    Case(alice, alice + "\n  - {id: EP1, email: ALICE@example.test}", "employees[1].email", "is used twice", "one employee a mailbox"),
    Case(alice, alice + "\n  - {id: EP00000002, email: b@b.test}", "employees[1].id", "is used twice", "one mailbox an employee"),
    Case(alice, alice + "\nguards: {invitations: -1}", "guards.invitations", "'-1' is not a number", "0 to 100000"),
    Case(alice, alice + "\nguards: {deletes: {percent: 101}}", "guards.deletes.percent", "'101' is not a number", "0 to 100"),
    Case(alice, alice + "\nguards: {settle: 11m}", "guards.settle", "too short or too long", "from 1s to 10m"),
    Case(alice, alice + "\nguards: {creates: 5}", "guards.creates", "must be a section of keys", "count, percent"),
  ]

  static let scheduleCases = [
    ("{every: 5m}", "name", "is missing", "a name of its own"), ("{name: a}", "every", "is missing", "every: 5m"),
    ("{name: a, every: 5}", "every", "'5' is not a time span", "from 10s to 7d"),
    ("{name: a, every: 9s}", "every", "too short or too long", "from 10s to 7d"),
    ("{name: a, every: 5m, cron: '* * * * *'}", "cron", "stands beside 'every'", "one of the two"),
    ("{name: a, cron: '* * * *'}", "cron", "has 4 fields", "five fields"),
    ("{name: a, cron: '60 * * * *'}", "cron", "'60' is not a minute", "minute 0-59"),
    ("{name: a, cron: '* * 0 * *'}", "cron", "'0' is not a day of month", "day 1-31"),
    ("{name: a, cron: '*/0 * * * *'}", "cron", "'*/0' is not a minute", "five fields"),
    ("{name: a, cron: '1-2-3 * * * *'}", "cron", "'1-2-3' is not a minute", "five fields"),
    // The daemon's evaluation takes no range that goes down: a check that lets it pass would leave a schedule that never runs.
    ("{name: a, cron: '0 2 * * fri-mon'}", "cron", "'fri-mon' is not a day of week", "five fields"),
    ("{name: a, every: 5m, from: '25:00'}", "from", "'25:00' is not a time of day", "07:00"),
    ("{name: a, every: 5m, from: '19:00', to: '07:00'}", "to", "is not after 'from'", "a later time of the same day"),
    ("{name: a, every: 5m, days: funday}", "days", "'funday' is not a day", "mon-fri"),
    ("{name: a, every: 5m, days: mon-wed-fri}", "days", "'mon-wed-fri' is not a day", "mon-fri"),
    ("{name: a, every: 5m, zone: Mars/Base}", "zone", "'Mars/Base' is not a time zone", "IANA"),
    ("{name: a, every: 5m, employees: some}", "employees", "is neither 'all' nor a list", "all, or ["),
    ("{name: a, every: 5m, employees: [x@y.test]}", "employees", "there is no employee 'x@y.test'", "alice@example.test"),
    ("{name: a, every: 5m, types: contact}", "types", "'contact' is not a record type", "contacts, tasks, events, emails"),
    ("{name: a, every: 5m, full: perhaps}", "full", "'perhaps' is not true or false", "true, false"),
  ].map { Case(alice, "\(alice)\nschedules:\n  - \($0.0)", "schedules[0].\($0.1)", $0.2, $0.3) }

  @Test(arguments: [erpCases, accountCases, oauthCases, policyCases, peopleCases, scheduleCases].joined())
  func `a fault names its file, line, key and what is allowed`(fault: Case) throws {
    #expect(Examples.least.contains(fault.old))
    let text = Examples.least.replacing(fault.old, with: fault.new)
    let found = Examples.faults(text)
    let match = try #require(found.first { $0.key == fault.key }, "\(found)")
    #expect(found.count == 1, "\(found)")
    #expect(match.file == "c.yaml")
    #expect(match.message.contains(fault.message), "\(match)")
    #expect(match.allowed?.contains(fault.allowed) == true, "\(match)")
    let change = fault.new.split(separator: "\n").map(String.init).last ?? fault.new
    let written = Examples.line(of: change, in: text)
    // What is missing is reported at the section that lacks it, everything else on its own line.
    #expect(fault.message == "is missing" || fault.new.isEmpty || match.line == written, "\(match)")
    #expect(match.line >= 1 && match.column >= 1)
  }

  @Test(arguments: ["store", "erp", "exchange", "policies"])
  func `a missing section is a fault`(key: String) {
    let lines = Examples.least.split(separator: "\n").map(String.init)
    var isLeftOut = false
    let text = lines.filter { line in
      if !line.hasPrefix(" ") { isLeftOut = line.hasPrefix(key + ":") }
      return !isLeftOut
    }.joined(separator: "\n")
    #expect(Examples.faults(text).contains { $0.key == key && $0.allowed != nil })
  }

  @Test func `unknown keys are errors everywhere, with the nearest known key`() throws {
    let places = [
      ("store:", "stoer: 1\nstore:", "stoer", "store"), ("  url:", "  tennant: x\n  url:", "erp.tennant", "tenant"),
      ("{username", "{usernam: x, username", "erp.auth.usernam", "username"),
      ("    email: c", "    test-only: x\n    email: c", "exchange[0].test-only", "test_only"),
      ("{folder", "{direciton: both, folder", "policies[0].contacts.direciton", "direction"),
      ("{id", "{snyc: true, id", "employees[0].snyc", "sync"),
      ("{file: /run/secrets/hq}", "{file: /x, fiel: /y}", "exchange[0].password.fiel", "file"),
    ]
    for (old, new, key, guess) in places {
      let found = Examples.faults(replacing: old, with: new)
      #expect(found.map(\.key) == [key])
      #expect(found.first?.message == "unknown key, did you mean '\(guess)'?")
      #expect(found.first?.allowed?.contains(guess) == true)
    }
    let far = try #require(Examples.faults(Examples.least + "colour: red\n").first)
    #expect(far.message == "unknown key")
    #expect(far.line == Examples.least.split(separator: "\n").count + 1)
  }

  @Test func `all faults are shown at once, in the order of the file`() {
    let text = Examples.least.replacing("kind: acumatica", with: "kind: x").replacing("name: HQ", with: "name: HQ\n    auth: x")
      .replacing("alice@example.test", with: "alice")
    let found = Examples.faults(text)
    #expect(found.map(\.key) == ["erp.kind", "exchange[0].auth", "employees[0].email"])
    #expect(found.map(\.line) == found.map(\.line).sorted())
    #expect(
      ConfigurationFaults(faults: found).description.split(separator: "\n").first
        == "c.yaml:3:9: 'erp.kind': 'x' is not known; allowed: acumatica")
  }

  @Test func `text that is no YAML is refused with its place`() throws {
    let fault = try #require(Examples.faults("store: /a\nerp: {kind: acumatica\n").first)
    #expect(fault.line >= 2)
    #expect(fault.message.hasPrefix("is not YAML: "))
    let twice = try #require(Examples.faults(Examples.least + "store: /b\n").first)
    #expect(twice.key == "store")
    #expect(twice.message.contains("twice"))
    for text in ["", "# nothing\n", "just text", "- a\n- b\n", "~"] { #expect(!Examples.faults(text).isEmpty, "\(text)") }
  }

  @Test func `no nesting and no alias takes the reader down`() {
    #expect(!Examples.faults("store: " + String(repeating: "[", count: 200_000)).isEmpty)
    #expect(!Examples.faults("store: &a [*a]\n").isEmpty)
    let bomb = (1...40).map { "k\($0): &k\($0) [\(Array(repeating: "*k\($0 - 1)", count: 10).joined(separator: ","))]" }
    #expect(!Examples.faults("k0: &k0 x\n" + bomb.joined(separator: "\n")).isEmpty)
    #expect(!Examples.faults("? [a, b]\n: c\n").isEmpty)
  }

  @Test func `an employee must name an account where there are several`() {
    let text = Examples.least.replacing("policies:", with: "  - {name: B, email: b@example.test, auth: negotiate}\npolicies:")
    #expect(Examples.faults(text).map(\.key) == ["employees[0].account"])
    #expect(Examples.faults(text).first?.allowed == "HQ, B")
  }

  @Test(arguments: ["exchange", "policies", "schedules"])
  func `names are used once`(list: String) {
    let entry = ["exchange": "name: HQ", "policies": "name: Plain", "schedules": "name: night"][list] ?? ""
    let other = ["exchange": "name: Branch", "policies": "name: Sales", "schedules": "name: office"][list] ?? ""
    let found = Examples.faults(
      Examples.full.replacing(entry + (list == "policies" ? "\n" : ""), with: other + (list == "policies" ? "\n" : "")))
    #expect(found.contains { $0.key.hasPrefix(list) && $0.key.hasSuffix(".name") && $0.message.contains("is used twice") }, "\(found)")
  }
}
