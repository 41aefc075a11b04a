#define FUSE_USE_VERSION 314
#define _GNU_SOURCE
#include "FuseShim.h"
#include <errno.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>

struct cfs_session {
  struct fuse_session *session;
  cfs_operations operations;
  void *context;
  pthread_t thread;
  atomic_int state;
};

enum { LOOP_NOT_STARTED, LOOP_RUNS, LOOP_ENDED };

static cfs_session *self(fuse_req_t request) { return fuse_req_userdata(request); }
static cfs_request *wrap(fuse_req_t request) { return (cfs_request *)request; }
static fuse_req_t unwrap(cfs_request *request) { return (fuse_req_t)request; }

static void op_init(void *data, struct fuse_conn_info *connection) {
  (void)data;
  // Listings with attributes always: one round trip a page instead of one a file.
  connection->want |= connection->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_READ);
  connection->want &= ~(unsigned)(FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_WRITEBACK_CACHE);
}

static void op_lookup(fuse_req_t r, fuse_ino_t parent, const char *name) {
  self(r)->operations.lookup(self(r)->context, wrap(r), parent, name, fuse_req_ctx(r)->pid);
}

static void op_forget(fuse_req_t r, fuse_ino_t ino, uint64_t count) {
  (void)count;
  self(r)->operations.forget(self(r)->context, ino);
  fuse_reply_none(r);
}

static void op_forget_multi(fuse_req_t r, size_t count, struct fuse_forget_data *forgets) {
  for (size_t i = 0; i < count; i++) self(r)->operations.forget(self(r)->context, forgets[i].ino);
  fuse_reply_none(r);
}

static void op_getattr(fuse_req_t r, fuse_ino_t ino, struct fuse_file_info *fi) {
  (void)fi;
  self(r)->operations.getattr(self(r)->context, wrap(r), ino);
}

static void op_setattr(fuse_req_t r, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi) {
  (void)attr;
  (void)fi;
  int times = FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW | FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_CTIME;
  self(r)->operations.setattr(self(r)->context, wrap(r), ino, (to_set & ~(FUSE_SET_ATTR_SIZE | times)) == 0);
}

// ENOSYS once, and the kernel opens without asking and keeps its caches.
static void op_open(fuse_req_t r, fuse_ino_t ino, struct fuse_file_info *fi) {
  (void)ino;
  (void)fi;
  fuse_reply_err(r, ENOSYS);
}

static void op_read(fuse_req_t r, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi) {
  (void)fi;
  self(r)->operations.read(self(r)->context, wrap(r), ino, size, offset);
}

static void op_write(fuse_req_t r, fuse_ino_t ino, const char *bytes, size_t size, off_t offset, struct fuse_file_info *fi) {
  (void)fi;
  self(r)->operations.write(self(r)->context, wrap(r), ino, (const uint8_t *)bytes, size, offset, fuse_req_ctx(r)->uid);
}

static void op_readdir(fuse_req_t r, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi) {
  (void)fi;
  self(r)->operations.readdir(self(r)->context, wrap(r), ino, size, offset, 0, fuse_req_ctx(r)->pid);
}

static void op_readdirplus(fuse_req_t r, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi) {
  (void)fi;
  self(r)->operations.readdir(self(r)->context, wrap(r), ino, size, offset, 1, fuse_req_ctx(r)->pid);
}

static void op_statfs(fuse_req_t r, fuse_ino_t ino) {
  (void)ino;
  self(r)->operations.statfs(self(r)->context, wrap(r));
}

static void op_getxattr(fuse_req_t r, fuse_ino_t ino, const char *name, size_t size) {
  self(r)->operations.getxattr(self(r)->context, wrap(r), ino, name, size);
}

static void op_listxattr(fuse_req_t r, fuse_ino_t ino, size_t size) { self(r)->operations.listxattr(self(r)->context, wrap(r), ino, size); }

// The tree is made from records: nothing is created, removed or renamed in it by hand.
static void op_mknod(fuse_req_t r, fuse_ino_t p, const char *n, mode_t m, dev_t d) { (void)p; (void)n; (void)m; (void)d; fuse_reply_err(r, EROFS); }
static void op_mkdir(fuse_req_t r, fuse_ino_t p, const char *n, mode_t m) { (void)p; (void)n; (void)m; fuse_reply_err(r, EROFS); }
static void op_unlink(fuse_req_t r, fuse_ino_t p, const char *n) { (void)p; (void)n; fuse_reply_err(r, EROFS); }
static void op_symlink(fuse_req_t r, const char *l, fuse_ino_t p, const char *n) { (void)l; (void)p; (void)n; fuse_reply_err(r, EROFS); }
static void op_rename(fuse_req_t r, fuse_ino_t p, const char *n, fuse_ino_t q, const char *m, unsigned f) {
  (void)p; (void)n; (void)q; (void)m; (void)f;
  fuse_reply_err(r, EROFS);
}
static void op_link(fuse_req_t r, fuse_ino_t i, fuse_ino_t p, const char *n) { (void)i; (void)p; (void)n; fuse_reply_err(r, EROFS); }
static void op_create(fuse_req_t r, fuse_ino_t p, const char *n, mode_t m, struct fuse_file_info *fi) {
  (void)p; (void)n; (void)m; (void)fi;
  fuse_reply_err(r, EROFS);
}
static void op_setxattr(fuse_req_t r, fuse_ino_t i, const char *n, const char *v, size_t s, int f) {
  (void)i; (void)n; (void)v; (void)s; (void)f;
  fuse_reply_err(r, EROFS);
}
static void op_removexattr(fuse_req_t r, fuse_ino_t i, const char *n) { (void)i; (void)n; fuse_reply_err(r, EROFS); }

static const struct fuse_lowlevel_ops lowlevel = {
    .init = op_init, .lookup = op_lookup, .forget = op_forget, .forget_multi = op_forget_multi, .getattr = op_getattr, .setattr = op_setattr,
    .open = op_open, .opendir = op_open, .read = op_read, .write = op_write, .readdir = op_readdir, .readdirplus = op_readdirplus,
    .statfs = op_statfs, .getxattr = op_getxattr, .listxattr = op_listxattr, .mknod = op_mknod, .mkdir = op_mkdir, .unlink = op_unlink,
    .rmdir = op_unlink, .symlink = op_symlink, .rename = op_rename, .link = op_link, .create = op_create, .setxattr = op_setxattr,
    .removexattr = op_removexattr,
};

// libfuse says why a mount failed only in its log.
static char log_text[512];
static void keep_log(enum fuse_log_level level, const char *format, va_list arguments) {
  if (level <= FUSE_LOG_WARNING) vsnprintf(log_text, sizeof log_text, format, arguments);
}

cfs_session *cfs_session_mount(const char *mount_point, const char *options, const cfs_operations *operations, void *context, char *error,
                               size_t error_size) {
  cfs_session *session = calloc(1, sizeof *session);
  if (!session) return NULL;
  session->operations = *operations;
  session->context = context;
  log_text[0] = 0;
  fuse_set_log_func(keep_log);
  struct fuse_args arguments = FUSE_ARGS_INIT(0, NULL);
  fuse_opt_add_arg(&arguments, "concordfs");
  fuse_opt_add_arg(&arguments, "-o");
  fuse_opt_add_arg(&arguments, options);
  session->session = fuse_session_new(&arguments, &lowlevel, sizeof lowlevel, session);
  fuse_opt_free_args(&arguments);
  if (!session->session || fuse_session_mount(session->session, mount_point) != 0) {
    int code = errno;
    snprintf(error, error_size, "%s", log_text[0] ? log_text : strerror(code));
    if (session->session) fuse_session_destroy(session->session);
    free(session);
    return NULL;
  }
  return session;
}

static void wake(int number) { (void)number; }

int cfs_session_loop(cfs_session *session) {
  // No SA_RESTART: the signal ends the read that waits for the kernel's next request.
  struct sigaction action = {.sa_handler = wake};
  sigaction(SIGUSR2, &action, NULL);
  // Threads that Dispatch starts have every signal blocked.
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  session->thread = pthread_self();
  atomic_store(&session->state, LOOP_RUNS);
  // libfuse gives up on any error of a read, also where it is only to be tried again.
  int result = fuse_session_loop(session->session);
  while (result == -EAGAIN || result == -ENOMEM) {
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    result = fuse_session_loop(session->session);
  }
  atomic_store(&session->state, LOOP_ENDED);
  return result;
}

void cfs_session_stop(cfs_session *session) {
  fuse_session_exit(session->session);
  // Again until it is heard: a signal that comes just before the read is lost on it, and a loop that begins again forgets the exit.
  while (atomic_load(&session->state) == LOOP_RUNS) {
    fuse_session_exit(session->session);
    pthread_kill(session->thread, SIGUSR2);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
}

void cfs_session_destroy(cfs_session *session) {
  fuse_session_unmount(session->session);
  fuse_session_destroy(session->session);
  free(session);
}

void cfs_reply_error(cfs_request *request, int error) { fuse_reply_err(unwrap(request), error); }

static void fill(struct stat *out, const cfs_attributes *in) {
  memset(out, 0, sizeof *out);
  out->st_ino = in->ino;
  out->st_mode = in->mode;
  out->st_nlink = in->nlink;
  out->st_uid = in->uid;
  out->st_gid = in->gid;
  out->st_size = (off_t)in->size;
  out->st_blocks = (blkcnt_t)((in->size + 511) / 512);
  out->st_blksize = 4096;
  out->st_mtim.tv_sec = in->seconds;
  out->st_mtim.tv_nsec = in->nanoseconds;
  out->st_ctim = out->st_mtim;
  out->st_atim = out->st_mtim;
}

static void fill_entry(struct fuse_entry_param *out, const cfs_attributes *in) {
  memset(out, 0, sizeof *out);
  out->ino = in->ino;
  out->attr_timeout = in->timeout;
  out->entry_timeout = in->timeout;
  fill(&out->attr, in);
}

void cfs_reply_entry(cfs_request *request, const cfs_attributes *attributes) {
  struct fuse_entry_param entry;
  fill_entry(&entry, attributes);
  fuse_reply_entry(unwrap(request), &entry);
}

void cfs_reply_attributes(cfs_request *request, const cfs_attributes *attributes) {
  struct stat attr;
  fill(&attr, attributes);
  fuse_reply_attr(unwrap(request), &attr, attributes->timeout);
}

void cfs_reply_bytes(cfs_request *request, const void *bytes, size_t size) { fuse_reply_buf(unwrap(request), bytes, size); }
void cfs_reply_written(cfs_request *request, size_t size) { fuse_reply_write(unwrap(request), size); }
void cfs_reply_xattr_size(cfs_request *request, size_t size) { fuse_reply_xattr(unwrap(request), size); }

void cfs_reply_statfs(cfs_request *request, uint64_t blocks, uint64_t files) {
  struct statvfs out;
  memset(&out, 0, sizeof out);
  out.f_bsize = 4096;
  out.f_frsize = 512;
  out.f_blocks = blocks;
  out.f_files = files;
  out.f_namemax = 255;
  fuse_reply_statfs(unwrap(request), &out);
}

size_t cfs_add_entry(cfs_request *request, char *buffer, size_t room, const char *name, const cfs_attributes *attributes, int64_t next_offset,
                     int form) {
  if (form != CFS_NAME) {
    struct fuse_entry_param entry;
    fill_entry(&entry, attributes);
    // Number 0: the kernel takes no notice of the attributes.
    if (form == CFS_BARE) entry.ino = 0;
    return fuse_add_direntry_plus(unwrap(request), buffer, room, name, &entry, next_offset);
  }
  struct stat attr;
  fill(&attr, attributes);
  return fuse_add_direntry(unwrap(request), buffer, room, name, &attr, next_offset);
}

void cfs_on_interrupt(cfs_request *request, void (*callback)(cfs_request *, void *), void *data) {
  fuse_req_interrupt_func(unwrap(request), (fuse_interrupt_func_t)callback, data);
}

int cfs_invalidate_entry(cfs_session *session, uint64_t parent, const char *name) {
  return fuse_lowlevel_notify_inval_entry(session->session, parent, name, strlen(name));
}

int cfs_invalidate_inode(cfs_session *session, uint64_t ino) { return fuse_lowlevel_notify_inval_inode(session->session, ino, 0, 0); }

int cfs_invalidate_attributes(cfs_session *session, uint64_t ino) { return fuse_lowlevel_notify_inval_inode(session->session, ino, -1, 0); }

int cfs_store(cfs_session *session, uint64_t ino, const void *bytes, size_t size) {
  struct fuse_bufvec buffer = FUSE_BUFVEC_INIT(size);
  buffer.buf[0].mem = (void *)bytes;
  return fuse_lowlevel_notify_store(session->session, ino, 0, &buffer, 0);
}

int cfs_detach(const char *mount_point) { return umount2(mount_point, MNT_DETACH) == 0 ? 0 : -errno; }
