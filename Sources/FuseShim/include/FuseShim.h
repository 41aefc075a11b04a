// libfuse's low-level API (libfuse 3.14, fuse_lowlevel.h) behind plain C types, so that Swift sees no foreign header.
#ifndef CONCORDFS_FUSE_SHIM_H
#define CONCORDFS_FUSE_SHIM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Attributes of one inode.
typedef struct {
  uint64_t ino;
  uint32_t mode;
  uint32_t nlink;
  uint32_t uid;
  uint32_t gid;
  uint64_t size;
  int64_t seconds;
  uint32_t nanoseconds;
  /// How long the kernel may believe attributes and name, in seconds.
  double timeout;
} cfs_attributes;

/// One request; answered exactly once by one of the reply functions, from any thread.
typedef struct cfs_request cfs_request;

/// The file system's answers. `context` is what cfs_session_new was given.
typedef struct {
  void (*_Nullable lookup)(void *_Nullable context, cfs_request *_Nonnull request, uint64_t parent, const char *_Nonnull name,
                           int32_t process);
  void (*_Nullable forget)(void *_Nullable context, uint64_t ino);
  void (*_Nullable getattr)(void *_Nullable context, cfs_request *_Nonnull request, uint64_t ino);
  void (*_Nullable setattr)(void *_Nullable context, cfs_request *_Nonnull request, uint64_t ino, int only_size);
  void (*_Nullable read)(void *_Nullable context, cfs_request *_Nonnull request, uint64_t ino, size_t size, int64_t offset);
  void (*_Nullable write)(void *_Nullable context, cfs_request *_Nonnull request, uint64_t ino, const uint8_t *_Nonnull bytes, size_t size,
                          int64_t offset, uint32_t uid);
  void (*_Nullable readdir)(void *_Nullable context, cfs_request *_Nonnull request, uint64_t ino, size_t size, int64_t offset, int plus,
                            int32_t process);
  void (*_Nullable statfs)(void *_Nullable context, cfs_request *_Nonnull request);
  void (*_Nullable getxattr)(void *_Nullable context, cfs_request *_Nonnull request, uint64_t ino, const char *_Nonnull name, size_t size);
  void (*_Nullable listxattr)(void *_Nullable context, cfs_request *_Nonnull request, uint64_t ino, size_t size);
} cfs_operations;

typedef struct cfs_session cfs_session;

/// A session that is mounted; NULL with errno-like text in `error` when it cannot be.
cfs_session *_Nullable cfs_session_mount(const char *_Nonnull mount_point, const char *_Nonnull options, const cfs_operations *_Nonnull operations,
                                         void *_Nullable context, char *_Nonnull error, size_t error_size);
/// Serves requests until it is unmounted or stopped. Returns 0, or a negative errno value.
int cfs_session_loop(cfs_session *_Nonnull session);
/// Ends the loop, whatever the kernel still waits for. Returns when it has ended. Not for the loop's own thread.
void cfs_session_stop(cfs_session *_Nonnull session);
/// Takes the mount away and frees the session, after the loop has ended.
void cfs_session_destroy(cfs_session *_Nonnull session);

void cfs_reply_error(cfs_request *_Nonnull request, int error);
void cfs_reply_entry(cfs_request *_Nonnull request, const cfs_attributes *_Nonnull attributes);
void cfs_reply_attributes(cfs_request *_Nonnull request, const cfs_attributes *_Nonnull attributes);
void cfs_reply_bytes(cfs_request *_Nonnull request, const void *_Nullable bytes, size_t size);
void cfs_reply_written(cfs_request *_Nonnull request, size_t size);
void cfs_reply_xattr_size(cfs_request *_Nonnull request, size_t size);
void cfs_reply_statfs(cfs_request *_Nonnull request, uint64_t blocks, uint64_t files);
/// What a listing says of an entry: its name and number, or its attributes too, or (in a listing with attributes) that it has none to say.
enum { CFS_NAME = 0, CFS_ATTRIBUTES = 1, CFS_BARE = 2 };
/// Adds one entry to a listing; returns the bytes that it takes, more than `room` when it does not fit.
size_t cfs_add_entry(cfs_request *_Nonnull request, char *_Nonnull buffer, size_t room, const char *_Nonnull name,
                     const cfs_attributes *_Nonnull attributes, int64_t next_offset, int form);
/// Calls back when the caller is interrupted. The callback may come at once, on this thread.
void cfs_on_interrupt(cfs_request *_Nonnull request, void (*_Nonnull callback)(cfs_request *_Nullable request, void *_Nullable data), void *_Nullable data);

/// Notifications, never from inside a request. They return 0 or a negative errno value; -ENOENT: the kernel does not know it.
int cfs_invalidate_entry(cfs_session *_Nonnull session, uint64_t parent, const char *_Nonnull name);
int cfs_invalidate_inode(cfs_session *_Nonnull session, uint64_t ino);
/// The same for attributes alone: contents stay.
int cfs_invalidate_attributes(cfs_session *_Nonnull session, uint64_t ino);
int cfs_store(cfs_session *_Nonnull session, uint64_t ino, const void *_Nonnull bytes, size_t size);

/// Detaches whatever is mounted there: 0, or a negative errno value.
int cfs_detach(const char *_Nonnull mount_point);

#endif
