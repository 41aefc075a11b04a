import XMLStream

/// The messages of Autodiscover in its two forms.
enum AutodiscoverMessage {
  /// SOAP (GetUserSettings) or POX (plain old XML), in the order in which they are tried.
  enum Kind: CaseIterable, Sendable {
    case soap, pox

    var path: String {
      switch self {
      case .soap: "/autodiscover/autodiscover.svc"
      case .pox: "/autodiscover/autodiscover.xml"
      }
    }

    /// The form that an address speaks, by its ending.
    init?(url: String) {
      let path = url.prefix { $0 != "?" }.lowercased()
      if path.hasSuffix(".svc") { self = .soap } else if path.hasSuffix(".xml") { self = .pox } else { return nil }
    }
  }

  /// What an answer says.
  enum Reading: Sendable, Equatable {
    /// The address of EWS.
    case settings(String)
    case redirectURL(String)
    case redirectAddress(String)
    case refusal(String)
  }

  private static let namespace = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
  private static let outlook = "http://schemas.microsoft.com/exchange/autodiscover/outlook"

  static func request(_ kind: Kind, for address: String, at url: String) -> [UInt8] {
    var xml = XMLWriter()
    switch kind {
    case .soap: writeSOAP(address, url, &xml)
    case .pox:
      xml.within("Autodiscover", [("xmlns", outlook + "/requestschema/2006")]) { xml in
        xml.within("Request") { xml in
          xml.element("EMailAddress", address)
          xml.element("AcceptableResponseSchema", outlook + "/responseschema/2006a")
        }
      }
    }
    return xml.bytes
  }

  private static func writeSOAP(_ address: String, _ url: String, _ xml: inout XMLWriter) {
    let prefixes = [("xmlns:s", EWSNames.soap), ("xmlns:a", namespace), ("xmlns:wsa", "http://www.w3.org/2005/08/addressing")]
    xml.within("s:Envelope", prefixes) { xml in
      xml.within("s:Header") { xml in
        xml.element("a:RequestedServerVersion", "Exchange2013")
        xml.element("wsa:Action", namespace + "/Autodiscover/GetUserSettings")
        xml.element("wsa:To", url)
      }
      xml.within("s:Body") { xml in
        xml.within("a:GetUserSettingsRequestMessage") { xml in
          xml.within("a:Request") { xml in
            xml.within("a:Users") { xml in xml.within("a:User") { $0.element("a:Mailbox", address) } }
            xml.within("a:RequestedSettings") { xml in
              for setting in ["ExternalEwsUrl", "InternalEwsUrl"] { xml.element("a:Setting", setting) }
            }
          }
        }
      }
    }
  }

  static func read(_ kind: Kind, _ body: [UInt8]) -> Reading {
    guard let root = try? XML.parse(body, limits: XMLLimits(depth: 32, textBytes: 64 << 10, totalBytes: 1 << 20, elements: 10_000)) else {
      return .refusal("the answer is no XML")
    }
    return kind == .soap ? readSOAP(root) : readPOX(root)
  }

  private static func readSOAP(_ root: XMLElement) -> Reading {
    guard let response = root.descendant("Body", "GetUserSettingsResponseMessage", "Response") else {
      return .refusal("the answer is not that of Autodiscover")
    }
    if let code = response.text("ErrorCode"), code != "NoError" { return .refusal(refused(code, response.text("ErrorMessage"))) }
    guard let user = response.child("UserResponses")?.child("UserResponse") else { return .refusal("the answer is about nobody") }
    let target = trimmed(user.text("RedirectTarget"))
    switch user.text("ErrorCode") ?? "NoError" {
    case "NoError": break
    case "RedirectAddress": return target.map(Reading.redirectAddress) ?? .refusal("redirects nowhere")
    case "RedirectUrl": return target.map(Reading.redirectURL) ?? .refusal("redirects nowhere")
    case let code: return .refusal(refused(code, user.text("ErrorMessage")))
    }
    let settings = user.child("UserSettings")?.children("UserSetting") ?? []
    for name in ["ExternalEwsUrl", "InternalEwsUrl"] {
      if let value = trimmed(settings.first(where: { $0.text("Name") == name })?.text("Value")) { return .settings(value) }
    }
    return .refusal("the answer names no EWS")
  }

  private static func readPOX(_ root: XMLElement) -> Reading {
    guard root.name == "Autodiscover", let response = root.child("Response") else {
      return .refusal("the answer is not that of Autodiscover")
    }
    if let error = response.child("Error") { return .refusal(refused("error " + (error.text("ErrorCode") ?? "?"), error.text("Message"))) }
    guard let account = response.child("Account") else { return .refusal("the answer is not that of Autodiscover") }
    switch account.text("Action")?.lowercased() {
    case "redirectaddr": return trimmed(account.text("RedirectAddr")).map(Reading.redirectAddress) ?? .refusal("redirects nowhere")
    case "redirecturl": return trimmed(account.text("RedirectUrl")).map(Reading.redirectURL) ?? .refusal("redirects nowhere")
    default: break
    }
    let protocols = account.children("Protocol")
    // From outside, from anywhere, from inside.
    for type in ["EXPR", "EXHTTP", "EXCH"] {
      let match = protocols.first { $0.text("Type") == type }
      if let url = trimmed(match?.text("EwsUrl")) ?? trimmed(match?.text("ASUrl")) { return .settings(url) }
    }
    return .refusal("the answer names no EWS")
  }

  private static func refused(_ code: String, _ message: String?) -> String {
    [code, trimmed(message)].compactMap { $0 }.joined(separator: ": ")
  }

  /// A text without white space around it; nil for an empty one.
  private static func trimmed(_ text: String?) -> String? {
    guard let text else { return nil }
    let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return words.isEmpty ? nil : String(words.prefix(2048))
  }
}
