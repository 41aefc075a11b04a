import Foundation
public import Model
import SignShim

/// A signed statement of who the client is, in the place of a secret (RFC 7523 section 2.2).
public struct ClientAssertion: Sendable {
  /// How long a statement is good for, in seconds.
  private static let lifetime: Int64 = 600

  private let certificate: [UInt8]
  private let key: [UInt8]

  /// A client that proves itself with a certificate.
  /// - Parameters:
  ///   - certificate: PEM; the authority knows it.
  ///   - key: the RSA private key in PEM, without a passphrase.
  /// - Throws: `configuration` when one of them cannot be used.
  public init(certificate: String, key: String) throws(SyncError) {
    self.certificate = Array(certificate.utf8)
    self.key = Array(key.utf8)
    guard Self.digest(self.certificate) != nil else {
      throw SyncError(.configuration, "the OAuth certificate is no certificate in PEM")
    }
    guard Self.signature([], self.key) != nil else {
      throw SyncError(.configuration, "the OAuth private key is no RSA key in PEM, or has a passphrase")
    }
  }

  /// A new statement for an authority's token endpoint.
  func text(clientID: String, tokenURL: String, now: Timestamp, identifier: String) throws(SyncError) -> String {
    let seconds = now.milliseconds / 1000
    let header = ["alg": "RS256", "typ": "JWT", "x5t#S256": Self.base64URL(Self.digest(certificate) ?? [])]
    let claims = Claims(
      aud: tokenURL, iss: clientID, sub: clientID, jti: identifier, nbf: seconds - 60, iat: seconds, exp: seconds + Self.lifetime)
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      let signed = try Self.base64URL(Array(encoder.encode(header))) + "." + Self.base64URL(Array(encoder.encode(claims)))
      guard let signature = Self.signature(Array(signed.utf8), key) else {
        throw SyncError(.configuration, "the OAuth private key could not sign")
      }
      return signed + "." + Self.base64URL(signature)
    } catch let error as SyncError {
      throw error
    } catch {
      throw SyncError(.malformedRequest, "the client's statement could not be encoded")
    }
  }

  private struct Claims: Encodable {
    var aud, iss, sub, jti: String
    var nbf, iat, exp: Int64
  }

  private static func digest(_ certificate: [UInt8]) -> [UInt8]? {
    var digest = [UInt8](repeating: 0, count: 32)
    let isRead = certificate.withUnsafeBytes { bytes in
      bytes.assumingMemoryBound(to: CChar.self).baseAddress.map { signshim_certificate_sha256($0, bytes.count, &digest) } ?? false
    }
    return isRead ? digest : nil
  }

  private static func signature(_ message: [UInt8], _ key: [UInt8]) -> [UInt8]? {
    // Enough for a key of 16,384 bits.
    var signature = [UInt8](repeating: 0, count: 2048)
    // An empty array may have no address.
    let message = message.isEmpty ? [0] : message
    let length = key.withUnsafeBytes { bytes in
      bytes.assumingMemoryBound(to: CChar.self).baseAddress.map {
        signshim_rs256($0, bytes.count, message, message.count, &signature, signature.count)
      } ?? 0
    }
    return length > 0 ? Array(signature.prefix(length)) : nil
  }

  /// RFC 7515, appendix C.
  private static func base64URL(_ bytes: [UInt8]) -> String {
    Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
  }
}
