import ArgumentParser
import Foundation
import Model
import Store

/// Fills a store as first synchronizations would: employee by employee, records in no order of their files.
struct Fill: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Fills a new store with rendered contacts.")

  @Option(help: "How many contacts.") var contacts = 150_000
  @Option(help: "Contacts in a folder. Without it 21 folders, one with a third of all.") var folderSize: Int?
  @Argument(help: "The store to make.") var store: String

  /// Records of one transaction.
  private static let batch = 10_000

  mutating func run() throws {
    let corpus = folderSize.map { Corpus(contacts: contacts, folderSize: $0) } ?? Corpus(contacts: contacts)
    let target = try Store(path: store)
    defer { target.close() }
    var next = 0
    for (index, count) in corpus.folders.enumerated() {
      let employee = Corpus.employee(index)
      try target.write { transaction in
        try transaction.ensureEmployee(employee, unixUser: nil)
        try transaction.ensureFolder(
          Corpus.folderName, kind: .contacts, employee: employee, displayName: Corpus.folderName, color: Corpus.color)
      }
      let end = next + count
      while next < end {
        let numbers = next..<min(next + Self.batch, end)
        try target.write { transaction in
          for number in numbers {
            _ = try transaction.putFile(Corpus.file(number), folder: Corpus.folderName, employee: employee)
            _ = try transaction.save(Corpus.link(number, mailbox: Mailbox(address: employee)))
          }
        }
        next = numbers.upperBound
      }
    }
    print("\(next) contacts in \(corpus.folders.count) folders")
  }
}
