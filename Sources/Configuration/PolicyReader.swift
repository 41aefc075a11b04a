import Model
import Yams

/// Reads the `policies` section.
struct PolicyReader {
  let collector: FaultCollector

  func read(_ top: Section) -> [Policy] {
    let nodes = top.list("policies")
    if nodes.isEmpty, top["policies"]?.sequence != nil || top["policies"] == nil {
      top.fault("policies", "needs at least one policy", allowed: "a list of policies with name and a section for each record type")
    }
    var policies: [Policy] = []
    for (index, node) in nodes.enumerated() {
      let known = ["name", "description", "category", "conflict"] + RecordKind.allCases.map(\.rawValue)
      let section = Section(node, path: "policies[\(index)]", known: known, collector)
      guard let policy = policy(section) else { continue }
      if policies.contains(where: { $0.name == policy.name }) {
        section.fault("name", "'\(policy.name)' is used twice", allowed: "a name of its own")
      }
      policies.append(policy)
    }
    return policies
  }

  private func policy(_ section: Section) -> Policy? {
    let name = section.text("name", required: true, allowed: "a name of its own")
    if let name, name.contains("/") || name.hasPrefix(".") || name.utf8.count > 250 || name.utf8.contains(where: { $0 < 0x20 }) {
      section.fault(
        "name", "'\(name.prefix(40))' cannot name a file", allowed: "at most 250 bytes, no '/', no control characters, no leading '.'")
    }
    var sections: [RecordKind: Policy.Section] = [:]
    for kind in RecordKind.allCases where section.mentions(kind.rawValue) { sections[kind] = type(kind, section) }
    let conflict: Policy.Conflict = section.choice("conflict", default: .erp)
    let policy = Policy(
      name: name ?? "", description: section.text("description") ?? "", category: category(section), conflict: conflict, sections: sections)
    checkFolders(policy, section)
    return name == nil ? nil : policy
  }

  private func category(_ parent: Section) -> Policy.Category? {
    guard parent["category"] != nil else { return nil }
    let section = Section(parent["category"], path: parent.key("category"), known: ["name", "color"], collector)
    guard let name = section.text("name", required: true, allowed: "the category's name, at most 255 characters") else { return nil }
    if name.count > 255 || name.contains(",") || name.contains(";") {
      section.fault("name", "'\(name.prefix(40))' cannot be a category", allowed: "at most 255 characters without , and ;")
    }
    guard let color = section.text("color") else { return Policy.Category(name: name, color: -1) }
    guard let index = CategoryColors.index(of: color) else {
      section.fault("color", "'\(color)' is not a colour of Exchange", allowed: CategoryColors.allowed)
      return Policy.Category(name: name, color: -1)
    }
    return Policy.Category(name: name, color: index)
  }

  private static let keys: [RecordKind: [String]] = [
    .contacts: ["folder", "merge_by_email", "without_category", "direction", "filter", "contact_class", "erp_link"],
    .emails: ["folder", "attachments", "create_contacts"], .tasks: ["folder", "without_category", "direction"],
    .events: ["folder", "without_category", "direction"],
  ]

  private func type(_ kind: RecordKind, _ parent: Section) -> Policy.Section {
    let section = Section(parent[kind.rawValue], path: parent.key(kind.rawValue), known: Self.keys[kind] ?? [], collector)
    var result = Policy.Section(folder: section.text("folder", required: kind == .emails, allowed: "name of a folder in the mailbox"))
    if let folder = result.folder, folder.contains("/") || folder.hasPrefix(".") || folder.utf8.count > 255 {
      section.fault("folder", "'\(folder)' cannot name a folder", allowed: "at most 255 bytes, no '/' and no leading '.'")
    }
    result.withoutCategory = section.flag("without_category", default: false)
    result.direction = section.choice("direction", default: .both)
    result.filter = section.choice("filter", default: .all)
    result.mergeByEmail = section.flag("merge_by_email", default: false)
    result.contactClass = section.text("contact_class")
    if let name = result.contactClass, name.count > 10 {
      section.fault("contact_class", "'\(name)' is too long", allowed: "at most 10 characters")
    }
    result.erpLink = section.text("erp_link")
    if let link = result.erpLink, !link.contains("{ContactID}") || !(link.hasPrefix("https://") || link.hasPrefix("http://")) {
      section.fault("erp_link", "'\(link)' is not a link template", allowed: "http(s)://… with {ContactID}")
    }
    result.attachments = section.flag("attachments", default: false)
    result.createContacts = section.flag("create_contacts", default: false)
    if kind != .emails, result.folder == nil, parent["category"] == nil, !result.withoutCategory {
      collector.add(
        section.node ?? parent.node, section.path, "without a folder and without a category nothing would be in scope",
        allowed: "folder, without_category: true, or a category of the policy")
    }
    return result
  }

  /// Two types of a policy cannot share a folder: their names in the mount would collide.
  private func checkFolders(_ policy: Policy, _ section: Section) {
    var seen: [String: RecordKind] = [:]
    for kind in policy.sections.keys.sorted() {
      let name = policy.folderName(of: kind).lowercased()
      if let other = seen[name] {
        section.fault(
          kind.rawValue, "has the same folder '\(policy.folderName(of: kind))' as \(other.rawValue)", allowed: "a folder of its own")
      }
      seen[name] = kind
    }
  }
}

/// The colours of Exchange's category list by their names in Outlook.
enum CategoryColors {
  /// Names by index, 0 to 24.
  static let names = [
    "red", "orange", "peach", "yellow", "green", "teal", "olive", "blue", "purple", "maroon", "steel", "dark steel", "gray", "dark gray",
    "black",
    "dark red", "dark orange", "dark peach", "dark yellow", "dark green", "dark teal", "dark olive", "dark blue", "dark purple",
    "dark maroon",
  ]

  static let allowed = (["none"] + names).joined(separator: ", ")

  /// Index of a colour, -1 for none; nil: no such colour.
  static func index(of name: String) -> Int? {
    let name = name.lowercased().replacing("_", with: " ").replacing("-", with: " ").replacing("grey", with: "gray")
    return name == "none" ? -1 : names.firstIndex(of: name)
  }

  /// Name of a colour.
  static func name(of index: Int) -> String { names.indices.contains(index) ? names[index] : "none" }
}
