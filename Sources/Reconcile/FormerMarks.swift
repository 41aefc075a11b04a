/// What the policy used to mark linked items with: they are ours until every one is marked anew.
public struct FormerMarks: Sendable, Hashable {
  /// Names of categories in lower case; an empty one: linked items bore none.
  public var categories: Set<String>
  /// Templates of the link to the ERP's record.
  public var links: [String]

  /// Marks of earlier policies.
  public init(categories: Set<String> = [], links: [String] = []) {
    self.categories = Set(categories.map { $0.lowercased() })
    self.links = links
  }

  /// The categories that an item of ours should bear instead of these; nil: they are right already.
  func remarked(_ names: [String], with category: String) -> [String]? {
    guard !categories.isEmpty else { return nil }
    let current = category.lowercased()
    let kept = names.filter { $0.lowercased() == current || !categories.contains($0.lowercased()) }
    let isMarked = kept.contains { $0.lowercased() == current }
    let wasMarked = kept.count < names.count || categories.contains("")
    let wanted = isMarked || !wasMarked ? kept : kept + [category]
    return wanted == names ? nil : wanted
  }
}
