import Foundation
import XMLStream

extension ExchangeServer {
  /// The most items of a page.
  private static let pageLimit = 1000

  func findItem(_ operation: XMLElement, _ place: FolderPlace) throws -> Message {
    guard let mailbox = mailboxes[place.mailbox], let folder = mailbox.folders[place.folder] else { throw Refusal.folderNotFound }
    let shape = Shape(operation.child("ItemShape"))
    var items = folder.items.compactMap { mailbox.items[$0] }
    if operation.attribute("Traversal") == "Associated" { items = [] }
    if let restriction = operation.child("Restriction")?.children.first { items = items.filter { matches($0, restriction) } }
    items.sort { $0.arrival > $1.arrival }
    if let order = operation.child("SortOrder")?.children("FieldOrder").first, let path = order.children.first {
      let ascending = order.attribute("Order") == "Ascending"
      items.sort { left, right in
        let (a, b) = (value(path, left) ?? "", value(path, right) ?? "")
        return ascending ? Self.less(a, b) : Self.less(b, a)
      }
    }
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

  private func matches(_ item: ServerItem, _ restriction: XMLElement) -> Bool {
    let path = restriction.children.first
    func constant() -> String { restriction.descendant("FieldURIOrConstant", "Constant")?.attribute("Value") ?? "" }
    func compare(_ test: (String, String) -> Bool) -> Bool { path.flatMap { value($0, item) }.map { test($0, constant()) } ?? false }
    switch restriction.name {
    case "And": return restriction.children.allSatisfy { matches(item, $0) }
    case "Or": return restriction.children.contains { matches(item, $0) }
    case "Not": return !restriction.children.contains { matches(item, $0) }
    case "Exists": return path.flatMap { value($0, item) } != nil
    case "IsEqualTo": return compare { $0 == $1 }
    case "IsNotEqualTo": return compare { $0 != $1 }
    case "IsGreaterThan": return compare { Self.less($1, $0) }
    case "IsGreaterThanOrEqualTo": return compare { !Self.less($0, $1) }
    case "IsLessThan": return compare { Self.less($0, $1) }
    case "IsLessThanOrEqualTo": return compare { !Self.less($1, $0) }
    case "Contains":
      let wanted = restriction.child("Constant")?.attribute("Value") ?? ""
      let ignoresCase = restriction.attribute("ContainmentComparison")?.hasPrefix("Ignore") ?? false
      guard let path, var text = value(path, item) else { return false }
      var part = wanted
      if ignoresCase { (text, part) = (text.lowercased(), part.lowercased()) }
      switch restriction.attribute("ContainmentMode") {
      case "FullString": return text == part
      case "Prefixed": return text.hasPrefix(part)
      default: return text.contains(part)
      }
    default: return false
    }
  }

  /// Numbers as numbers, everything else as text; times in one form sort as text.
  private static func less(_ left: String, _ right: String) -> Bool {
    if let a = Double(left), let b = Double(right) { return a < b }
    return left < right
  }

  private func value(_ path: XMLElement, _ item: ServerItem) -> String? {
    switch path.name {
    case "ExtendedFieldURI": return ExtendedName(path).flatMap { extendedValues($0, item)?.first }
    case "IndexedFieldURI":
      let parts = (path.attribute("FieldURI") ?? "").split(separator: ":").map(String.init)
      let names = [
        "EmailAddress": "EmailAddresses", "PhoneNumber": "PhoneNumbers", "ImAddress": "ImAddresses", "PhysicalAddress": "PhysicalAddresses",
      ]
      guard parts.count > 1, let name = names[parts[1]] else { return nil }
      let entry = item.elements[name]?.children.first { $0.attribute("Key") == path.attribute("FieldIndex") }
      return parts.count == 3 ? entry?.text(parts[2]) : entry?.text
    default:
      switch path.attribute("FieldURI") {
      case "item:LastModifiedTime": return Self.timeText(item.modified)
      case "item:DateTimeCreated", "item:DateTimeReceived": return Self.timeText(item.created)
      case let uri?: return item.itemClass?.property(uri: uri).flatMap { item.text($0.element) }
      default: return nil
      }
    }
  }
}
