/* Loaded into the daemon by LD_PRELOAD: counts the boundaries that the process passes, and kills it at one of them.
 *
 * A boundary is a moment after which the world outside is another one:
 *   sent       bytes of a request have left (whether the server carries it out is its own affair),
 *   answered   bytes of an answer have arrived,
 *   torn       the last frame of a commit is written by half: the log ends in the middle of a transaction,
 *   committed  the last frame of a commit is written,
 *   carried    the log was partly carried over into the database's file (checkpoint),
 *   synced     a file of the store was synced.
 * Between two boundaries only the process's own memory changes, so a kill there is the same as a kill at the former.
 * The page at $CONCORDFS_BOUNDARIES tells what is wanted and what was seen; boundaries.py writes and reads it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { SENT, ANSWERED, TORN, COMMITTED, CARRIED, SYNCED, KINDS };

struct page {
    _Atomic uint64_t is_armed;
    _Atomic uint64_t kill_at; /* number of the boundary; 0: never */
    _Atomic uint64_t count;
    _Atomic uint64_t kinds[KINDS];
    _Atomic uint64_t killed; /* kind of the boundary that it was killed at, plus one */
};

static struct page *page;
/* The log whose commit frame's header is written, and whose page is not. One writer has the store at a time. */
static _Atomic int commit_log = -1;

__attribute__((constructor)) static void open_page(void) {
    const char *path = getenv("CONCORDFS_BOUNDARIES");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED) page = mapped;
}

static void pass(enum kind kind) {
    if (!page || !atomic_load(&page->is_armed)) return;
    int known = errno;
    atomic_fetch_add(&page->kinds[kind], 1);
    if (atomic_fetch_add(&page->count, 1) + 1 == atomic_load(&page->kill_at)) {
        atomic_store(&page->killed, kind + 1);
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    errno = known;
}

static int is_network(int descriptor) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int known = errno;
    int is = getsockname(descriptor, (struct sockaddr *)&address, &length) == 0 && address.ss_family != AF_UNIX;
    errno = known;
    return is;
}

enum place { ELSEWHERE, DATABASE, LOG };

static enum place place_of(int descriptor) {
    char link[64], path[4096];
    int known = errno;
    strcpy(link, "/proc/self/fd/");
    char digits[16];
    int at = 16;
    digits[--at] = 0;
    do { digits[--at] = '0' + descriptor % 10; } while ((descriptor /= 10) > 0);
    strcat(link, digits + at);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = known;
    if (length < 0) return ELSEWHERE;
    path[length] = 0;
    if (length > 7 && strcmp(path + length - 7, ".db-wal") == 0) return LOG;
    return length > 3 && strcmp(path + length - 3, ".db") == 0 ? DATABASE : ELSEWHERE;
}

#define NEXT(name) \
    static __typeof__(&name) next; \
    if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t send(int descriptor, const void *bytes, size_t length, int flags) {
    NEXT(send);
    ssize_t done = next(descriptor, bytes, length, flags);
    if (done > 0 && page && is_network(descriptor)) pass(SENT);
    return done;
}

ssize_t recv(int descriptor, void *bytes, size_t length, int flags) {
    NEXT(recv);
    ssize_t done = next(descriptor, bytes, length, flags);
    if (done > 0 && page && !(flags & MSG_PEEK) && is_network(descriptor)) pass(ANSWERED);
    return done;
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset) {
    NEXT(pwrite64);
    ssize_t done = next(descriptor, bytes, length, offset);
    if (!page || !atomic_load(&page->is_armed) || done <= 0) return done;
    switch (place_of(descriptor)) {
    case LOG:
        if (commit_log == descriptor) {
            commit_log = -1;
            pass(COMMITTED);
        } else if (length == 24 && memcmp((const char *)bytes + 4, "\0\0\0\0", 4) != 0) {
            /* A frame's header that names the database's size afterwards ends a transaction (SQLite file format, section 4.1). */
            commit_log = descriptor;
            pass(TORN);
        }
        break;
    case DATABASE: pass(CARRIED); break;
    case ELSEWHERE: break;
    }
    return done;
}

static void synced(int descriptor) {
    if (page && place_of(descriptor) != ELSEWHERE) pass(SYNCED);
}

int fdatasync(int descriptor) {
    NEXT(fdatasync);
    int done = next(descriptor);
    synced(descriptor);
    return done;
}

int fsync(int descriptor) {
    NEXT(fsync);
    int done = next(descriptor);
    synced(descriptor);
    return done;
}
