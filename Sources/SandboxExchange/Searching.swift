import Foundation
import SandboxStore
import XMLStream

extension ExchangeServer {
  /// The most items of a page.
  private static let pageLimit = 1000

  func findItem(_ operation: XMLElement, _ place: FolderPlace) throws -> Message {
    guard let mailbox = mailboxes[place.mailbox], let folder = mailbox.folders[place.folder] else { throw Refusal.folderNotFound }
    let shape = Shape(operation.child("ItemShape"))
    if let view = operation.child("CalendarView") { return try calendarView(view, folder, mailbox, Self.listed(shape)) }
    var items = folder.items.compactMap { mailbox.items[$0] }
    if operation.attribute("Traversal") == "Associated" { items = [] }
    if let restriction = operation.child("Restriction")?.children.first { items = items.filter { matches($0, restriction) } }
    items = shown(items)
    items.sort { $0.arrival > $1.arrival }
    sort(&items, by: operation.child("SortOrder")?.children("FieldOrder") ?? [])
    let view = operation.child("IndexedPageItemView")
    let offset = min(max(view?.attribute("Offset").flatMap(Int.init) ?? 0, 0), items.count)
    let limit = min(max(view?.attribute("MaxEntriesReturned").flatMap(Int.init) ?? Self.pageLimit, 1), Self.pageLimit)
    let page = items[offset..<min(offset + limit, items.count)]
    let end = offset + page.count
    return Message { xml in
      let attributes = [
        ("IndexedPagingOffset", String(end)), ("TotalItemsInView", String(items.count)),
        ("IncludesLastItemInRange", end >= items.count ? "true" : "false"),
      ]
      xml.within("m:RootFolder", attributes) { xml in
        xml.within("t:Items") { xml in for item in page { writeItem(item, Self.listed(shape), &xml) } }
      }
    }
  }

  /// Listings never carry bodies.
  private static func listed(_ shape: Shape) -> Shape {
    var shape = shape
    shape.paths.removeAll { ["item:Body", "item:MimeContent", "item:Attachments"].contains($0.attribute("FieldURI") ?? "") }
    return shape
  }

  /// By several properties, the first counting most; items without a value come first, as the empty text does.
  private func sort(_ items: inout [ServerItem], by orders: [XMLElement]) {
    let keys = orders.compactMap { order in order.children.first.map { (path: $0, isAscending: order.attribute("Order") != "Descending") } }
    guard !keys.isEmpty else { return }
    var keyed = items.map { item in (item: item, values: keys.map { values($0.path, item).first ?? "" }) }
    keyed.sort { left, right in
      for (index, key) in keys.enumerated() {
        let (a, b) = (left.values[index], right.values[index])
        if Self.less(a, b) { return key.isAscending }
        if Self.less(b, a) { return !key.isAscending }
      }
      return left.item.arrival > right.item.arrival
    }
    items = keyed.map(\.item)
  }

  private func matches(_ item: ServerItem, _ restriction: XMLElement) -> Bool {
    let found = restriction.children.first.map { values($0, item) } ?? []
    func compare(_ test: (String, String) -> Bool) -> Bool {
      guard let other = restriction.child("FieldURIOrConstant")?.children.first else { return false }
      let constants = other.name == "Constant" ? [other.attribute("Value") ?? ""] : values(other, item)
      return found.contains { value in constants.contains { test(value, $0) } }
    }
    switch restriction.name {
    case "And": return restriction.children.allSatisfy { matches(item, $0) }
    case "Or": return restriction.children.contains { matches(item, $0) }
    case "Not": return !restriction.children.contains { matches(item, $0) }
    case "Exists": return !found.isEmpty
    case "IsEqualTo": return compare { Self.equal($0, $1) }
    case "IsNotEqualTo": return compare { !Self.equal($0, $1) }
    case "IsGreaterThan": return compare { Self.less($1, $0) }
    case "IsGreaterThanOrEqualTo": return compare { !Self.less($0, $1) }
    case "IsLessThan": return compare { Self.less($0, $1) }
    case "IsLessThanOrEqualTo": return compare { !Self.less($1, $0) }
    case "Excludes":
      let text = restriction.child("Bitmask")?.attribute("Value") ?? ""
      let mask = text.lowercased().hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
      return found.first.flatMap(Int.init).flatMap { value in mask.map { value & $0 == 0 } } ?? false
    case "Contains": return found.contains { contains($0, restriction) }
    default: return false
    }
  }

  private func contains(_ value: String, _ restriction: XMLElement) -> Bool {
    let ignoresCase = restriction.attribute("ContainmentComparison")?.hasPrefix("Ignore") ?? false
    var (text, part) = (value, restriction.child("Constant")?.attribute("Value") ?? "")
    if ignoresCase { (text, part) = (text.lowercased(), part.lowercased()) }
    switch restriction.attribute("ContainmentMode") {
    case "FullString": return text == part
    case "Prefixed": return text.hasPrefix(part)
    case "PrefixOnWords": return text.split(whereSeparator: { !$0.isLetter && !$0.isNumber }).contains { $0.hasPrefix(part) }
    default: return text.contains(part)
    }
  }

  /// Booleans have two spellings.
  private static func equal(_ left: String, _ right: String) -> Bool {
    left == right || ["true", "false"].contains(left) && (right == "1" ? "true" : right == "0" ? "false" : right.lowercased()) == left
  }

  /// Numbers as numbers, everything else as text; times in one form sort as text.
  private static func less(_ left: String, _ right: String) -> Bool {
    if let a = Double(left), let b = Double(right) { return a < b }
    return left < right
  }

  /// The values of a property, several for an array; none when the item does not have it.
  private func values(_ path: XMLElement, _ item: ServerItem) -> [String] {
    switch path.name {
    case "ExtendedFieldURI": return ExtendedName(path).flatMap { extendedValues($0, item) } ?? []
    case "IndexedFieldURI":
      let parts = (path.attribute("FieldURI") ?? "").split(separator: ":").map(String.init)
      let names = [
        "EmailAddress": "EmailAddresses", "PhoneNumber": "PhoneNumbers", "ImAddress": "ImAddresses", "PhysicalAddress": "PhysicalAddresses",
      ]
      guard parts.count > 1, let name = names[parts[1]] else { return [] }
      let entry = item.elements[name]?.children.first { $0.attribute("Key") == path.attribute("FieldIndex") }
      return [parts.count == 3 ? entry?.text(parts[2]) : entry?.text].compactMap { $0 }
    default:
      switch path.attribute("FieldURI") {
      case "item:LastModifiedTime": return [Self.timeText(item.modified)]
      case "item:DateTimeCreated", "item:DateTimeReceived": return [Self.timeText(item.created)]
      case let uri?:
        guard let element = item.itemClass?.property(uri: uri).flatMap({ item.elements[$0.element] }) else { return [] }
        return element.children.isEmpty ? [element.text] : element.children.map(\.text)
      default: return []
      }
    }
  }
}
