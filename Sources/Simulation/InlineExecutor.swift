import Synchronization

/// Runs the jobs of one schedule on the thread that asks for them, in the order in which they come: the engine's tasks, however many,
/// interleave the same way each time.
final class InlineExecutor: TaskExecutor {
  private let jobs = Mutex<[UnownedJob]>([])

  func enqueue(_ job: consuming ExecutorJob) {
    let waiting = UnownedJob(job)
    jobs.withLock { $0.append(waiting) }
  }

  /// Runs jobs until none is left.
  private func drain() {
    while let job = jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
      job.runSynchronously(on: asUnownedTaskExecutor())
    }
  }

  /// Runs an asynchronous body to its end on this thread. Nil: it waits for something outside, which no part of a simulation does.
  static func run<Answer: Sendable>(_ body: @escaping @Sendable () async -> Answer) -> Answer? {
    let executor = InlineExecutor()
    let box = Box<Answer>()
    _ = Task(executorPreference: executor) {
      let answer = await body()
      box.value.withLock { $0 = answer }
    }
    executor.drain()
    return box.value.withLock { $0 }
  }

  private final class Box<Answer: Sendable>: Sendable {
    let value = Mutex<Answer?>(nil)
  }
}
