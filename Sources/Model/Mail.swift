/// A file of an email activity, as the ERP lists it.
public struct EntityFile: Sendable, Hashable {
  /// The file's id.
  public var id: String
  /// Its name, without what the ERP puts before it.
  public var name: String

  /// Creates the value from its parts.
  public init(id: String, name: String) {
    self.id = id
    self.name = name
  }
}

/// What an email activity holds beside its mapped values: read only when the message is carried.
public struct EntityMessage: Sendable, Hashable {
  /// The text: HTML, or plain where somebody typed it so.
  public var body: String
  /// Its files.
  public var files: [EntityFile]

  /// Creates the value from its parts.
  public init(body: String, files: [EntityFile]) {
    self.body = body
    self.files = files
  }
}

/// What a new email activity has beside its mapped values.
public struct NewMail: Sendable, Hashable, Codable {
  /// The text as HTML.
  public var body: String
  /// Received by the employee, not sent by them.
  public var isIncoming: Bool
  /// The contact that the activity belongs to; nil: none, or more than one has the address.
  public var relatedContact: EntityID?

  /// Creates the value from its parts.
  public init(body: String, isIncoming: Bool, relatedContact: EntityID?) {
    self.body = body
    self.isIncoming = isIncoming
    self.relatedContact = relatedContact
  }
}

/// What only messages need of an Exchange account.
public protocol ExchangeMailPort: Sendable {
  /// The bytes of messages as Exchange has them, one result a message in the same order (EWS GetItem, IncludeMimeContent). All of them are held
  /// at once: who does not know that they are small asks for one.
  func contents(of messages: [ItemID], in mailbox: Mailbox) async throws(SyncError) -> [Result<[UInt8], SyncError>]
}

/// What only email activities need of the ERP.
public protocol ERPMailPort: Sendable {
  /// Texts and lists of files of email activities, as far as one request gives them; what is left out is asked for one by one.
  func messages(_ ids: [EntityID]) async throws(SyncError) -> [EntityID: EntityMessage]

  /// Text and list of files of an email activity.
  func message(_ id: EntityID) async throws(SyncError) -> EntityMessage

  /// A file's content. `tooLarge` above the limit, without reading it whole.
  /// - Parameter limit: bytes.
  func content(of file: EntityFile, limit: Int) async throws(SyncError) -> [UInt8]

  /// Attaches a file to an email activity. Another one of the same name would become a new revision of the first.
  func attach(_ name: String, _ bytes: [UInt8], to id: EntityID) async throws(SyncError)

  /// Gives an email activity that was just created another text.
  func replaceBody(of id: EntityID, with html: String) async throws(SyncError)

  /// The contacts that have these addresses, whatever their state; keys in lower case, those without a contact left out.
  func contacts(withAddresses addresses: [String]) async throws(SyncError) -> [String: [EntityID]]
}

extension ExchangeMailPort {
  /// An account that carries no mail.
  public func contents(of messages: [ItemID], in mailbox: Mailbox) async throws(SyncError) -> [Result<[UInt8], SyncError>] {
    throw SyncError(.configuration, "this Exchange account carries no mail")
  }

  /// The bytes of one message.
  public func content(of message: ItemID, in mailbox: Mailbox) async throws(SyncError) -> [UInt8] {
    guard let answer = try await contents(of: [message], in: mailbox).first else {
      throw SyncError(.malformedAnswer, "Exchange did not answer a message of \(mailbox.address)")
    }
    return try answer.get()
  }
}

extension ERPMailPort {
  private var noMail: SyncError { SyncError(.configuration, "this ERP carries no mail") }

  /// Each is asked for by itself.
  public func messages(_ ids: [EntityID]) async throws(SyncError) -> [EntityID: EntityMessage] { [:] }
  /// An ERP that carries no mail.
  public func message(_ id: EntityID) async throws(SyncError) -> EntityMessage { throw noMail }
  /// An ERP that carries no mail.
  public func content(of file: EntityFile, limit: Int) async throws(SyncError) -> [UInt8] { throw noMail }
  /// An ERP that carries no mail.
  public func attach(_ name: String, _ bytes: [UInt8], to id: EntityID) async throws(SyncError) { throw noMail }
  /// An ERP that carries no mail.
  public func replaceBody(of id: EntityID, with html: String) async throws(SyncError) { throw noMail }
  /// An ERP that carries no mail.
  public func contacts(withAddresses addresses: [String]) async throws(SyncError) -> [String: [EntityID]] { throw noMail }
}
