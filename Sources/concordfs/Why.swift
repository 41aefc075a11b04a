import ArgumentParser
import Control
import Daemon
import Foundation
import Model
import Render
import Store
import SyncEngine

/// Finds the record behind a path of the mount.
enum FilePath {
  struct Found {
    var employee: String
    var folder: String
    var kind: RecordKind
    var uid: String
  }

  /// - Parameter path: below a mount, or `EMPLOYEE/FOLDER/NAME`.
  static func find(_ path: String, _ settings: Settings, _ store: Store) throws(SyncError) -> Found {
    let parts = path.split(separator: "/").map(String.init)
    guard parts.count >= 3 else { throw SyncError(.notFound, "'\(path)' is not EMPLOYEE/FOLDER/NAME nor a file of the mount") }
    let (employee, folder, name) = (parts[parts.count - 3], parts[parts.count - 2], parts[parts.count - 1])
    let found = try store.read { reader -> Found? in
      guard let home = try reader.directory(name: employee, in: TreeInode.root),
        let directory = try reader.directory(name: folder, in: home.ino),
        let kind = directory.kind, let node = try reader.node(name: name, in: directory.ino)
      else { return nil }
      return Found(employee: employee, folder: folder, kind: kind, uid: node.uid)
    }
    guard let found else { throw SyncError(.notFound, "the mount has no file '\(employee)/\(folder)/\(name)'") }
    return found
  }
}

struct Why: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tells what is known of one file, and what the next cycle would do with it by which rule.",
    discussion: "Both ids and versions, the last agreed values, what differs. Asks both servers what changed, and writes nowhere.")

  @OptionGroup var file: ConfigurationOption
  @Argument(help: "A file of the mount.") var path: String

  mutating func run() async throws {
    let service = try file.service()
    let store = try file.store(service.settings)
    let path = path
    let found = try attempt { () throws(SyncError) in try FilePath.find(path, service.settings, store) }
    let lines = try attempt { () throws(SyncError) in try store.read { try Self.describe(found, $0) } }
    for line in lines { print(ControlGrammar.printable(line)) }
    let plan = try await attempt { () async throws(SyncError) in
      try await service.plan(employees: [found.employee], kinds: [found.kind])
    }
    for line in Self.next(plan.filter { $0.uid == found.uid }) { print(ControlGrammar.printable(line)) }
  }

  private static func next(_ plan: [PlanLine]) -> [String] {
    if plan.isEmpty { return ["next cycle: nothing to do"] }
    return plan.flatMap { line in
      let place = line.side.map { $0 == .erp ? " in the ERP" : " in the mailbox" } ?? ""
      return ["next cycle: \(line.action)\(place) (\(line.reason))"]
        + line.changes.map { "  \($0.field): '\($0.old ?? "")' -> '\($0.new ?? "")'" }
    }
  }

  private static func describe(_ found: FilePath.Found, _ reader: StoreReader) throws -> [String] {
    let mailbox = Mailbox(address: found.employee)
    guard let link = try reader.link(uid: found.uid, kind: found.kind, mailbox: mailbox) else {
      return ["\(found.uid) is no record of its own"]
    }
    let entity = try link.entityID.flatMap { try reader.entity($0, kind: found.kind) }
    let item = try link.itemID.flatMap { try reader.item($0, kind: found.kind, mailbox: mailbox) }
    var lines = [
      "uid: \(link.uid)", "origin: \(link.origin.rawValue)", "state: \(link.state == .linked ? "synchronized" : "no longer synchronized")",
      "ERP: \(link.entityID?.rawValue ?? "none"), key \(entity?.entity.key ?? "-"), version \(entity?.entity.version ?? "-")\(entity?.isDeleted == true ? ", deleted" : "")",
      "Exchange: \(link.itemID?.rawValue ?? "none"), change key \(item?.item.version.changeKey ?? "-")\(item?.presence == .deleted ? ", deleted" : "")",
      "last agreed: \(link.syncedAt?.iso8601 ?? "never")",
    ]
    let baseEntity = link.baseEntity?.fields ?? Fields()
    let baseItem = link.baseItem?.fields ?? Fields()
    for field in Set(baseEntity.names + baseItem.names + (entity?.entity.fields.names ?? []) + (item?.item.fields.names ?? [])).sorted() {
      let values = [baseEntity, entity?.entity.fields ?? baseEntity, baseItem, item?.item.fields ?? baseItem].map {
        $0[field]?.display ?? ""
      }
      let erp = values[0] == values[1] ? "'\(values[1])'" : "'\(values[0])' -> '\(values[1])'"
      let exchange = values[2] == values[3] ? "'\(values[3])'" : "'\(values[2])' -> '\(values[3])'"
      lines.append("  \(field): ERP \(erp), Exchange \(exchange)")
    }
    for failure in try reader.failures(mailbox: mailbox)
    where failure.subject.hasSuffix(link.itemID?.rawValue ?? "\u{0}") || failure.subject.hasSuffix(link.entityID?.rawValue ?? "\u{0}") {
      lines.append("failed \(failure.tries) times since \(failure.since.iso8601): \(failure.reason)")
    }
    return lines
  }
}
