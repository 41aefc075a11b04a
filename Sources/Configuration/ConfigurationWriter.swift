public import Model

/// Writes configurations: the one in force with its secrets hidden, single policies, and one to start from.
public enum ConfigurationWriter {
  /// What stands in the place of a secret.
  private static let hidden = "\"***\""

  /// The configuration in force as YAML, secrets as `***`.
  public static func text(_ settings: Settings) -> String {
    var lines = [
      "store: \(quoted(settings.store))", "", "erp:", "  kind: acumatica", "  url: \(quoted(settings.erp.url))",
    ]
    if let endpoint = settings.erp.endpoint { lines.append("  endpoint: \(quoted(endpoint))") }
    if let tenant = settings.erp.tenant { lines.append("  tenant: \(quoted(tenant))") }
    if let branch = settings.erp.branch { lines.append("  branch: \(quoted(branch))") }
    switch settings.erp.authentication {
    case .password(let username, _): lines.append("  auth: {username: \(quoted(username)), password: \(hidden)}")
    case .oauth2(let id, _, let username, let password, let token):
      var parts = ["client_id: \(quoted(id))", "client_secret: \(hidden)"]
      if let username { parts.append("username: \(quoted(username))") }
      if password != nil { parts.append("password: \(hidden)") }
      if token != nil { parts.append("refresh_token: \(hidden)") }
      lines.append("  auth: {\(parts.joined(separator: ", "))}")
    }
    if let limit = settings.erp.requestsPerMinute { lines.append("  requests_per_minute: \(limit)") }
    if let push = settings.erp.push {
      var parts = ["listen: \"\(push.address):\(push.port)\"", "header: \(quoted(push.header))", "secret: \(hidden)"]
      if let tls = push.tls { parts += ["certificate: \(quoted(tls.certificate))", "private_key: \(hidden)"] }
      lines.append("  push: {\(parts.joined(separator: ", "))}")
    }
    lines += ["", "exchange:"] + settings.accounts.flatMap(account)
    lines += ["", "policies:"] + settings.policies.flatMap { indented(policyLines($0)) }
    lines += ["", "employees:"] + settings.employees.map(employee)
    let guards = settings.guards
    lines += [
      "", "guards:", "  deletes: {count: \(guards.deletes.count), percent: \(guards.deletes.percent)}",
      "  creates: {count: \(guards.creates.count), percent: \(guards.creates.percent)}", "  invitations: \(guards.invitations)",
      "  settle: \(guards.settleSeconds)s",
    ]
    if !settings.schedules.isEmpty { lines += ["", "schedules:"] + settings.schedules.map(schedule) }
    return lines.joined(separator: "\n") + "\n"
  }

  /// One policy as YAML, defaults filled in.
  public static func text(_ policy: Policy) -> String { policyLines(policy).joined(separator: "\n") + "\n" }

  private static func account(_ account: ExchangeAccount) -> [String] {
    var lines = ["  - name: \(quoted(account.name))", "    email: \(quoted(account.email))"]
    if let user = account.username { lines.append("    username: \(quoted(user))") }
    if account.password != nil { lines.append("    password: \(hidden)") }
    lines.append("    auth: \(account.authentication.rawValue)")
    if let oauth = account.oauth {
      var parts = ["token_url: \(quoted(oauth.tokenURL))", "client_id: \(quoted(oauth.clientID))"]
      if oauth.clientSecret != nil { parts.append("client_secret: \(hidden)") }
      if let certificate = oauth.certificate { parts += ["certificate: \(quoted(certificate))", "private_key: \(hidden)"] }
      parts.append("scope: \(quoted(oauth.scope))")
      lines.append("    oauth: {\(parts.joined(separator: ", "))}")
    }
    if let server = account.server { lines.append("    server: \(quoted(server))") }
    lines += ["    access: \(account.access.rawValue)", "    active: \(account.isActive)", "    logging: \(account.logging.rawValue)"]
    if let policy = account.defaultPolicy { lines.append("    default_policy: \(quoted(policy))") }
    if !account.autodiscoverHosts.isEmpty {
      lines.append("    autodiscover_hosts: [\(account.autodiscoverHosts.map(quoted).joined(separator: ", "))]")
    }
    return lines + [
      "    select_batch: \(account.selectBatch)", "    update_batch: \(account.updateBatch)",
      "    attachment_limit: \(account.attachmentLimit) B",
      "    concurrency: \(account.concurrency)", "    test_only: \(account.isTestOnly)",
      "    notifications: \(account.notifications.rawValue)",
    ]
  }

  private static func policyLines(_ policy: Policy) -> [String] {
    var lines = ["name: \(quoted(policy.name))"]
    if !policy.description.isEmpty { lines.append("description: \(quoted(policy.description))") }
    if let category = policy.category {
      lines.append("category: {name: \(quoted(category.name)), color: \(CategoryColors.name(of: category.color))}")
    }
    lines.append("conflict: \(policy.conflict.rawValue)")
    for kind in RecordKind.allCases {
      guard let section = policy.sections[kind] else { continue }
      lines.append("\(kind.rawValue):")
      if let folder = section.folder { lines.append("  folder: \(quoted(folder))") }
      if kind == .emails {
        lines += ["  attachments: \(section.attachments)", "  create_contacts: \(section.createContacts)"]
        continue
      }
      lines += ["  without_category: \(section.withoutCategory)", "  direction: \(section.direction.rawValue)"]
      guard kind == .contacts else { continue }
      lines += ["  filter: \(section.filter.rawValue)", "  merge_by_email: \(section.mergeByEmail)"]
      if let name = section.contactClass { lines.append("  contact_class: \(quoted(name))") }
      if let link = section.erpLink { lines.append("  erp_link: \(quoted(link))") }
    }
    return lines
  }

  private static func indented(_ lines: [String]) -> [String] { lines.enumerated().map { ($0 == 0 ? "  - " : "    ") + $1 } }

  private static func employee(_ employee: Employee) -> String {
    var parts = ["id: \(quoted(employee.id))", "email: \(quoted(employee.email))", "account: \(quoted(employee.account))"]
    if let policy = employee.policy { parts.append("policy: \(quoted(policy))") }
    parts.append("sync: \(employee.isSynchronized)")
    if let user = employee.unixUser { parts.append("unix_user: \(quoted(user))") }
    return "  - {\(parts.joined(separator: ", "))}"
  }

  private static func schedule(_ schedule: Schedule) -> String {
    var parts = ["name: \(quoted(schedule.name))"]
    switch schedule.timing {
    case .every(let seconds): parts.append("every: \(seconds)s")
    case .cron(let expression): parts.append("cron: \(quoted(expression))")
    }
    if let from = schedule.fromMinute { parts.append("from: \"\(clock(from))\"") }
    if let to = schedule.toMinute { parts.append("to: \"\(clock(to))\"") }
    let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    if !schedule.days.isEmpty { parts.append("days: [\(schedule.days.sorted().map { names[$0 - 1] }.joined(separator: ", "))]") }
    if let zone = schedule.zone { parts.append("zone: \(quoted(zone))") }
    parts.append("employees: \(schedule.employees.map { "[\($0.map(quoted).joined(separator: ", "))]" } ?? "all")")
    if let kinds = schedule.kinds { parts.append("types: [\(kinds.sorted().map(\.rawValue).joined(separator: ", "))]") }
    parts.append("full: \(schedule.isFull)")
    return "  - {\(parts.joined(separator: ", "))}"
  }

  private static func clock(_ minute: Int) -> String {
    "\(minute / 60 < 10 ? "0" : "")\(minute / 60):\(minute % 60 < 10 ? "0" : "")\(minute % 60)"
  }

  /// A YAML double-quoted text.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      // Control characters, and what YAML takes for line ends, a mark of the byte order, or nothing at all.
      case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value), "\u{2028}", "\u{2029}", "\u{FEFF}", "\u{FFFE}", "\u{FFFF}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  /// A commented configuration to start from.
  public static let template = """
    # concordfs: which records travel between the ERP and which mailboxes, and how.
    # Check it with 'concordfs check -c FILE', try it with 'concordfs plan -c FILE' before the first sync.

    store: /var/lib/concordfs/cache.db          # the SQLite cache; rebuilt from both systems if lost

    erp:
      kind: acumatica
      url: https://erp.example.test/Site
      # endpoint: Default/24.200.001          # else the newest of the site's own that this version knows
      # tenant: Company
      auth: {username: concord, password: {file: /run/secrets/erp}}

    exchange:
      - name: HQ
        email: concord-sync@example.test        # the delegate mailbox, with full access to the employees' mailboxes
        password: {file: /run/secrets/hq}       # {file: …}, {env: …}, {command: […]}
        auth: basic                             # basic | ntlm | negotiate | oauth2
        server: https://mail.example.test/EWS/Exchange.asmx    # 'concordfs account find' looks for it by Autodiscover
        default_policy: Sales
        notifications: streaming                # none | streaming: the server tells of changes, beside the schedules
        test_only: true                         # read and plan, write nowhere: take it out when the plan is right

    policies:
      - name: Sales
        category: {name: ERP, color: blue}      # marks what was exported from the ERP
        conflict: erp                           # erp | exchange | last-updated | keep-both
        contacts:                               # leave a section out: that type is not synchronized
          folder: ERP Contacts                  # else the mailbox's own Contacts
          merge_by_email: true
          direction: both                       # both | to-exchange | to-erp
          filter: all                           # all | owner | workgroup

    employees:
      - {id: EP00000002, email: alice@example.test}

    guards:                                     # a cycle above a limit is held for a decision
      deletes: {count: 10, percent: 5}
      creates: {count: 200, percent: 100}
      invitations: 20

    schedules:
      - {name: office hours, every: 5m, from: "07:00", to: "19:00", days: mon-fri, employees: all}
      - {name: night, cron: "30 2 * * *", employees: all, full: true}

    """
}
