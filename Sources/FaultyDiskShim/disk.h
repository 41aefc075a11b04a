// Disks and their files, apart from SQLite's calls.
#ifndef FAULTYDISK_DISK_H
#define FAULTYDISK_DISK_H

#include <pthread.h>

#include "FaultyDiskShim.h"

/// Parts of a write that a disk keeps or loses as a whole, in bytes.
enum { SECTOR = 512, LOCKS = 8 };

/// A write, or a new length, that was not synced.
struct change {
  int64_t offset;
  int64_t length;
  /// NULL: the file gets this length.
  uint8_t *bytes;
};

struct bytes {
  uint8_t *data;
  int64_t size, room;
};

/// What connections of one process share beside the file.
struct shared {
  int users;
  int regions, region_size;
  void *region[64];
  int readers[LOCKS];
  bool writer[LOCKS];
};

struct file {
  struct file *next;
  char *name;
  int handles;
  /// In the directory as the process sees it, and on the platter.
  bool is_linked, is_on_platter;
  struct bytes cache, platter;
  struct change *changes;
  int change_count, change_room;
  struct shared *shared;
  /// Locks of the file itself: holders.
  int readers;
  void *reserved, *pending, *exclusive;
};

struct mark;

struct disk {
  int64_t number;
  int users;
  bool is_gone, is_cut;
  /// Counts the processes; handles of earlier ones fail.
  int process;
  uint64_t random;
  struct file *files;
  int fault;
  int64_t fault_after, fault_count;
  faultydisk_counts counts;
  /// The files as they were when they were marked; NULL: they never were.
  struct mark *marks;
  pthread_mutex_t lock;
};

/// Takes hold of a disk; NULL: there is none. To be released.
struct disk *disk_hold(int64_t number);
void disk_release(struct disk *disk);

/// The fault that hits a write now; 0: none.
int disk_take_fault(struct disk *disk);
/// True so often of a hundred.
bool disk_chance(struct disk *disk, int percent);
/// Ends the process. The caller holds the lock.
void disk_end_process(struct disk *disk, bool power_lost);

struct file *file_find(struct disk *disk, const char *name);
/// NULL without memory. Without a name it is in no directory.
struct file *file_make(struct disk *disk, const char *name);
void file_close(struct disk *disk, struct file *file);
bool file_write(struct file *file, const uint8_t *from, int64_t length, int64_t offset);
bool file_resize(struct file *file, int64_t length);
bool file_sync(struct disk *disk, struct file *file);
void file_unlink(struct disk *disk, struct file *file, bool is_synced);
/// Notes a change as not synced.
bool file_note(struct file *file, struct change change);
void file_forget_changes(struct file *file);
void shared_release(struct shared *shared);

bool bytes_put(struct bytes *bytes, const uint8_t *from, int64_t length, int64_t offset);

void marks_free(struct disk *disk);

#endif
