import Model
import Reconcile
import Store

/// What a spoke's linked items are marked with, and what they were marked with before the policy changed. Earlier marks count until a
/// whole cycle has ended without a failure.
struct Marks: Equatable {
  private var category: String
  private var link: String
  private var isSeparateFolder: Bool
  private var formerCategories: Set<String> = []
  private var formerLinks: [String] = []

  private init(_ spoke: Spoke) {
    category = spoke.section.withoutCategory ? "" : spoke.policy.category?.name ?? ""
    link = spoke.section.erpLink ?? ""
    isSeparateFolder = spoke.section.folder != nil
  }

  /// The marks of earlier policies, noted beside those of the policy in force.
  static func former(_ spoke: Spoke, _ transaction: any RecordTransaction) throws -> FormerMarks {
    var now = Marks(spoke)
    let stored = try transaction.reader.cursor(spoke.marksCursor)
    // Nearly always nothing has changed: then there is nothing to take apart.
    if stored == now.text { return FormerMarks() }
    if let known = stored.flatMap(Marks.init(text:)) {
      now.formerCategories = known.formerCategories
      now.formerLinks = known.formerLinks
      if known.category != now.category { now.formerCategories.insert(known.category) }
      // In a folder of its own an item takes part without a mark; among others it needs one.
      if known.isSeparateFolder && !now.isSeparateFolder { now.formerCategories.insert("") }
      if known.link != now.link, !known.link.isEmpty { now.formerLinks.append(known.link) }
      if now.category == known.category || !now.category.isEmpty { now.formerCategories.remove(now.category) }
    }
    try now.save(spoke, transaction)
    guard spoke.kind != .emails, spoke.section.direction.carries(from: .erp) else { return FormerMarks() }
    return FormerMarks(categories: now.formerCategories, links: now.formerLinks)
  }

  /// Every linked item bears the marks of the policy in force.
  static func settle(_ spoke: Spoke, _ transaction: any RecordTransaction) throws { try Marks(spoke).save(spoke, transaction) }

  private func save(_ spoke: Spoke, _ transaction: any RecordTransaction) throws {
    guard try transaction.reader.cursor(spoke.marksCursor) != text else { return }
    try transaction.setCursor(spoke.marksCursor, text)
  }
}

/// The text form: a line each for the category, the link, the folder, the former categories and the former links. Every cycle reads it.
extension Marks {
  private static let separator: Unicode.Scalar = "\u{1F}"

  /// The text form of these marks.
  var text: String {
    let categories = formerCategories.sorted().map { $0 + String(Self.separator) }.joined()
    let links = formerLinks.map { $0 + String(Self.separator) }.joined()
    return [category, link, isSeparateFolder ? "separate" : "own", categories, links].joined(separator: "\n")
  }

  /// The marks of a text form; nil for another text.
  init?(text: String) {
    let lines = text.parts(at: "\n")
    guard lines.count == 5 else { return nil }
    func list(_ line: String) -> [String] { line.parts(at: Self.separator).dropLast() }
    (category, link, isSeparateFolder) = (lines[0], lines[1], lines[2] == "separate")
    (formerCategories, formerLinks) = (Set(list(lines[3])), list(lines[4]))
  }
}
