/* What a program does to a directory, written down so that a power cut can be played afterwards: a library for LD_PRELOAD.
 *
 * POWERCUT_ROOT names the directory (absolute), POWERCUT_LOG the file to which records are appended. Each call that changes the directory is done
 * first and then logged, with the bytes that it wrote; a sync is logged when it returned, with the place in the log where it began. So whatever the
 * log does not show as synced may be dropped, and what a killed program did not live to log was promised to nobody. disk.py reads the log.
 * Files are told apart by inode. What stdio writes is not seen, only that it made or emptied a file; nor is what other means (mmap, io_uring, sendfile)
 * write: disk.py refuses a log in which more bytes were synced than written. Programs that this one starts are not watched. */
#undef _FILE_OFFSET_BITS /* open and open64 are two functions here */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FDS_MAX = 1 << 16 };

/* Followed by name, other_name and the data. Little-endian, as every machine that this runs on. */
struct record {
    uint64_t kind;      /* a letter, see log_* below */
    uint64_t inode;     /* of the file; of the directory that is synced */
    uint64_t dir;       /* in which name is */
    uint64_t other_dir; /* in which other_name is */
    int64_t at;         /* where in the file, or its size */
    uint64_t since;     /* syncs: what the log held when it began is synced */
    uint32_t name_bytes, other_name_bytes;
    uint64_t data_bytes;
};

static const char *root;
static size_t root_chars;
static int log_fd = -1;
static uint64_t log_bytes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *paths[FDS_MAX]; /* of the open files below root */

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void begin(void)
{
    const char *log = getenv("POWERCUT_LOG");
    root = getenv("POWERCUT_ROOT");
    if (!log || !root)
        return;
    root = strdup(root);
    root_chars = strlen(root);
    log_fd = REAL(open)(log, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (log_fd < 0)
        abort();
    unsetenv("LD_PRELOAD");
}

/* ---- names ---- */

struct path {
    char text[PATH_MAX];
};

/* Whether the name is of something below root; then its whole path, without doubled or trailing slashes. */
static bool below_root(int at, const char *name, struct path *ret)
{
    char text[PATH_MAX];
    const char *dir = "";
    if (log_fd < 0 || !name)
        return false;
    if (name[0] != '/' && at >= 0 && at < FDS_MAX && paths[at])
        dir = paths[at];
    else if (name[0] != '/')
        return false; /* the program is given an absolute directory */
    if (snprintf(text, sizeof text, "%s/%s", dir, name) >= (int)sizeof text)
        return false;
    size_t n = 0;
    for (const char *p = text; *p; p++)
        if (*p != '/' || (p[1] != '/' && p[1] != 0))
            ret->text[n++] = *p;
    ret->text[n] = 0;
    return strncmp(ret->text, root, root_chars) == 0 && (ret->text[root_chars] == '/' || ret->text[root_chars] == 0);
}

static const char *last_name(const struct path *p)
{
    return strrchr(p->text, '/') + 1;
}

static uint64_t inode_of(const struct path *p)
{
    struct stat st;
    return lstat(p->text, &st) == 0 ? st.st_ino : 0;
}

static uint64_t dir_of(const struct path *p)
{
    struct path dir = *p;
    *strrchr(dir.text, '/') = 0;
    return inode_of(&dir);
}

static bool watched(int fd)
{
    return fd >= 0 && fd < FDS_MAX && paths[fd];
}

static void watch(int fd, const struct path *p)
{
    if (fd >= FDS_MAX)
        abort();
    free(paths[fd]);
    paths[fd] = strdup(p->text);
}

static void unwatch(int fd)
{
    if (!watched(fd))
        return;
    free(paths[fd]);
    paths[fd] = NULL;
}

/* ---- the log ---- */

static void log_put(struct record r, const char *name, const char *other_name, const void *data)
{
    r.name_bytes = (uint32_t)strlen(name);
    r.other_name_bytes = (uint32_t)strlen(other_name);
    struct iovec parts[] = {
        { &r, sizeof r }, { (char *)name, r.name_bytes }, { (char *)other_name, r.other_name_bytes }, { (void *)data, r.data_bytes },
    };
    uint64_t bytes = sizeof r + r.name_bytes + r.other_name_bytes + r.data_bytes;
    pthread_mutex_lock(&lock);
    if (writev(log_fd, parts, 4) != (ssize_t)bytes)
        abort(); /* a log with a gap would prove nothing */
    log_bytes += bytes;
    pthread_mutex_unlock(&lock);
}

static uint64_t log_place(void)
{
    pthread_mutex_lock(&lock);
    uint64_t bytes = log_bytes;
    pthread_mutex_unlock(&lock);
    return bytes;
}

/* c: a new file; d: a new folder; l: another name for a file. */
static void log_name(char kind, const struct path *p)
{
    log_put((struct record){ .kind = (uint64_t)kind, .inode = inode_of(p), .dir = dir_of(p) }, last_name(p), "", NULL);
}

/* u: a name is gone, of a file or a folder. */
static void log_gone(const struct path *p)
{
    log_put((struct record){ .kind = 'u', .dir = dir_of(p) }, last_name(p), "", NULL);
}

/* t: a file has another size. */
static void log_size(uint64_t inode, int64_t bytes)
{
    log_put((struct record){ .kind = 't', .inode = inode, .at = bytes }, "", "", NULL);
}

/* w: bytes were written at a place. */
static void log_write(int fd, const void *data, ssize_t n, int64_t at)
{
    struct stat st;
    if (n > 0 && watched(fd) && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        log_put((struct record){ .kind = 'w', .inode = st.st_ino, .at = at, .data_bytes = (uint64_t)n }, "", "", data);
}

/* s: a file, or the names in a folder. */
static void log_sync(int fd, uint64_t since)
{
    struct stat st;
    if (watched(fd) && fstat(fd, &st) == 0)
        log_put((struct record){ .kind = 's', .inode = st.st_ino, .at = st.st_size, .since = since }, "", "", NULL);
}

/* ---- files ---- */

/* For open and fopen: what there was before. */
struct before {
    bool below, exists;
    struct path path;
};

static struct before before_open(int at, const char *name)
{
    struct before b;
    b.below = below_root(at, name, &b.path);
    b.exists = b.below && access(b.path.text, F_OK) == 0;
    return b;
}

static void after_open(const struct before *b, bool creates, bool empties)
{
    if (creates && !b->exists)
        log_name('c', &b->path);
    else if (empties)
        log_size(inode_of(&b->path), 0);
}

typedef int open_function(int, const char *, int, ...);

static int open_logged(open_function *open_really, int at, const char *name, int flags, mode_t mode)
{
    struct before b = before_open(at, name);
    int fd = open_really(at, name, flags, mode);
    if (fd >= 0 && b.below) {
        watch(fd, &b.path);
        after_open(&b, flags & O_CREAT, flags & O_TRUNC);
    }
    return fd;
}

#define MODE(flags) \
    ({ \
        mode_t mode_ = 0; \
        if ((flags) & (O_CREAT | O_TMPFILE)) { \
            va_list more; \
            va_start(more, flags); \
            mode_ = va_arg(more, mode_t); \
            va_end(more); \
        } \
        mode_; \
    })

int open(const char *name, int flags, ...)
{
    return open_logged(REAL(openat), AT_FDCWD, name, flags, MODE(flags));
}

int open64(const char *name, int flags, ...)
{
    return open_logged(REAL(openat64), AT_FDCWD, name, flags, MODE(flags));
}

int openat(int at, const char *name, int flags, ...)
{
    return open_logged(REAL(openat), at, name, flags, MODE(flags));
}

int openat64(int at, const char *name, int flags, ...)
{
    return open_logged(REAL(openat64), at, name, flags, MODE(flags));
}

static FILE *fopen_logged(FILE *(*fopen_really)(const char *, const char *), const char *name, const char *mode)
{
    struct before b = before_open(AT_FDCWD, name);
    FILE *f = fopen_really(name, mode);
    if (f && b.below)
        after_open(&b, mode[0] != 'r', mode[0] == 'w');
    return f;
}

FILE *fopen(const char *name, const char *mode)
{
    return fopen_logged(REAL(fopen), name, mode);
}

FILE *fopen64(const char *name, const char *mode)
{
    return fopen_logged(REAL(fopen64), name, mode);
}

/* The number is free as soon as the file is closed: it is forgotten before. */
int close(int fd)
{
    unwatch(fd);
    return REAL(close)(fd);
}

int fclose(FILE *f)
{
    unwatch(fileno(f));
    return REAL(fclose)(f);
}

int closedir(DIR *d)
{
    unwatch(dirfd(d));
    return REAL(closedir)(d);
}

ssize_t write(int fd, const void *data, size_t n)
{
    ssize_t done = REAL(write)(fd, data, n);
    if (done > 0 && watched(fd))
        log_write(fd, data, done, lseek(fd, 0, SEEK_CUR) - done);
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
    ssize_t done = REAL(pwrite)(fd, data, n, at);
    log_write(fd, data, done, at);
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
    ssize_t done = REAL(pwrite64)(fd, data, n, at);
    log_write(fd, data, done, at);
    return done;
}

static int truncate_logged(int fd, int rc, int64_t bytes)
{
    struct stat st;
    if (rc == 0 && watched(fd) && fstat(fd, &st) == 0)
        log_size(st.st_ino, bytes);
    return rc;
}

int ftruncate(int fd, off_t bytes)
{
    return truncate_logged(fd, REAL(ftruncate)(fd, bytes), bytes);
}

int ftruncate64(int fd, off64_t bytes)
{
    return truncate_logged(fd, REAL(ftruncate64)(fd, bytes), bytes);
}

/* ---- names ---- */

int mkdirat(int at, const char *name, mode_t mode)
{
    struct path p;
    int rc = REAL(mkdirat)(at, name, mode);
    if (rc == 0 && below_root(at, name, &p))
        log_name('d', &p);
    return rc;
}

int mkdir(const char *name, mode_t mode)
{
    return mkdirat(AT_FDCWD, name, mode);
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
    struct path p;
    int rc = REAL(linkat)(from_at, from, to_at, to, flags);
    if (rc == 0 && below_root(to_at, to, &p))
        log_name('l', &p);
    return rc;
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int at, const char *name, int flags)
{
    struct path p;
    int rc = REAL(unlinkat)(at, name, flags);
    if (rc == 0 && below_root(at, name, &p))
        log_gone(&p);
    return rc;
}

int unlink(const char *name)
{
    return unlinkat(AT_FDCWD, name, 0);
}

int rmdir(const char *name)
{
    return unlinkat(AT_FDCWD, name, AT_REMOVEDIR);
}

/* r: from name to other_name. Both are below root, or neither. */
int renameat(int from_at, const char *from, int to_at, const char *to)
{
    struct path p, q;
    int rc = REAL(renameat)(from_at, from, to_at, to);
    if (rc == 0 && below_root(from_at, from, &p) && below_root(to_at, to, &q))
        log_put((struct record){ .kind = 'r', .dir = dir_of(&p), .other_dir = dir_of(&q) }, last_name(&p), last_name(&q), NULL);
    return rc;
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

/* ---- syncs ---- */

static int sync_logged(int (*sync_really)(int), int fd)
{
    uint64_t since = log_place();
    int rc = sync_really(fd);
    if (rc == 0)
        log_sync(fd, since);
    return rc;
}

int fsync(int fd)
{
    return sync_logged(REAL(fsync), fd);
}

int fdatasync(int fd)
{
    return sync_logged(REAL(fdatasync), fd);
}

/* a: everything. */
int syncfs(int fd)
{
    uint64_t since = log_place();
    int rc = REAL(syncfs)(fd);
    if (rc == 0 && watched(fd))
        log_put((struct record){ .kind = 'a', .since = since }, "", "", NULL);
    return rc;
}
