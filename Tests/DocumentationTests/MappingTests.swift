import Foundation
import Model
import Render
import Testing
import XMLStream

@testable import ERP
@testable import Exchange

/// docs/mapping.md is what the code does: each row is found out by asking the two mappings and the renderer about one field.
@Suite struct MappingTests {
  private static let document = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../docs/mapping.md").standardizedFileURL
  private static let begin = "<!-- generated: contacts -->\n"
  private static let end = "<!-- end -->\n"

  private static func sample(_ field: Field, _ text: String = "x") -> Value {
    switch field {
    case .birthday: .date(CivilDate(dayNumber: 0))
    case .categories: .set([text])
    case .country: .text("CH")
    default: .text(text)
    }
  }

  private static func row(_ field: Field) throws -> String {
    let fields = Fields([field: sample(field)])
    return "| `\(field)` | \(try erp(field, fields)) | \(try exchange(field, fields)) | \(vcard(field, fields)) |"
  }

  /// Contract names that a new record gets for the field, with the longest text.
  private static func erp(_ field: Field, _ fields: Fields) throws -> String {
    let mapping = ContactMapping.mapping
    guard mapping.support.fields.contains(field) else { return "–" }
    let body = mapping.creation(NewEntity(fields: fields, operationID: OperationID(rawValue: "0")))
    let own = body.cells.keys.filter {
      !["ExtRefNbr", "OverrideAccountAddress"].contains($0) && (field == .familyName || $0 != "LastName")
    }
    let linked = body.linked.flatMap { name, cells in cells.keys.map { "\(name)/\($0)" } }
    let labels = own.sorted().map { name -> String in
      guard name.hasSuffix("Type"), case .text(let label)? = body.cells[name]?.content else { return "`\(name)`" }
      return "type `\(label)`"
    }
    return (labels + linked.sorted().map { "`\($0)`" }).joined(separator: ", ") + limit(mapping.support, field)
  }

  /// The property's path, as an update names it.
  private static func exchange(_ field: Field, _ fields: Fields) throws -> String {
    let mapping = try ItemMapping.of(.contacts)
    guard mapping.support.fields.contains(field) else { return "–" }
    if field == .displayName { return "`contacts:DisplayName`, made from the name's parts" + limit(mapping.support, field) }
    var xml = XMLWriter()
    let update = ItemUpdate(
      version: ItemVersion(id: ItemID(rawValue: "i"), changeKey: "k"), changes: [field: fields[field]], result: fields)
    let namespaces = [("xmlns:t", EWSNames.types)]
    xml.within("x", namespaces) { mapping.writeChange(update, &$0) }
    let paths = try XML.parse(xml.bytes).descendant("ItemChange", "Updates")?.children.compactMap { $0.children.first } ?? []
    let made = ["contacts:DisplayName", "contacts:FileAs", "item:Subject"]
    let own = paths.compactMap { path -> String? in
      if let uri = path.attribute("FieldURI") {
        return made.contains(uri) ? nil : "`\(uri)`" + (path.attribute("FieldIndex").map { " `\($0)`" } ?? "")
      }
      return path.attribute("PropertyTag").map { "property `\($0)`" }
    }
    return own.joined(separator: ", ") + limit(mapping.support, field)
  }

  private static func limit(_ support: FieldSupport, _ field: Field) -> String {
    guard case .text? = Optional(sample(field)), field != .country else { return "" }
    let long = support.projected(Fields([field: .text(String(repeating: "x", count: 5000))])).text(field)?.utf16.count ?? 0
    return long < 5000 && long > 0 ? " (\(long))" : ""
  }

  /// The property that the field adds to a card.
  private static func vcard(_ field: Field, _ fields: Fields) -> String {
    func lines(_ fields: Fields) -> [String] {
      String(decoding: VCard.render(uid: "u", fields: fields, revision: Timestamp(seconds: 0)), as: UTF8.self).components(
        separatedBy: "\r\n")
    }
    let without = Set(lines(Fields()))
    let added = lines(fields).filter { !without.contains($0) }
    return added.map { line in
      let name = String(line.prefix { $0 != ":" })
      let value = line.dropFirst(name.count + 1)
      let place = value.split(separator: ";", omittingEmptySubsequences: false).firstIndex { !$0.isEmpty } ?? 0
      return "`\(name)`" + (["N", "ORG"].contains(name) || name.hasPrefix("ADR") ? " part \(place + 1)" : "")
    }.joined(separator: ", ")
  }

  @Test func `the page of the mapping is what the code does`() throws {
    let head = "| field | ERP: `Contact` of Default/24.200.001 | EWS: `t:Contact` | vCard 3.0 |\n| --- | --- | --- | --- |\n"
    let table = head + (try Field.contactFields.map { try Self.row($0) + "\n" }.joined())
    let page = try String(contentsOf: Self.document, encoding: .utf8)
    let start = try #require(page.range(of: Self.begin)?.upperBound)
    let stop = try #require(page.range(of: Self.end)?.lowerBound)
    if ProcessInfo.processInfo.environment["CONCORDFS_RECORD"] != nil {
      try (page[..<start] + table + page[stop...]).write(to: Self.document, atomically: true, encoding: .utf8)
    }
    #expect(String(try String(contentsOf: Self.document, encoding: .utf8)).contains(Self.begin + table + Self.end))
  }
}
