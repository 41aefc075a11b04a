import Foundation
import Model
import Yams

/// Reads and checks the configuration file of interface.md: every fault with file, line, key and what is allowed.
public enum ConfigurationReader {
  /// The largest file that is read, in bytes.
  static let sizeLimit = 4 << 20

  /// Reads a file.
  /// - Throws: all of its faults.
  public static func read(path: String) throws(ConfigurationFaults) -> ConfigurationReading {
    func refuse(_ message: String) -> ConfigurationFaults {
      ConfigurationFaults(faults: [ConfigurationFault(file: path, line: 1, column: 1, key: "", message: message)])
    }
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw refuse("cannot be read: \(String(cString: strerror(errno))); 'concordfs init' writes one to start from")
    }
    guard status.st_mode & S_IFMT == S_IFREG, status.st_size <= sizeLimit else {
      throw refuse("is not a file of at most \(sizeLimit >> 20) MiB")
    }
    guard let data = FileManager.default.contents(atPath: path) else { throw refuse("cannot be read: check its rights") }
    guard let text = String(data: data, encoding: .utf8) else { throw refuse("is not UTF-8 text") }
    var reading = try parse(text, file: path)
    if status.st_mode & 0o044 != 0, hasLiteral(reading.settings) {
      reading.warnings.append(
        "\(path): holds a password in clear and can be read by others: use {file: …}, {env: …} or {command: […]}, or chmod 600")
    }
    return reading
  }

  /// Reads a text.
  /// - Parameter file: how faults name it.
  public static func parse(_ text: String, file: String) throws(ConfigurationFaults) -> ConfigurationReading {
    let collector = FaultCollector(file: file)
    var root: Node?
    do {
      root = try Yams.compose(yaml: text)
    } catch let error as YamlError {
      throw ConfigurationFaults(faults: [syntaxFault(error, file)])
    } catch {
      throw ConfigurationFaults(faults: [ConfigurationFault(file: file, line: 1, column: 1, key: "", message: "is not YAML: \(error)")])
    }
    if root == nil { collector.add(nil, "", "is empty; 'concordfs init' writes a configuration to start from") }
    let settings = SettingsReader(collector: collector).read(root)
    guard collector.faults.isEmpty, let settings else { throw ConfigurationFaults(faults: collector.sorted()) }
    return ConfigurationReading(settings: settings, warnings: [])
  }

  private static func syntaxFault(_ error: YamlError, _ file: String) -> ConfigurationFault {
    switch error {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let place = context.map { " \($0.text)" } ?? ""
      return ConfigurationFault(file: file, line: mark.line, column: mark.column, key: "", message: "is not YAML: \(problem)\(place)")
    case .reader(let problem, let offset, _, let yaml):
      // The library's own text would show the line, which may hold a password.
      let before = yaml.prefix(offset ?? 0)
      let column = before.count - (before.lastIndex(where: \.isNewline).map { before.distance(from: before.startIndex, to: $0) + 1 } ?? 0)
      return ConfigurationFault(
        file: file, line: before.count(where: \.isNewline) + 1, column: column + 1, key: "", message: "is not YAML: \(problem)")
    case .duplicatedKeysInMapping(let duplicates, let context):
      let names = duplicates.map { "\($0)" }.joined(separator: ", ")
      return ConfigurationFault(file: file, line: context.mark.line, column: context.mark.column, key: names, message: "is written twice")
    default:
      return ConfigurationFault(file: file, line: 1, column: 1, key: "", message: "is not YAML: \(error)")
    }
  }

  private static func hasLiteral(_ settings: Settings) -> Bool {
    var secrets = settings.accounts.flatMap { [$0.password, $0.oauth?.clientSecret, $0.oauth?.privateKey].compactMap { $0 } }
    switch settings.erp.authentication {
    case .password(_, let password): secrets.append(password)
    case .oauth2(_, let secret, _, let password, let token): secrets += [secret, password, token].compactMap { $0 }
    }
    secrets += [settings.erp.push?.secret, settings.erp.push?.tls?.privateKey].compactMap { $0 }
    return secrets.contains { if case .literal = $0 { true } else { false } }
  }
}
