#include "base/file.h"

#include "base/arena.h"
#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

int file_error(void)
{
    switch (errno) {
    case ENOSPC:
    case EDQUOT: return E_NO_SPACE;
    case ENOENT: return E_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS: return E_DENIED;
    default: return E_IO;
    }
}

int folder_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return file_error();
    int rc = fsync(fd) < 0 ? file_error() : 0;
    close(fd);
    return rc;
}

int parent_sync(const char *path)
{
    char *parent = xstrdup(path), *slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent] = 0;
    int rc = folder_sync(slash ? parent : ".");
    free(parent);
    return rc;
}

int folder_make(const char *path, mode_t mode)
{
    char *part = xstrdup(path);
    int rc = 0;
    for (size_t n = strlen(part); n > 1 && part[n - 1] == '/'; n--)
        part[n - 1] = 0;
    for (char *p = part + 1, c = '/'; rc == 0 && c; p++) {
        if (*p && *p != '/')
            continue;
        c = *p;
        *p = 0;
        if (mkdir(part, mode) == 0)
            rc = parent_sync(part);
        else if (errno != EEXIST)
            rc = file_error();
        else if (!c && (rc = parent_sync(part)) == E_DENIED)
            rc = 0; /* whoever made it in a folder that we may not read answers for its name */
        *p = c;
    }
    free(part);
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

int folder_remove(const char *path)
{
    enum { FDS = 16 };
    return nftw(path, remove_one, FDS, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT ? file_error() : 0;
}

static int write_all(int fd, struct str text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno != EINTR)
            return file_error();
        text = n < 0 ? text : str_sub(text, (size_t)n, text.n);
    }
    return 0;
}

int file_replace(int folder, const char *name, struct str text, mode_t mode)
{
    char fresh[NAME_MAX + 1];
    if (snprintf(fresh, sizeof fresh, "%s.new", name) >= (int)sizeof fresh)
        return E_LIMIT;
    unlinkat(folder, fresh, 0);
    int fd = openat(folder, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rc = fd < 0 ? file_error() : write_all(fd, text);
    if (rc == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
        rc = file_error();
    if (fd >= 0)
        close(fd);
    if (rc == 0 && (renameat(folder, fresh, folder, name) < 0 || fsync(folder) < 0))
        rc = file_error();
    return rc;
}

unsigned long descriptors_max(void)
{
    struct rlimit limit, raised;
    int rc = getrlimit(RLIMIT_NOFILE, &limit);
    assert(rc == 0);
    raised = (struct rlimit){ limit.rlim_max, limit.rlim_max };
    return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}
