import Foundation
public import SandboxStore

/// Keeps the whole of the server in the sandbox's file: a row for the server and one a record. Sessions end with the process.
extension ERPServer {
  /// What the server itself remembers.
  private struct State: Codable {
    var sequence: Int
    var lastTime: Date
    var nextKeys: [String: Int]
  }

  private static let space = "erp"

  /// Uses the file from now on, and takes over what it holds.
  /// - Returns: false where the file held nothing.
  public func restore(from database: SandboxDatabase) throws -> Bool {
    self.database = database
    guard let state = try database.load(Self.space, as: State.self).first?.value else { return false }
    (sequence, lastTime) = (state.sequence, state.lastTime)
    for entity in tables.keys {
      let records = try database.load("\(Self.space)/\(entity)", as: ServerRecord.self)
      var table = Table()
      table.nextKey = state.nextKeys[entity] ?? table.nextKey
      table.records = Records(stored: records)
      table.idsByKey = Dictionary(records.map { ($0.value.key, $0.key) }, uniquingKeysWith: { $1 })
      for (id, record) in records { for file in record.files { fileOwners[file.id] = (entity, id) } }
      table.changes = records.map { ($0.value.sequence, $0.value.modified, $0.key) }.sorted { $0.0 < $1.0 }
      tables[entity] = table
    }
    return true
  }

  /// Writes what changed since the last call. Without a file it only forgets that it changed.
  public func keep() throws {
    var rows = database == nil ? RowChanges(areWritten: false) : unwritten
    unwritten = RowChanges()
    for entity in tables.keys {
      guard var table = tables.removeValue(forKey: entity) else { continue }
      defer { tables[entity] = table }
      try rows.put(&table.records, space: "\(Self.space)/\(entity)")
    }
    guard let database, !rows.isEmpty else { return }
    try rows.put(
      State(sequence: sequence, lastTime: lastTime, nextKeys: tables.mapValues(\.nextKey)), space: Self.space, key: "server")
    do { try database.save(rows) } catch {
      unwritten = rows
      throw error
    }
  }
}
