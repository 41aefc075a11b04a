public import FlyingFox
import Foundation
import SandboxStore
import XMLStream

/// Autodiscover, by SOAP and by POX: where a mailbox's EWS is.
extension ExchangeServer {
  private static let namespace = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
  private static let outlook = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"

  /// Answers a request to `/autodiscover/autodiscover.svc` or `.xml`, with Basic sign-in as for EWS.
  /// - Parameter endpoint: the address of EWS as clients reach it.
  public func handleAutodiscover(_ request: FlyingFox.HTTPRequest, endpoint: String) async -> FlyingFox.HTTPResponse {
    guard signedIn(request) != nil else { return Self.signInFirst }
    guard request.method == .POST else { return HTTPResponse(statusCode: .ok) }
    let body = (try? await request.bodyData) ?? Data()
    var xml = XMLWriter()
    xml.raw(Array("<?xml version=\"1.0\" encoding=\"utf-8\"?>".utf8))
    if request.path.lowercased().hasSuffix(".xml") {
      writePOX(try? XML.parse(Array(body)), endpoint, &xml)
    } else {
      writeSettings(try? XML.parse(Array(body)), endpoint, &xml)
    }
    return HTTPResponse(
      statusCode: .ok, headers: HTTPHeaders([.contentType: "text/xml; charset=utf-8"]), body: Data(xml.bytes))
  }

  private func writePOX(_ request: XMLElement?, _ endpoint: String, _ xml: inout XMLWriter) {
    let address = request?.text("Request", "EMailAddress")?.lowercased()
    xml.within("Autodiscover", [("xmlns", "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006")]) { xml in
      guard let address, let mailbox = mailboxes[address] else {
        xml.within("Response") { xml in
          xml.within("Error", [("Time", "00:00:00.0000000"), ("Id", "1")]) { xml in
            xml.element("ErrorCode", address == nil ? "600" : "500")
            xml.element("Message", address == nil ? "Invalid Request" : "The email address can't be found.")
            xml.empty("DebugData")
          }
        }
        return
      }
      xml.within("Response", [("xmlns", Self.outlook)]) { xml in
        xml.within("User") { xml in
          xml.element("DisplayName", mailbox.name)
          xml.element("LegacyDN", "/o=Sandbox/ou=Exchange Administrative Group/cn=Recipients/cn=\(address)")
          xml.element("AutoDiscoverSMTPAddress", address)
        }
        xml.within("Account") { xml in
          xml.element("AccountType", "email")
          xml.element("Action", "settings")
          for type in ["EXCH", "EXPR"] {
            xml.within("Protocol") { xml in
              xml.element("Type", type)
              xml.element("Server", "sandbox.example.test")
              xml.element("ASUrl", endpoint)
              xml.element("EwsUrl", endpoint)
            }
          }
        }
      }
    }
  }

  private func writeSettings(_ request: XMLElement?, _ endpoint: String, _ xml: inout XMLWriter) {
    let asked = request?.descendant("Body", "GetUserSettingsRequestMessage", "Request")
    let users = asked?.child("Users")?.children("User").compactMap { $0.text("Mailbox") } ?? []
    let wanted = asked?.child("RequestedSettings")?.children("Setting").map(\.text) ?? []
    let soap = "http://schemas.xmlsoap.org/soap/envelope/"
    let prefixes = [("xmlns:s", soap), ("xmlns:wsa", "http://www.w3.org/2005/08/addressing"), ("xmlns:h", Self.namespace)]
    xml.within("s:Envelope", prefixes) { xml in
      xml.within("s:Header") { xml in
        xml.element("wsa:Action", "\(Self.namespace)/Autodiscover/GetUserSettingsResponse", [("s:mustUnderstand", "1")])
        xml.within("h:ServerVersionInfo") { xml in
          for (name, value) in [("MajorVersion", "15"), ("MinorVersion", "2"), ("MajorBuildNumber", "2562"), ("MinorBuildNumber", "17")] {
            xml.element("h:\(name)", value)
          }
          xml.element("h:Version", "Exchange2015")
        }
      }
      xml.within("s:Body") { xml in
        let names = [("xmlns", Self.namespace), ("xmlns:i", "http://www.w3.org/2001/XMLSchema-instance")]
        xml.within("GetUserSettingsResponseMessage", names) { xml in
          xml.within("Response") { xml in
            xml.element("ErrorCode", users.isEmpty ? "InvalidRequest" : "NoError")
            xml.element("ErrorMessage", "")
            xml.within("UserResponses") { xml in for user in users { writeUser(user, wanted, endpoint, &xml) } }
          }
        }
      }
    }
  }

  private func writeUser(_ user: String, _ wanted: [String], _ endpoint: String, _ xml: inout XMLWriter) {
    let isKnown = mailboxes[user.lowercased()] != nil
    let values = [
      "InternalEwsUrl": endpoint, "ExternalEwsUrl": endpoint, "AutoDiscoverSMTPAddress": user.lowercased(),
      "EwsSupportedSchemas":
        "Exchange2007, Exchange2007_SP1, Exchange2010, Exchange2010_SP1, Exchange2010_SP2, Exchange2013, Exchange2013_SP1, Exchange2016",
    ]
    xml.within("UserResponse") { xml in
      xml.element("ErrorCode", isKnown ? "NoError" : "InvalidUser")
      xml.element("ErrorMessage", isKnown ? "No error." : "Invalid user: '\(user)'")
      xml.empty("RedirectTarget", [("i:nil", "true")])
      xml.within("UserSettingErrors") { xml in
        for name in wanted where isKnown && values[name] == nil {
          xml.within("UserSettingError") { xml in
            xml.element("ErrorCode", "SettingIsNotAvailable")
            xml.element("ErrorMessage", "Setting not available.")
            xml.element("SettingName", name)
          }
        }
      }
      xml.within("UserSettings") { xml in
        for name in wanted where isKnown {
          guard let value = values[name] else { continue }
          xml.within("UserSetting", [("i:type", "StringSetting")]) { xml in
            xml.element("Name", name)
            xml.element("Value", value)
          }
        }
      }
    }
  }
}
