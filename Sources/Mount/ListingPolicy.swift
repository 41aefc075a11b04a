/// Chooses listings with or without attributes by what the reader did before. Pure.
///
/// Attributes in listings save `ls -l`, `grep -r` and their kind a request a file; to `find` they are three times the work for nothing.
/// The first entries of the first folder that a process lists come without attributes: a process that looks at them (it asks for them
/// by name) gets attributes from then on, one that goes on to another folder without looking gets names alone.
///
/// Who walks over everything comes by control files first, and shows there what it does with files: then no test is needed.
struct ListingPolicy {
  private enum Habit { case looks, namesAlone }

  private struct Reader {
    var habit: Habit?
    /// The folder that is the test, and the entries given without attributes in it.
    var probe: Int64?
    /// It listed control files.
    var hasSeenControl = false
    var lastUse: Int
  }

  private var readers: [Int32: Reader] = [:]
  /// Who listed a folder last without attributes.
  private var listedBare: [Int64: Int32] = [:]
  private var clock = 0
  /// Entries looked up in folders whose listings the kernel keeps without attributes.
  private var lookups = 0

  /// Processes remembered.
  private static let readerLimit = 64
  /// Folders remembered.
  private static let folderLimit = 65_536
  /// Entries of the test.
  static let probeSize = 8
  /// Looks at kept listings without attributes before they are dropped.
  static let lookupsBeforeDrop = 16

  /// How many of the next entries of a folder to give without attributes, to this process.
  /// - Parameter isStart: the listing begins.
  mutating func bareEntries(_ process: Int32, folder: Int64, isStart: Bool) -> Int {
    var reader = reader(process)
    defer { readers[process] = reader }
    if reader.habit == nil, let probe = reader.probe, probe != folder { reader.habit = .namesAlone }
    if reader.habit == nil, reader.hasSeenControl { reader.habit = .namesAlone }
    switch reader.habit {
    case .looks: return 0
    case .namesAlone:
      note(folder, process)
      return .max
    case nil:
      guard isStart else { return 0 }
      reader.probe = folder
      note(folder, process)
      return Self.probeSize
    }
  }

  /// What is known of a process; the longest unseen is forgotten for a new one.
  private mutating func reader(_ process: Int32) -> Reader {
    clock += 1
    if readers[process] == nil, readers.count >= Self.readerLimit, let oldest = readers.min(by: { $0.value.lastUse < $1.value.lastUse }) {
      readers[oldest.key] = nil
    }
    var reader = readers[process] ?? Reader(lastUse: clock)
    reader.lastUse = clock
    return reader
  }

  /// A process lists a directory with control files.
  mutating func listControl(_ process: Int32) {
    var reader = reader(process)
    reader.hasSeenControl = true
    readers[process] = reader
  }

  /// A process asked for a control file by its name.
  mutating func lookupControl(_ process: Int32) {
    // Most who do so never list anything: no reason to remember them.
    if readers[process]?.hasSeenControl == true { readers[process]?.habit = .looks }
  }

  private mutating func note(_ folder: Int64, _ process: Int32) {
    if listedBare.count >= Self.folderLimit { listedBare = [:] }
    listedBare[folder] = process
  }

  /// A process asked for a file by its name.
  /// - Returns: folders whose kept listings lack attributes that are wanted now.
  mutating func lookup(_ process: Int32, folder: Int64) -> [Int64] {
    clock += 1
    guard let lister = listedBare[folder] else { return [] }
    for one in Set([process, lister]) {
      // Who lists for others, as `find | xargs`, lists with attributes from now on.
      guard one == process || readers[one] != nil else { continue }
      readers[one] = Reader(habit: .looks, probe: nil, lastUse: clock)
    }
    lookups += 1
    guard lookups >= Self.lookupsBeforeDrop else { return [] }
    lookups = 0
    defer { listedBare = [:] }
    return Array(listedBare.keys)
  }
}
