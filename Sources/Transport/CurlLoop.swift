import CurlShim
import Model

/// The loop that drives all transfers of a transport. Made, run and ended on one thread.
final class CurlLoop {
  /// Requests that may wait for a slot.
  static let maximumWaiting = 10_000
  /// Milliseconds after which an idle loop looks around though nobody woke it.
  private static let idleMilliseconds: CInt = 60_000
  /// Milliseconds that making a connection may take, TLS included.
  private static let connectMilliseconds = 30_000

  private let mailbox: CurlMailbox
  private let maximumConnections: Int
  private let userAgent: String
  private let authorityFile: String?
  private let multi: OpaquePointer
  private var waiting: [HTTPExchange] = []
  private var running: [UInt64: HTTPExchange] = [:]
  /// Transfers at rest, which are used again.
  private var idle: [OpaquePointer] = []

  /// Nil without memory.
  init?(mailbox: CurlMailbox, maximumConnections: Int, userAgent: String, authorityFile: String?) {
    guard let multi = curlshim_multi_create(maximumConnections) else { return nil }
    self.mailbox = mailbox
    self.maximumConnections = maximumConnections
    self.userAgent = userAgent
    self.authorityFile = authorityFile
    self.multi = multi
    mailbox.setMulti(address: UInt(bitPattern: multi))
  }

  deinit {
    mailbox.setMulti(address: nil)
    for transfer in idle { curlshim_transfer_free(transfer) }
    curlshim_multi_free(multi)
  }

  /// Runs until the mailbox closes.
  func run() {
    while true {
      let (commands, isClosing) = mailbox.take()
      for command in commands { handle(command) }
      if isClosing { break }
      startWaiting()
      guard curlshim_multi_perform(multi) else { break }
      finishEnded()
      // Into the slots that became free; libcurl then does not wait below but goes on with them.
      startWaiting()
      guard curlshim_multi_wait(multi, Self.idleMilliseconds) else { break }
    }
    mailbox.close()
    for command in mailbox.take().commands { handle(command) }
    for exchange in waiting + running.values { end(exchange, .failure(.cancelledTransfer(exchange.job.target))) }
  }

  private func handle(_ command: CurlCommand) {
    switch command {
    case .start(let job):
      let exchange = HTTPExchange(job)
      guard waiting.count < Self.maximumWaiting else {
        return end(
          exchange, .failure(SyncError(.failed, "\(Self.maximumWaiting) requests wait for a connection already; send fewer at once")))
      }
      waiting.append(exchange)
    case .cancel(let identifier):
      if let exchange = running[identifier] {
        end(exchange, .failure(.cancelledTransfer(exchange.job.target)))
      } else if let index = waiting.firstIndex(where: { $0.job.identifier == identifier }) {
        let exchange = waiting.remove(at: index)
        end(exchange, .failure(.cancelledTransfer(exchange.job.target)))
      }
    }
  }

  /// Starts as many as there are slots. They are counted here and not left to libcurl, so that no time limit runs while a request waits.
  private func startWaiting() {
    let count = min(waiting.count, maximumConnections - running.count)
    guard count > 0 else { return }
    let next = waiting.prefix(count)
    waiting.removeFirst(count)
    for exchange in next { start(exchange) }
  }

  private func start(_ exchange: HTTPExchange) {
    guard let transfer = idle.popLast() ?? curlshim_transfer_create() else {
      return end(exchange, .failure(SyncError(.failed, "a request could not start: out of memory")))
    }
    exchange.transfer = transfer
    running[exchange.job.identifier] = exchange
    let added = exchange.job.headerLines.allSatisfy { curlshim_transfer_add_header(transfer, $0) }
    let started =
      added
      && RequestStrings.with(exchange.job, userAgent: userAgent, authorityFile: authorityFile) { request in
        var request = request
        request.connect_timeout_ms = min(request.timeout_ms, Self.connectMilliseconds)
        return curlshim_transfer_start(transfer, multi, &request, exchange.receiver)
      }
    if !started { end(exchange, exchange.result(CURLSHIM_BAD_REQUEST, detail: "")) }
  }

  private func finishEnded() {
    var outcome = CURLSHIM_OK
    while let exchange = HTTPExchange.at(curlshim_multi_next_ended(multi, &outcome)) {
      let detail = exchange.transfer.map { String(cString: curlshim_transfer_error($0)) } ?? ""
      end(exchange, exchange.result(outcome, detail: detail))
    }
  }

  private func end(_ exchange: HTTPExchange, _ result: Result<HTTPResponse, SyncError>) {
    running[exchange.job.identifier] = nil
    if let transfer = exchange.transfer {
      curlshim_transfer_remove(transfer, multi)
      exchange.transfer = nil
      idle.append(transfer)
    }
    exchange.job.answer.resume(returning: result)
  }
}
