import Store

/// Notices reads that run through neighbouring files, and says how far ahead to push. Pure: it sees numbers and keeps a few of them.
///
/// Of every push one file in its middle is left out. Its READ tells where the reader is: then the next push begins, while the reader
/// goes on through the second half.
struct ReadAhead {
  /// An order to push files that come after a number.
  struct Push: Equatable {
    var stream: Int
    var after: Int64
    var count: Int
    /// The next files, which the reader will have asked for before they could be pushed.
    var skip: Int
  }

  /// What became of a push.
  struct Outcome {
    /// The last file that it dealt with; nil: there was none.
    var last: Int64?
    /// The file that was left out; nil: none.
    var marker: Int64?
    /// Files that the kernel knew and took.
    var taken: Int
  }

  /// One reader's way through a directory.
  private struct Stream {
    var position: Int64
    var reads = 1
    var window = ReadAhead.firstWindow
    /// Everything up to here was pushed.
    var frontier: Int64 = 0
    /// A READ here or further on asks for the next push; nil: the next READ does.
    var trigger: Int64?
    var isBusy = false
    /// READs to wait for before the next try, after pushes that nobody wanted.
    var pause = 0
    var fruitless = 0
    var lastUse = 0
  }

  private var streams: [Stream] = []
  private var clock = 0

  /// Readers told apart at once.
  private static let streamLimit = 8
  /// Files pushed at first, and at most.
  static let firstWindow = 64
  static let largestWindow = 512
  /// Files left to a reader who is just before the first one to push.
  static let lead = 4
  /// READs in order before anything is pushed.
  static let patience = 3
  /// The longest pause after fruitless pushes, in READs.
  private static let longestPause = 1024

  /// A file was read. Returns the push that is due now; nil: none.
  mutating func read(_ ino: Int64) -> Push? {
    clock += 1
    guard let index = stream(of: ino) else {
      begin(at: ino)
      return nil
    }
    streams[index].lastUse = clock
    guard ino != streams[index].position else { return nil }
    streams[index].position = ino
    streams[index].reads += 1
    return due(index)
  }

  /// The stream that the file continues: the nearest one before it in the same directory.
  private func stream(of ino: Int64) -> Int? {
    streams.indices.filter { streams[$0].position <= ino && TreeInode.lastNeighbour(of: streams[$0].position) >= ino }
      .max { streams[$0].position < streams[$1].position }
  }

  private mutating func begin(at ino: Int64) {
    var fresh = Stream(position: ino)
    fresh.lastUse = clock
    if streams.count < Self.streamLimit { return streams.append(fresh) }
    // A stream whose push is under way keeps its place: the outcome is for it.
    guard let oldest = streams.indices.filter({ !streams[$0].isBusy }).min(by: { streams[$0].lastUse < streams[$1].lastUse }) else {
      return
    }
    streams[oldest] = fresh
  }

  private mutating func due(_ index: Int) -> Push? {
    var stream = streams[index]
    defer { streams[index] = stream }
    guard !stream.isBusy, stream.reads >= Self.patience else { return nil }
    if stream.pause > 0 {
      stream.pause -= 1
      return nil
    }
    if let trigger = stream.trigger {
      guard stream.position >= trigger else { return nil }
      // Past everything that was pushed: the reader jumped, or is as fast as the pushing.
      stream.window = stream.position > stream.frontier ? Self.firstWindow : min(stream.window * 2, Self.largestWindow)
    }
    stream.isBusy = true
    let isLate = stream.position >= stream.frontier
    return Push(
      stream: index, after: max(stream.position, stream.frontier), count: stream.window, skip: isLate ? Self.lead : 0)
  }

  /// Where the reader of a stream is.
  func position(of stream: Int) -> Int64 { streams.indices.contains(stream) ? streams[stream].position : 0 }

  /// A push was carried out.
  mutating func finished(_ push: Push, _ outcome: Outcome) {
    guard streams.indices.contains(push.stream) else { return }
    var stream = streams[push.stream]
    stream.isBusy = false
    stream.frontier = outcome.last ?? TreeInode.lastNeighbour(of: push.after)
    stream.trigger = outcome.marker ?? stream.frontier
    if outcome.taken == 0, outcome.last != nil {
      // The kernel knows none of them: their names were not looked up yet, and nothing is gained by pushing.
      stream.fruitless += 1
      stream.pause = min(16 << min(stream.fruitless, 10), Self.longestPause)
      stream.window = Self.firstWindow
    } else {
      stream.fruitless = 0
    }
    streams[push.stream] = stream
  }
}
