import SandboxERP
import SandboxExchange
import SandboxSeed

/// Fills the calendars of a made-up company: events in the ERP, and in each mailbox a series with two exceptions.
struct CalendarFilling: Sendable {
  let company: Company
  let exchange: ExchangeServer
  let erp: ERPServer
  /// The category of the policy that the written configuration gives an employee, by the employee's place.
  let category: @Sendable (Int) -> String

  /// - Parameter today: days since 1970-01-01.
  func fill(_ count: Int, seed: UInt64, today: Int) async throws {
    guard count > 0 else { return }
    for event in company.events(count, seed: seed, today: today) {
      await erp.addEvent(
        event.fields, owner: event.owner, attendees: event.attendees.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
        reminder: event.reminder)
    }
    for (index, person) in company.employees.enumerated() {
      let series = company.series(of: person, category: category(index), today: today)
      try await exchange.seed(XMLElementText(series.xml), mailbox: person.email, folder: "calendar")
      try await exchange.seedExceptions(mailbox: person.email, subject: series.subject, moved: series.moved, deleted: series.deleted)
    }
  }
}
