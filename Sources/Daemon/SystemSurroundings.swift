import Foundation
import Model

extension Surroundings {
  /// The real clock, the system's random numbers, real waiting.
  static let system = Surroundings(
    now: {
      var time = timespec()
      clock_gettime(CLOCK_REALTIME, &time)
      return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    },
    random: { UInt64.random(in: .min ... .max) },
    sleep: { try await Task.sleep(for: .milliseconds($0)) })
}
