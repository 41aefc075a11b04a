import Model

/// Does something with each of these, at most so many at once; the results come in the order of the inputs.
///
/// After the first failure nothing more is begun; what is under way comes to its end, so that its outcome is recorded, before the failure is
/// thrown.
func sideBySide<Input: Sendable, Output: Sendable>(
  _ inputs: [Input], width: Int, _ body: @escaping @Sendable (Input) async throws(SyncError) -> Output
) async throws(SyncError) -> [Output] {
  if inputs.count == 1 { return [try await body(inputs[0])] }
  if width <= 1 {
    var outputs: [Output] = []
    for input in inputs { outputs.append(try await body(input)) }
    return outputs
  }
  if inputs.isEmpty { return [] }
  let results = await withTaskGroup(of: (place: Int, result: Result<Output, SyncError>).self) { group in
    var results: [Int: Result<Output, SyncError>] = [:]
    var begun = 0
    func begin() {
      guard begun < inputs.count else { return }
      let (place, input) = (begun, inputs[begun])
      begun += 1
      group.addTask {
        do throws(SyncError) { return (place, .success(try await body(input))) } catch { return (place, .failure(error)) }
      }
    }
    for _ in 0..<width { begin() }
    var hasFailed = false
    while let done = await group.next() {
      results[done.place] = done.result
      if case .failure = done.result { hasFailed = true }
      if !hasFailed { begin() }
    }
    return results
  }
  var outputs: [Output] = []
  for place in results.keys.sorted() { if let result = results[place] { outputs.append(try result.get()) } }
  return outputs
}
