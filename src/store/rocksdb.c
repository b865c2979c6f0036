/* The store over RocksDB. The data directory: `format` (the version of what is written), `lock` (held while open), `db/`. */
#include "base/arena.h"
#include "base/err.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/driver.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <rocksdb/c.h>

/* Sized for a small program, whatever the size of the database: a cache that grows with use up to a share of the memory, few write buffers, a log that
 * replays in a few milliseconds. */
enum {
    CACHE_SHARE = 64, /* of the memory, one part, between these two; a larger one gains nothing, see README.md */
    CACHE_BYTES_MIN = 16 << 20,
    CACHE_BYTES_MAX = 64 << 20,
    WRITE_BUFFER_BYTES = 8 << 20,
    WRITE_BUFFERS = 3,
    WAL_BYTES_MAX = 16 << 20,
    BLOCK_BYTES = 8 << 10,
    FILE_BYTES = 16 << 20, /* of the uppermost level of files in order, twice as much a level below */
    OPEN_FILES_MAX = 1024,
    DESCRIPTOR_SHARE = 4, /* of the descriptors, one part at most for files; what http keeps free of connections covers it */
    OPEN_FILES_SHARD_BITS = 3,
    BLOOM_BITS = 10,
    INDEX_RESTART_KEYS = 8,
};

/* A commit that leaves less free than RESERVE is refused before anything is written, and so is a start with less than OPEN: RocksDB
 * needs room to recover, flush and compact, and may abort when the disk fills up under it. */
enum { RESERVE_BYTES = 64 << 20, OPEN_BYTES = 16 << 20 };

struct rocks {
    struct store base;
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_cache_t *cache;
    rocksdb_writeoptions_t *synced;
    rocksdb_writebatch_t *batch; /* the writer's, reused */
    char *db_path;
    int lock_fd, db_fd;
};

enum { PINNED_INLINE = 16 };

struct view {
    struct rocks *rocks;
    rocksdb_readoptions_t *options;
    const rocksdb_snapshot_t *snapshot; /* NULL: the latest */
    rocksdb_pinnableslice_t **pinned;   /* values handed out, without a copy where RocksDB can */
    size_t pinned_n, pinned_cap;
    rocksdb_pinnableslice_t *pinned_inline[PINNED_INLINE];
};

struct cursor {
    rocksdb_readoptions_t *options; /* has the range */
    rocksdb_iterator_t *it;
    bool reverse, started;
};

/* Takes RocksDB's message over. The text is all that the C interface gives. */
static int rocks_error(char *message)
{
    if (!message)
        return 0;
    int err = E_IO;
    if (strstr(message, "No space left"))
        err = E_NO_SPACE;
    else if (strncmp(message, "Corruption", 10) == 0)
        err = E_CORRUPT;
    rocksdb_free(message);
    return err;
}

/* ---- reading ---- */

static struct view *rocks_view(struct store *s, bool latest)
{
    struct rocks *r = (struct rocks *)s;
    struct view *v = xalloc(sizeof *v);
    v->rocks = r;
    v->options = rocksdb_readoptions_create();
    v->pinned = v->pinned_inline;
    v->pinned_cap = PINNED_INLINE;
    if (!latest) {
        v->snapshot = rocksdb_create_snapshot(r->db);
        rocksdb_readoptions_set_snapshot(v->options, v->snapshot);
    }
    return v;
}

static void rocks_view_forget(struct view *v)
{
    for (size_t i = 0; i < v->pinned_n; i++)
        rocksdb_pinnableslice_destroy(v->pinned[i]);
    v->pinned_n = 0;
}

static void rocks_view_end(struct view *v)
{
    rocks_view_forget(v);
    if (v->pinned != v->pinned_inline)
        free(v->pinned);
    rocksdb_readoptions_destroy(v->options);
    if (v->snapshot)
        rocksdb_release_snapshot(v->rocks->db, v->snapshot);
    free(v);
}

static void view_keep(struct view *v, rocksdb_pinnableslice_t *value)
{
    if (v->pinned_n == v->pinned_cap) {
        size_t cap = 4 * v->pinned_cap;
        rocksdb_pinnableslice_t **more = xalloc(cap * sizeof *more);
        memcpy(more, v->pinned, v->pinned_n * sizeof *more);
        if (v->pinned != v->pinned_inline)
            free(v->pinned);
        v->pinned = more;
        v->pinned_cap = cap;
    }
    v->pinned[v->pinned_n++] = value;
}

static int rocks_get(struct view *v, struct str key, struct str *ret)
{
    char *message = NULL;
    rocksdb_pinnableslice_t *value = rocksdb_get_pinned(v->rocks->db, v->options, key.p ? key.p : "", key.n, &message);
    if (message)
        return rocks_error(message);
    if (!value)
        return E_NOT_FOUND;
    view_keep(v, value);
    ret->p = rocksdb_pinnableslice_value(value, &ret->n);
    return 0;
}

static struct cursor *rocks_cursor(struct view *v, struct str from, struct str to, bool reverse)
{
    struct cursor *c = xalloc(sizeof *c);
    c->reverse = reverse;
    c->options = rocksdb_readoptions_create();
    if (v->snapshot)
        rocksdb_readoptions_set_snapshot(c->options, v->snapshot);
    if (from.n)
        rocksdb_readoptions_set_iterate_lower_bound(c->options, from.p, from.n);
    if (to.n)
        rocksdb_readoptions_set_iterate_upper_bound(c->options, to.p, to.n);
    c->it = rocksdb_create_iterator(v->rocks->db, c->options);
    return c;
}

static bool rocks_next(struct cursor *c, struct str *ret_key, struct str *ret_value)
{
    if (!c->started && c->reverse)
        rocksdb_iter_seek_to_last(c->it);
    else if (!c->started)
        rocksdb_iter_seek_to_first(c->it);
    else if (c->reverse)
        rocksdb_iter_prev(c->it);
    else
        rocksdb_iter_next(c->it);
    c->started = true;
    if (!rocksdb_iter_valid(c->it))
        return false;
    ret_key->p = rocksdb_iter_key(c->it, &ret_key->n);
    ret_value->p = rocksdb_iter_value(c->it, &ret_value->n);
    return true;
}

static int rocks_cursor_end(struct cursor *c)
{
    char *message = NULL;
    rocksdb_iter_get_error(c->it, &message);
    rocksdb_iter_destroy(c->it);
    rocksdb_readoptions_destroy(c->options);
    free(c);
    return rocks_error(message);
}

/* ---- writing ---- */

static bool has_room(int fd, uint64_t bytes)
{
    struct statvfs fs;
    if (fstatvfs(fd, &fs) < 0)
        return true; /* the write itself will tell */
    return (uint64_t)fs.f_bavail * fs.f_frsize > bytes;
}

static int rocks_commit(struct store *s, const struct skip *writes)
{
    struct rocks *r = (struct rocks *)s;
    size_t bytes = 0;
    rocksdb_writebatch_clear(r->batch);
    for (const struct skip_node *n = skip_at_least(writes, STR("")); n; n = skip_next(n)) {
        const struct pending *p = n->data;
        if (!p)
            continue;
        if (p->deleted)
            rocksdb_writebatch_delete(r->batch, n->key.p, n->key.n);
        else
            rocksdb_writebatch_put(r->batch, n->key.p, n->key.n, p->value.p, p->value.n);
        bytes += n->key.n + p->value.n;
    }
    if (!has_room(r->db_fd, (uint64_t)RESERVE_BYTES + bytes))
        return E_NO_SPACE;
    char *message = NULL;
    rocksdb_write(r->db, r->synced, r->batch, &message);
    if (bytes > WRITE_BUFFER_BYTES) { /* clearing keeps a batch's memory */
        rocksdb_writebatch_destroy(r->batch);
        r->batch = rocksdb_writebatch_create();
    }
    int rc = rocks_error(message);
    return rc == E_NO_SPACE ? E_IO : rc; /* full under RocksDB's own hands: what its log holds is not known, and it takes no more */
}

static uint64_t rocks_bytes(struct store *s)
{
    struct rocks *r = (struct rocks *)s;
    DIR *d = opendir(r->db_path);
    if (!d)
        return 0;
    uint64_t bytes = 0;
    const struct dirent *e;
    struct stat st;
    while ((e = readdir(d)))
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            bytes += (uint64_t)st.st_blocks * 512;
    closedir(d);
    return bytes;
}

/* ---- the data directory ---- */

static char *path_join(const char *dir, const char *name)
{
    size_t n = strlen(dir) + 1 + strlen(name) + 1;
    char *path = xalloc(n);
    snprintf(path, n, "%s/%s", dir, name);
    return path;
}

static int lock_take(const char *dir, int *ret_fd)
{
    char *path = path_join(dir, "lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int rc = fd < 0 ? file_error() : 0;
    free(path);
    if (rc == 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        rc = errno == EWOULDBLOCK ? E_BUSY : file_error();
        close(fd);
    }
    if (rc == 0)
        *ret_fd = fd;
    return rc;
}

static int format_write(const char *dir)
{
    char text[32];
    int n = snprintf(text, sizeof text, "strata %d\n", STORE_FORMAT);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return file_error();
    int rc = file_replace(fd, "format", (struct str){ text, (size_t)n }, 0600);
    close(fd);
    return rc;
}

/* A directory without a format is a new one, unless it has a database. */
static int format_check(const char *dir, const char *db_path)
{
    char *path = path_join(dir, "format");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 ? file_error() : 0;
    free(path);
    if (rc == E_NOT_FOUND)
        return access(db_path, F_OK) == 0 ? E_CORRUPT : format_write(dir);
    if (rc < 0)
        return rc;
    char text[32] = { 0 };
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    struct str rest, version = { text, n > 0 ? (size_t)n : 0 };
    int64_t format;
    if (n < 0)
        return E_IO;
    if (!str_starts(version, STR("strata ")))
        return E_CORRUPT;
    rest = str_trim(str_sub(version, 7, version.n));
    if (str_to_i64(rest, &format) < 0 || format < 1)
        return E_CORRUPT;
    if (format < STORE_FORMAT) /* an older program must not open what this one will write */
        return format_write(dir);
    return format > STORE_FORMAT ? E_VERSION : 0;
}

/* ---- opening ---- */

static void table_options(rocksdb_options_t *o, rocksdb_cache_t *cache)
{
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(t, cache);
    rocksdb_block_based_options_set_block_size(t, BLOCK_BYTES);
    rocksdb_block_based_options_set_filter_policy(t, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));
    rocksdb_block_based_options_set_format_version(t, 5);
    /* Keys begin with some ninety bytes that their neighbours have, too: written out for one of eight, the index is a sixth (15 to 2.4 MB a GB of records of
     * 1 KB), and stays in the cache. */
    rocksdb_block_based_options_set_index_block_restart_interval(t, INDEX_RESTART_KEYS);
    /* Filters are whole, beside the open file: a read asks one of every level, and finding one in the cache costs more than asking three. 1.3 MB a GB.
     * The index is in pieces of a few KB in the cache with the data: the pieces in use stay, and their memory is bounded. */
    rocksdb_block_based_options_set_index_type(t, rocksdb_block_based_table_index_type_two_level_index_search);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 0);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(t, 1);
    rocksdb_options_set_block_based_table_factory(o, t);
    rocksdb_block_based_options_destroy(t);
}

static uint64_t cache_bytes(void)
{
    uint64_t share = memory_bytes() / CACHE_SHARE;
    return share < CACHE_BYTES_MIN ? CACHE_BYTES_MIN : share > CACHE_BYTES_MAX ? CACHE_BYTES_MAX : share;
}

static int open_files(void)
{
    unsigned long share = descriptors_max() / DESCRIPTOR_SHARE;
    return share < OPEN_FILES_MAX ? (int)share : OPEN_FILES_MAX;
}

/* What a flush writes is merged within seconds: it is compressed then. */
static void compression_options(rocksdb_options_t *o)
{
    static const int levels[] = { rocksdb_no_compression, rocksdb_lz4_compression };
    rocksdb_options_set_compression_per_level(o, levels, sizeof levels / sizeof *levels); /* the last is for those below too */
}

/* *ret_error: RocksDB's message, the caller's. */
static rocksdb_options_t *options_new(rocksdb_cache_t *cache, char **ret_error)
{
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_write_buffer_size(o, WRITE_BUFFER_BYTES);
    rocksdb_options_set_max_write_buffer_number(o, WRITE_BUFFERS);
    rocksdb_options_set_target_file_size_base(o, FILE_BYTES);
    rocksdb_options_set_target_file_size_multiplier(o, 2);
    rocksdb_options_set_max_bytes_for_level_base(o, 64 << 20);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
    rocksdb_options_set_max_background_jobs(o, 2);
    compression_options(o);
    rocksdb_options_set_bytes_per_sync(o, 1 << 20);
    /* Queues leave trails of deleted keys where scans begin: files full of them are compacted soon. */
    rocksdb_options_add_compact_on_deletion_collector_factory(o, 1024, 512);

    /* A start reads little: a short log, no look at every file. */
    rocksdb_options_set_max_total_wal_size(o, WAL_BYTES_MAX);
    rocksdb_options_set_max_open_files(o, open_files());
    /* Few shards, each of many files: of the usual 64, some would be too small for theirs, and reads would open them again and again. */
    rocksdb_options_set_table_cache_numshardbits(o, OPEN_FILES_SHARD_BITS);
    rocksdb_options_set_max_file_opening_threads(o, 1);
    rocksdb_options_set_skip_stats_update_on_db_open(o, 1);
    rocksdb_options_set_skip_checking_sst_file_sizes_on_db_open(o, 1);
    rocksdb_options_set_max_manifest_file_size(o, 4 << 20);

    rocksdb_options_set_info_log_level(o, 3); /* errors */
    rocksdb_options_set_keep_log_file_num(o, 2);
    rocksdb_options_set_max_log_file_size(o, 1 << 20);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    table_options(o, cache);
    /* A start after a kill replays the log into memory, and leaves it to the next flush to write that out: that would be half of the start. C has no
     * function for this one. */
    rocksdb_options_t *all = rocksdb_options_create();
    rocksdb_get_options_from_string(o, "avoid_flush_during_recovery=true", all, ret_error);
    rocksdb_options_destroy(o);
    return all;
}

static void rocks_free(struct rocks *r)
{
    if (r->db)
        rocksdb_close(r->db);
    if (r->batch)
        rocksdb_writebatch_destroy(r->batch);
    if (r->synced)
        rocksdb_writeoptions_destroy(r->synced);
    if (r->options)
        rocksdb_options_destroy(r->options);
    if (r->cache)
        rocksdb_cache_destroy(r->cache);
    if (r->db_fd >= 0)
        close(r->db_fd);
    if (r->lock_fd >= 0)
        close(r->lock_fd); /* last: the directory is free only now */
    free(r->db_path);
    free(r);
}

/* With nothing left in the log the next start has nothing to replay. What fails here is in the log all the same. */
static void rocks_close(struct store *s)
{
    struct rocks *r = (struct rocks *)s;
    rocksdb_flushoptions_t *wait = rocksdb_flushoptions_create();
    char *message = NULL;
    rocksdb_flush(r->db, wait, &message);
    rocksdb_free(message);
    rocksdb_flushoptions_destroy(wait);
    rocks_free(r);
}

static void rocks_cache(struct store *s, uint64_t bytes)
{
    rocksdb_cache_set_capacity(((struct rocks *)s)->cache, bytes);
}

static int rocks_backup(struct store *s, const char *dir)
{
    struct rocks *r = (struct rocks *)s;
    int rc = folder_make(dir, 0700);
    if (rc < 0)
        return rc;
    if (rmdir(dir) < 0) /* refused unless it is empty */
        return errno == ENOTEMPTY ? E_EXISTS : file_error();
    rc = folder_make(dir, 0700);
    if (rc < 0)
        return rc;
    char *message = NULL, *db_path = path_join(dir, "db");
    rocksdb_checkpoint_t *checkpoint = rocksdb_checkpoint_object_create(r->db, &message);
    if (checkpoint) {
        rocksdb_checkpoint_create(checkpoint, db_path, 0, &message);
        rocksdb_checkpoint_object_destroy(checkpoint);
    }
    free(db_path);
    rc = rocks_error(message);
    return rc < 0 ? rc : format_write(dir); /* last: without it the copy does not open */
}

static const struct driver driver_rocksdb = {
    .close = rocks_close,
    .view = rocks_view,
    .view_end = rocks_view_end,
    .get = rocks_get,
    .view_forget = rocks_view_forget,
    .cursor = rocks_cursor,
    .next = rocks_next,
    .cursor_end = rocks_cursor_end,
    .commit = rocks_commit,
    .bytes = rocks_bytes,
    .cache = rocks_cache,
    .backup = rocks_backup,
};

static int rocks_open_db(struct rocks *r)
{
    char *message = NULL;
    r->cache = rocksdb_cache_create_lru(cache_bytes());
    r->options = options_new(r->cache, &message);
    if (message)
        return rocks_error(message);
    r->synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(r->synced, 1);
    r->batch = rocksdb_writebatch_create();
    r->db = rocksdb_open(r->options, r->db_path, &message);
    int rc = rocks_error(message);
    if (rc < 0)
        return rc;
    r->db_fd = open(r->db_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return r->db_fd < 0 ? file_error() : 0;
}

int store_open_rocksdb(const char *dir, struct store **ret)
{
    struct rocks *r = xalloc(sizeof *r);
    r->lock_fd = r->db_fd = -1;
    r->db_path = path_join(dir, "db");
    int rc = folder_make(dir, 0700);
    if (rc == 0)
        rc = lock_take(dir, &r->lock_fd);
    if (rc == 0 && !has_room(r->lock_fd, OPEN_BYTES))
        rc = E_NO_SPACE;
    if (rc == 0)
        rc = format_check(dir, r->db_path);
    if (rc == 0)
        rc = folder_make(r->db_path, 0700); /* RocksDB would make it, and not sync its name */
    if (rc == 0)
        rc = rocks_open_db(r);
    if (rc < 0) {
        rocks_free(r);
        return rc;
    }
    store_init(&r->base, &driver_rocksdb);
    *ret = &r->base;
    return 0;
}
