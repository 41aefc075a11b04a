import Model
import Yams

/// Gathers faults while a file is read on, so that one run shows them all.
final class FaultCollector {
  let file: String
  private(set) var faults: [ConfigurationFault] = []

  init(file: String) { self.file = file }

  func add(_ node: Node?, _ key: String, _ message: String, allowed: String? = nil) {
    faults.append(
      ConfigurationFault(
        file: file, line: node?.mark?.line ?? 1, column: node?.mark?.column ?? 1, key: key, message: message, allowed: allowed))
  }

  func sorted() -> [ConfigurationFault] { faults.sorted { ($0.line, $0.column, $0.key) < ($1.line, $1.column, $1.key) } }
}

/// One mapping of the file: hands out its keys by type, and reports what nobody asked for.
struct Section {
  let node: Node?
  let path: String
  let collector: FaultCollector
  private let entries: [String: Node]
  private let keys: [String: Node]

  /// A section; a node that is no mapping is a fault.
  init(_ node: Node?, path: String, known: [String], _ collector: FaultCollector) {
    self.node = node
    self.path = path
    self.collector = collector
    var entries: [String: Node] = [:]
    var keys: [String: Node] = [:]
    if let node {
      if let mapping = node.mapping {
        for (key, value) in mapping {
          let name = key.scalar?.string ?? ""
          entries[name] = value
          keys[name] = key
          if !known.contains(name) {
            let guess = Self.nearest(name, known).map { ", did you mean '\($0)'?" } ?? ""
            collector.add(key, Self.join(path, name), "unknown key\(guess)", allowed: known.joined(separator: ", "))
          }
        }
      } else if !Self.isNull(node) {
        collector.add(node, path, "must be a section of keys", allowed: known.joined(separator: ", "))
      }
    }
    self.entries = entries
    self.keys = keys
  }

  static func isNull(_ node: Node) -> Bool { node.scalar?.tag.description == "tag:yaml.org,2002:null" || node == Node("", Tag(.null)) }

  static func join(_ path: String, _ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  func key(_ name: String) -> String { Self.join(path, name) }

  /// The value of a key; an empty one counts as missing.
  subscript(_ name: String) -> Node? { entries[name].flatMap { Self.isNull($0) ? nil : $0 } }

  /// Whether the key is written at all, be it empty.
  func mentions(_ name: String) -> Bool { entries[name] != nil }

  func fault(_ name: String, _ message: String, allowed: String? = nil) {
    collector.add(entries[name] ?? keys[name] ?? node, key(name), message, allowed: allowed)
  }

  /// A text; numbers are taken as written.
  func text(_ name: String, required: Bool = false, allowed: String = "a text") -> String? {
    guard let node = self[name] else {
      if required { fault(name, "is missing", allowed: allowed) }
      return nil
    }
    guard let scalar = node.scalar, !scalar.string.isEmpty else {
      fault(name, "must be a text", allowed: allowed)
      return nil
    }
    return scalar.string
  }

  /// true or false, as YAML 1.1 writes them.
  func flag(_ name: String, default value: Bool) -> Bool {
    guard let node = self[name] else { return value }
    guard let flag = node.bool else {
      fault(name, "'\(node.scalar?.string ?? "a section")' is not true or false", allowed: "true, false")
      return value
    }
    return flag
  }

  /// A whole number in a range.
  func number(_ name: String, default value: Int, in range: ClosedRange<Int>) -> Int {
    guard let node = self[name] else { return value }
    guard let number = node.int, range.contains(number) else {
      fault(
        name, "'\(node.scalar?.string ?? "a section")' is not a number in the range", allowed: "\(range.lowerBound) to \(range.upperBound)")
      return value
    }
    return number
  }

  /// One of the cases.
  func choice<Choice: RawRepresentable<String> & CaseIterable>(_ name: String, default value: Choice) -> Choice {
    guard let node = self[name] else { return value }
    let text = node.scalar?.string ?? "a section"
    // A bare `none` is a text; YAML 1.1 turns a bare `off` into false, which is no choice anywhere.
    if let choice = Choice(rawValue: text) { return choice }
    fault(name, "'\(text)' is not one of the choices", allowed: Choice.allCases.map(\.rawValue).joined(separator: ", "))
    return value
  }

  /// The sections of a list.
  func list(_ name: String) -> [Node] {
    guard let node = self[name] else { return [] }
    guard let sequence = node.sequence else {
      fault(name, "must be a list", allowed: "entries that begin with '- '")
      return []
    }
    return Array(sequence)
  }

  /// The known word that differs in the fewest letters, if it is near.
  static func nearest(_ word: String, _ known: [String]) -> String? {
    let ranked = known.map { (distance(word.lowercased(), $0), $0) }.min { $0.0 < $1.0 }
    return ranked.flatMap { $0.0 <= max(1, word.count / 3) ? $0.1 : nil }
  }

  /// Letters to change, add or drop; two swapped neighbours count as one (Damerau).
  private static func distance(_ left: String, _ right: String) -> Int {
    let (a, b) = (Array(left), Array(right))
    var rows = [Array(0...b.count)]
    for i in stride(from: 1, through: a.count, by: 1) {
      var row = [i]
      for j in stride(from: 1, through: b.count, by: 1) {
        var best = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { best = min(best, rows[i - 2][j - 2] + 1) }
        row.append(best)
      }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }
}
