import Foundation
import Model

/// The forms of the Default contract that differ in what is synchronized: 25.200 joins date and time of an event's end and of reminders.
enum ContractVersion: Sendable, Hashable, CaseIterable {
  case through24_200
  case from25_200
}

/// An endpoint of the site: its address, and the form of its contract.
struct Endpoint: Sendable, Hashable {
  /// Name and version, e.g. `Default/25.200.001`.
  let path: String
  let contract: ContractVersion

  /// The system's own endpoint, whose versions say which form they have. Others extend one of them under numbers of their own.
  private static let systemName = "Default"
  /// The versions of `Default` whose contracts this version knows, oldest first. Contacts are marked in a field that 24.200 brought.
  private static let known = [[24, 200], [25, 200]]
  private static let firstJoined = [25, 200]

  /// An endpoint with a form that is known already.
  private init(path: String, contract: ContractVersion) { (self.path, self.contract) = (path, contract) }

  /// The endpoint that the configuration names; nil where its version does not tell the form.
  init?(configured path: String) {
    guard let version = Self.systemVersion(path) else { return nil }
    self.init(path: path, contract: version.lexicographicallyPrecedes(Self.firstJoined) ? .through24_200 : .from25_200)
  }

  /// Year and release of a version of the system's own endpoint; nil for another endpoint.
  private static func systemVersion(_ path: String) -> [Int]? {
    let parts = path.split(separator: "/")
    guard parts.count == 2, parts[0] == systemName else { return nil }
    let numbers = parts[1].split(separator: ".").prefix(2).compactMap { Int($0) }
    return numbers.count == 2 ? numbers : nil
  }

  // MARK: What the site tells

  private struct Listing: Decodable {
    /// An entry that lacks something is none of those that are looked for.
    struct Entry: Decodable {
      var name: String?
      var version: String?
    }
    var endpoints: [Entry]

    init(from decoder: any Decoder) throws {
      // Older sites list the endpoints bare.
      if let entries = try? decoder.singleValueContainer().decode([Entry].self) {
        endpoints = entries
      } else {
        endpoints = try decoder.container(keyedBy: Key.self).decode([Entry].self, forKey: .endpoints)
      }
    }

    enum Key: CodingKey { case endpoints }
  }

  /// The newest of the system's own endpoints that this version knows, from the answer to `GET /entity`.
  /// - Throws: `configuration` when the site has none of them.
  static func newest(inListing body: [UInt8], site: String) throws(SyncError) -> Endpoint {
    guard let listing = try? JSONDecoder().decode(Listing.self, from: Data(body.withoutByteOrderMark)) else {
      throw SyncError(.malformedAnswer, "\(site)/entity does not list its endpoints: name one as 'erp.endpoint'")
    }
    let paths = listing.endpoints.compactMap { entry in entry.name.flatMap { name in entry.version.map { "\(name)/\($0)" } } }
    let usable = paths.compactMap { path in systemVersion(path).map { (version: $0, path: path) } }.filter { known.contains($0.version) }
    guard let newest = usable.max(by: { $0.version.lexicographicallyPrecedes($1.version) }), let found = Endpoint(configured: newest.path)
    else {
      let names = paths.filter { systemVersion($0) != nil }.joined(separator: ", ")
      throw SyncError(
        .configuration,
        "\(site) has no endpoint that this version knows (Default/24.200.001, Default/25.200.001), only: \(names.isEmpty ? "none" : names). Name one as 'erp.endpoint'"
      )
    }
    return found
  }

  /// An endpoint of the site's own making, by the description that it gives of itself: the answer to `GET …/swagger.json`.
  /// - Throws: `malformedAnswer` when no Event is described there, or one whose end has neither form.
  static func described(_ path: String, by body: [UInt8]) throws(SyncError) -> Endpoint {
    let document = try? JSONSerialization.jsonObject(with: Data(body.withoutByteOrderMark)) as? [String: Any]
    // OpenAPI 3 and Swagger 2.0 keep the types in different places.
    let schemas = (document?["components"] as? [String: Any])?["schemas"] ?? document?["definitions"]
    let event = (schemas as? [String: Any])?["Event"] as? [String: Any]
    let parts = [event].compactMap { $0 } + (event?["allOf"] as? [[String: Any]] ?? [])
    let fields = Set(parts.flatMap { ($0["properties"] as? [String: Any] ?? [:]).keys })
    if fields.contains("EndDateTime") { return Endpoint(path: path, contract: .from25_200) }
    if fields.contains("EndDate") { return Endpoint(path: path, contract: .through24_200) }
    throw SyncError(
      .malformedAnswer, "the description of endpoint \(path) has no Event with an end: extend Default/24.200.001 or newer, or use that")
  }
}

extension [UInt8] {
  /// Some publish their JSON with a byte order mark.
  var withoutByteOrderMark: ArraySlice<UInt8> { starts(with: [0xEF, 0xBB, 0xBF]) ? dropFirst(3) : self[...] }
}
