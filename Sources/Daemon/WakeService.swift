import Configuration
import Exchange
import Model
import Synchronization
import Webhook

/// Between the schedules: listens to the mailboxes and to the ERP, and runs the rounds that they wake.
final class WakeService: Sendable {
  private let coordinator: Coordinator
  private let connect: @Sendable (Settings) -> Connections
  private let note: @Sendable (LogEntry) -> Void
  private let box = WakeBox()
  private let listening: Listening
  /// Says that the configuration, or what the cache knows of the folders, may have changed.
  private let (changes, change) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
  private let webhook = Mutex<(settings: PushSettings?, listener: WebhookListener?, line: String?)>((nil, nil, nil))

  /// - Parameters:
  ///   - connect: the connections of a configuration.
  ///   - note: takes lines for the log.
  init(coordinator: Coordinator, connect: @escaping @Sendable (Settings) -> Connections, note: @escaping @Sendable (LogEntry) -> Void) {
    self.coordinator = coordinator
    self.connect = connect
    self.note = note
    listening = Listening(box: box, now: Surroundings.system.now, onProblem: note)
  }

  /// One line a listener, for `status`.
  var lines: [String] { listening.lines + [webhook.withLock { $0.line }].compactMap { $0 } }

  /// To be called after every round and every reading of the configuration.
  func refresh() { change.yield() }

  /// Runs until the task is cancelled.
  func run(_ source: DaemonSource) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [box] in await WakeLoop(source: source, box: box).run() }
      group.addTask {
        self.refresh()
        for await _ in self.changes { await self.follow() }
      }
      await group.waitForAll()
    }
    await listening.end()
    webhook.withLock { $0 = (nil, nil, nil) }
  }

  /// Brings the listeners in step.
  private func follow() async {
    let settings = await coordinator.settings
    listen(for: settings.erp.push)
    guard settings.accounts.contains(where: { $0.isActive && $0.notifications == .streaming }) else { return await listening.end() }
    do throws(SyncError) {
      let folders = try await coordinator.knownFolders()
      await listening.refresh(settings, clients: connect(settings).listened, folders: folders)
    } catch {
      log(.error, "the folders to listen to cannot be read from the cache: \(error)")
    }
  }

  private func listen(for settings: PushSettings?) {
    guard webhook.withLock({ $0.settings }) != settings else { return }
    // The old one first: the new one may want its port.
    webhook.withLock { $0 = (settings, nil, nil) }
    guard let settings else { return }
    do throws(SyncError) {
      let secret = try SecretReader.value(of: settings.secret)
      let key: String?
      if let tls = settings.tls { key = try SecretReader.value(of: tls.privateKey) } else { key = nil }
      let listener = try WebhookListener(settings, secret: secret, privateKey: key) { [box] in box.add(erp: $0) }
      let line = "ERP: push notifications at \(settings.tls == nil ? "http" : "https")://\(settings.address):\(listener.port)/"
      webhook.withLock { $0 = (settings, listener, line) }
      log(.informational, line)
    } catch {
      webhook.withLock { $0.line = "ERP: no push notifications: \(error)" }
      log(.error, "\(error)")
    }
  }

  private func log(_ level: LogEntry.Level, _ message: String) {
    note(LogEntry(time: Surroundings.system.now(), level: level, message: message))
  }
}
