import Model
import Render
import SandboxSeed
import Store

/// Made-up contacts of about 0.9 KB as vCards: the same number gives the same contact.
struct Corpus {
  /// How many contacts each employee's folder holds.
  let folders: [Int]

  static let folderName = "ERP Contacts"
  static let color = "#3366CC"

  /// The corpus of the measurements: a third of all contacts in one folder, the rest in twenty.
  init(contacts: Int) { folders = [contacts / 3] + Self.split(contacts - contacts / 3, into: 20) }

  /// Folders of this size, the last one with the rest.
  init(contacts: Int, folderSize: Int) { folders = Self.split(contacts, into: max(1, (contacts + folderSize - 1) / folderSize)) }

  private static func split(_ count: Int, into parts: Int) -> [Int] { (0..<parts).map { count * ($0 + 1) / parts - count * $0 / parts } }

  static func employee(_ folder: Int) -> String {
    let digits = String(folder)
    return "employee\(String(repeating: "0", count: max(0, 3 - digits.count)))\(digits)@example.test"
  }

  /// The record's permanent id, as the ERP makes them: without any order.
  static func uid(_ number: Int) -> String {
    var random = RandomNumbers(seed: UInt64(number))
    let digits = [random.next(), random.next()].map { word in
      let text = String(word, radix: 16)
      return String(repeating: "0", count: 16 - text.count) + text
    }.joined()
    let cuts = [0, 8, 12, 16, 20, 32]
    return zip(cuts, cuts.dropFirst()).map { digits.dropFirst($0).prefix($1 - $0) }.joined(separator: "-")
  }

  private static let syllables = [
    "ka", "lo", "mi", "ne", "ru", "sa", "to", "vi", "be", "do", "fa", "gi", "hu", "jo", "li", "ma", "no", "pe", "ri", "su",
  ]
  private static let given = ["Anna", "Björn", "Chloé", "David", "Elif", "Femi", "Grace", "Hiro", "Inés", "Jakub"]

  /// Syllables from a number's digits to the base 20: other numbers, other words.
  private static func word(_ number: Int) -> String {
    var (rest, parts) = (number + 400, "")
    while rest > 0 {
      parts += syllables[rest % syllables.count]
      rest /= syllables.count
    }
    return parts.prefix(1).uppercased() + parts.dropFirst()
  }

  private static func fields(_ number: Int) -> Fields {
    var random = RandomNumbers(seed: UInt64(number) &+ 1 << 40)
    let family = word(number)
    let company = word(Int.random(in: 0..<5000, using: &random)) + " Works"
    var fields = Fields([
      .givenName: .text(given[number % given.count]), .familyName: .text(family), .company: .text(company),
      .jobTitle: .text("Head of " + word(Int.random(in: 0..<300, using: &random))),
      .email1: .text("\(family.lowercased()).\(number)@\(word(number % 900).lowercased()).test"),
      .phoneBusiness: .text("+49 30 \(1_000_000 + Int.random(in: 0..<8_999_999, using: &random))"),
      .phoneMobile: .text("+49 170 \(1_000_000 + Int.random(in: 0..<8_999_999, using: &random))"),
      .street: .text("\(word(Int.random(in: 0..<900, using: &random))) Street \(Int.random(in: 0..<200, using: &random))"),
      .city: .text(word(Int.random(in: 0..<400, using: &random))),
      .postalCode: .text(String(10000 + Int.random(in: 0..<89999, using: &random))), .country: .text("DE"),
      .webPage: .text("https://www.\(word(number % 900).lowercased()).test/"),
      .categories: .set(["ERP"]),
    ])
    fields[.notes] = .text(
      (0..<50 + Int.random(in: 0..<40, using: &random)).map { _ in word(Int.random(in: 0..<8000, using: &random)).lowercased() }.joined(
        separator: " "))
    return fields
  }

  /// A contact's file.
  static func file(_ number: Int) -> TreeFile {
    let fields = fields(number)
    let (uid, modified) = (uid(number), Timestamp(seconds: 1_700_000_000 + Int64(number % 10_000_000)))
    return TreeFile(
      uid: uid, wishedName: FileName.make(for: .contacts, fields: fields),
      bytes: VCard.render(uid: uid, fields: fields, revision: modified),
      modified: modified,
      attributes: [
        "erp_id": uid, "exchange_id": "AAMk\(number)", "change_key": "CQAAAB\(number)", "synced_at": modified.iso8601, "origin": "erp",
      ])
  }

  /// The pairing behind the file: what `status` counts.
  static func link(_ number: Int, mailbox: Mailbox) -> Link {
    let uid = uid(number)
    return Link(
      id: 0, mailbox: mailbox, kind: .contacts, entityID: EntityID(rawValue: uid), itemID: ItemID(rawValue: "AAMk\(number)"),
      baseEntity: nil,
      baseItem: nil, state: .linked, origin: .erp, uid: uid, operationID: nil, moveKey: nil, syncedAt: nil)
  }
}
