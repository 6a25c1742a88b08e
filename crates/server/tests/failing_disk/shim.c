/* A disk that fails when it is told to: preloaded into the server (LD_PRELOAD), it
 * stands before the calls that write or sync a file whose path contains
 * $FAILING_DISK_NAME, and reads from the file $FAILING_DISK_CONTROL, mapped into memory
 * and shared with the test, which of them fail, how often, and with which errno.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* The layout that disk.rs writes: little numbers, one after the other. */
struct control {
    int write_errno; /* of write, pwrite, fallocate, ftruncate; 0: they work */
    int sync_errno;  /* of fsync and fdatasync; 0: they work */
    int open_errno;  /* of opening to write; 0: it works */
    int left;        /* how many calls still fail; below 0: until told otherwise */
    int failed;      /* how many have failed */
};

static struct control *control;
static const char *wanted;

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAILING_DISK_CONTROL");
    wanted = getenv("FAILING_DISK_NAME");
    if (!path || !wanted) return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) abort();
    void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) abort();
    close(fd);
    control = mapped;
}

/* Whether one more call shall fail; counts it. */
static int take(void) {
    int left = __atomic_load_n(&control->left, __ATOMIC_SEQ_CST);
    do {
        if (left == 0) return 0;
    } while (left > 0 && !__atomic_compare_exchange_n(
                 &control->left, &left, left - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    __atomic_add_fetch(&control->failed, 1, __ATOMIC_SEQ_CST);
    return 1;
}

/* Whether a call on `fd` fails, with errno set. */
static int fails(int fd, const int *error) {
    if (!control || !__atomic_load_n(error, __ATOMIC_SEQ_CST)) return 0;
    int before = errno;
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < 0) return 0;
    path[length] = 0;
    if (!strstr(path, wanted) || !take()) return 0;
    errno = __atomic_load_n(error, __ATOMIC_SEQ_CST);
    return 1;
}

#define ON_WRITE(fd) if (fails(fd, &control->write_errno)) return -1
#define ON_SYNC(fd) if (fails(fd, &control->sync_errno)) return -1

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(write); ON_WRITE(fd); return real(fd, bytes, count);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev); ON_WRITE(fd); return real(fd, parts, count);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    REAL(pwrite); ON_WRITE(fd); return real(fd, bytes, count, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    REAL(pwrite64); ON_WRITE(fd); return real(fd, bytes, count, at);
}
int fallocate(int fd, int mode, off_t at, off_t count) {
    REAL(fallocate); ON_WRITE(fd); return real(fd, mode, at, count);
}
int ftruncate(int fd, off_t length) {
    REAL(ftruncate); ON_WRITE(fd); return real(fd, length);
}
int ftruncate64(int fd, off64_t length) {
    REAL(ftruncate64); ON_WRITE(fd); return real(fd, length);
}
int fsync(int fd) {
    REAL(fsync); ON_SYNC(fd); return real(fd);
}
int fdatasync(int fd) {
    REAL(fdatasync); ON_SYNC(fd); return real(fd);
}

/* A file system that was remounted read-only refuses to open for writing. */
static int refuses(const char *path, int flags) {
    if (!control || (flags & O_ACCMODE) == O_RDONLY || !strstr(path, wanted)) return 0;
    int error = __atomic_load_n(&control->open_errno, __ATOMIC_SEQ_CST);
    if (!error || !take()) return 0;
    errno = error;
    return 1;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        if (refuses(path, flags)) return -1; \
        return real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
