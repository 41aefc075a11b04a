import FaultyDiskShim

/// A disk in memory for SQLite that keeps only what was synced when its power is cut: every other write is lost, kept or torn, as the
/// disk's seed has it.
public final class FaultyDisk: Sendable {
  /// What goes wrong with a write.
  public enum Fault: Sendable, Hashable, CaseIterable {
    /// No room (`SQLITE_FULL`); a part of the write may be there.
    case full
    /// The write fails (`SQLITE_IOERR`); a part of it may be there.
    case writeError
    /// The power goes while the write is under way.
    case powerCut

    var code: faultydisk_fault {
      switch self {
      case .full: FAULTYDISK_FULL
      case .writeError: FAULTYDISK_WRITE_ERROR
      case .powerCut: FAULTYDISK_POWER_CUT
      }
    }
  }

  /// What a disk has seen.
  public struct Counts: Sendable, Hashable {
    /// Writes of files with a name.
    public var writes = 0
    /// Syncs.
    public var syncs = 0
    /// Writes that failed.
    public var refused = 0
    /// Unsynced writes that power cuts lost.
    public var lost = 0
    /// Unsynced writes that power cuts left whole.
    public var kept = 0
    /// Unsynced writes that power cuts left in parts.
    public var torn = 0
  }

  private static let isRegistered = faultydisk_register()
  private let number: Int64

  /// An empty disk.
  /// - Returns: nil where SQLite takes no file systems, or without memory.
  public init?(seed: UInt64) {
    guard Self.isRegistered else { return nil }
    number = faultydisk_create(seed)
    if number == 0 { return nil }
  }

  /// A disk with a copy of another's files.
  public init?(copyOf other: FaultyDisk, seed: UInt64) {
    number = faultydisk_copy(other.number, seed)
    if number == 0 { return nil }
  }

  /// Replaces the files, none of which is open, by copies of another's.
  public func take(from other: FaultyDisk) { faultydisk_replace(number, other.number) }

  /// Remembers the files as they are, open or not, as a state to go back to.
  /// - Returns: false without memory.
  public func mark() -> Bool { faultydisk_mark(number) }

  /// Puts the files back as they were when they were marked; who has them open finds that they changed, as if another process had written.
  /// - Returns: false where it cannot be done: a file is gone, or in use just now. Then what the disk holds is not to be used.
  public func rewind(seed: UInt64) -> Bool { faultydisk_rewind(number, seed) }

  deinit { faultydisk_destroy(number) }

  /// Where SQLite finds a database of this name on the disk.
  public func uri(of name: String) -> String { "file:/\(number)/\(name)?vfs=concordfs-faulty-disk" }

  /// Lets writes fail: those that follow the next `after` ones, `count` of them (0: all).
  public func arm(_ fault: Fault, after: Int, count: Int = 0) { faultydisk_arm(number, fault.code, Int64(after), Int64(count)) }

  /// Nothing goes wrong any more.
  public func disarm() { faultydisk_disarm(number) }

  /// Whether the power was cut in the middle of a write, and the process has not been ended since.
  public var isCut: Bool { faultydisk_is_cut(number) }

  /// Ends the process that has files open: they fail from here on, and can be opened anew.
  /// - Parameter powerLost: what was not synced is lost, kept or torn; else everything that was written is there.
  public func endProcess(powerLost: Bool) { faultydisk_end_process(number, powerLost) }

  /// What the disk has seen so far.
  public var seen: Counts {
    let counts = faultydisk_seen(number)
    return Counts(
      writes: Int(counts.writes), syncs: Int(counts.syncs), refused: Int(counts.refused), lost: Int(counts.lost), kept: Int(counts.kept),
      torn: Int(counts.torn))
  }
}
