import Synchronization

/// Runs the jobs of one schedule on the thread that asks for them, in the order in which they come: the engine's tasks, however many,
/// interleave the same way each time.
///
/// `@unchecked Sendable`: jobs are put in by the jobs that run, all of which `drain` runs on its thread.
final class InlineExecutor: TaskExecutor, @unchecked Sendable {
  private var jobs: [UnownedJob] = []
  /// The first that has not run.
  private var next = 0

  func enqueue(_ job: consuming ExecutorJob) { jobs.append(UnownedJob(job)) }

  /// Runs jobs until none is left.
  private func drain() {
    let executor = asUnownedTaskExecutor()
    while next < jobs.count {
      let job = jobs[next]
      next += 1
      if next == jobs.count {
        jobs.removeAll(keepingCapacity: true)
        next = 0
      }
      job.runSynchronously(on: executor)
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
