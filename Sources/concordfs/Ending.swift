import ArgumentParser
import Foundation

/// How the process ends: at once, without exit handlers and library destructors.
///
/// Those free what the C libraries share (libxml2, libcrypto, GMime) while the HTTP thread and tasks on the pool may still be letting go of theirs,
/// which ended a finished `sync` by abort(3) now and then. Nothing here needs them: what must last is committed before.
enum Ending {
  static func now(_ code: Int32) -> Never {
    fflush(nil)
    _exit(code)
  }
}

extension Concordfs {
  /// Runs the command that the arguments name, and ends with its exit code.
  static func runToTheEnd(_ arguments: [String]?) async -> Never {
    do {
      var command = try parseAsRoot(arguments)
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      Ending.now(0)
    } catch {
      let code = exitCode(for: error)
      let message = fullMessage(for: error)
      if !message.isEmpty { FileHandle(code).write(Data((message + "\n").utf8)) }
      Ending.now(code.rawValue)
    }
  }
}

extension FileHandle {
  /// Help that was asked for goes to standard output, what went wrong to standard error.
  fileprivate convenience init(_ code: ExitCode) { self.init(fileDescriptor: code.isSuccess ? 1 : 2) }
}
