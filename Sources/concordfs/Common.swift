import ArgumentParser
import Configuration
import Daemon
import Foundation
import MemoryShim
import Model
import Store

/// The option that every command has: which configuration.
struct ConfigurationOption: ParsableArguments {
  @Option(name: [.short, .customLong("config")], help: "The configuration file; else $CONCORDFS_CONFIG, else /etc/concordfs/config.yaml.")
  var configuration: String?

  var path: String { configuration ?? ProcessInfo.processInfo.environment["CONCORDFS_CONFIG"] ?? "/etc/concordfs/config.yaml" }

  /// Reads the configuration; its faults go to standard error, one a line, and end the command with 78.
  func read() throws -> Settings {
    do {
      let reading = try ConfigurationReader.read(path: path)
      for warning in reading.warnings { complain(warning) }
      return reading.settings
    } catch {
      for fault in error.faults { complain(fault.description) }
      throw ExitCode(78)
    }
  }

  /// Bytes from which on what a large message took goes back to the system at once, instead of being kept for the next one.
  private static let largeAllocation: Int32 = 4 << 20

  /// The service over the configuration.
  func service() throws -> Service {
    memoryshim_return_from(Self.largeAllocation)
    return Service(settings: try read(), configurationPath: path)
  }

  /// The cache for reading, beside a daemon that may run.
  func store(_ settings: Settings) throws -> Store {
    guard FileManager.default.fileExists(atPath: settings.store) else {
      throw failed(SyncError(.storage, "\(settings.store) is not there yet: 'concordfs sync' or 'concordfs mount' makes it"))
    }
    return try attempt { () throws(SyncError) in try Store(path: settings.store, readOnly: true) }
  }
}

/// One line on standard error.
func complain(_ message: String) { FileHandle.standardError.write(Data("concordfs: \(message)\n".utf8)) }

/// Reports an error and gives the exit code for it.
func failed(_ error: SyncError) -> ExitCode {
  complain(error.description)
  return ExitCode(exitStatus(of: error))
}

/// Exit codes of interface.md.
func exitStatus(of error: SyncError) -> Int32 {
  switch error.code {
  case .unreachable, .tls, .timedOut: 69
  case .throttled, .transient, .held: 75
  case .storage: error.retry == .later ? 75 : 1
  case .unauthorized, .accessDenied: 77
  case .configuration, .insecure, .mailboxNotFound: 78
  default: 1
  }
}

/// Runs something that can fail; a failure is reported and ends the command.
func attempt<Answer>(_ body: () throws(SyncError) -> Answer) throws -> Answer {
  do { return try body() } catch { throw failed(error) }
}

/// Runs something that can fail; a failure is reported and ends the command.
func attempt<Answer>(_ body: () async throws(SyncError) -> Answer) async throws -> Answer {
  do { return try await body() } catch { throw failed(error) }
}

/// Record types as `contacts,tasks`.
func recordKinds(_ text: String?) throws -> Set<RecordKind>? {
  guard let text else { return nil }
  return Set(
    try text.split(separator: ",").map { word in
      guard let kind = RecordKind(rawValue: String(word)) else {
        throw ValidationError("'\(word)' is not a record type; allowed: \(RecordKind.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      return kind
    })
}

/// Addresses as given, in lower case; nil when there are none.
func addresses(_ given: [String]) -> [String]? { given.isEmpty ? nil : given.map { $0.lowercased() } }
