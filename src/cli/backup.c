#include "cli/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/code.h"
#include "base/err.h"
#include "base/file.h"
#include "base/seal.h"
#include "cli/client.h"
#include "cli/data.h"
#include "cli/local.h"
#include "cli/sealed.h"
#include "cloud/root_key.h"
#include "sched/clock.h"
#include "store/blob.h"
#include "store/store.h"

enum { PATIENCE_S = 24 * 3600, CHUNK_BYTES = 256 * 1024 };

static const char usage[] =
    "usage: strata backup [--data DIR] [--passphrase-file FILE] [--in-clear] BACKUP\n"
    "Writes everything of a data directory, as it is at one moment, into the file BACKUP, which must not exist: all records, the bodies of objects, the\n"
    "code of functions, the keys of the directory. While strata serves it, or stopped. To go back: strata restore.\n"
    "\n"
    "A backup is sealed (AES-256-GCM): it shows nothing and cannot be changed unnoticed. It is opened by the root key of the directory, DIR/root.key,\n"
    "and by a passphrase if you give one. Without a passphrase, KEEP A COPY OF root.key ELSEWHERE: the backup holds it, too, but sealed under itself.\n"
    "  --data DIR              the data directory (default: $STRATA_DATA, else ./.strata)\n"
    "  --passphrase-file FILE  the first line of FILE opens the backup, too. Needed where the root key is not a file of the directory\n"
    "  --in-clear              whoever has the file has everything in it, all keys too: for tests, or a disk that is encrypted itself\n";

struct backup {
    struct arena *arena;
    const char *dir;  /* the data directory, absolute */
    const char *file; /* to be made */
    const char *work; /* dir/backup.copy: locked while a backup is made; what another left there goes */
    const char *copy; /* the consistent copy in it */
    struct sealed_keys keys;
    uint8_t root_key[SEAL_KEY_BYTES];
    struct archive *tar;
    struct sealed_out *out;
    uint64_t files, bytes;
};

static int problem(const char *what, const char *which, int rc)
{
    fprintf(stderr, "strata: %s %s (%s)\n", what, which, errno && rc == E_IO ? strerror(errno) : err_name(rc));
    return rc;
}

/* ---- the copy ---- */

static int copy_here(struct backup *b, struct store *store, struct blobs *blobs)
{
    int rc = store_backup(store, b->copy);
    return rc ? rc : blobs_copy(blobs, str_printf(b->arena, "%s/blobs", b->copy).p);
}

static int copy_by_server(struct backup *b)
{
    struct client client;
    struct str text;
    struct buf body;
    cJSON *tree;
    unsetenv("STRATA_ENDPOINT"); /* the strata that has this directory open, no other */
    buf_init(&body, b->arena, 64 * 1024);
    buf_c(&body, "{\"dir\": ");
    buf_json_string(&body, str_c(b->copy));
    buf_c(&body, "}");
    if (client_open(&client, b->arena, b->dir) || client_ask(&client, "POST", "/_strata/backup", buf_done(&body), PATIENCE_S, &tree, &text))
        return E_CLOSED; /* and said */
    cJSON_Delete(tree);
    return 0;
}

/* Makes b->copy. <0: said. */
static int make_copy(struct backup *b)
{
    struct store *store;
    struct blobs *blobs;
    int rc = data_try(b->dir, b->arena, &store, &blobs);
    if (rc == E_BUSY)
        return copy_by_server(b);
    if (rc) {
        data_problem(b->dir, rc);
        return rc;
    }
    rc = copy_here(b, store, blobs);
    blobs_close(blobs);
    store_close(store);
    return rc ? problem("cannot copy", b->dir, rc) : 0;
}

/* One backup of a directory at a time. Returns the lock; <0: said. */
static int take_work_folder(struct backup *b)
{
    if (mkdir(b->work, 0700) && errno != EEXIST)
        return problem("cannot make", b->work, E_IO);
    int fd = open(b->work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return problem("cannot open", b->work, E_IO);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close(fd);
        fprintf(stderr, "strata: another backup of %s is being made\n", b->dir);
        return E_BUSY;
    }
    folder_remove(b->copy);
    return fd;
}

/* ---- packing ---- */

static la_ssize_t write_out(struct archive *a, void *ctx, const void *p, size_t n)
{
    struct backup *b = ctx;
    int rc = sealed_write(b->out, p, n);
    if (rc == 0)
        return (la_ssize_t)n;
    archive_set_error(a, errno, "%s", err_name(rc));
    return -1;
}

static int write_header(struct backup *b, const char *name, const struct stat *st)
{
    struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0600);
    archive_entry_set_size(e, st->st_size);
    archive_entry_set_mtime(e, st->st_mtim.tv_sec, 0);
    int rc = archive_write_header(b->tar, e) == ARCHIVE_OK ? 0 : E_IO;
    archive_entry_free(e);
    return rc;
}

/* A file of the folder, as name; one that is not there is left out when may_miss. */
static int pack_file(struct backup *b, const char *folder, const char *name, bool may_miss)
{
    struct stat st;
    int fd = open(str_printf(b->arena, "%s/%s", folder, name).p, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT && may_miss)
        return 0;
    if (fd < 0)
        return file_error();
    int rc = fstat(fd, &st) ? E_IO : write_header(b, name, &st);
    char *chunk = xalloc(CHUNK_BYTES);
    int64_t left = st.st_size;
    while (rc == 0 && left > 0) {
        ssize_t n = read(fd, chunk, left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES);
        if (n <= 0)
            rc = E_IO;
        else if (archive_write_data(b->tar, chunk, (size_t)n) != n)
            rc = E_IO;
        left -= n;
    }
    seal_erase(chunk, CHUNK_BYTES);
    free(chunk);
    close(fd);
    b->files++;
    b->bytes += (uint64_t)st.st_size;
    return rc;
}

/* Everything below a folder of the copy. */
static int pack_folder(struct backup *b, const char *name)
{
    DIR *d = opendir(str_printf(b->arena, "%s/%s", b->copy, name).p);
    if (!d)
        return file_error();
    int rc = 0;
    for (const struct dirent *e; rc == 0 && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        struct arena *own = b->arena, *a = arena_new(); /* there may be millions of them */
        const char *path = str_printf(a, "%s/%s", name, e->d_name).p;
        b->arena = a;
        rc = e->d_type == DT_DIR ? pack_folder(b, path) : pack_file(b, b->copy, path, false);
        b->arena = own;
        arena_free(a);
    }
    closedir(d);
    return rc;
}

static int pack_all(struct backup *b)
{
    static const char *const keys[] = { "root.key", "ca.pem", "ca.key" };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof keys / sizeof *keys; i++)
        rc = pack_file(b, b->dir, keys[i], true);
    if (rc == 0)
        rc = pack_folder(b, "db");
    if (rc == 0)
        rc = pack_folder(b, "blobs");
    return rc ? rc : pack_file(b, b->copy, "format", false);
}

static int pack_into(struct backup *b, int fd)
{
    struct buf head;
    buf_init(&head, b->arena, 8 * 1024);
    buf_printf(&head, "\"format\": %d, \"version\": \"%s\", \"made\": \"%.*s\", \"data\": ", STORE_FORMAT, STRATA_VERSION,
               STR_ARG(time_iso8601(b->arena, clock_real_ms())));
    buf_json_string(&head, str_c(b->dir));
    int rc = sealed_begin(fd, buf_done(&head), &b->keys, &b->out);
    if (rc)
        return rc;
    b->tar = archive_write_new();
    archive_write_set_format_pax_restricted(b->tar);
    archive_write_add_filter_zstd(b->tar);
    archive_write_set_bytes_per_block(b->tar, CHUNK_BYTES);
    archive_write_set_bytes_in_last_block(b->tar, 1); /* no padding: it would stand behind the end of what zstd wrote */
    rc = archive_write_open(b->tar, b, NULL, write_out, NULL) == ARCHIVE_OK ? pack_all(b) : E_IO;
    if (archive_write_close(b->tar) != ARCHIVE_OK && rc == 0)
        rc = E_IO;
    archive_write_free(b->tar);
    int ended = sealed_end(b->out, rc == 0);
    return ended ? ended : rc; /* a full disk is told as that */
}

/* Beside the file, synced, and then under its name: what stands there is whole. */
static int pack(struct backup *b)
{
    const char *fresh = str_printf(b->arena, "%s.new", b->file).p;
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return problem("cannot write", fresh, file_error());
    int rc = pack_into(b, fd);
    if (rc == 0 && fsync(fd) < 0)
        rc = file_error();
    close(fd);
    if (rc == 0 && renameat2(AT_FDCWD, fresh, AT_FDCWD, b->file, RENAME_NOREPLACE) < 0)
        rc = errno == EEXIST ? E_EXISTS : file_error();
    if (rc == 0)
        rc = parent_sync(b->file);
    if (rc == 0)
        return 0;
    unlink(fresh);
    return problem("cannot write", b->file, rc);
}

/* ---- the command ---- */

static int find_keys(struct backup *b)
{
    int rc = root_key_file_read(b->dir, b->root_key);
    if (rc == 0)
        b->keys.root_key = b->root_key;
    if (rc && rc != E_NOT_FOUND)
        return problem("cannot read the root key of", b->dir, rc);
    if (rc == 0 || b->keys.passphrase_file || b->keys.in_clear)
        return 0;
    fprintf(stderr, "strata: the root key is not in %s: say what opens the backup with --passphrase-file FILE\n", b->dir);
    return E_NOT_FOUND;
}

static void tell(const struct backup *b)
{
    printf("%s: %llu files, %.1f MB\n", b->file, (unsigned long long)b->files, (double)b->bytes / 1e6);
    if (b->keys.in_clear)
        puts("whoever has it has everything in it: it is not sealed");
    else if (b->keys.passphrase_file)
        puts("it is opened by the passphrase");
    else
        printf("it is opened by %s/root.key: keep a copy of that file elsewhere, without it the backup is lost\n", b->dir);
}

static int run(struct backup *b)
{
    if (access(b->file, F_OK) == 0) {
        fprintf(stderr, "strata: %s is there already: name another\n", b->file);
        return 1;
    }
    if (access(str_printf(b->arena, "%s/format", b->dir).p, F_OK) < 0) {
        fprintf(stderr, "strata: %s is no data directory: name it with --data\n", b->dir);
        return 1;
    }
    if (find_keys(b))
        return 1;
    int lock = take_work_folder(b);
    if (lock < 0)
        return 1;
    int rc = make_copy(b);
    if (rc == 0)
        rc = pack(b);
    folder_remove(b->work);
    close(lock);
    if (rc == 0)
        tell(b);
    return rc ? 1 : 0;
}

int cli_backup(int argc, char **argv)
{
    static const struct option options[] = {
        { "data", required_argument, NULL, 'd' }, { "passphrase-file", required_argument, NULL, 'p' }, { "in-clear", no_argument, NULL, 'c' },
        { "help", no_argument, NULL, 'h' },       { NULL, 0, NULL, 0 },
    };
    struct backup b = { 0 };
    const char *dir = NULL;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'd': dir = optarg; break;
        case 'p': b.keys.passphrase_file = optarg; break;
        case 'c': b.keys.in_clear = true; break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (argc - optind != 1) {
        fputs(usage, stderr);
        return 2;
    }
    struct local l;
    b.arena = arena_new();
    local_find(&l, b.arena, dir);
    b.dir = l.data_dir;
    b.file = argv[optind];
    b.work = str_printf(b.arena, "%s/backup.copy", b.dir).p;
    b.copy = str_printf(b.arena, "%s/data", b.work).p;
    int code = run(&b);
    seal_erase(b.root_key, sizeof b.root_key);
    arena_free(b.arena);
    return code;
}
