import Foundation
public import Model
import Yams

/// Reads where a secret lies.
struct SecretParser {
  let collector: FaultCollector

  static let allowed = "{file: PATH}, {env: NAME}, {command: [PROGRAM, …]}, or the secret itself"

  func secret(_ name: String, _ parent: Section, required: Bool = false) -> Secret? {
    guard let node = parent[name] else {
      if required || parent.mentions(name) { parent.fault(name, "is missing", allowed: Self.allowed) }
      return nil
    }
    if let scalar = node.scalar { return .literal(scalar.string) }
    let section = Section(node, path: parent.key(name), known: ["file", "env", "command"], collector)
    if let path = section.text("file") { return .file(path: path) }
    if let variable = section.text("env") { return .environment(name: variable) }
    let command = section.list("command").compactMap { $0.scalar?.string }
    if !command.isEmpty { return .command(command) }
    parent.fault(name, "says nothing about where the secret lies", allowed: Self.allowed)
    return nil
  }
}

/// Fetches secrets when they are needed. Their values are in no error and no log.
public enum SecretReader {
  /// The longest secret, in bytes.
  static let sizeLimit = 64 << 10

  /// The secret's value, without the line end at its end.
  /// - Throws: `configuration` when it cannot be read, is empty, or lies open to other users.
  public static func value(of secret: Secret) throws(SyncError) -> String {
    let text: String
    switch secret {
    case .literal(let literal): text = literal
    case .environment(let name):
      guard let value = ProcessInfo.processInfo.environment[name] else {
        throw SyncError(.configuration, "the environment variable \(name), named as a secret, is not set")
      }
      text = value
    case .file(let path): text = try file(path)
    case .command(let command): text = try output(of: command)
    }
    let value = text.trimmingCharacters(in: .newlines)
    guard !value.isEmpty else { throw SyncError(.configuration, "a secret is empty: check \(place(secret))") }
    return value
  }

  private static func place(_ secret: Secret) -> String {
    switch secret {
    case .literal: "the configuration"
    case .environment(let name): "the environment variable \(name)"
    case .file(let path): path
    case .command(let command): "the command \(command.first ?? "")"
    }
  }

  private static func file(_ path: String) throws(SyncError) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw SyncError(.configuration, "the secret \(path) cannot be read: \(String(cString: strerror(errno)))") }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= sizeLimit else {
      throw SyncError(.configuration, "the secret \(path) is not a small file")
    }
    guard status.st_mode & 0o077 == 0 || status.st_uid == 0 && status.st_mode & 0o007 == 0 else {
      throw SyncError(.configuration, "the secret \(path) can be read by others: chmod 600 \(path)")
    }
    guard let data = try? handle.readToEnd(), let text = String(data: data, encoding: .utf8) else {
      throw SyncError(.configuration, "the secret \(path) is empty or not UTF-8 text")
    }
    return text
  }

  /// Runs a program without a shell and takes what it prints.
  private static func output(of command: [String]) throws(SyncError) -> String {
    guard let program = command.first else { throw SyncError(.configuration, "the command of a secret is empty") }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program.contains("/") ? program : "/usr/bin/env")
    process.arguments = program.contains("/") ? Array(command.dropFirst()) : command
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardInput = FileHandle.nullDevice
    do { try process.run() } catch {
      throw SyncError(.configuration, "the command \(program) of a secret cannot be started: \(error.localizedDescription)")
    }
    let data = (try? pipe.fileHandleForReading.read(upToCount: sizeLimit)) ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw SyncError(.configuration, "the command \(program) of a secret ended with status \(process.terminationStatus)")
    }
    return String(decoding: data, as: UTF8.self)
  }
}
