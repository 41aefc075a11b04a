/// The configuration in force, after parsing: interface.md's file, one property a key, defaults filled in.
public struct Settings: Sendable, Hashable {
  /// Path of the SQLite cache.
  public var store: String
  /// The ERP.
  public var erp: ERPSettings
  /// Exchange server accounts.
  public var accounts: [ExchangeAccount]
  /// Synchronization policies.
  public var policies: [Policy]
  /// Whose mailboxes take part.
  public var employees: [Employee]
  /// Limits above which a cycle is held.
  public var guards: Guards
  /// When cycles run.
  public var schedules: [Schedule]

  /// Creates the value from its parts.
  public init(
    store: String, erp: ERPSettings, accounts: [ExchangeAccount], policies: [Policy], employees: [Employee], guards: Guards = Guards(),
    schedules: [Schedule] = []
  ) {
    self.store = store
    self.erp = erp
    self.accounts = accounts
    self.policies = policies
    self.employees = employees
    self.guards = guards
    self.schedules = schedules
  }
}

/// A secret by where it lies; its value is read only when it is needed and never printed.
public enum Secret: Sendable, Hashable, CustomStringConvertible {
  case file(path: String)
  case environment(name: String)
  case command([String])
  case literal(String)

  /// Never the secret itself.
  public var description: String { "***" }
}

/// The `erp` section.
public struct ERPSettings: Sendable, Hashable {
  /// How to sign in.
  public enum Authentication: Sendable, Hashable {
    case password(username: String, password: Secret)
    case oauth2(clientID: String, clientSecret: Secret, username: String?, password: Secret?, refreshToken: Secret?)
  }

  /// Site address without a slash at the end, e.g. `https://erp.example.test/Site`.
  public var url: String
  /// Endpoint name and version, e.g. `Default/24.200.001`; nil: the newest of the site's own that this version knows.
  public var endpoint: String?
  /// Tenant of the site; nil: its default.
  public var tenant: String?
  /// Branch of the site; nil: the user's default.
  public var branch: String?
  /// How to sign in.
  public var authentication: Authentication
  /// Requests a minute that the site's licence allows (License Monitoring Console, SM604000): requests are paced below half of it. Nil: as
  /// fast as the site answers, one at a time.
  public var requestsPerMinute: Int?
  /// Where the site's push notifications arrive; nil: nowhere.
  public var push: PushSettings?

  /// Creates the value from its parts.
  public init(url: String, endpoint: String?, tenant: String? = nil, branch: String? = nil, authentication: Authentication) {
    self.url = url
    self.endpoint = endpoint
    self.tenant = tenant
    self.branch = branch
    self.authentication = authentication
  }
}

/// The `erp.push` section: a listener for the site's push notifications (the form SM302000, destination webhook), which only wake a cycle.
public struct PushSettings: Sendable, Hashable {
  /// Address to listen on: an IPv4 address; without `tls` one of 127.0.0.0/8.
  public var address: String
  /// Port, 0 to 65535; 0: any free one, named in the log.
  public var port: Int
  /// Name of the header field that carries the secret.
  public var header: String
  /// What the field must say; anything else is refused.
  public var secret: Secret
  /// Certificate chain (path of a PEM file) and private key (PEM) of a TLS listener; nil: plain http, on loopback only.
  public var tls: TLS?

  /// What a TLS listener proves itself with.
  public struct TLS: Sendable, Hashable {
    /// Path of the certificate chain, PEM.
    public var certificate: String
    /// The private key, PEM.
    public var privateKey: Secret

    /// Creates the value from its parts.
    public init(certificate: String, privateKey: Secret) {
      self.certificate = certificate
      self.privateKey = privateKey
    }
  }

  /// The field's usual name.
  public static let usualHeader = "X-Concordfs-Secret"

  /// Creates the value from its parts.
  public init(address: String, port: Int, header: String = usualHeader, secret: Secret, tls: TLS? = nil) {
    self.address = address
    self.port = port
    self.header = header
    self.secret = secret
    self.tls = tls
  }
}

/// One entry of the `exchange` section: a server account (the form SM204015).
public struct ExchangeAccount: Sendable, Hashable {
  /// How to sign in.
  public enum Authentication: String, Sendable, Hashable, CaseIterable { case basic, ntlm, negotiate, oauth2 }
  /// How another mailbox is reached.
  public enum Access: String, Sendable, Hashable, CaseIterable { case delegate, impersonation }
  /// Which log lines of the account are kept.
  public enum Logging: String, Sendable, Hashable, CaseIterable { case none, `default`, informational, verbose }
  /// How the daemon is told of changes in the mailboxes between the schedules.
  public enum Notifications: String, Sendable, Hashable, CaseIterable { case none, streaming }

  /// Its name.
  public var name: String
  /// The delegate mailbox's address; the user name of the sign-in unless `username` says another.
  public var email: String
  /// User name of the sign-in; nil: the address.
  public var username: String?
  /// Password; nil where the sign-in needs none.
  public var password: Secret?
  /// How to sign in.
  public var authentication: Authentication
  /// The OAuth 2.0 client, where `authentication` is `oauth2`.
  public var oauth: OAuthSettings?
  /// Endpoint address; nil: Autodiscover.
  public var server: String?
  /// How the employees' mailboxes are reached.
  public var access: Access = .delegate
  /// Whether the account takes part.
  public var isActive = true
  /// Which log lines are kept.
  public var logging: Logging = .default
  /// Policy of employees who name none.
  public var defaultPolicy: String?
  /// Records received a request round, 1 to 1000.
  public var selectBatch = 100
  /// Records sent a request round, 1 to 1000.
  public var updateBatch = 25
  /// Largest attachment that travels, in bytes.
  public var attachmentLimit = 10_240 * 1024
  /// Connections at once, 1 to 27.
  public var concurrency = 4
  /// Read and plan, write nowhere.
  public var isTestOnly = false
  /// How the daemon is told of changes between the schedules.
  public var notifications: Notifications = .none
  /// Hosts that Autodiscover may sign in to, and find the server on, beside the address's domain and `autodiscover.` before it; lower case.
  public var autodiscoverHosts: [String] = []

  /// Creates the value from its parts.
  public init(name: String, email: String, password: Secret? = nil, authentication: Authentication = .basic, server: String? = nil) {
    self.name = name
    self.email = email
    self.password = password
    self.authentication = authentication
    self.server = server
  }
}

/// The `oauth` section of an Exchange account: a client of its own (client credentials), for Exchange in the cloud or in hybrid mode.
public struct OAuthSettings: Sendable, Hashable {
  /// Token endpoint of the authority: https, or http on this machine.
  public var tokenURL: String
  /// The client's id (the application's).
  public var clientID: String
  /// What it proves itself with: a secret, or
  public var clientSecret: Secret?
  /// the path of a certificate in PEM,
  public var certificate: String?
  /// with its private key in PEM.
  public var privateKey: Secret?
  /// What the token is for.
  public var scope: String

  /// Where Exchange Online's tokens are for.
  public static let exchangeOnlineScope = "https://outlook.office365.com/.default"

  /// Creates the value from its parts.
  public init(
    tokenURL: String, clientID: String, clientSecret: Secret? = nil, certificate: String? = nil, privateKey: Secret? = nil,
    scope: String = exchangeOnlineScope
  ) {
    self.tokenURL = tokenURL
    self.clientID = clientID
    self.clientSecret = clientSecret
    self.certificate = certificate
    self.privateKey = privateKey
    self.scope = scope
  }
}

/// One entry of the `employees` section.
public struct Employee: Sendable, Hashable {
  /// The employee's id in the ERP, e.g. `EP00000002`.
  public var id: String
  /// The mailbox's address, lower case: also the name of the employee's folder.
  public var email: String
  /// Name of the Exchange account; filled in where there is only one.
  public var account: String
  /// Name of the policy; the account's default filled in; nil: no policy, nothing is synchronized.
  public var policy: String?
  /// Whether the employee takes part.
  public var isSynchronized: Bool
  /// Who owns the employee's folder in the mount; nil: the mount's owner.
  public var unixUser: String?

  /// Creates the value from its parts.
  public init(id: String, email: String, account: String, policy: String?, isSynchronized: Bool = true, unixUser: String? = nil) {
    self.id = id
    self.email = email.lowercased()
    self.account = account
    self.policy = policy
    self.isSynchronized = isSynchronized
    self.unixUser = unixUser
  }

  /// The employee's mailbox.
  public var mailbox: Mailbox { Mailbox(address: email) }
}

/// The `guards` section.
public struct Guards: Sendable, Hashable {
  /// A bound that is passed when both parts are passed.
  public struct Limit: Sendable, Hashable {
    /// The number that must be passed.
    public var count: Int
    /// The percentage of linked records that must be passed.
    public var percent: Int
    /// Creates the value from its parts.
    public init(count: Int, percent: Int) {
      self.count = count
      self.percent = percent
    }

    /// Whether this many of that total is above both the count and the percentage.
    public func isExceeded(by number: Int, of total: Int) -> Bool { number > count && number * 100 > total * percent }
  }

  /// Records that a cycle may delete.
  public var deletes = Limit(count: 10, percent: 5)
  /// Records that a cycle may create; a first run is not bound.
  public var creates = Limit(count: 200, percent: 100)
  /// Messages that a cycle may make Exchange send.
  public var invitations = 20
  /// How long a server may still be carrying out a request whose client is gone, in seconds, 1 to 600: so long nothing that was in doubt when a
  /// process ended is looked up.
  public var settleSeconds = 10
  /// Creates the value from its parts.
  public init() {}
}

/// One entry of the `schedules` section.
public struct Schedule: Sendable, Hashable {
  /// How often.
  public enum Timing: Sendable, Hashable {
    /// Every so many seconds.
    case every(seconds: Int)
    /// A cron expression of five fields.
    case cron(String)
  }

  /// Its name.
  public var name: String
  /// How often.
  public var timing: Timing
  /// Start of the daily window in minutes after midnight, 0 to 1439; nil: no window.
  public var fromMinute: Int?
  /// End of the daily window in minutes after midnight, 1 to 1440.
  public var toMinute: Int?
  /// Days of the week, 1 Monday to 7 Sunday; empty: every day.
  public var days: Set<Int>
  /// IANA zone of the window and the cron expression; nil: the host's.
  public var zone: String?
  /// Addresses; nil: all employees.
  public var employees: [String]?
  /// Record types; nil: all of the policy.
  public var kinds: Set<RecordKind>?
  /// Compare everything instead of what changed.
  public var isFull: Bool

  /// Creates the value from its parts.
  public init(
    name: String, timing: Timing, fromMinute: Int? = nil, toMinute: Int? = nil, days: Set<Int> = [], zone: String? = nil,
    employees: [String]? = nil,
    kinds: Set<RecordKind>? = nil, isFull: Bool = false
  ) {
    self.name = name
    self.timing = timing
    self.fromMinute = fromMinute
    self.toMinute = toMinute
    self.days = days
    self.zone = zone
    self.employees = employees
    self.kinds = kinds
    self.isFull = isFull
  }
}
