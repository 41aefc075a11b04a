import Foundation
import Model
import Testing

@testable import Configuration

@Suite struct SecretTests {
  /// A secret that no message may show.
  static let secret = "hunter2-correct-horse"

  private func withDirectory<Answer>(_ body: (String) throws -> Answer) throws -> Answer {
    let path = NSTemporaryDirectory() + "concordfs-secret-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
  }

  private func write(_ text: String, to path: String, mode: Int) throws {
    try #require(FileManager.default.createFile(atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: mode]))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  private func refusal(of secret: Secret) -> SyncError? {
    do {
      _ = try SecretReader.value(of: secret)
      return nil
    } catch { return error }
  }

  @Test func `a secret comes from a file without its line end`() throws {
    try withDirectory { directory in
      try write(Self.secret + "\r\n", to: directory + "/s", mode: 0o600)
      #expect(try SecretReader.value(of: .file(path: directory + "/s")) == Self.secret)
      try write("  spaces stay  \n", to: directory + "/t", mode: 0o400)
      #expect(try SecretReader.value(of: .file(path: directory + "/t")) == "  spaces stay  ")
    }
  }

  @Test func `a secret's file that others can read is refused with what to do`() throws {
    try withDirectory { directory in
      try write(Self.secret, to: directory + "/s", mode: 0o644)
      let error = try #require(refusal(of: .file(path: directory + "/s")))
      #expect(error.code == .configuration)
      #expect(error.description.contains("chmod 600 \(directory)/s"))
      #expect(!error.description.contains(Self.secret))
    }
  }

  @Test func `a secret's file that is missing, empty, a directory, no text or too large is refused`() throws {
    try withDirectory { directory in
      try write("", to: directory + "/empty", mode: 0o600)
      try write("\n\n", to: directory + "/blank", mode: 0o600)
      try write(String(repeating: Self.secret, count: 10_000), to: directory + "/large", mode: 0o600)
      try Data([0xFF, 0xFE, 0x80]).write(to: URL(fileURLWithPath: directory + "/binary"))
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: directory + "/binary")
      for name in ["missing", "empty", "blank", "large", "binary", "."] {
        let error = try #require(refusal(of: .file(path: directory + "/" + name)), "\(name)")
        #expect(error.code == .configuration)
        #expect(error.description.contains(directory + "/" + name))
        #expect(!error.description.contains(Self.secret))
      }
    }
  }

  @Test(.timeLimit(.minutes(1))) func `a pipe that nobody writes to does not stop the program`() throws {
    try withDirectory { directory in
      try #require(mkfifo(directory + "/pipe", 0o600) == 0)
      #expect(refusal(of: .file(path: directory + "/pipe"))?.description.contains("is not a small file") == true)
    }
  }

  @Test func `a secret comes from the environment`() throws {
    let path = try #require(ProcessInfo.processInfo.environment["PATH"])
    #expect(try SecretReader.value(of: .environment(name: "PATH")) == path)
    let error = try #require(refusal(of: .environment(name: "CONCORDFS_TEST_NOT_SET")))
    #expect(error.description.contains("CONCORDFS_TEST_NOT_SET"))
  }

  @Test func `a secret comes from a program, without a shell`() throws {
    #expect(try SecretReader.value(of: .command(["echo", "$HOME; id"])) == "$HOME; id")
    #expect(try SecretReader.value(of: .command(["/bin/sh", "-c", "printf a; sleep 0.05; printf b"])) == "ab")
  }

  @Test func `a program that fails, prints nothing or is missing is refused without its output`() throws {
    for command in [["/bin/sh", "-c", "echo \(Self.secret); exit 3"], ["true"], ["/nowhere/program"], ["no-such-program-here"]] {
      let error = try #require(refusal(of: .command(command)), "\(command)")
      #expect(error.code == .configuration)
      #expect(error.description.contains(command[0]))
      #expect(!error.description.contains(Self.secret))
    }
  }

  @Test(.timeLimit(.minutes(1))) func `a program that never stops printing is ended and refused`() throws {
    #expect(refusal(of: .command(["yes"]))?.description.contains("more than 64 KiB") == true)
  }

  @Test(.timeLimit(.minutes(1))) func `a program that never ends is ended and refused`() throws {
    let start = ContinuousClock.now
    #expect(throws: SyncError.self) { try SecretReader.output(of: ["sleep", "55"], within: 1) }
    #expect(ContinuousClock.now - start < .seconds(30))
  }

  @Test func `a literal is taken as it is`() throws {
    #expect(try SecretReader.value(of: .literal(" a b ")) == " a b ")
    #expect(refusal(of: .literal(""))?.description.contains("the configuration") == true)
    let reading = try ConfigurationReader.parse(Examples.least.replacing("{file: /run/secrets/hq}", with: "12345"), file: "c.yaml")
    #expect(reading.settings.accounts.first?.password == .literal("12345"))
  }

  @Test func `no fault of a configuration shows a secret`() {
    let quoted = "\"\(Self.secret)\""
    let texts = [
      // Broken on the line of the secret itself.
      Examples.least.replacing("{file: /run/secrets/hq}", with: quoted + " x"),
      Examples.least.replacing("{file: /run/secrets/hq}", with: "\"\(Self.secret)\u{1}\""),
      Examples.least.replacing("{file: /run/secrets/hq}", with: "\"\(Self.secret)\\q\""),
      Examples.least.replacing("{file: /run/secrets/hq}", with: "\"\(Self.secret)\n"),
      Examples.least.replacing("{file: /run/secrets/hq}", with: "%\(Self.secret)"),
      Examples.least.replacing("{file: /run/secrets/hq}", with: "*\(Self.secret)"),
      // Right as YAML, but not what a secret looks like.
      Examples.least.replacing("{file: /run/secrets/hq}", with: "{\(Self.secret)}"),
      Examples.least.replacing("{file: /run/secrets/hq}", with: "{\(Self.secret): \(Self.secret)}"),
      Examples.least.replacing("{file: /run/secrets/hq}", with: "[\(Self.secret)]"),
      Examples.least.replacing("{file: /run/secrets/hq}", with: quoted).replacing("auth: {", with: "auth: {x: \(Self.secret), "),
      // A password inside an address.
      Examples.least.replacing("https://erp", with: "https://concord:\(Self.secret)@erp"),
      Examples.least.replacing("https://erp", with: "ftp://concord:\(Self.secret)@erp"),
      Examples.least.replacing("https://erp", with: "http://concord:\(Self.secret)@erp ."),
    ]
    for text in texts {
      let faults = Examples.faults(text)
      #expect(!faults.isEmpty, "\(text)")
      let shown = ConfigurationFaults(faults: faults).description
      #expect(!shown.contains(Self.secret), "\(shown)")
      #expect(!faults.contains { $0.description.contains("\n") }, "\(shown)")
    }
  }

  @Test func `a secret is printed nowhere`() throws {
    let text = Examples.least.replacing("{file: /run/secrets/hq}", with: Self.secret)
    let reading = try ConfigurationReader.parse(text, file: "c.yaml")
    #expect("\(reading)".contains("***"))
    #expect(!"\(reading)".contains(Self.secret))
    #expect(!String(reflecting: reading.settings).contains(Self.secret))
    #expect(!ConfigurationWriter.text(reading.settings).contains(Self.secret))
  }

  @Test func `a configuration with a literal that others can read is warned of, one without is not`() throws {
    try withDirectory { directory in
      let path = directory + "/config.yaml"
      let literal = Examples.least.replacing("{file: /run/secrets/hq}", with: Self.secret)
      try write(literal, to: path, mode: 0o644)
      let warnings = try ConfigurationReader.read(path: path).warnings
      #expect(warnings.count == 1 && warnings[0].contains("chmod 600") && !warnings[0].contains(Self.secret))
      try write(literal, to: path, mode: 0o600)
      #expect(try ConfigurationReader.read(path: path).warnings.isEmpty)
      try write(Examples.least, to: path, mode: 0o644)
      #expect(try ConfigurationReader.read(path: path).warnings.isEmpty)
    }
  }

  @Test func `a configuration that cannot be read names the file and what to do`() throws {
    try withDirectory { directory in
      func refusal(_ name: String) -> String {
        do {
          _ = try ConfigurationReader.read(path: directory + "/" + name)
          return ""
        } catch { return error.description }
      }
      #expect(refusal("missing").contains("'concordfs init'"))
      #expect(refusal(".").contains("is not a file"))
      try Data([0xC3, 0x28]).write(to: URL(fileURLWithPath: directory + "/latin"))
      #expect(refusal("latin").hasPrefix(directory + "/latin:1:1: is not UTF-8"))
      try write("# " + String(repeating: "x", count: 5 << 20), to: directory + "/large", mode: 0o600)
      #expect(refusal("large").contains("at most 4 MiB"))
    }
  }
}
