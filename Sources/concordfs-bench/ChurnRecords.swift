import Model
import Store

/// Records whose files say which version they are in every line, so that a reader notices a torn or a stale one.
struct ChurnRecords {
  /// Records that change.
  let changing: Int
  /// Records that never change, in the same folders.
  let still: Int
  let folders: Int

  static let folderName = "Records"

  static func employee(_ folder: Int) -> String { "churn\(folder)@example.test" }

  func folder(of number: Int) -> Int { number % folders }

  /// What becomes of a record with its versions. A few change their names, a few come and go.
  enum Habit { case staysNamed, isRenamed, comesAndGoes }

  static func habit(_ number: Int) -> Habit {
    switch number % 50 {
    case 0: .isRenamed
    case 1: .comesAndGoes
    default: .staysNamed
    }
  }

  /// Whether the record has a file in this version.
  static func isThere(_ number: Int, _ version: Int) -> Bool { habit(number) != .comesAndGoes || version % 2 == 0 }

  static func lines(_ number: Int, _ version: Int) -> Int { 5 + (number * 7 + version * 13) % 30 }

  /// Which second line ends are at depends on the version: sizes differ.
  static func file(_ number: Int, _ version: Int, still: Bool = false) -> TreeFile {
    let name = "\(still ? "still" : "record") \(number)" + (habit(number) == .isRenamed && !still ? " v\(version)" : "") + ".txt"
    let count = lines(number, version)
    var text = "BEGIN \(number) \(version) \(count)\r\n"
    for line in 0..<count { text += "\(number) \(version) \(line)\r\n" }
    text += "END \(number) \(version)\r\n"
    return TreeFile(
      uid: "\(still ? "still" : "record")-\(number)", wishedName: name, bytes: Array(text.utf8),
      modified: Timestamp(milliseconds: 1_700_000_000_000 + Int64(version) * 1000), attributes: ["origin": "erp"])
  }

  /// Makes the folders and the first version of everything.
  func fill(_ store: Store) throws {
    try store.write { transaction in
      for folder in 0..<folders {
        try transaction.ensureEmployee(Self.employee(folder), unixUser: nil)
        try transaction.ensureFolder(
          Self.folderName, kind: .contacts, employee: Self.employee(folder), displayName: Self.folderName, color: nil)
      }
      for number in 0..<changing { try put(number, 0, transaction) }
      for number in 0..<still {
        let employee = Self.employee(folder(of: number))
        _ = try transaction.putFile(Self.file(number, 0, still: true), folder: Self.folderName, employee: employee)
      }
    }
  }

  /// One record in one version.
  func put(_ number: Int, _ version: Int, _ transaction: StoreTransaction) throws {
    let employee = Self.employee(folder(of: number))
    let file = Self.file(number, version)
    if Self.isThere(number, version) {
      _ = try transaction.putFile(file, folder: Self.folderName, employee: employee)
    } else {
      try transaction.removeFile(uid: file.uid, folder: Self.folderName, employee: employee)
    }
  }
}
