/// The forms of the Default contract that differ in what is synchronized: 25.200 joins date and time of an event's end and of reminders.
enum ContractVersion: Sendable, Hashable, CaseIterable {
  case through24_200
  case from25_200

  /// The form of an endpoint by its name and version, as `Default/24.200.001`. An endpoint of another numbering is taken for the older form.
  init(endpoint: String) {
    let version = endpoint.split(separator: "/").last?.split(separator: ".").prefix(2).compactMap { Int($0) } ?? []
    self = version.count == 2 && (version[0], version[1]) >= (25, 200) && version[0] < 100 ? .from25_200 : .through24_200
  }
}
