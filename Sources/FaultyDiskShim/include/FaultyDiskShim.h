#ifndef FAULTYDISKSHIM_H
#define FAULTYDISKSHIM_H

#include <stdbool.h>
#include <stdint.h>

// Disks in memory for SQLite, which keep only what was synced when their power is cut: the rest is lost, kept or torn.
//
// A database lies on one as `file:/NUMBER/name.db?vfs=concordfs-faulty-disk`. All functions may be called from any thread.

/// What goes wrong with a write.
typedef enum {
  /// No room: a part of the write may be there (SQLITE_FULL).
  FAULTYDISK_FULL = 1,
  /// The write, or the sync that follows, fails (SQLITE_IOERR).
  FAULTYDISK_WRITE_ERROR = 2,
  /// The power goes while the write is under way: every later call of who has files open fails.
  FAULTYDISK_POWER_CUT = 3
} faultydisk_fault;

/// What a disk has seen.
typedef struct {
  int64_t writes, syncs, refused;
  /// Unsynced writes at power cuts, by what became of them.
  int64_t lost, kept, torn;
} faultydisk_counts;

/// Makes the disks known to SQLite; once is enough. False: SQLite refuses.
bool faultydisk_register(void);

/// An empty disk; its choices follow from the seed. 0 without memory.
int64_t faultydisk_create(uint64_t seed);

/// A disk with a copy of another's files, all of them synced. 0: there is no such disk, or no memory.
int64_t faultydisk_copy(int64_t disk, uint64_t seed);

/// Replaces a disk's files, none of which is open, by copies of another's.
void faultydisk_replace(int64_t disk, int64_t source);

/// Remembers the files, with what is not synced and what who has them open shares, as a state to go back to. False: no memory.
bool faultydisk_mark(int64_t disk);

/// Puts the files back as they were when they were marked, for who has them open, too: as if another process had done it between two of their
/// transactions. What went wrong or was seen since is forgotten, and the choices follow from the seed. False: it cannot be done, since a
/// file is gone, or in use just now.
bool faultydisk_rewind(int64_t disk, uint64_t seed);

/// Forgets a disk. Files that are still open fail from here on.
void faultydisk_destroy(int64_t disk);

/// Lets the `count` writes (0: all) that follow the next `after` ones fail. One fault at a time; the last call counts.
void faultydisk_arm(int64_t disk, faultydisk_fault fault, int64_t after, int64_t count);

/// Nothing goes wrong any more.
void faultydisk_disarm(int64_t disk);

/// Whether the power was cut, and nobody has ended the process since.
bool faultydisk_is_cut(int64_t disk);

/// Ends the process that has files open: its locks and shared memory are gone, and its calls fail. With `power_lost`, every write that
/// was not synced is lost, kept or torn.
void faultydisk_end_process(int64_t disk, bool power_lost);

/// What a disk has seen so far; all zero where there is none.
faultydisk_counts faultydisk_seen(int64_t disk);

#endif
