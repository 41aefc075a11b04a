import ArgumentParser
import Control
import Daemon
import Foundation
import Model

struct Mount: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Mounts the tree and synchronizes until it is unmounted or told to stop.",
    discussion:
      "SIGTERM and SIGINT unmount and end; SIGHUP reads the configuration again. Without -f it goes into the background once it is mounted."
  )

  @OptionGroup var file: ConfigurationOption
  @Flag(name: .short, help: "Stay in the foreground.") var foreground = false
  @Option(name: .short, help: "FUSE options, separated by commas: ro, allow_other, …") var options: [String] = []
  @Argument(help: "The directory to mount on.") var directory: String

  mutating func run() async throws {
    let service = try file.service()
    let directory = URL(fileURLWithPath: directory).standardizedFileURL.path
    let words = options.flatMap { $0.split(separator: ",").map(String.init) }
    guard foreground else { return try Background.start(file.path, directory, words) }
    try await attempt { () async throws(SyncError) in
      try await service.mount(
        at: directory, options: words, echo: { entry in FileHandle.standardError.write(Data((LogText.line(entry) + "\n").utf8)) },
        ready: { Background.tellReady() })
    }
  }
}

/// Goes into the background: starts this program again in a session of its own and waits until it says that it is mounted.
enum Background {
  /// POSIX_SPAWN_SETSID of spawn.h, which glibc shows only to GNU sources.
  private static let newSession: Int16 = 0x80
  /// The descriptor on which the child says that it is ready.
  private static let variable = "CONCORDFS_READY_FD"

  static func start(_ configuration: String, _ directory: String, _ options: [String]) throws {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw failed(SyncError(.failed, "no pipe for the child: \(String(cString: strerror(errno)))")) }
    let absolute = URL(fileURLWithPath: configuration).standardizedFileURL.path
    let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    let words = [program, "mount", "-f", "-c", absolute] + (options.isEmpty ? [] : ["-o", options.joined(separator: ",")]) + [directory]
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    // Start-up errors come on this command's standard error; the pipe's read end is not the child's.
    posix_spawn_file_actions_addclose(&actions, ends[0])
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    posix_spawnattr_setflags(&attributes, newSession)
    setenv(variable, String(ends[1]), 1)
    var child: pid_t = 0
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    let code = posix_spawn(&child, program, &actions, &attributes, &arguments, environ)
    for argument in arguments { free(argument) }
    close(ends[1])
    guard code == 0 else { throw failed(SyncError(.failed, "\(program) cannot be started again: \(String(cString: strerror(code)))")) }
    var byte: UInt8 = 0
    if read(ends[0], &byte, 1) == 1 { return }
    var status: Int32 = 0
    waitpid(child, &status, 0)
    throw ExitCode(status & 0x7F == 0 ? (status >> 8) & 0xFF : 1)
  }

  /// Tells the waiting parent, if there is one, that the tree is mounted.
  static func tellReady() {
    guard let text = getenv(variable), let descriptor = Int32(String(cString: text)) else { return }
    unsetenv(variable)
    var byte: UInt8 = 1
    _ = write(descriptor, &byte, 1)
    close(descriptor)
    // From here on nobody reads what is said: the log in the store and in the mount has it.
    let null = open("/dev/null", O_WRONLY)
    dup2(null, 2)
    close(null)
  }
}
