// A state of a disk that it can be put back to while its files are open, so that a thousand histories need not open them a thousand times.
#include <stdlib.h>
#include <string.h>

#include "disk.h"

struct mark {
  struct mark *next;
  /// Of no directory: its name, contents, unsynced changes.
  struct file file;
  int regions, region_size;
  uint8_t *shared;
};

void marks_free(struct disk *disk) {
  while (disk->marks) {
    struct mark *mark = disk->marks;
    disk->marks = mark->next;
    file_forget_changes(&mark->file);
    free(mark->file.changes);
    free(mark->file.cache.data);
    free(mark->file.platter.data);
    free(mark->file.name);
    free(mark->shared);
    free(mark);
  }
}

static bool copy_changes(struct file *to, const struct file *from) {
  for (int index = 0; index < from->change_count; index++) {
    struct change change = from->changes[index];
    if (change.bytes) {
      uint8_t *bytes = malloc((size_t)(change.length > 0 ? change.length : 1));
      if (!bytes) return false;
      memcpy(bytes, change.bytes, (size_t)change.length);
      change.bytes = bytes;
    }
    if (!file_note(to, change)) {
      free(change.bytes);
      return false;
    }
  }
  return true;
}

static bool copy_contents(struct file *to, const struct file *from) {
  file_forget_changes(to);
  to->cache.size = to->platter.size = 0;
  to->is_on_platter = from->is_on_platter;
  return bytes_put(&to->cache, from->cache.data, from->cache.size, 0) && bytes_put(&to->platter, from->platter.data, from->platter.size, 0) &&
         copy_changes(to, from);
}

static bool mark_file(struct disk *disk, const struct file *file) {
  struct mark *mark = calloc(1, sizeof *mark);
  if (!mark) return false;
  mark->next = disk->marks;
  disk->marks = mark;
  if (!(mark->file.name = strdup(file->name)) || !copy_contents(&mark->file, file)) return false;
  const struct shared *shared = file->shared;
  if (!shared || shared->regions == 0) return true;
  mark->regions = shared->regions;
  mark->region_size = shared->region_size;
  mark->shared = malloc((size_t)(mark->regions * mark->region_size));
  if (!mark->shared) return false;
  for (int index = 0; index < mark->regions; index++) {
    memcpy(mark->shared + index * mark->region_size, shared->region[index], (size_t)mark->region_size);
  }
  return true;
}

bool faultydisk_mark(int64_t number) {
  struct disk *disk = disk_hold(number);
  if (!disk) return false;
  pthread_mutex_lock(&disk->lock);
  marks_free(disk);
  bool is_done = true;
  for (struct file *file = disk->files; file && is_done; file = file->next) {
    if (file->is_linked) is_done = mark_file(disk, file);
  }
  if (!is_done) marks_free(disk);
  pthread_mutex_unlock(&disk->lock);
  disk_release(disk);
  return is_done;
}

/// Whether nobody is in the middle of something with a file.
static bool is_idle(const struct file *file) {
  if (file->reserved || file->pending || file->exclusive) return false;
  for (int place = 0; file->shared && place < LOCKS; place++) {
    if (file->shared->readers[place] || file->shared->writer[place]) return false;
  }
  return true;
}

static bool can_rewind(struct disk *disk) {
  if (!disk->marks || disk->is_cut || disk->is_gone) return false;
  for (const struct file *file = disk->files; file; file = file->next) {
    if (!is_idle(file)) return false;
  }
  for (const struct mark *mark = disk->marks; mark; mark = mark->next) {
    const struct file *file = file_find(disk, mark->file.name);
    if (!file || (file->shared ? file->shared->regions : 0) < mark->regions) return false;
  }
  return true;
}

static bool rewind_file(struct disk *disk, const struct mark *mark) {
  struct file *file = file_find(disk, mark->file.name);
  if (!copy_contents(file, &mark->file)) return false;
  for (int index = 0; file->shared && index < file->shared->regions; index++) {
    if (index < mark->regions) memcpy(file->shared->region[index], mark->shared + index * mark->region_size, (size_t)mark->region_size);
    else memset(file->shared->region[index], 0, (size_t)file->shared->region_size);
  }
  return true;
}

static bool is_marked(const struct disk *disk, const struct file *file) {
  for (const struct mark *mark = disk->marks; mark; mark = mark->next) {
    if (file->name && strcmp(mark->file.name, file->name) == 0) return true;
  }
  return false;
}

bool faultydisk_rewind(int64_t number, uint64_t seed) {
  struct disk *disk = disk_hold(number);
  if (!disk) return false;
  pthread_mutex_lock(&disk->lock);
  bool is_done = can_rewind(disk);
  for (struct file *file = disk->files, *following; is_done && file; file = following) {
    following = file->next;
    if (file->is_linked && !is_marked(disk, file)) file_unlink(disk, file, false);
  }
  for (const struct mark *mark = disk->marks; is_done && mark; mark = mark->next) is_done = rewind_file(disk, mark);
  if (is_done) {
    disk->random = seed;
    disk->fault = 0;
    disk->counts = (faultydisk_counts){0};
  }
  pthread_mutex_unlock(&disk->lock);
  disk_release(disk);
  return is_done;
}
