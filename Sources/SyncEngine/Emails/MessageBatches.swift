import Model

extension Executor {
  /// Does something with messages in batches, several at once within the account's `concurrency`, as far as there is room for them.
  /// - Parameter size: how many bytes a message takes; nil: not known, it goes alone.
  func inMessageBatches<Output: Sendable>(
    _ writes: [DueWrite], width: Int, size: (DueWrite) -> Int?,
    _ body: @escaping @Sendable ([DueWrite]) async throws(SyncError) -> Output
  ) async throws(SyncError) -> [Output] {
    let batches = MessageBatch.batches(writes, most: min(spoke.account.updateBatch, exchange.writeBatch), size: size)
    return try await sideBySide(batches, width: width) { batch throws(SyncError) in
      await parts.messageBytes.enter(batch.bytes)
      defer { parts.messageBytes.leave(batch.bytes) }
      return try await body(batch.elements)
    }
  }

  /// The bytes of messages, together.
  func contents(of ids: [ItemID]) async throws(SyncError) -> [Result<[UInt8], SyncError>] {
    try await oneByOneIfRefused(ids) { ids throws(SyncError) in try await exchange.contents(of: ids, in: spoke.mailbox) }
  }

  /// Asks for several at once, and for each by itself where that fails: one of them may be what the server or its answer breaks at.
  func oneByOneIfRefused<Input: Sendable, Answer: Sendable>(
    _ inputs: [Input], _ ask: ([Input]) async throws(SyncError) -> [Result<Answer, SyncError>]
  ) async throws(SyncError) -> [Result<Answer, SyncError>] {
    if inputs.isEmpty { return [] }
    do throws(SyncError) { return try await ask(inputs) } catch {
      if error.stopsAccount { throw error }
      if inputs.count == 1 { return [.failure(error)] }
    }
    var answers: [Result<Answer, SyncError>] = []
    for input in inputs {
      do throws(SyncError) { answers += try await ask([input]) } catch {
        if error.stopsAccount { throw error }
        answers.append(.failure(error))
      }
    }
    return answers
  }
}
