/// A person or place that mail goes to or comes from.
public struct MIMEAddress: Sendable, Hashable {
  /// Display name; empty: none.
  public var name: String
  /// The address, e.g. `ann@example.test`.
  public var address: String

  /// An address with its display name.
  public init(name: String = "", address: String) {
    self.name = name
    self.address = address
  }
}

/// A file that travels with a message.
public struct MIMEAttachment: Sendable, Hashable {
  /// Its name, without a path; never empty.
  public var name: String
  /// Its media type, e.g. `application/pdf`.
  public var type: String
  /// The name by which HTML shows it (`cid:`), without angle brackets; nil: not shown inside the text.
  public var contentID: String?
  /// Its content.
  public var bytes: [UInt8]

  /// A file from its parts.
  public init(name: String, type: String = "application/octet-stream", contentID: String? = nil, bytes: [UInt8]) {
    self.name = name
    self.type = type
    self.contentID = contentID
    self.bytes = bytes
  }
}

/// An Internet message (RFC 5322 with MIME) in its parts.
public struct MIMEMessage: Sendable, Hashable {
  /// Subject; empty: none.
  public var subject = ""
  /// Message-ID with its angle brackets; nil: none.
  public var messageID: String?
  /// When it was written, in seconds since the POSIX epoch; nil: not said, or not readable.
  public var date: Int64?
  /// Who wrote it.
  public var from: [MIMEAddress] = []
  /// Who sent it in the name of another.
  public var sender: MIMEAddress?
  /// Whom it is to.
  public var to: [MIMEAddress] = []
  /// Who gets a copy.
  public var cc: [MIMEAddress] = []
  /// Who gets a copy unseen by the others.
  public var bcc: [MIMEAddress] = []
  /// The plain text; nil: there is none.
  public var text: String?
  /// The HTML text; nil: there is none.
  public var html: String?
  /// The files, in order.
  public var attachments: [MIMEAttachment] = []

  /// An empty message.
  public init() {}
}
