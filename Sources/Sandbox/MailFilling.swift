import Foundation
import MIME
import SandboxERP
import SandboxExchange
import SandboxSeed

/// Puts made-up messages where they would be: half of them as activities in the ERP, half in the mailboxes' folders.
struct MailFilling {
  let company: Company
  let exchange: ExchangeServer
  let erp: ERPServer
  let folder: @Sendable (_ employee: Int) -> String

  func fill(_ count: Int, seed: UInt64) async throws {
    for (index, email) in company.emails(count, seed: seed).enumerated() {
      let person = company.employees[email.employee]
      if index / company.employees.count % 2 == 0 {
        await addActivity(email, person)
      } else {
        try await addMessage(email, person, number: index)
      }
    }
  }

  private func addActivity(_ email: SeedEmail, _ person: SeedEmployee) async {
    let other = MIMEMessage.text(of: [MIMEAddress(name: email.name, address: email.address)])
    let own = MIMEMessage.text(of: [MIMEAddress(name: person.name, address: person.email)])
    await erp.addEmail(
      [
        "Subject": email.subject, "Body": email.html, "From": email.isIncoming ? other : own, "To": email.isIncoming ? own : other,
        "StartDate": Date(timeIntervalSince1970: Double(email.seconds)).formatted(.iso8601), "MailStatus": "Processed", "Owner": person.id,
      ], incoming: email.isIncoming, files: email.files.map { ($0.name, Data($0.bytes)) })
  }

  private func addMessage(_ email: SeedEmail, _ person: SeedEmployee, number: Int) async throws {
    let other = MIMEAddress(name: email.name, address: email.address)
    let own = MIMEAddress(name: person.name, address: person.email)
    var message = MIMEMessage()
    message.subject = email.subject
    message.messageID = "<\(number).\(email.seconds)@mail.test>"
    message.date = email.seconds
    message.from = [email.isIncoming ? other : own]
    message.to = [email.isIncoming ? own : other]
    message.html = email.html
    message.attachments = email.files.map { MIMEAttachment(name: $0.name, type: $0.type, bytes: $0.bytes) }
    let content = message.composed(seed: "mail\(number)") ?? []
    try await exchange.seedMessage(content, mailbox: person.email, folder: folder(email.employee))
  }
}
