import Foundation
import Model
import Yams

/// Reads the `employees` section.
struct EmployeeReader {
  let collector: FaultCollector

  func read(_ top: Section, accounts: [ExchangeAccount], policies: [Policy]) -> [Employee] {
    var employees: [Employee] = []
    for (index, node) in top.list("employees").enumerated() {
      let section = Section(
        node, path: "employees[\(index)]", known: ["id", "email", "account", "policy", "sync", "unix_user"], collector)
      guard let employee = employee(section, accounts, policies) else { continue }
      checkUnique(employee, employees, section)
      employees.append(employee)
    }
    return employees
  }

  private func employee(_ section: Section, _ accounts: [ExchangeAccount], _ policies: [Policy]) -> Employee? {
    let id = section.text("id", required: true, allowed: "the employee's id in the ERP, as EP00000002")
    let email = Self.email("email", section)
    var account = section.text("account")
    if let name = account, !accounts.isEmpty, !accounts.contains(where: { $0.name == name }) {
      section.fault("account", "there is no account '\(name)'", allowed: accounts.map(\.name).joined(separator: ", "))
    }
    if account == nil {
      if accounts.count == 1 {
        account = accounts[0].name
      } else if accounts.count > 1 {
        section.fault("account", "is missing, and there are several accounts", allowed: accounts.map(\.name).joined(separator: ", "))
      }
    }
    var policy = section.text("policy")
    if let name = policy, !policies.contains(where: { $0.name == name }) {
      section.fault("policy", "there is no policy '\(name)'", allowed: policies.map(\.name).joined(separator: ", "))
    }
    policy = policy ?? accounts.first { $0.name == account }?.defaultPolicy
    let user = unixUser(section)
    guard let id, let email else { return nil }
    return Employee(
      id: id, email: email, account: account ?? "", policy: policy, isSynchronized: section.flag("sync", default: true), unixUser: user)
  }

  private func unixUser(_ section: Section) -> String? {
    guard let name = section.text("unix_user") else { return nil }
    guard let entry = getpwnam(name) else {
      section.fault("unix_user", "this machine has no user '\(name)'", allowed: "a user of this machine")
      return name
    }
    if entry.pointee.pw_uid == 0 {
      section.fault("unix_user", "'\(name)' is the superuser, who owns no mailbox", allowed: "a user other than uid 0")
    }
    return name
  }

  private func checkUnique(_ employee: Employee, _ others: [Employee], _ section: Section) {
    if others.contains(where: { $0.email == employee.email }) {
      section.fault("email", "'\(employee.email)' is used twice", allowed: "one employee a mailbox")
    }
    if others.contains(where: { $0.id == employee.id }) {
      section.fault("id", "'\(employee.id)' is used twice", allowed: "one mailbox an employee")
    }
    if let user = employee.unixUser, others.contains(where: { $0.unixUser == user }) {
      section.fault("unix_user", "'\(user)' is used twice", allowed: "one employee a user")
    }
  }

  /// A mailbox's address, in lower case.
  static func email(_ name: String, _ section: Section) -> String? {
    guard let text = section.text(name, required: true, allowed: "an address, as alice@example.test") else { return nil }
    guard text.wholeMatch(of: #/[^@\s/\x00-\x1F<>"]+@[^@\s/\x00-\x1F<>"]+/#) != nil, !text.hasPrefix("."), text.utf8.count <= 254 else {
      section.fault(name, "'\(text)' is not an address", allowed: "an address, as alice@example.test")
      return nil
    }
    return text.lowercased()
  }
}
