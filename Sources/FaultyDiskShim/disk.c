#include "disk.h"

#include <stdlib.h>
#include <string.h>

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct disk **registry;
static int64_t registry_count, registry_room;

// MARK: Randomness (SplitMix64)

static uint64_t next(struct disk *disk) {
  uint64_t mixed = disk->random += 0x9e3779b97f4a7c15u;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
  return mixed ^ (mixed >> 31);
}

bool disk_chance(struct disk *disk, int percent) { return next(disk) % 100 < (uint64_t)percent; }

// MARK: Bytes

static bool reserve(struct bytes *bytes, int64_t room) {
  if (room <= bytes->room) return true;
  int64_t wanted = bytes->room * 2 > room ? bytes->room * 2 : room;
  uint8_t *larger = realloc(bytes->data, (size_t)wanted);
  if (!larger) return false;
  bytes->data = larger;
  bytes->room = wanted;
  return true;
}

static bool resize(struct bytes *bytes, int64_t size) {
  if (!reserve(bytes, size)) return false;
  if (size > bytes->size) memset(bytes->data + bytes->size, 0, (size_t)(size - bytes->size));
  bytes->size = size;
  return true;
}

bool bytes_put(struct bytes *bytes, const uint8_t *from, int64_t length, int64_t offset) {
  if (length == 0) return true;
  if (!reserve(bytes, offset + length)) return false;
  if (offset > bytes->size) memset(bytes->data + bytes->size, 0, (size_t)(offset - bytes->size));
  memcpy(bytes->data + offset, from, (size_t)length);
  if (offset + length > bytes->size) bytes->size = offset + length;
  return true;
}

// MARK: Files

struct file *file_find(struct disk *disk, const char *name) {
  for (struct file *file = disk->files; file; file = file->next) {
    if (file->is_linked && file->name && strcmp(file->name, name) == 0) return file;
  }
  return NULL;
}

struct file *file_make(struct disk *disk, const char *name) {
  struct file *file = calloc(1, sizeof *file);
  if (!file) return NULL;
  if (name && !(file->name = strdup(name))) {
    free(file);
    return NULL;
  }
  file->is_linked = name != NULL;
  file->next = disk->files;
  disk->files = file;
  return file;
}

void file_forget_changes(struct file *file) {
  for (int index = 0; index < file->change_count; index++) free(file->changes[index].bytes);
  file->change_count = 0;
}

static void file_free(struct disk *disk, struct file *file) {
  for (struct file **place = &disk->files; *place; place = &(*place)->next) {
    if (*place != file) continue;
    *place = file->next;
    break;
  }
  file_forget_changes(file);
  free(file->changes);
  free(file->cache.data);
  free(file->platter.data);
  free(file->name);
  free(file);
}

void file_close(struct disk *disk, struct file *file) {
  file->handles--;
  if (file->handles == 0 && !file->is_linked && !file->is_on_platter) file_free(disk, file);
}

bool file_note(struct file *file, struct change change) {
  if (file->change_count == file->change_room) {
    int room = file->change_room ? file->change_room * 2 : 32;
    struct change *more = realloc(file->changes, sizeof *more * (size_t)room);
    if (!more) return false;
    file->changes = more;
    file->change_room = room;
  }
  file->changes[file->change_count++] = change;
  return true;
}

bool file_write(struct file *file, const uint8_t *from, int64_t length, int64_t offset) {
  struct change change = {.offset = offset, .length = length, .bytes = malloc((size_t)(length > 0 ? length : 1))};
  if (!change.bytes) return false;
  memcpy(change.bytes, from, (size_t)length);
  if (bytes_put(&file->cache, from, length, offset) && file_note(file, change)) return true;
  free(change.bytes);
  return false;
}

bool file_resize(struct file *file, int64_t length) {
  return resize(&file->cache, length) && file_note(file, (struct change){.length = length});
}

static void sync_directory(struct disk *disk) {
  for (struct file *file = disk->files, *following; file; file = following) {
    following = file->next;
    file->is_on_platter = file->is_linked;
    if (file->handles == 0 && !file->is_linked) file_free(disk, file);
  }
}

bool file_sync(struct disk *disk, struct file *file) {
  for (int index = 0; index < file->change_count; index++) {
    struct change change = file->changes[index];
    bool is_done = change.bytes ? bytes_put(&file->platter, change.bytes, change.length, change.offset) : resize(&file->platter, change.length);
    if (!is_done) return false;
  }
  file_forget_changes(file);
  // SQLite syncs the directory with a new file's first sync, and with it what became of other names.
  if (file->is_linked && !file->is_on_platter) sync_directory(disk);
  return true;
}

void file_unlink(struct disk *disk, struct file *file, bool is_synced) {
  file->is_linked = false;
  if (is_synced) sync_directory(disk);
  else if (file->handles == 0 && !file->is_on_platter) file_free(disk, file);
}

void shared_release(struct shared *shared) {
  if (--shared->users > 0) return;
  for (int index = 0; index < shared->regions; index++) free(shared->region[index]);
  free(shared);
}

// MARK: Power

/// How the unsynced writes of one file fare.
enum fate { ALL_LOST, ALL_KEPT, SOME_WRITES, SOME_SECTORS, FIRST_ONES, FATES };

static void settle_write(struct disk *disk, struct file *file, struct change change, int percent) {
  int64_t kept = 0, parts = 0;
  for (int64_t done = 0; done < change.length; parts++) {
    int64_t offset = change.offset + done;
    int64_t length = SECTOR - offset % SECTOR;
    if (length > change.length - done) length = change.length - done;
    if (disk_chance(disk, percent)) {
      bytes_put(&file->platter, change.bytes + done, length, offset);
      kept++;
    }
    done += length;
  }
  if (kept == 0) disk->counts.lost++;
  else if (kept == parts) disk->counts.kept++;
  else disk->counts.torn++;
  // A file may have its new length before it has what belongs there.
  if (change.offset + change.length > file->platter.size && disk_chance(disk, 30)) resize(&file->platter, change.offset + change.length);
}

static void settle(struct disk *disk, struct file *file) {
  enum fate fate = (enum fate)(next(disk) % FATES);
  int first = file->change_count > 0 ? (int)(next(disk) % (uint64_t)file->change_count) : 0;
  for (int index = 0; index < file->change_count; index++) {
    int percent = 0;
    switch (fate) {
    case ALL_KEPT: percent = 100; break;
    case SOME_WRITES: percent = disk_chance(disk, 50) ? 100 : 0; break;
    case SOME_SECTORS: percent = 60; break;
    case FIRST_ONES: percent = index < first ? 100 : index == first ? 50 : 0; break;
    default: break;
    }
    if (file->changes[index].bytes) settle_write(disk, file, file->changes[index], percent);
    else if (disk_chance(disk, percent)) resize(&file->platter, file->changes[index].length);
  }
  file_forget_changes(file);
  // A name that was not synced may be there or not, and so may one whose removal was not.
  if (file->is_linked != file->is_on_platter && disk_chance(disk, 50)) file->is_on_platter = file->is_linked;
  file->is_linked = file->is_on_platter;
  bytes_put(&file->cache, file->platter.data, file->platter.size, 0);
  file->cache.size = file->platter.size;
}

void disk_end_process(struct disk *disk, bool power_lost) {
  disk->process++;
  struct file *following = NULL;
  for (struct file *file = disk->files; file; file = following) {
    following = file->next;
    if (power_lost && file->name) settle(disk, file);
    file->readers = 0;
    file->reserved = file->pending = file->exclusive = NULL;
    if (file->shared) shared_release(file->shared);
    file->shared = NULL;
    if (file->handles == 0 && !file->is_linked && !file->is_on_platter) file_free(disk, file);
  }
}

int disk_take_fault(struct disk *disk) {
  disk->counts.writes++;
  if (!disk->fault) return 0;
  if (disk->fault_after > 0) {
    disk->fault_after--;
    return 0;
  }
  int fault = disk->fault;
  if (disk->fault_count > 0 && --disk->fault_count == 0) disk->fault = 0;
  disk->counts.refused++;
  return fault;
}

// MARK: Disks

static int64_t enter(struct disk *disk) {
  pthread_mutex_init(&disk->lock, NULL);
  disk->users = 1;
  pthread_mutex_lock(&registry_lock);
  int64_t place = 0;
  while (place < registry_count && registry[place]) place++;
  if (place == registry_count) {
    if (registry_count == registry_room) {
      int64_t room = registry_room ? registry_room * 2 : 64;
      struct disk **more = realloc(registry, sizeof *more * (size_t)room);
      if (!more) {
        pthread_mutex_unlock(&registry_lock);
        free(disk);
        return 0;
      }
      registry = more;
      registry_room = room;
    }
    registry_count++;
  }
  registry[place] = disk;
  disk->number = place + 1;
  pthread_mutex_unlock(&registry_lock);
  return disk->number;
}

struct disk *disk_hold(int64_t number) {
  pthread_mutex_lock(&registry_lock);
  struct disk *disk = number > 0 && number <= registry_count ? registry[number - 1] : NULL;
  if (disk) disk->users++;
  pthread_mutex_unlock(&registry_lock);
  return disk;
}

void disk_release(struct disk *disk) {
  pthread_mutex_lock(&registry_lock);
  bool is_last = --disk->users == 0;
  pthread_mutex_unlock(&registry_lock);
  if (!is_last) return;
  while (disk->files) {
    if (disk->files->shared) shared_release(disk->files->shared);
    file_free(disk, disk->files);
  }
  marks_free(disk);
  pthread_mutex_destroy(&disk->lock);
  free(disk);
}

int64_t faultydisk_create(uint64_t seed) {
  struct disk *disk = calloc(1, sizeof *disk);
  if (!disk) return 0;
  disk->random = seed;
  return enter(disk);
}

static void copy_files(struct disk *disk, struct disk *source) {
  pthread_mutex_lock(&source->lock);
  for (struct file *file = source->files; file; file = file->next) {
    if (!file->is_linked) continue;
    struct file *copy = file_make(disk, file->name);
    if (!copy) continue;
    copy->is_on_platter = true;
    bytes_put(&copy->cache, file->cache.data, file->cache.size, 0);
    bytes_put(&copy->platter, file->cache.data, file->cache.size, 0);
  }
  pthread_mutex_unlock(&source->lock);
}

int64_t faultydisk_copy(int64_t number, uint64_t seed) {
  struct disk *source = disk_hold(number);
  struct disk *disk = source ? calloc(1, sizeof *disk) : NULL;
  if (disk) {
    disk->random = seed;
    copy_files(disk, source);
  }
  if (source) disk_release(source);
  return disk ? enter(disk) : 0;
}

void faultydisk_replace(int64_t number, int64_t from) {
  struct disk *disk = disk_hold(number), *source = disk_hold(from);
  if (disk && source) {
    pthread_mutex_lock(&disk->lock);
    for (struct file *file = disk->files, *following; file; file = following) {
      following = file->next;
      if (file->is_linked) file_unlink(disk, file, true);
    }
    copy_files(disk, source);
    pthread_mutex_unlock(&disk->lock);
  }
  if (disk) disk_release(disk);
  if (source) disk_release(source);
}

void faultydisk_destroy(int64_t number) {
  struct disk *disk = disk_hold(number);
  if (!disk) return;
  pthread_mutex_lock(&disk->lock);
  disk->is_gone = true;
  pthread_mutex_unlock(&disk->lock);
  pthread_mutex_lock(&registry_lock);
  bool is_known = registry[number - 1] == disk;
  if (is_known) registry[number - 1] = NULL;
  pthread_mutex_unlock(&registry_lock);
  if (is_known) disk_release(disk);
  disk_release(disk);
}

void faultydisk_arm(int64_t number, faultydisk_fault fault, int64_t after, int64_t count) {
  struct disk *disk = disk_hold(number);
  if (!disk) return;
  pthread_mutex_lock(&disk->lock);
  disk->fault = fault;
  disk->fault_after = after;
  disk->fault_count = count;
  pthread_mutex_unlock(&disk->lock);
  disk_release(disk);
}

void faultydisk_disarm(int64_t number) { faultydisk_arm(number, (faultydisk_fault)0, 0, 0); }

bool faultydisk_is_cut(int64_t number) {
  struct disk *disk = disk_hold(number);
  if (!disk) return false;
  pthread_mutex_lock(&disk->lock);
  bool is_cut = disk->is_cut;
  pthread_mutex_unlock(&disk->lock);
  disk_release(disk);
  return is_cut;
}

void faultydisk_end_process(int64_t number, bool power_lost) {
  struct disk *disk = disk_hold(number);
  if (!disk) return;
  pthread_mutex_lock(&disk->lock);
  // Where the power was cut, that has ended the process already.
  if (!disk->is_cut) disk_end_process(disk, power_lost);
  disk->is_cut = false;
  disk->fault = 0;
  pthread_mutex_unlock(&disk->lock);
  disk_release(disk);
}

faultydisk_counts faultydisk_seen(int64_t number) {
  faultydisk_counts counts = {0};
  struct disk *disk = disk_hold(number);
  if (!disk) return counts;
  pthread_mutex_lock(&disk->lock);
  counts = disk->counts;
  pthread_mutex_unlock(&disk->lock);
  disk_release(disk);
  return counts;
}
