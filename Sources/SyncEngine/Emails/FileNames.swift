/// File names as the ERP takes them.
enum FileNames {
  private static let refused: Set<Character> = ["<", ">", ":", "|", "?", "*", "\\", "/", "\""]
  private static let lengthLimit = 200

  /// A name without refused characters, short enough, and different from those before it.
  static func fitting(_ name: String, among names: inout Set<String>) -> String {
    let clean = String(name.map { refused.contains($0) ? "_" : $0 })
    let dot = clean.lastIndex(of: ".") ?? clean.endIndex
    var (stem, ending) = (String(clean[..<dot]), String(clean[dot...].prefix(20)))
    while stem.utf16.count + ending.utf16.count > lengthLimit, !stem.isEmpty { stem.removeLast() }
    if stem.isEmpty && ending.count < 2 { (stem, ending) = ("attachment", "") }
    var result = stem + ending
    var number = 2
    while !names.insert(result.lowercased()).inserted {
      result = "\(stem) (\(number))\(ending)"
      number += 1
    }
    return result
  }
}
