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
    let known = ["file", "env", "command"]
    let written = node.mapping.map { mapping in known.filter { mapping[Node($0)] != nil } } ?? []
    // What is no such section may be the secret itself, written without quotes: neither keys nor values of it are named.
    guard !written.isEmpty else {
      parent.fault(name, "says nothing about where the secret lies", allowed: Self.allowed)
      return nil
    }
    guard written.count == 1 else {
      parent.fault(name, "names more than one place", allowed: Self.allowed)
      return nil
    }
    let section = Section(node, path: parent.key(name), known: known, collector)
    if let path = section.text("file") { return .file(path: path) }
    if let variable = section.text("env") { return .environment(name: variable) }
    let command = section.list("command").compactMap { $0.scalar?.string }
    if !command.isEmpty { return .command(command) }
    if section[written[0]] == nil || section["command"]?.sequence != nil {
      section.fault(written[0], "is empty", allowed: Self.allowed)
    }
    return nil
  }
}

/// Fetches secrets when they are needed. Their values are in no error and no log.
public enum SecretReader {
  /// The longest secret, in bytes.
  static let sizeLimit = 64 << 10
  /// How long a program may take to print a secret, in seconds.
  static let commandSeconds = 30

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
    // A pipe without a writer would wait for one: it is opened without waiting, and refused below.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
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
  static func output(of command: [String], within seconds: Int = commandSeconds) throws(SyncError) -> String {
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
    guard let data = printed(by: pipe.fileHandleForReading, until: .now + .seconds(seconds)) else {
      process.terminate()
      throw SyncError(
        .configuration,
        "the command \(program) of a secret was stopped: it printed more than \(sizeLimit >> 10) KiB or took more than \(seconds) seconds")
    }
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw SyncError(.configuration, "the command \(program) of a secret ended with status \(process.terminationStatus)")
    }
    return String(decoding: data, as: UTF8.self)
  }

  /// All that comes out of a pipe; nil: too much, or not in time.
  private static func printed(by handle: FileHandle, until deadline: ContinuousClock.Instant) -> [UInt8]? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while bytes.count <= sizeLimit {
      let left = (deadline - .now) / .milliseconds(1)
      var descriptor = pollfd(fd: handle.fileDescriptor, events: Int16(POLLIN), revents: 0)
      let ready = left > 0 ? poll(&descriptor, 1, Int32(left.rounded(.up))) : 0
      if ready < 0, errno == EINTR { continue }
      guard ready > 0 else { return nil }
      let count = read(handle.fileDescriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { return nil }
      if count == 0 { return bytes }
      bytes += buffer.prefix(count)
    }
    return nil
  }
}
