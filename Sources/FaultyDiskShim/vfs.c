// The disks as a file system of SQLite (https://sqlite.org/c3ref/vfs.html), with what the log needs: locks and shared memory.
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"

/// An open file.
struct handle {
  sqlite3_file base;
  struct disk *disk;
  struct file *file;
  int process;
  int level;
  bool removes_itself;
  struct shared *shared;
  int shared_locks, exclusive_locks;
};

static struct handle *of(sqlite3_file *file) { return (struct handle *)file; }

/// Takes the disk's lock; false: the process that opened the file has ended, and the lock is not held.
static bool enter(struct handle *handle) {
  pthread_mutex_lock(&handle->disk->lock);
  if (handle->process == handle->disk->process && !handle->disk->is_cut && !handle->disk->is_gone) return true;
  pthread_mutex_unlock(&handle->disk->lock);
  return false;
}

static int leave(struct handle *handle, int code) {
  pthread_mutex_unlock(&handle->disk->lock);
  return code;
}

// MARK: Locks

static int unlock_to(struct handle *handle, int level) {
  struct file *file = handle->file;
  if (file->exclusive == handle && level < SQLITE_LOCK_EXCLUSIVE) file->exclusive = NULL;
  if (file->pending == handle && level < SQLITE_LOCK_PENDING) file->pending = NULL;
  if (file->reserved == handle && level < SQLITE_LOCK_RESERVED) file->reserved = NULL;
  if (handle->level >= SQLITE_LOCK_SHARED && level < SQLITE_LOCK_SHARED) file->readers--;
  handle->level = level;
  return SQLITE_OK;
}

static int unlock(sqlite3_file *base, int level) {
  if (!enter(of(base))) return SQLITE_OK;
  if (of(base)->level > level) unlock_to(of(base), level);
  return leave(of(base), SQLITE_OK);
}

static bool is_others(const void *holder, const struct handle *handle) { return holder && holder != handle; }

static int lock(sqlite3_file *base, int level) {
  struct handle *handle = of(base);
  if (!enter(handle)) return SQLITE_IOERR_LOCK;
  struct file *file = handle->file;
  if (handle->level >= level) return leave(handle, SQLITE_OK);
  if (level == SQLITE_LOCK_SHARED) {
    if (is_others(file->exclusive, handle) || is_others(file->pending, handle)) return leave(handle, SQLITE_BUSY);
    file->readers++;
  } else {
    if (is_others(file->reserved, handle) || is_others(file->pending, handle)) return leave(handle, SQLITE_BUSY);
    if (level == SQLITE_LOCK_RESERVED) file->reserved = handle;
    else {
      file->pending = handle;
      if (handle->level < SQLITE_LOCK_PENDING) handle->level = SQLITE_LOCK_PENDING;
      if (file->readers > 1) return leave(handle, SQLITE_BUSY);
      file->exclusive = handle;
    }
  }
  handle->level = level;
  return leave(handle, SQLITE_OK);
}

static int check_reserved(sqlite3_file *base, int *result) {
  if (!enter(of(base))) return SQLITE_IOERR_CHECKRESERVEDLOCK;
  struct file *file = of(base)->file;
  *result = file->reserved || file->pending || file->exclusive;
  return leave(of(base), SQLITE_OK);
}

// MARK: Shared memory

static int shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **memory) {
  struct handle *handle = of(base);
  *memory = NULL;
  if (!enter(handle)) return SQLITE_IOERR_SHMMAP;
  if (!handle->shared) {
    if (!handle->file->shared) {
      handle->file->shared = calloc(1, sizeof(struct shared));
      if (!handle->file->shared) return leave(handle, SQLITE_NOMEM);
      // The file holds it as long as the process lives.
      handle->file->shared->users = 1;
    }
    handle->shared = handle->file->shared;
    handle->shared->users++;
  }
  struct shared *shared = handle->shared;
  if (region >= (int)(sizeof shared->region / sizeof *shared->region)) return leave(handle, SQLITE_IOERR_SHMSIZE);
  while (shared->regions <= region) {
    if (!extend) return leave(handle, SQLITE_OK);
    void *fresh = calloc(1, (size_t)size);
    if (!fresh) return leave(handle, SQLITE_NOMEM);
    shared->region[shared->regions++] = fresh;
    shared->region_size = size;
  }
  *memory = shared->region[region];
  return leave(handle, SQLITE_OK);
}

static void shm_unlock(struct handle *handle, int first, int count) {
  for (int place = first; place < first + count; place++) {
    int bit = 1 << place;
    if (handle->shared_locks & bit) handle->shared->readers[place]--;
    if (handle->exclusive_locks & bit) handle->shared->writer[place] = false;
    handle->shared_locks &= ~bit;
    handle->exclusive_locks &= ~bit;
  }
}

static int shm_lock(sqlite3_file *base, int first, int count, int flags) {
  struct handle *handle = of(base);
  if (!enter(handle)) return flags & SQLITE_SHM_UNLOCK ? SQLITE_OK : SQLITE_IOERR_SHMLOCK;
  struct shared *shared = handle->shared;
  if (!shared) return leave(handle, SQLITE_IOERR_SHMLOCK);
  if (flags & SQLITE_SHM_UNLOCK) {
    shm_unlock(handle, first, count);
    return leave(handle, SQLITE_OK);
  }
  for (int place = first; place < first + count; place++) {
    int own = handle->shared_locks >> place & 1;
    bool is_taken = shared->writer[place] && !(handle->exclusive_locks >> place & 1);
    if (flags & SQLITE_SHM_EXCLUSIVE) is_taken = is_taken || shared->readers[place] > own;
    if (is_taken) return leave(handle, SQLITE_BUSY);
  }
  for (int place = first; place < first + count; place++) {
    int bit = 1 << place;
    if (flags & SQLITE_SHM_EXCLUSIVE) {
      handle->exclusive_locks |= bit;
      shared->writer[place] = true;
    } else if (!(handle->shared_locks & bit)) {
      handle->shared_locks |= bit;
      shared->readers[place]++;
    }
  }
  return leave(handle, SQLITE_OK);
}

static void shm_barrier(sqlite3_file *base) {
  (void)base;
  __sync_synchronize();
}

static int shm_unmap(sqlite3_file *base, int removes) {
  struct handle *handle = of(base);
  pthread_mutex_lock(&handle->disk->lock);
  if (handle->shared) {
    shm_unlock(handle, 0, LOCKS);
    if (removes && handle->file->shared == handle->shared) {
      handle->file->shared = NULL;
      shared_release(handle->shared);
    }
    shared_release(handle->shared);
    handle->shared = NULL;
  }
  return leave(handle, SQLITE_OK);
}

// MARK: Contents

static int close_file(sqlite3_file *base) {
  struct handle *handle = of(base);
  struct disk *disk = handle->disk;
  shm_unmap(base, 0);
  pthread_mutex_lock(&disk->lock);
  if (handle->process == disk->process && !disk->is_cut) {
    unlock_to(handle, SQLITE_LOCK_NONE);
    if (handle->removes_itself && handle->file->is_linked) {
      handle->file->handles++;
      file_unlink(disk, handle->file, false);
      handle->file->handles--;
    }
  }
  file_close(disk, handle->file);
  pthread_mutex_unlock(&disk->lock);
  disk_release(disk);
  return SQLITE_OK;
}

static int read_file(sqlite3_file *base, void *to, int length, sqlite3_int64 offset) {
  struct handle *handle = of(base);
  if (!enter(handle)) return SQLITE_IOERR_READ;
  struct bytes *bytes = &handle->file->cache;
  int64_t there = offset < bytes->size ? bytes->size - offset : 0;
  if (there > length) there = length;
  if (there > 0) memcpy(to, bytes->data + offset, (size_t)there);
  memset((char *)to + there, 0, (size_t)(length - there));
  return leave(handle, there == length ? SQLITE_OK : SQLITE_IOERR_SHORT_READ);
}

static int write_file(sqlite3_file *base, const void *from, int length, sqlite3_int64 offset) {
  struct handle *handle = of(base);
  if (!enter(handle)) return SQLITE_IOERR_WRITE;
  struct disk *disk = handle->disk;
  int fault = handle->file->name ? disk_take_fault(disk) : 0;
  if (fault == FAULTYDISK_FULL || fault == FAULTYDISK_WRITE_ERROR) {
    if (disk_chance(disk, 50)) file_write(handle->file, from, length / 2, offset);
    return leave(handle, fault == FAULTYDISK_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE);
  }
  if (!file_write(handle->file, from, length, offset)) return leave(handle, SQLITE_IOERR_NOMEM);
  if (fault != FAULTYDISK_POWER_CUT) return leave(handle, SQLITE_OK);
  disk_end_process(disk, true);
  disk->is_cut = true;
  return leave(handle, SQLITE_IOERR_WRITE);
}

static int truncate_file(sqlite3_file *base, sqlite3_int64 size) {
  if (!enter(of(base))) return SQLITE_IOERR_TRUNCATE;
  return leave(of(base), file_resize(of(base)->file, size) ? SQLITE_OK : SQLITE_IOERR_NOMEM);
}

static int sync_file(sqlite3_file *base, int flags) {
  (void)flags;
  struct handle *handle = of(base);
  if (!enter(handle)) return SQLITE_IOERR_FSYNC;
  handle->disk->counts.syncs++;
  return leave(handle, file_sync(handle->disk, handle->file) ? SQLITE_OK : SQLITE_IOERR_FSYNC);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
  if (!enter(of(base))) return SQLITE_IOERR_FSTAT;
  *size = of(base)->file->cache.size;
  return leave(of(base), SQLITE_OK);
}

static int file_control(sqlite3_file *base, int operation, void *argument) {
  (void)base, (void)operation, (void)argument;
  return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *base) {
  (void)base;
  return 4096;
}

/// As SQLite assumes of every disk on Unix: a write changes nothing beside its bytes.
static int characteristics(sqlite3_file *base) {
  (void)base;
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock,
    .xUnlock = unlock,
    .xCheckReservedLock = check_reserved,
    .xFileControl = file_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

// MARK: Names

/// The disk of a path, `/NUMBER/name`; to be released.
static struct disk *disk_of(const char *path) { return path && path[0] == '/' ? disk_hold(strtoll(path + 1, NULL, 10)) : NULL; }

/// The name of a path on its disk.
static const char *name_of(const char *path) {
  const char *name = path && path[0] == '/' ? strchr(path + 1, '/') : NULL;
  return name ? name + 1 : path;
}

static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *given) {
  (void)vfs;
  struct handle *handle = of(base);
  memset(handle, 0, sizeof *handle);
  // What has no name lies on a disk of its own.
  struct disk *disk = path ? disk_of(path) : disk_hold(faultydisk_create(0));
  if (!disk) return SQLITE_CANTOPEN;
  pthread_mutex_lock(&disk->lock);
  bool is_usable = !disk->is_cut && !disk->is_gone;
  struct file *file = is_usable && path ? file_find(disk, name_of(path)) : NULL;
  if (is_usable && !file && (!path || flags & SQLITE_OPEN_CREATE)) file = file_make(disk, name_of(path));
  if (file) {
    file->handles++;
    handle->file = file;
    handle->disk = disk;
    handle->process = disk->process;
    handle->removes_itself = flags & SQLITE_OPEN_DELETEONCLOSE;
    handle->base.pMethods = &methods;
    if (given) *given = flags;
  }
  int64_t number = disk->number;
  pthread_mutex_unlock(&disk->lock);
  if (!path) faultydisk_destroy(number);
  if (!path && file) disk->is_gone = false;
  if (file) return SQLITE_OK;
  disk_release(disk);
  return SQLITE_CANTOPEN;
}

static int delete_file(sqlite3_vfs *vfs, const char *path, int syncs_directory) {
  (void)vfs;
  struct disk *disk = disk_of(path);
  if (!disk) return SQLITE_IOERR_DELETE;
  pthread_mutex_lock(&disk->lock);
  int code = SQLITE_IOERR_DELETE;
  if (!disk->is_cut && !disk->is_gone) {
    struct file *file = file_find(disk, name_of(path));
    code = file ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
    if (file) file_unlink(disk, file, syncs_directory);
  }
  pthread_mutex_unlock(&disk->lock);
  disk_release(disk);
  return code;
}

static int has_access(sqlite3_vfs *vfs, const char *path, int flags, int *result) {
  (void)vfs, (void)flags;
  *result = 0;
  struct disk *disk = disk_of(path);
  if (!disk) return SQLITE_OK;
  pthread_mutex_lock(&disk->lock);
  struct file *file = file_find(disk, name_of(path));
  *result = file != NULL && (flags != SQLITE_ACCESS_EXISTS || file->cache.size > 0);
  pthread_mutex_unlock(&disk->lock);
  disk_release(disk);
  return SQLITE_OK;
}

static int full_name(sqlite3_vfs *vfs, const char *path, int room, char *full) {
  (void)vfs;
  if (strlen(path) >= (size_t)room) return SQLITE_CANTOPEN;
  strcpy(full, path);
  return SQLITE_OK;
}

// Of the system: nothing that a simulated history depends on.
static sqlite3_vfs *system_vfs;

static int randomness(sqlite3_vfs *vfs, int count, char *bytes) {
  (void)vfs;
  return system_vfs->xRandomness(system_vfs, count, bytes);
}

static int wait_for(sqlite3_vfs *vfs, int microseconds) {
  (void)vfs;
  return system_vfs->xSleep(system_vfs, microseconds);
}

static int current_time(sqlite3_vfs *vfs, double *days) {
  (void)vfs;
  return system_vfs->xCurrentTime(system_vfs, days);
}

static int last_error(sqlite3_vfs *vfs, int room, char *text) {
  (void)vfs, (void)room, (void)text;
  return 0;
}

static sqlite3_vfs faulty_vfs = {
    .iVersion = 1,
    .szOsFile = sizeof(struct handle),
    .mxPathname = 255,
    .zName = "concordfs-faulty-disk",
    .xOpen = open_file,
    .xDelete = delete_file,
    .xAccess = has_access,
    .xFullPathname = full_name,
    .xRandomness = randomness,
    .xSleep = wait_for,
    .xCurrentTime = current_time,
    .xGetLastError = last_error,
};

bool faultydisk_register(void) {
  // SQLite would count every allocation under one lock for all threads. Refused, and of no matter, where SQLite runs already.
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  if (!system_vfs) system_vfs = sqlite3_vfs_find(NULL);
  return system_vfs && sqlite3_vfs_register(&faulty_vfs, 0) == SQLITE_OK;
}
