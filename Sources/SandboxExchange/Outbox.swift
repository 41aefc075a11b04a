public import Foundation

/// One message that was sent to one recipient, so that tests can show that no mail nobody asked for was sent.
struct SentMessage: Sendable, Codable {
  enum Kind: String, Sendable, Codable { case request, update, cancellation, response, mail }

  var sequence: Int
  var time: Date
  var kind: Kind
  var from: String
  var to: String
  var subject: String
  /// UID of the meeting, or the message's Message-ID.
  var uid: String
}

extension ExchangeServer {
  func noteSent(_ kind: SentMessage.Kind, from: String, to: String, subject: String, uid: String) {
    outbox.append(
      SentMessage(
        sequence: outbox.count + 1, time: configuration.now(), kind: kind, from: from.lowercased(), to: to.lowercased(), subject: subject,
        uid: uid))
  }

  /// Every message that was sent, as JSON.
  public func outboxJSON() -> Data {
    let encoder = JSONEncoder()
    encoder.dateEncodingStrategy = .iso8601
    return (try? encoder.encode(outbox)) ?? Data("[]".utf8)
  }

  /// Forgets the messages that were sent.
  public func clearOutbox() { outbox = [] }
}
