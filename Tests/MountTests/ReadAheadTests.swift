import Store
import Testing

@testable import Mount

@Suite struct ReadAheadTests {
  /// Numbers of files of one directory, as far apart as records are.
  private static func file(_ index: Int64, directory: Int64 = 3) -> Int64 { 1 << 62 | directory << 49 | index << 13 }

  private static func outcome(_ last: Int64, marker: Int64?, taken: Int) -> ReadAhead.Outcome {
    ReadAhead.Outcome(last: file(last), marker: marker.map { file($0) }, taken: taken)
  }

  /// Reads files in a row; returns the pushes that were due.
  private func read(_ readAhead: inout ReadAhead, _ range: ClosedRange<Int64>, directory: Int64 = 3) -> [ReadAhead.Push] {
    range.compactMap { readAhead.read(Self.file($0, directory: directory)) }
  }

  private func firstPush(_ readAhead: inout ReadAhead) throws -> ReadAhead.Push {
    let pushes = read(&readAhead, 1...3)
    return try #require(pushes.first)
  }

  @Test func `the third read in a row begins a push beyond a few files that the reader gets by itself`() {
    var readAhead = ReadAhead()
    let before = read(&readAhead, 1...2)
    let third = readAhead.read(Self.file(3))
    #expect(before.isEmpty)
    #expect(
      third
        == ReadAhead.Push(stream: 0, after: Self.file(3), count: ReadAhead.firstWindow, skip: ReadAhead.lead))
  }

  @Test func `while a push is under way no other begins for the same reader`() {
    var readAhead = ReadAhead()
    let pushes = read(&readAhead, 1...40)
    #expect(pushes.count == 1)
  }

  @Test func `reading the file that was left out begins the next push where the last one ended, twice as large`() throws {
    var readAhead = ReadAhead()
    let first = try firstPush(&readAhead)
    readAhead.finished(first, Self.outcome(71, marker: 39, taken: 63))
    let between = read(&readAhead, 4...38)
    let marker = readAhead.read(Self.file(39))
    #expect(between.isEmpty)
    #expect(
      marker
        == ReadAhead.Push(stream: 0, after: Self.file(71), count: 2 * ReadAhead.firstWindow, skip: 0))
  }

  @Test func `pushes grow to their limit and not beyond`() throws {
    var readAhead = ReadAhead()
    var push = try firstPush(&readAhead)
    var last: Int64 = 3
    for _ in 0..<10 {
      last += Int64(push.count)
      readAhead.finished(push, Self.outcome(last, marker: last - 5, taken: push.count - 1))
      let next = readAhead.read(Self.file(last - 5))
      push = try #require(next)
    }
    #expect(push.count == ReadAhead.largestWindow)
  }

  @Test func `a reader who jumped beyond what was pushed starts small again`() throws {
    var readAhead = ReadAhead()
    let first = try firstPush(&readAhead)
    readAhead.finished(first, Self.outcome(67, marker: 35, taken: 63))
    let next = readAhead.read(Self.file(35))
    let second = try #require(next)
    readAhead.finished(second, Self.outcome(195, marker: 131, taken: 127))
    let jumped = readAhead.read(Self.file(5000))
    #expect(
      jumped
        == ReadAhead.Push(stream: 0, after: Self.file(5000), count: ReadAhead.firstWindow, skip: ReadAhead.lead))
  }

  @Test func `pushes that the kernel takes nothing of make pauses that grow`() throws {
    var readAhead = ReadAhead()
    var reads: [Int64] = []
    var (index, push) = (Int64(3), try firstPush(&readAhead))
    for _ in 0..<3 {
      readAhead.finished(push, Self.outcome(index + 16, marker: nil, taken: 0))
      let begun = index
      var next: ReadAhead.Push?
      while next == nil, index < begun + 5000 {
        index += 1
        next = readAhead.read(Self.file(index))
      }
      push = try #require(next)
      reads.append(index - begun)
    }
    #expect(reads[0] > 16 && reads[1] > reads[0] && reads[2] > reads[1])
  }

  @Test func `two readers of one directory are two streams, and the same file twice is no progress`() {
    var readAhead = ReadAhead()
    var pushes: [ReadAhead.Push] = []
    for index in Int64(1)...3 {
      // The second reader is further on.
      for number in [1000 + index, 1000 + index, index] { if let push = readAhead.read(Self.file(number)) { pushes.append(push) } }
    }
    #expect(pushes.map(\.after).contains(Self.file(1003)))
    let again = readAhead.read(Self.file(1003))
    #expect(again == nil)
  }

  @Test func `reads backwards and across directories push nothing`() {
    var readAhead = ReadAhead()
    let backwards = (1...50).reversed().compactMap { readAhead.read(Self.file(Int64($0))) }
    var other = ReadAhead()
    let across = (1...50).compactMap { other.read(Self.file(1, directory: Int64($0))) }
    #expect(backwards.isEmpty && across.isEmpty)
  }

  @Test func `at the end of a directory nothing more is pushed`() throws {
    var readAhead = ReadAhead()
    let push = try firstPush(&readAhead)
    readAhead.finished(push, ReadAhead.Outcome(last: nil, marker: nil, taken: 0))
    let more = read(&readAhead, 4...200)
    #expect(more.isEmpty)
  }
}
