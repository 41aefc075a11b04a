import Foundation
public import Model
import WebhookShim

/// Listens for the ERP's push notifications (SM302000, destination webhook). A request with the secret in its header field wakes; what it
/// says is not read. Anything else is refused: 403 without the secret, 405 but for POST, 404 for a path that names no record type.
public final class WebhookListener: @unchecked Sendable {
  // Sendable by hand: all is set before the listener's thread starts and constant from then on but for `shim`, which `init` and `deinit` alone change.
  private let secret: [UInt8]
  private let onWake: @Sendable (Set<RecordKind>) -> Void
  private var shim: OpaquePointer?

  /// Characters that a secret must have at least.
  static let shortestSecret = 16

  /// Listens from now on until the listener is released.
  /// - Parameters:
  ///   - secret: the value of `settings.secret`.
  ///   - privateKey: the value of `settings.tls.privateKey`.
  ///   - onWake: called on the listener's thread with the record types that may have changed: of `POST /contacts` that one, of `POST /` all.
  /// - Throws: `configuration` for a secret that is too short, or an address, certificate or key that cannot be used.
  public init(
    _ settings: PushSettings, secret: String, privateKey: String?, onWake: @escaping @Sendable (Set<RecordKind>) -> Void
  ) throws(SyncError) {
    guard secret.count >= Self.shortestSecret else {
      throw SyncError(
        .configuration, "erp.push: a secret of fewer than \(Self.shortestSecret) characters can be guessed: make a longer one")
    }
    self.secret = Array(secret.utf8)
    self.onWake = onWake
    var certificate: String?
    if let tls = settings.tls {
      certificate = try? String(contentsOfFile: tls.certificate, encoding: .utf8)
      guard certificate != nil else { throw SyncError(.configuration, "erp.push: the certificate \(tls.certificate) cannot be read") }
    }
    shim = start(settings, certificate, privateKey)
    guard shim != nil else {
      let hint = settings.tls == nil ? "is the port taken?" : "is the port taken, and do certificate and private_key belong together?"
      throw SyncError(.configuration, "erp.push: nothing can listen on \(settings.address):\(settings.port): \(hint)")
    }
  }

  deinit { if let shim { webhookshim_stop(shim) } }

  /// The port that it listens on.
  public var port: Int { shim.map { Int(webhookshim_port($0)) } ?? 0 }

  private func start(_ settings: PushSettings, _ certificate: String?, _ key: String?) -> OpaquePointer? {
    settings.address.withCString { address in
      settings.header.withCString { header in
        Self.withOptional(certificate) { certificate in
          Self.withOptional(key) { key in
            var options = webhookshim_options(
              address: address, port: UInt16(settings.port), header: header, certificate: certificate, private_key: key,
              decide: { context, method, path, value in
                guard let context else { return 500 }
                let listener = Unmanaged<WebhookListener>.fromOpaque(context).takeUnretainedValue()
                return listener.decide(String(cString: method), String(cString: path), value.map { String(cString: $0) })
              },
              // The listener's thread ends with `webhookshim_stop` in `deinit`: the reference needs no count.
              context: Unmanaged.passUnretained(self).toOpaque())
            return webhookshim_start(&options)
          }
        }
      }
    }
  }

  private static func withOptional<Answer>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Answer) -> Answer {
    if let text { return text.withCString { body($0) } }
    return body(nil)
  }

  /// The status for a request.
  func decide(_ method: String, _ path: String, _ value: String?) -> UInt32 {
    guard let value, Self.isSame(Array(value.utf8), secret) else { return 403 }
    guard method == "POST" else { return 405 }
    let words = path.split(separator: "/")
    if words.isEmpty {
      onWake(Set(RecordKind.allCases))
    } else if words.count == 1, let kind = RecordKind(rawValue: String(words[0])) {
      onWake([kind])
    } else {
      return 404
    }
    return 204
  }

  /// Takes the same time wherever two texts of one length differ.
  private static func isSame(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    guard one.count == other.count else { return false }
    return zip(one, other).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }
}
