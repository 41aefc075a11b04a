import Control
import Dispatch
import Foundation
public import Model
import Mount
import Store
import SyncEngine
import Synchronization

extension Service {
  /// Mounts the tree and synchronizes on schedule and on demand until it is unmounted or told to stop (SIGTERM, SIGINT).
  /// - Parameters:
  ///   - options: FUSE options as given to `-o`.
  ///   - echo: where log lines go besides the store.
  ///   - ready: called once the tree is mounted.
  public func mount(
    at directory: String, options: [String], echo: @escaping @Sendable (LogEntry) -> Void, ready: @escaping @Sendable () -> Void
  ) async throws(SyncError) {
    let settings = try await Self.completed(settings)
    let lock = try StoreLock.acquire(path: settings.store)
    defer { lock.release() }
    let store = try Store(path: settings.store)
    defer { store.close() }
    let connections = Mutex((settings: settings, open: try Connections(settings)))
    try MountedTree.prune(store, settings)
    let log = try LogBuffer(store: store)
    let fileSystem = Mutex<FileSystem?>(nil)
    let changed: @Sendable () -> Void = { fileSystem.withLock { $0 }?.controlChanged() }
    let installation = Installation.system(settings)
    let connect: @Sendable (Settings) -> Connections = { settings in
      connections.withLock { known in
        // A changed configuration may name other servers or secrets. It was tried when it was read.
        if known.settings != settings, let fresh = try? Connections(settings) { known = (settings, fresh) }
        return known.open
      }
    }
    let note: @Sendable (LogEntry) -> Void = { entry in
      log.append(entry)
      echo(entry)
    }
    let coordinator = Coordinator(settings: settings) { settings in
      SyncEngine(settings: settings, parts: connect(settings).parts(store: store, installation: installation, echo: note))
    }
    try await coordinator.reload(settings)
    let wakes = WakeService(coordinator: coordinator, connect: connect, note: note)
    let source = DaemonSource(
      settings: settings, configurationPath: configurationPath, store: store, coordinator: coordinator, log: log, mountPoint: directory,
      wakes: wakes, onChange: changed)
    let tree = try FileSystem(store: store, control: ControlFiles(source: source), options: MountOptions(options: options))
    try tree.mount(at: directory)
    fileSystem.withLock { $0 = tree }
    lock.note(mountPoint: directory)
    let signals = SignalHandling(
      stop: { tree.unmount() },
      reload: {
        Task {
          if case .failure(let error) = await source.reload() { echo(LogEntry(time: source.now(), level: .error, message: "\(error)")) }
        }
      })
    let schedules = Task { await ScheduleLoop(source: source).run() }
    let woken = Task { await wakes.run(source) }
    ready()
    let end = await Self.serve(tree)
    schedules.cancel()
    woken.cancel()
    signals.end()
    await coordinator.cancel()
    await woken.value
    await connections.withLock { $0.open }.close()
    try end.get()
  }

  /// libfuse's loop blocks: it has a thread of its own, not one of the tasks'.
  private static func serve(_ tree: FileSystem) async -> Result<Void, SyncError> {
    await withCheckedContinuation { continuation in
      let thread = Thread { continuation.resume(returning: Result { () throws(SyncError) in try tree.run() }) }
      thread.name = "fuse"
      thread.stackSize = 4 << 20
      thread.start()
    }
  }
}

/// SIGTERM and SIGINT end the daemon, SIGHUP reads the configuration again.
final class SignalHandling: @unchecked Sendable {
  // Sendable by hand: the list is a constant, and Dispatch's sources may be cancelled from any thread.
  private let sources: [any DispatchSourceSignal]

  init(stop: @escaping @Sendable () -> Void, reload: @escaping @Sendable () -> Void) {
    sources = [(SIGTERM, stop), (SIGINT, stop), (SIGHUP, reload)].map { number, action in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler(handler: action)
      source.resume()
      return source
    }
  }

  func end() { for source in sources { source.cancel() } }
}
