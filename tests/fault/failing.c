/* open and open64 are two names to be taken: */
#undef _FILE_OFFSET_BITS
#include "fault/failing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct failing own;
struct failing *failing = &own;

__attribute__((constructor)) static void attach(void)
{
    const char *path = getenv("STRATA_FAILING");
    if (!path)
        return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    void *shared = mmap(NULL, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || shared == MAP_FAILED)
        abort();
    failing = shared;
    close(fd);
}

/* ---- whether a call is meant ---- */

static int is_below(const char *path)
{
    return strncmp(path, failing->below, strlen(failing->below)) == 0;
}

static int fd_is_below(int fd)
{
    char link[32], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 2);
    if (n < 0)
        return 0;
    memcpy(path + n, "/", 2); /* the folder itself is meant, too */
    return is_below(path);
}

/* Counts a call; true when it fails. errno stays as it is unless it does. */
static int hit(uint32_t kind, int fd, const char *path)
{
    int before = errno;
    if (!(failing->kinds & kind) || !(path && *path == '/' ? is_below(path) : fd_is_below(fd))) {
        errno = before;
        return 0;
    }
    uint64_t call = ++failing->calls;
    int fails = call >= failing->first && call <= failing->last;
    errno = fails ? failing->error : before;
    return fails;
}

/* Of a call that moves n bytes: how many now; -1 with errno set: it fails. */
static ssize_t allowed(uint32_t kind, int fd, size_t n)
{
    if (!hit(kind, fd, NULL))
        return (ssize_t)n;
    return failing->error ? -1 : (ssize_t)(n - n / 2);
}

/* ---- the calls ---- */

static int open_at(int at, const char *path, int flags, mode_t mode)
{
    return hit(FAIL_OPEN, at, path) ? -1 : (int)syscall(SYS_openat, at, path, flags, mode);
}

#define MODE(flags, mode)                                                                                               \
    mode_t mode = 0;                                                                                                    \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                              \
        va_list ap;                                                                                                     \
        va_start(ap, flags);                                                                                            \
        mode = va_arg(ap, mode_t);                                                                                      \
        va_end(ap);                                                                                                     \
    }

int open(const char *path, int flags, ...)
{
    MODE(flags, mode)
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
    MODE(flags, mode)
    return open_at(at, path, flags, mode);
}

int open64(const char *, int, ...) __attribute__((alias("open")));
int openat64(int, const char *, int, ...) __attribute__((alias("openat")));

int mkdirat(int at, const char *path, mode_t mode)
{
    return hit(FAIL_MKDIR, at, path) ? -1 : (int)syscall(SYS_mkdirat, at, path, mode);
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

ssize_t write(int fd, const void *p, size_t n)
{
    ssize_t now = allowed(FAIL_WRITE, fd, n);
    return now < 0 ? now : syscall(SYS_write, fd, p, now);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    ssize_t now = allowed(FAIL_WRITE, fd, n);
    return now < 0 ? now : syscall(SYS_pwrite64, fd, p, now, at);
}

ssize_t pwrite64(int, const void *, size_t, off_t) __attribute__((alias("pwrite")));

int fsync(int fd)
{
    return hit(FAIL_SYNC, fd, NULL) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return hit(FAIL_SYNC, fd, NULL) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int syncfs(int fd)
{
    return hit(FAIL_SYNC, fd, NULL) ? -1 : (int)syscall(SYS_syncfs, fd);
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
    return hit(FAIL_RENAME, to_at, to) ? -1 : (int)syscall(SYS_renameat2, from_at, from, to_at, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
    return hit(FAIL_LINK, to_at, to) ? -1 : (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);
}

ssize_t read(int fd, void *p, size_t n)
{
    ssize_t now = allowed(FAIL_READ, fd, n);
    return now < 0 ? now : syscall(SYS_read, fd, p, now);
}

ssize_t pread(int fd, void *p, size_t n, off_t at)
{
    ssize_t now = allowed(FAIL_READ, fd, n);
    return now < 0 ? now : syscall(SYS_pread64, fd, p, now, at);
}

int fstatvfs(int fd, struct statvfs *ret)
{
    struct statfs fs;
    if (syscall(SYS_fstatfs, fd, &fs) < 0)
        return -1;
    *ret = (struct statvfs){ .f_bsize = (unsigned long)fs.f_bsize, .f_frsize = (unsigned long)fs.f_frsize, .f_blocks = fs.f_blocks };
    ret->f_bavail = ret->f_bfree = hit(FAIL_ROOM, fd, NULL) ? 0 : fs.f_bavail;
    return 0;
}

int fstatvfs64(int, struct statvfs64 *) __attribute__((alias("fstatvfs")));
ssize_t pread64(int, void *, size_t, off_t) __attribute__((alias("pread")));
