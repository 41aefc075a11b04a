public import FlyingFox
public import Foundation
import SandboxStore
import XMLStream

/// How the Exchange server is set up.
public struct ExchangeServerConfiguration: Sendable {
  /// The account with full access to every mailbox.
  public var delegateAddress: String
  /// Its password.
  public var delegatePassword: String
  /// Seed of ids and change keys.
  public var seed: UInt64
  /// The clock.
  public var now: @Sendable () -> Date

  /// Creates the value from its parts.
  public init(
    delegateAddress: String, delegatePassword: String, seed: UInt64 = 1, now: @escaping @Sendable () -> Date = { Date() }
  ) {
    self.delegateAddress = delegateAddress
    self.delegatePassword = delegatePassword
    self.seed = seed
    self.now = now
  }
}

/// An Exchange server for trying policies: EWS over mailboxes in memory, as ews.md describes real servers.
public actor ExchangeServer {
  let configuration: ExchangeServerConfiguration
  var mailboxes = Records<ServerMailbox>()
  var identities: IdentityMaker
  var change = 0
  /// Sync states of before a restart, or forgotten ones, have another era.
  var era: Int
  var log = RequestLog()
  var faults: [InstalledFault] = []
  /// Whether the request that is being answered gets listings with gaps.
  var isListingPartial = false
  /// Until when a user was told to wait; who comes earlier is noted so in the log.
  var busyUntil: [String: Date] = [:]
  var subscriptions: [String: ServerSubscription] = [:]
  /// Streaming connections by user.
  var openStreams: [String: Int] = [:]
  var streamsAreBroken = false
  /// Who waits for a change.
  var listeners: [UUID: AsyncStream<Void>.Continuation] = [:]
  /// Bearer tokens that an authority gave out: whose they are and when they end.
  var tokens: [String: (user: String, ends: Date)] = [:]
  var outbox: [SentMessage] = []
  /// Zone of times without offset in the request that is being answered.
  var contextZone = ServerZone.utc
  /// Which mailbox each id belongs to.
  var owners: [String: String] = [:]
  /// Which item each attachment's id belongs to.
  var attachmentOwners: [String: String] = [:]
  /// Where everything is kept; nil: nowhere.
  var database: SandboxDatabase?
  /// What could not be written yet.
  var unwritten = RowChanges()

  /// A server without mailboxes but the delegate's.
  public init(configuration: ExchangeServerConfiguration) {
    self.configuration = configuration
    identities = IdentityMaker(seed: configuration.seed)
    era = 1
    let (address, password) = (configuration.delegateAddress, configuration.delegatePassword)
    mailboxes[address.lowercased()] = ServerMailbox(address: address.lowercased(), name: "concordfs synchronization", password: password)
    Self.makeFolders(&mailboxes[address.lowercased()], &identities, &owners)
  }

  /// Adds a mailbox with the folders that every mailbox has.
  public func addMailbox(address: String, displayName: String, password: String) {
    let key = address.lowercased()
    mailboxes[key] = ServerMailbox(address: key, name: displayName, password: password)
    Self.makeFolders(&mailboxes[key], &identities, &owners)
  }

  private static func makeFolders(_ mailbox: inout ServerMailbox?, _ identities: inout IdentityMaker, _ owners: inout [String: String]) {
    guard var box = mailbox else { return }
    var ids: [String: String] = [:]
    for folder in ServerMailbox.distinguishedFolders {
      let id = identities.id()
      ids[folder.id] = id
      owners[id] = box.address
      box.folders[id] = ServerFolder(
        id: id, changeKey: identities.changeKey(), parent: folder.parent.flatMap { ids[$0] }, name: folder.name,
        folderClass: folder.folderClass,
        distinguished: folder.id, change: 0)
    }
    mailbox = box
  }

  /// Puts an item into a distinguished folder, as if its owner had made it.
  /// - Parameter item: an item element, e.g. `t:Contact`, with its properties in schema order.
  public func seed(_ item: XMLElementText, mailbox address: String, folder: String) throws {
    guard var mailbox = mailboxes[address.lowercased()], let target = mailbox.distinguished(folder) else { throw Refusal.folderNotFound }
    _ = try create(try XML.parse(Array(item.xml.utf8)), in: target.id, &mailbox)
    mailboxes[address.lowercased()] = mailbox
  }

  /// Answers one HTTP request to `/EWS/Exchange.asmx`.
  public func handle(_ request: FlyingFox.HTTPRequest) async -> FlyingFox.HTTPResponse {
    guard let user = signedIn(request) else { return Self.signInFirst }
    guard request.method == .POST else { return HTTPResponse(statusCode: .ok) }
    let body = (try? await request.bodyData) ?? Data()
    let wantsAffinity = request.headers[HTTPHeader("X-PreferServerAffinity")]?.lowercased() == "true"
    let cookie = request.headers[HTTPHeader("Cookie")]?.split(separator: ";").map { String($0.drop { $0 == " " }) }
      .first { $0.hasPrefix(Self.affinityCookie) }
    var answer = await answer(
      Array(body), user: user, anchor: request.headers[HTTPHeader("X-AnchorMailbox")] ?? "", cookie: cookie ?? "")
    if wantsAffinity, cookie == nil { answer.headers[HTTPHeader("Set-Cookie")] = "\(Self.affinityCookie)sandbox~1; path=/; HttpOnly" }
    return answer
  }

  /// Names the server that keeps a client's subscriptions.
  private static let affinityCookie = "X-BackEndOverrideCookie="

  static let signInFirst = FlyingFox.HTTPResponse(
    statusCode: .unauthorized, headers: HTTPHeaders([HTTPHeader("WWW-Authenticate"): "Basic realm=\"sandbox\""]))

  /// Takes a bearer token for a user's sign-in for so many seconds, as servers do that trust an authority.
  public func accept(token: String, user: String, seconds: Double) {
    tokens[token] = (user.lowercased(), configuration.now().addingTimeInterval(seconds))
  }

  /// Who signs in with a request: by password, or with a token.
  func signedIn(_ request: FlyingFox.HTTPRequest) -> String? {
    let header = request.headers[.authorization]
    guard let header, header.lowercased().hasPrefix("bearer ") else { return authenticate(header) }
    guard let token = tokens[String(header.dropFirst(7))], token.ends > configuration.now(), mailboxes[token.user] != nil else {
      return nil
    }
    return token.user
  }

  private func authenticate(_ header: String?) -> String? {
    guard let header, header.lowercased().hasPrefix("basic "),
      let data = Data(base64Encoded: String(header.dropFirst(6).drop { $0 == " " }))
    else { return nil }
    let pair = String(decoding: data, as: UTF8.self).split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard pair.count == 2, let mailbox = mailboxes[pair[0].lowercased()], mailbox.password == pair[1] else { return nil }
    return mailbox.address
  }

  private func answer(_ body: [UInt8], user: String, anchor: String, cookie: String) async -> FlyingFox.HTTPResponse {
    let started = configuration.now()
    var entry = RequestLog.Entry(time: started, user: user, bytesIn: body.count)
    (entry.anchor, entry.serverCookie) = (anchor, cookie)
    var reply = XMLWriter()
    var status = HTTPStatusCode.ok
    var fault: InstalledFault?
    do {
      let envelope: XMLElement
      do { envelope = try XML.parse(body) } catch { throw Refusal.schema("not well-formed XML: \(error.message)") }
      guard envelope.name == "Envelope", let operation = envelope.child("Body")?.children.first else {
        throw Refusal("ErrorInvalidRequest", "The request has no operation.", isFault: true)
      }
      entry.operation = operation.name
      entry.items = Self.records(operation)
      entry.isEarly = started < busyUntil[user] ?? started
      fault = takeFault(operation)
      if let fault, fault.kind == .serverBusy || fault.kind == .tooManyRequests { pause(user, fault) }
      if let fault, fault.delayMilliseconds > 0 { try? await Task.sleep(for: .milliseconds(fault.delayMilliseconds)) }
      if let refusal = fault?.refusalBefore { throw refusal }
      if fault?.kind == .tooManyRequests { throw Refusal("ErrorServerBusy", "Too many requests.", isFault: true) }
      try checkVersion(envelope)
      let zone = envelope.descendant("Header", "TimeZoneContext", "TimeZoneDefinition")?.attribute("Id")
      contextZone = zone.flatMap(ServerZone.init(id:)) ?? .utc
      let caller = Caller(user: user, impersonated: try impersonated(envelope, user: user), operation: operation.name)
      if operation.name == "GetStreamingEvents" {
        switch streamEvents(operation, caller) {
        case .success(let stream):
          log.append(entry, request: body, reply: [])
          return stream
        case .failure(let refusal): throw refusal
        }
      }
      let before = change
      defer { if change != before { tellListeners() } }
      isListingPartial = fault?.kind == .partialList
      if fault?.kind == .duplicate { _ = try perform(operation, caller, &entry) }
      var answer = try perform(operation, caller, &entry)
      if fault?.kind == .partialBatch { answer.messages = Self.cutShort(answer.messages, operation.name) }
      write(answer, operation.name, &reply)
      entry.codes = answer.messages.map(\.code)
    } catch let refusal as Refusal where refusal.isFault || entry.operation != "GetStreamingEvents" {
      status = .internalServerError
      entry.codes = [refusal.code]
      writeFault(refusal, &reply)
    } catch let refusal as Refusal {
      entry.codes = [refusal.code]
      write(Reply(messages: [Message(refusal) { Self.writeLost(refusal.lostSubscriptions, &$0) }]), entry.operation, &reply)
    } catch {
      status = .internalServerError
      writeFault(Refusal("ErrorInternalServerError", "An internal server error occurred. The operation failed."), &reply)
    }
    do { try keep() } catch {
      status = .internalServerError
      reply = XMLWriter()
      writeFault(Refusal("ErrorInternalServerError", "The store cannot be written: \(error)"), &reply)
    }
    if let fault, fault.kind == .tooManyRequests {
      entry.codes = ["429"]
      log.append(entry, request: body, reply: reply.bytes)
      return tooManyRequests(user, fault)
    }
    if fault?.kind == .unavailable { return HTTPResponse(statusCode: .serviceUnavailable) }
    entry.bytesOut = reply.bytes.count
    log.append(entry, request: body, reply: reply.bytes)
    if fault?.kind == .dropAnswer {
      // The work is done; the client never hears of it: an answer that is no answer, then the end of the connection.
      return HTTPResponse(statusCode: .badGateway, headers: HTTPHeaders([HTTPHeader("Connection"): "close"]))
    }
    return HTTPResponse(
      statusCode: status, headers: HTTPHeaders([.contentType: "text/xml; charset=utf-8"]), body: Data(reply.bytes))
  }

  private static func writeLost(_ ids: [String], _ xml: inout XMLWriter) {
    if ids.isEmpty { return }
    xml.within("m:ErrorSubscriptionIds") { xml in for id in ids { xml.element("t:SubscriptionId", id) } }
  }

  private func checkVersion(_ envelope: XMLElement) throws {
    guard let version = envelope.descendant("Header", "RequestServerVersion")?.attribute("Version") else { return }
    let known = [
      "Exchange2007", "Exchange2007_SP1", "Exchange2010", "Exchange2010_SP1", "Exchange2010_SP2", "Exchange2013", "Exchange2013_SP1",
      "Exchange2016",
    ]
    if !known.contains(version) { throw Refusal("ErrorInvalidServerVersion", "The specified server version is invalid.", isFault: true) }
  }

  /// In whose name a request comes; only the synchronization's account has the role ApplicationImpersonation.
  private func impersonated(_ envelope: XMLElement, user: String) throws -> String? {
    guard let identity = envelope.descendant("Header", "ExchangeImpersonation", "ConnectingSID")?.children.first?.text.lowercased() else {
      return nil
    }
    guard user == configuration.delegateAddress.lowercased() else {
      throw Refusal("ErrorImpersonateUserDenied", "The account does not have permission to impersonate the requested user.", isFault: true)
    }
    guard mailboxes[identity] != nil else {
      throw Refusal("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.", isFault: true)
    }
    return identity
  }
}

/// Who asks, and in whose name.
struct Caller: Sendable {
  var user: String
  var impersonated: String?
  var operation: String
  var home: String { impersonated ?? user }
}

/// Text of an XML element, so that callers need not share a parser's types.
public struct XMLElementText: Sendable {
  /// The element as XML text.
  public var xml: String
  /// An element as XML text.
  public init(_ xml: String) { self.xml = xml }
}
