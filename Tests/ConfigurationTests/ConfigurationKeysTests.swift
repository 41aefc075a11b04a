import Model
import Testing

@testable import Configuration

@Suite struct ConfigurationKeysTests {
  private func settings(_ text: String = Examples.full) throws -> Settings { try ConfigurationReader.parse(text, file: "c.yaml").settings }

  @Test func `every key of the ERP section is read`() throws {
    let erp = try settings().erp
    #expect(erp.url == "https://erp.example.test/Site")
    #expect(erp.endpoint == "Default/24.200.001")
    #expect(erp.tenant == "Company")
    #expect(erp.branch == "MAIN")
    #expect(
      erp.authentication
        == .oauth2(
          clientID: "1234@Company", clientSecret: .environment(name: "ERP_SECRET"), username: "concord",
          password: .command(["pass", "show", "erp"]), refreshToken: .file(path: "/run/secrets/token")))
    #expect(
      erp.push
        == PushSettings(
          address: "192.0.2.7", port: 8026, header: "X-Wake", secret: .file(path: "/run/secrets/push"),
          tls: .init(certificate: "/etc/push.pem", privateKey: .file(path: "/k"))))
    #expect(try settings(Examples.least).erp.authentication == .password(username: "concord", password: .file(path: "/run/secrets/erp")))
  }

  @Test func `every key of an account is read`() throws {
    let account = try #require(try settings().accounts.first)
    #expect(account.name == "HQ")
    #expect(account.email == "concord-sync@example.test")
    #expect(account.username == "EXAMPLE\\concord")
    #expect(account.password == .file(path: "/run/secrets/hq"))
    #expect(account.authentication == .ntlm)
    #expect(account.server == "https://mail.example.test/EWS/Exchange.asmx")
    #expect(account.access == .impersonation)
    #expect(!account.isActive)
    #expect(account.logging == .verbose)
    #expect(account.defaultPolicy == "Sales")
    #expect(account.selectBatch == 7)
    #expect(account.updateBatch == 8)
    #expect(account.attachmentLimit == 9 << 20)
    #expect(account.concurrency == 5)
    #expect(account.notifications == .streaming && account.autodiscoverHosts == ["mail.example.test"])
    #expect(account.isTestOnly)
  }

  @Test func `what an account leaves out has the defaults of the interface`() throws {
    let account = try #require(try settings(Examples.least).accounts.first)
    var expected = ExchangeAccount(name: "HQ", email: "concord-sync@example.test", password: .file(path: "/run/secrets/hq"))
    expected.selectBatch = 100
    expected.updateBatch = 25
    expected.attachmentLimit = 10_240 * 1024
    expected.concurrency = 4
    #expect(account == expected)
  }

  @Test func `every key of a policy is read`() throws {
    let policy = try #require(try settings().policies.first)
    #expect(policy.name == "Sales")
    #expect(policy.description == "What a salesperson needs on the phone")
    #expect(policy.category == Policy.Category(name: "ERP", color: 22))
    #expect(policy.conflict == .lastUpdated)
    #expect(Set(policy.sections.keys) == Set(RecordKind.allCases))
    let contacts = try #require(policy.sections[.contacts])
    #expect(contacts.folder == "ERP Contacts")
    #expect(contacts.mergeByEmail && contacts.withoutCategory)
    #expect(contacts.direction == .toExchange)
    #expect(contacts.filter == .owner)
    #expect(contacts.contactClass == "CUSTOMER")
    #expect(contacts.erpLink == "https://erp.example.test/Site/Main?ScreenId=CR302000&ContactID={ContactID}")
    let emails = try #require(policy.sections[.emails])
    #expect(emails.folder == "ERP Mail" && emails.attachments && emails.createContacts)
    let tasks = try #require(policy.sections[.tasks])
    #expect(tasks.folder == "ERP Tasks" && tasks.withoutCategory && tasks.direction == .toERP)
    let events = try #require(policy.sections[.events])
    #expect(events.folder == "ERP Events" && events.withoutCategory && events.direction == .toExchange)
  }

  @Test func `a section that is left out is not synchronized, one that is empty has its defaults`() throws {
    let text = Examples.least.replacing(
      "    contacts: {folder: ERP Contacts}", with: "    category: {name: ERP, color: blue}\n    contacts:\n    events: {}")
    let policy = try #require(try settings(text).policies.first)
    #expect(Set(policy.sections.keys) == [.contacts, .events])
    #expect(policy.sections[.contacts] == Policy.Section())
    #expect(policy.conflict == .erp)
    #expect(policy.category == Policy.Category(name: "ERP", color: 7))
  }

  @Test func `every key of an employee is read, addresses in lower case`() throws {
    let employees = try settings().employees
    #expect(
      employees.first
        == Employee(
          id: "EP00000002", email: "alice@example.test", account: "Branch", policy: "Plain", isSynchronized: false, unixUser: "nobody"))
  }

  @Test func `an employee takes the only account, and the account's policy`() throws {
    let alice = try #require(try settings(Examples.least).employees.first)
    #expect(alice == Employee(id: "EP00000002", email: "alice@example.test", account: "HQ", policy: nil))
    let bob = try #require(try settings().employees.last)
    #expect(bob.policy == "Sales")
  }

  @Test func `guards are read, and have the defaults of the interface`() throws {
    var expected = Guards()
    #expect(expected.deletes == Guards.Limit(count: 10, percent: 5))
    #expect(expected.creates == Guards.Limit(count: 200, percent: 100))
    #expect(expected.invitations == 20 && expected.settleSeconds == 10)
    #expect(try settings(Examples.least).guards == expected)
    expected.deletes = Guards.Limit(count: 11, percent: 6)
    expected.creates = Guards.Limit(count: 201, percent: 99)
    expected.invitations = 21
    expected.settleSeconds = 120
    #expect(try settings().guards == expected)
    #expect(try settings(Examples.least + "guards: {deletes: {count: 3}}\n").guards.deletes == Guards.Limit(count: 3, percent: 5))
  }

  @Test func `schedules are read: spans, windows, days over the end of the week, lists`() throws {
    let schedules = try settings().schedules
    #expect(
      schedules == [
        Schedule(
          name: "office", timing: .every(seconds: 300), fromMinute: 420, toMinute: 1440, days: [5, 6, 7, 1, 3], zone: "Europe/Zurich",
          kinds: [.contacts, .tasks]),
        Schedule(name: "night", timing: .cron("30 2 * * mon-fri"), employees: ["bob@example.test"], isFull: true),
        Schedule(name: "all", timing: .every(seconds: 86_400), days: [2, 4], kinds: [.events, .emails]),
      ])
  }

  @Test(arguments: [("512", 512), ("3 B", 3), ("2KB", 2000), ("10240 KiB", 10_485_760), ("1 MB", 1_000_000), ("2 GiB", 2 << 30)])
  func `sizes have units of ten and of two`(text: String, bytes: Int) throws {
    let text = Examples.least.replacing("  - name: HQ", with: "  - name: HQ\n    attachment_limit: \(text)")
    let account = try #require(try settings(text).accounts.first)
    #expect(account.attachmentLimit == bytes)
  }

  @Test func `the configuration that init writes is valid`() throws {
    let settings = try settings(ConfigurationWriter.template)
    #expect(settings.accounts.first?.isTestOnly == true)
    #expect(settings.schedules.count == 2)
    #expect(settings.employees.first?.policy == "Sales")
  }

  @Test func `an address of this machine may be plain http`() throws {
    for host in ["127.0.0.1:8080", "localhost:1", "[::1]:8080"] {
      let text = Examples.least.replacing("https://erp.example.test/Site", with: "http://\(host)/Site")
      #expect(try settings(text).erp.url == "http://\(host)/Site")
    }
  }
}
