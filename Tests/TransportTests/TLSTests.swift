import Foundation
import Model
import Testing

@testable import Transport

/// Certificates are checked against a real TLS server: nginx on a Unix socket, so that no port is needed.
@Suite(.timeLimit(.minutes(1)), .enabled(if: TLSServer.isPossible, "needs nginx and openssl")) struct TLSTests {
  @Test func `a certificate of an unknown authority is refused, also for a request without credentials`() async throws {
    let server = try await TLSServer()
    defer { server.stop() }
    let error = try await failure(of: transport(), server.request("https://localhost/"))
    #expect(error.code == .tls)
    #expect(error.message.contains("https://localhost"))
    #expect(error.cause?.isEmpty == false)
  }

  @Test func `a certificate of the configured authority is accepted`() async throws {
    let server = try await TLSServer()
    defer { server.stop() }
    let trusting = CurlTransport(maximumConnections: 1, userAgent: "test", certificateAuthorityFile: server.certificate)
    let response = try await trusting.send(server.request("https://localhost/"))
    #expect(response.status == 200)
    #expect(String(decoding: response.body, as: UTF8.self) == "TLSv1.3")
  }

  @Test func `a certificate for another host is refused`() async throws {
    let server = try await TLSServer()
    defer { server.stop() }
    let trusting = CurlTransport(maximumConnections: 1, userAgent: "test", certificateAuthorityFile: server.certificate)
    try await expect(failure: .tls, of: trusting, server.request("https://exchange.test/"))
  }

  @Test func `a server that speaks nothing newer than TLS 1_1 is refused`() async throws {
    let server = try await TLSServer(protocols: "TLSv1 TLSv1.1")
    defer { server.stop() }
    let trusting = CurlTransport(maximumConnections: 1, userAgent: "test", certificateAuthorityFile: server.certificate)
    try await expect(failure: .tls, of: trusting, server.request("https://localhost/"))
  }

  @Test func `an authority file that is not there is a TLS error and not a way round the check`() async throws {
    let server = try await TLSServer()
    defer { server.stop() }
    let trusting = CurlTransport(maximumConnections: 1, userAgent: "test", certificateAuthorityFile: server.certificate + ".missing")
    try await expect(failure: .tls, of: trusting, server.request("https://localhost/"))
  }
}

/// nginx with a self-signed certificate for `localhost`, in a folder of its own.
private final class TLSServer {
  private static let nginx = executable("nginx")
  private static let openssl = executable("openssl")
  static var isPossible: Bool { nginx != nil && openssl != nil }

  struct StartFailure: Error, CustomStringConvertible { var description: String }

  let certificate: String
  private let socket: String
  private let folder: URL
  private let process = Process()

  init(protocols: String = "TLSv1.2 TLSv1.3") async throws {
    guard let nginx = Self.nginx, let openssl = Self.openssl else { throw StartFailure(description: "nginx or openssl is missing") }
    // A short path: that of a Unix socket may have 107 bytes.
    folder = URL(fileURLWithPath: "/tmp/concordfs-tls-\(UUID().uuidString.prefix(8))")
    certificate = folder.appending(path: "certificate.pem").path
    socket = folder.appending(path: "socket").path
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    do {
      try makeCertificate(openssl)
      try configuration(protocols: protocols).write(to: folder.appending(path: "nginx.conf"), atomically: false, encoding: .utf8)
      process.executableURL = nginx
      process.arguments = [
        "-p", folder.path, "-e", folder.appending(path: "error.log").path, "-c", folder.appending(path: "nginx.conf").path,
      ]
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
      try await waitUntilListening()
    } catch {
      stop()
      throw error
    }
  }

  func stop() {
    if process.isRunning {
      // Not SIGTERM: it is blocked on the threads of the test runner, and a child inherits that.
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    try? FileManager.default.removeItem(at: folder)
  }

  func request(_ url: String) -> HTTPRequest { HTTPRequest(url: url, timeoutSeconds: 20, unixSocketPath: socket) }

  private func makeCertificate(_ openssl: URL) throws {
    let maker = Process()
    maker.executableURL = openssl
    maker.arguments = [
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
      "-addext", "subjectAltName=DNS:localhost", "-keyout", folder.appending(path: "key.pem").path, "-out", certificate,
    ]
    maker.standardOutput = FileHandle.nullDevice
    maker.standardError = FileHandle.nullDevice
    try maker.run()
    maker.waitUntilExit()
    guard maker.terminationStatus == 0 else { throw StartFailure(description: "openssl ended with \(maker.terminationStatus)") }
  }

  private func configuration(protocols: String) -> String {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(folder.path);" }.joined(separator: " ")
    return """
      daemon off; master_process off; pid \(folder.path)/pid; error_log \(folder.path)/error.log;
      events {}
      http {
        access_log off; \(temporary)
        server {
          listen unix:\(socket) ssl;
          ssl_certificate \(certificate); ssl_certificate_key \(folder.path)/key.pem;
          ssl_protocols \(protocols); ssl_ciphers ALL:@SECLEVEL=0;
          return 200 $ssl_protocol;
        }
      }
      """
  }

  /// Plain http on a TLS port is answered with 400, which needs no certificate.
  private func waitUntilListening() async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    let client = transport(1)
    while ContinuousClock.now < deadline, process.isRunning {
      let probe = HTTPRequest(url: "http://localhost/", timeoutSeconds: 5, unixSocketPath: socket)
      if (try? await client.send(probe)) != nil { return }
      try await Task.sleep(for: .milliseconds(20))
    }
    let log = (try? String(contentsOf: folder.appending(path: "error.log"), encoding: .utf8)) ?? ""
    throw StartFailure(description: "nginx does not answer: \(log)")
  }

  private static func executable(_ name: String) -> URL? {
    ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/bin", "/sbin"].map { URL(fileURLWithPath: "\($0)/\(name)") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }
}
