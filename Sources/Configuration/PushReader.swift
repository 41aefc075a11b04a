import Model
import Yams

/// Reads `erp.push`: where the site's push notifications arrive.
struct PushReader {
  let collector: FaultCollector

  private static let places = "ADDRESS:PORT, as 127.0.0.1:8026; another address than loopback needs certificate and private_key"

  func read(_ erp: Section) -> PushSettings? {
    guard erp["push"] != nil else { return nil }
    let section = Section(erp["push"], path: "erp.push", known: ["listen", "header", "secret", "certificate", "private_key"], collector)
    let secrets = SecretParser(collector: collector)
    let secret = secrets.secret("secret", section, required: true)
    let header = section.text("header") ?? PushSettings.usualHeader
    if header.wholeMatch(of: #/[A-Za-z0-9][A-Za-z0-9-]*/#) == nil {
      section.fault("header", "'\(header)' is not the name of a header field", allowed: "letters, digits and dashes")
    }
    let certificate = section.text("certificate")
    let key = secrets.secret("private_key", section, required: certificate != nil)
    if key != nil, certificate == nil { section.fault("certificate", "is missing", allowed: "path of the certificate chain, PEM") }
    let tls = certificate.flatMap { path in key.map { PushSettings.TLS(certificate: path, privateKey: $0) } }
    guard let listen = section.text("listen", required: true, allowed: Self.places) else { return nil }
    guard let place = listen.wholeMatch(of: #/(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})/#), let port = UInt16(place.2),
      place.1.split(separator: ".").allSatisfy({ UInt8($0) != nil })
    else {
      section.fault("listen", "'\(listen)' is not an IPv4 address and a port", allowed: Self.places)
      return nil
    }
    if tls == nil, certificate == nil, !place.1.hasPrefix("127.") {
      section.fault("listen", "'\(listen)' would carry the secret in clear", allowed: Self.places)
    }
    guard let secret else { return nil }
    return PushSettings(address: String(place.1), port: Int(port), header: header, secret: secret, tls: tls)
  }
}
