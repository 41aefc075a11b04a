import ArgumentParser
import Configuration
import Foundation
import Model

struct Init: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Writes a commented configuration to start from.")

  @Argument(help: "The directory for config.yaml.") var directory = "."

  mutating func run() throws {
    let path = directory + "/config.yaml"
    do {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    } catch {
      throw failed(SyncError(.configuration, "\(directory) cannot be made: \(error.localizedDescription)"))
    }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw failed(SyncError(.configuration, "\(path) cannot be written, nothing was changed: \(String(cString: strerror(errno)))"))
    }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    handle.write(Data(ConfigurationWriter.template.utf8))
    print("\(path) written: edit it, then 'concordfs check -c \(path)'")
  }
}
