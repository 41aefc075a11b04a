import FlyingSocks
import Glibc

/// A socket pool that sends small answers at once: without TCP_NODELAY head and body of an answer wait 40 ms for each other.
struct NoDelayPool: AsyncSocketPool {
  private let pool: any AsyncSocketPool

  init(wrapping pool: any AsyncSocketPool) { self.pool = pool }

  func prepare() async throws { try await pool.prepare() }

  func run() async throws { try await pool.run() }

  func suspendSocket(_ socket: Socket, untilReadyFor events: Socket.Events) async throws {
    if events.contains(.read) { try? socket.setValue(true, for: BoolSocketOption(level: CInt(IPPROTO_TCP), name: TCP_NODELAY)) }
    try await pool.suspendSocket(socket, untilReadyFor: events)
  }
}
