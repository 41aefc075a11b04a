import Foundation
import Model
import SyncEngine

extension Installation {
  /// This machine, and where the configuration has its cache. Without a machine-id(5), as in many containers, the host's name stands for
  /// the machine.
  static func system(_ settings: Settings) -> Installation {
    let host = ProcessInfo.processInfo.hostName
    let machine = (try? String(contentsOfFile: "/etc/machine-id", encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    let file = URL(fileURLWithPath: settings.store).standardizedFileURL
    let directory = file.deletingLastPathComponent().resolvingSymlinksInPath()
    return Installation(
      machine: machine.isEmpty ? host : machine, host: host, store: directory.appendingPathComponent(file.lastPathComponent).path)
  }
}
