import Foundation
import Model
import Reconcile
import Store

/// What a spoke's linked items are marked with, and what they were marked with before the policy changed. Earlier marks count until a
/// whole cycle has ended without a failure.
struct Marks: Codable, Equatable {
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
    if let known = try known(spoke, transaction) {
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

  private static func known(_ spoke: Spoke, _ transaction: any RecordTransaction) throws -> Marks? {
    try transaction.reader.cursor(spoke.marksCursor).flatMap { try? JSONDecoder().decode(Marks.self, from: Data($0.utf8)) }
  }

  private func save(_ spoke: Spoke, _ transaction: any RecordTransaction) throws {
    guard try Self.known(spoke, transaction) != self else { return }
    try transaction.setCursor(spoke.marksCursor, String(decoding: try JSONEncoder().encode(self), as: UTF8.self))
  }
}
