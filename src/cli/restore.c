#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/file.h"
#include "base/seal.h"
#include "cli/backup.h"
#include "cli/client.h"
#include "cli/data.h"
#include "cli/sealed.h"
#include "store/blob.h"
#include "store/store.h"

static const char usage[] =
    "usage: strata restore [--data DIR] [--root-key FILE] [--passphrase-file FILE] BACKUP\n"
    "Makes a data directory of a backup (strata backup). DIR must be empty or not exist. Every byte is verified before it is used: a file that was cut off\n"
    "or changed is refused, and leaves nothing in DIR. To go on: strata serve --data DIR. To look at it first: strata check --data DIR.\n"
    "  --data DIR              where to (default: $STRATA_DATA, else ./.strata)\n"
    "  --root-key FILE         the root.key of the directory that the backup was made of; or\n"
    "  --passphrase-file FILE  its first line is the passphrase that the backup was made with\n";

struct restore {
    struct arena *arena;
    const char *dir, *file;
    struct sealed_keys keys;
    uint8_t root_key[SEAL_KEY_BYTES];
    struct sealed_in *in;
    int dir_fd;
    bool made_dir;
    uint64_t files, bytes;
};

/* ---- into the directory ---- */

static bool is_hex(struct str s, size_t n)
{
    bool hex = s.n == n;
    for (size_t i = 0; hex && i < n; i++)
        hex = s.p[i] && strchr("0123456789abcdef", s.p[i]);
    return hex;
}

bool backup_holds(struct str name)
{
    static const char *const plain[] = { "root.key", "ca.pem", "ca.key", "format" };
    struct str folder, rest, id;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (str_is(name, plain[i]))
            return true;
    if (!str_cut(name, '/', &folder, &rest))
        return false;
    if (str_is(folder, "db"))
        return rest.n > 0 && rest.p[0] != '.' && !str_contains(rest, STR("/"));
    return str_is(folder, "blobs") && str_cut(rest, '/', &folder, &id) && is_hex(folder, 2) && is_hex(id, BLOB_ID_CHARS) && str_starts(id, folder);
}

static int make_folders(struct restore *r, struct str name)
{
    for (size_t i = 1; i < name.n; i++)
        if (name.p[i] == '/' && mkdirat(r->dir_fd, str_dup(r->arena, str_sub(name, 0, i)).p, 0700) < 0 && errno != EEXIST)
            return file_error();
    return 0;
}

static int write_file(struct restore *r, struct archive *tar, const char *name)
{
    const void *p;
    size_t n;
    la_int64_t offset, at = 0;
    int got, fd = openat(r->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno == EEXIST ? E_CORRUPT : file_error();
    int rc = 0;
    while (rc == 0 && (got = archive_read_data_block(tar, &p, &n, &offset)) == ARCHIVE_OK) {
        if (offset != at)
            rc = E_CORRUPT;
        for (const char *c = p; rc == 0 && n > 0;) {
            ssize_t wrote = write(fd, c, n);
            if (wrote < 0 && errno != EINTR)
                rc = file_error();
            if (wrote > 0) {
                c += wrote;
                n -= (size_t)wrote;
                at += wrote;
            }
        }
    }
    if (rc == 0 && got != ARCHIVE_EOF)
        rc = E_CORRUPT;
    close(fd);
    r->files++;
    r->bytes += (uint64_t)at;
    return rc;
}

static la_ssize_t read_in(struct archive *a, void *ctx, const void **ret)
{
    struct restore *r = ctx;
    struct str piece;
    if (sealed_read(r->in, &piece) < 0) {
        archive_set_error(a, EIO, "cut off or changed");
        return -1;
    }
    *ret = piece.p;
    return (la_ssize_t)piece.n;
}

/* What stands as format.part: the directory is none before everything else is on the disk. */
static int unpack_entry(struct restore *r, struct archive *tar, struct archive_entry *e)
{
    const char *name = archive_entry_pathname(e);
    if (!name || archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) || !backup_holds(str_c(name)))
        return E_CORRUPT;
    int rc = make_folders(r, str_c(name));
    return rc ? rc : write_file(r, tar, strcmp(name, "format") == 0 ? "format.part" : name);
}

static int unpack(struct restore *r)
{
    struct archive *tar = archive_read_new();
    struct archive_entry *e;
    struct arena *own = r->arena;
    struct str rest;
    int rc = 0, got = ARCHIVE_OK;
    archive_read_support_format_tar(tar);
    archive_read_support_filter_zstd(tar);
    if (archive_read_open(tar, r, NULL, read_in, NULL) != ARCHIVE_OK)
        rc = E_CORRUPT;
    while (rc == 0 && (got = archive_read_next_header(tar, &e)) == ARCHIVE_OK) {
        r->arena = arena_new();
        rc = unpack_entry(r, tar, e);
        arena_free(r->arena);
        r->arena = own;
    }
    archive_read_free(tar);
    if (rc == 0 && got != ARCHIVE_EOF)
        rc = E_CORRUPT;
    do /* to the last frame: that it is there is part of the proof */
        rc = rc ? rc : sealed_read(r->in, &rest);
    while (rc == 0 && rest.n > 0);
    return rc;
}

/* ---- before and after ---- */

static int problem(struct restore *r, int rc)
{
    if (rc == E_CORRUPT)
        fprintf(stderr, "strata: %s was cut off or changed: nothing was restored\n", r->file);
    else if (rc == E_NO_SPACE)
        fprintf(stderr, "strata: the disk with %s is full: nothing was restored\n", r->dir);
    else
        fprintf(stderr, "strata: cannot restore to %s (%s)\n", r->dir, errno ? strerror(errno) : err_name(rc));
    return rc;
}

/* An empty directory, made when there is none. */
static int take_directory(struct restore *r)
{
    r->made_dir = access(r->dir, F_OK) < 0;
    int rc = folder_make(r->dir, 0700);
    if (rc)
        return problem(r, rc);
    r->dir_fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = r->dir_fd < 0 ? NULL : opendir(r->dir);
    if (!d)
        return problem(r, file_error());
    bool empty = true;
    for (const struct dirent *e; (e = readdir(d));)
        empty = empty && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0);
    closedir(d);
    if (empty)
        return 0;
    fprintf(stderr, "strata: %s is not empty: name a new directory with --data\n", r->dir);
    return E_EXISTS;
}

/* All of it is on the disk before it has the name that makes it a data directory. */
static int finish(struct restore *r)
{
    struct stat st;
    if (fstatat(r->dir_fd, "format.part", &st, 0) < 0 || fstatat(r->dir_fd, "db", &st, 0) < 0)
        return E_CORRUPT;
    if (syncfs(r->dir_fd) < 0 || renameat(r->dir_fd, "format.part", r->dir_fd, "format") < 0 || fsync(r->dir_fd) < 0)
        return file_error();
    return 0;
}

static void leave_nothing(struct restore *r)
{
    if (r->made_dir) {
        folder_remove(r->dir);
        return;
    }
    DIR *d = opendir(r->dir);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            folder_remove(str_printf(r->arena, "%s/%s", r->dir, e->d_name).p);
    if (d)
        closedir(d);
}

/* ---- the file ---- */

static int read_root_key(struct restore *r, const char *file)
{
    uint8_t key[SEAL_KEY_BYTES + 1];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, key, sizeof key);
    if (fd >= 0)
        close(fd);
    if (n == SEAL_KEY_BYTES) {
        memcpy(r->root_key, key, SEAL_KEY_BYTES);
        r->keys.root_key = r->root_key;
        seal_erase(key, sizeof key);
        return 0;
    }
    fprintf(stderr, n < 0 ? "strata: cannot read %s\n" : "strata: %s is no root key: a root.key has 32 bytes\n", file);
    return E_INVALID;
}

static int unlock(struct restore *r)
{
    if (!r->keys.root_key && !r->keys.passphrase_file && !sealed_opens_by(r->in, "clear")) {
        bool root = sealed_opens_by(r->in, "root"), passphrase = sealed_opens_by(r->in, "passphrase");
        fprintf(stderr, "strata: %s is sealed: give %s%s%s\n", r->file, root ? "--root-key FILE, the root.key of the directory it was made of" : "",
                root && passphrase ? ", or " : "", passphrase ? "--passphrase-file FILE" : "");
        return E_DENIED;
    }
    int rc = sealed_unlock(r->in, &r->keys);
    if (rc == E_DENIED)
        fprintf(stderr, "strata: %s is not opened by this key, or its head was changed\n", r->file);
    else if (rc)
        fprintf(stderr, "strata: cannot read the passphrase (%s)\n", err_name(rc));
    return rc;
}

/* Format and origin, as the head says it: bound to every frame, and so verified with the first of them. */
static int read_head(struct restore *r, int fd, cJSON **ret)
{
    int rc = sealed_open(fd, r->arena, &r->in);
    if (rc == E_VERSION) {
        fprintf(stderr, "strata: %s was made by a newer strata: restore it with that one\n", r->file);
    } else if (rc) {
        fprintf(stderr, "strata: %s is no backup, or its head is damaged\n", r->file);
    } else {
        *ret = cJSON_ParseWithLength(sealed_head(r->in).p, sealed_head(r->in).n);
        if (json_number(*ret, "format") > STORE_FORMAT) {
            fprintf(stderr, "strata: %s holds data of a newer strata (format %lld; this one reads up to %d): restore it with that one\n", r->file,
                    (long long)json_number(*ret, "format"), STORE_FORMAT);
            rc = E_VERSION;
        }
    }
    return rc;
}

static int run(struct restore *r)
{
    cJSON *head = NULL;
    int fd = open(r->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "strata: cannot read %s (%s)\n", r->file, strerror(errno));
        return 1;
    }
    int rc = read_head(r, fd, &head);
    if (rc == 0)
        rc = unlock(r);
    if (rc == 0)
        rc = take_directory(r);
    if (rc == 0) {
        errno = 0;
        rc = unpack(r);
        if (rc == 0)
            rc = finish(r);
        if (rc) {
            problem(r, rc);
            leave_nothing(r);
        }
    }
    if (rc == 0)
        printf("%s: %llu files, %.1f MB, as they were in %s at %s\n", r->dir, (unsigned long long)r->files, (double)r->bytes / 1e6, json_text(head, "data"),
               json_text(head, "made"));
    cJSON_Delete(head);
    sealed_close(r->in);
    close(fd);
    return rc ? 1 : 0;
}

int cli_restore(int argc, char **argv)
{
    static const struct option options[] = {
        { "data", required_argument, NULL, 'd' }, { "root-key", required_argument, NULL, 'r' }, { "passphrase-file", required_argument, NULL, 'p' },
        { "help", no_argument, NULL, 'h' },       { NULL, 0, NULL, 0 },
    };
    struct restore r = { .dir_fd = -1 };
    const char *dir = NULL, *root_key = NULL;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'd': dir = optarg; break;
        case 'r': root_key = optarg; break;
        case 'p': r.keys.passphrase_file = optarg; break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (argc - optind != 1) {
        fputs(usage, stderr);
        return 2;
    }
    r.arena = arena_new();
    r.dir = data_dir(dir);
    r.file = argv[optind];
    int code = root_key && read_root_key(&r, root_key) ? 1 : run(&r);
    if (r.dir_fd >= 0)
        close(r.dir_fd);
    seal_erase(r.root_key, sizeof r.root_key);
    arena_free(r.arena);
    return code;
}
