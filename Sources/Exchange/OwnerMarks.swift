public import Model
import XMLStream

extension EWSClient {
  private static let owner = UserConfigurationName(name: "concordfs.Owner", title: "note of who serves the mailbox")

  /// See `ExchangePort`.
  public func ownerMark(of mailbox: Mailbox) async throws(SyncError) -> OwnerMark? {
    guard let document = try await configuration(Self.owner, mailbox) else { return nil }
    func value(_ name: String) -> String { document.attribute(name) ?? "" }
    // What cannot be read has no lease that could be waited for.
    return OwnerMark(
      installation: value("installation"), host: value("host"), store: value("store"), token: value("token"),
      until: Timestamp(iso8601: value("until")) ?? Timestamp(milliseconds: 0))
  }

  /// See `ExchangePort`.
  public func setOwnerMark(_ mark: OwnerMark, isNew: Bool, of mailbox: Mailbox) async throws(SyncError) {
    let document = XMLElement(
      name: "owner",
      attributes: [
        "installation": mark.installation, "host": mark.host, "store": mark.store, "token": mark.token, "until": mark.until.iso8601,
      ])
    do throws(SyncError) {
      try await writeConfiguration(Self.owner, document, isNew: isNew, mailbox)
    } catch  where isNew && error.code == .invalidRecord {
      // ErrorItemSave: there is one of that name.
      throw SyncError(.alreadyExists, error.message, cause: error.cause)
    }
  }
}
