@testable import Configuration

/// Configurations that tests start from.
enum Examples {
  /// The least that is valid.
  static let least = """
    store: /var/lib/concordfs/cache.db
    erp:
      kind: acumatica
      url: https://erp.example.test/Site
      endpoint: Default/24.200.001
      auth: {username: concord, password: {file: /run/secrets/erp}}
    exchange:
      - name: HQ
        email: concord-sync@example.test
        password: {file: /run/secrets/hq}
    policies:
      - name: Sales
        contacts: {folder: ERP Contacts}
    employees:
      - {id: EP00000002, email: alice@example.test}

    """

  /// Every key that there is, each with another value than its default.
  static let full = """
    store: ./cache.db
    erp:
      kind: acumatica
      url: https://erp.example.test/Site/
      endpoint: Default/24.200.001
      tenant: Company
      branch: MAIN
      auth:
        client_id: 1234@Company
        client_secret: {env: ERP_SECRET}
        username: concord
        password: {command: [pass, show, erp]}
        refresh_token: {file: /run/secrets/token}
      push: {listen: "192.0.2.7:8026", header: X-Wake, secret: {file: /run/secrets/push}, certificate: /etc/push.pem, private_key: {file: /k}}
    exchange:
      - name: HQ
        email: Concord-Sync@Example.test
        username: EXAMPLE\\concord
        password: {file: /run/secrets/hq}
        auth: ntlm
        server: https://mail.example.test/EWS/Exchange.asmx
        access: impersonation
        active: false
        logging: verbose
        default_policy: Sales
        select_batch: 7
        update_batch: 8
        attachment_limit: 9 MiB
        concurrency: 5
        test_only: true
        notifications: streaming
        autodiscover_hosts: [Mail.example.test]
      - {name: Branch, email: branch@example.test, auth: negotiate}
    policies:
      - name: Sales
        description: What a salesperson needs on the phone
        category: {name: ERP, color: Dark_Blue}
        conflict: last-updated
        contacts:
          folder: ERP Contacts
          merge_by_email: true
          without_category: true
          direction: to-exchange
          filter: owner
          contact_class: CUSTOMER
          erp_link: https://erp.example.test/Site/Main?ScreenId=CR302000&ContactID={ContactID}
        emails: {folder: ERP Mail, attachments: true, create_contacts: true}
        tasks: {folder: ERP Tasks, without_category: true, direction: to-erp}
        events: {folder: ERP Events, without_category: true, direction: to-exchange}
      - name: Plain
        contacts: {without_category: true}
    employees:
      - {id: EP00000002, email: Alice@example.test, account: Branch, policy: Plain, sync: false, unix_user: nobody}
      - {id: EP00000003, email: bob@example.test, account: HQ}
    guards:
      deletes: {count: 11, percent: 6}
      creates: {count: 201, percent: 99}
      invitations: 21
      settle: 2m
    schedules:
      - {name: office, every: 5m, from: "07:00", to: "24:00", days: [fri-mon, wed], zone: Europe/Zurich, types: [contacts, tasks]}
      - {name: night, cron: "30 2 * * mon-fri", employees: [BOB@example.test], full: true}
      - {name: all, every: 1d, employees: all, types: "events,emails", days: "tue, thu"}

    """

  /// The faults of a text; none when it is accepted.
  static func faults(_ text: String) -> [ConfigurationFault] {
    do {
      _ = try ConfigurationReader.parse(text, file: "c.yaml")
      return []
    } catch { return error.faults }
  }

  /// The faults of the least configuration with one text replaced by another.
  static func faults(replacing old: String, with new: String) -> [ConfigurationFault] { faults(least.replacing(old, with: new)) }

  /// The number of the first line that holds a text, from 1; 0: none does.
  static func line(of text: String, in configuration: String) -> Int {
    (configuration.split(separator: "\n", omittingEmptySubsequences: false).firstIndex { $0.contains(text) } ?? -1) + 1
  }
}
