#include "store/blob.h"

#include "base/arena.h"
#include "base/code.h"
#include "base/err.h"
#include "base/file.h"
#include "store/crc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

enum { FOLDERS = 256 };
enum { WRITE_BEHIND_BYTES = 8 << 20 }; /* how much may gather in memory before the disk begins to write */

struct blobs {
    char *dir;
    int dir_fd, tmp_fd;
    pthread_mutex_t lock; /* of the next four */
    int holders;          /* while there are any, nothing is removed */
    char (*held)[BLOB_ID_CHARS]; /* what would have been */
    size_t held_n, held_cap;
    atomic_bool failed;  /* a sync did */
    atomic_bool durable[FOLDERS]; /* the folder's name was synced since blobs_open */
    struct crc_tables crc;
};

enum { MD5, SHA1, SHA256, DIGESTS };

/* What is computed of bytes on their way. */
struct digests {
    const struct crc_tables *tables;
    unsigned kinds; /* enum blob_digest */
    EVP_MD_CTX *digest[DIGESTS];
    uint64_t crc[CRC_KINDS];
};

struct blob_writer {
    struct blobs *blobs;
    struct digests digests;
    int64_t bytes;       /* received */
    int64_t behind;      /* of them, handed to the disk */
    int64_t written;
    int fd;              /* -1 as long as everything is in buffer */
    int err;             /* the first that was met; nothing is written after it */
    char id[BLOB_ID_CHARS + 1];
    bool sealed;
    uint8_t key[SEAL_KEY_BYTES];
    struct chunk *chunk; /* of a sealed file: what has come of the next one */
    size_t buffered;
    char buffer[BLOB_INLINE_BYTES];
};

struct chunk {
    uint64_t index;
    size_t n;
    uint8_t plain[SEAL_CHUNK_BYTES], sealed[SEAL_CHUNK_SEALED_BYTES];
};

static const unsigned digest_bits[DIGESTS] = { BLOB_MD5, BLOB_SHA1, BLOB_SHA256 };
static const unsigned crc_bits[CRC_KINDS] = { BLOB_CRC32, BLOB_CRC32C, BLOB_CRC64NVME };

/* ---- the directory ---- */

static int dir_open(int at, const char *name, int *ret_fd)
{
    if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
        return file_error();
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return file_error();
    *ret_fd = fd;
    return 0;
}

int blobs_open(const char *dir, struct blobs **ret)
{
    struct blobs *b = xalloc(sizeof *b);
    b->dir = xstrdup(dir);
    b->dir_fd = b->tmp_fd = -1;
    pthread_mutex_init(&b->lock, NULL);
    int rc = folder_make(dir, 0700);
    if (rc == 0)
        rc = dir_open(AT_FDCWD, dir, &b->dir_fd);
    if (rc == 0)
        rc = dir_open(b->dir_fd, "tmp", &b->tmp_fd);
    if (rc < 0) {
        blobs_close(b);
        return rc;
    }
    crc_tables_init(&b->crc);
    *ret = b;
    return 0;
}

void blobs_close(struct blobs *b)
{
    if (!b)
        return;
    if (b->tmp_fd >= 0)
        close(b->tmp_fd);
    if (b->dir_fd >= 0)
        close(b->dir_fd);
    pthread_mutex_destroy(&b->lock);
    free(b->held);
    free(b->dir);
    free(b);
}

bool blobs_failed(const struct blobs *b)
{
    return atomic_load(&b->failed);
}

/* What a sync answered. A full disk is told and may be emptied; any other failure is final. */
static int synced(struct blobs *b, int got)
{
    int rc = got < 0 ? file_error() : 0;
    if (rc < 0 && rc != E_NO_SPACE)
        atomic_store(&b->failed, true);
    return rc;
}

static bool id_valid(struct str id)
{
    if (id.n != BLOB_ID_CHARS)
        return false;
    for (size_t i = 0; i < id.n; i++)
        if (!(id.p[i] >= '0' && id.p[i] <= '9') && !(id.p[i] >= 'a' && id.p[i] <= 'f'))
            return false;
    return true;
}

/* An id's place under the directory: "3f/3f...". */
struct place {
    char path[2 + 1 + BLOB_ID_CHARS + 1];
};

static bool place_of(struct str id, struct place *ret)
{
    if (!id_valid(id))
        return false;
    snprintf(ret->path, sizeof ret->path, "%.2s/%.*s", id.p, BLOB_ID_CHARS, id.p);
    return true;
}

/* ---- digests ---- */

static void digests_release(struct digests *d)
{
    for (int i = 0; i < DIGESTS; i++)
        EVP_MD_CTX_free(d->digest[i]);
}

/* On zeroed memory. E_IO: no such digest in this OpenSSL; to be released all the same. */
static int digests_init(struct digests *d, const struct blobs *b, unsigned kinds)
{
    const EVP_MD *const algorithms[DIGESTS] = { EVP_md5(), EVP_sha1(), EVP_sha256() };
    d->tables = &b->crc;
    d->kinds = kinds;
    for (int i = 0; i < DIGESTS; i++) {
        if (!(kinds & digest_bits[i]))
            continue;
        d->digest[i] = EVP_MD_CTX_new();
        if (!d->digest[i] || EVP_DigestInit_ex(d->digest[i], algorithms[i], NULL) != 1)
            return E_IO;
    }
    return 0;
}

static void digests_update(struct digests *d, const void *p, size_t n)
{
    for (int i = 0; i < DIGESTS; i++)
        if (d->digest[i])
            EVP_DigestUpdate(d->digest[i], p, n);
    for (int i = 0; i < CRC_KINDS; i++)
        if (d->kinds & crc_bits[i])
            d->crc[i] = crc_update(d->tables, (enum crc_kind)i, d->crc[i], p, n);
}

static void digests_finish(struct digests *d, struct blob *ret)
{
    uint8_t *const out[DIGESTS] = { ret->md5, ret->sha1, ret->sha256 };
    for (int i = 0; i < DIGESTS; i++)
        if (d->digest[i])
            EVP_DigestFinal_ex(d->digest[i], out[i], NULL);
    ret->digests = d->kinds;
    ret->crc32 = (uint32_t)d->crc[CRC32];
    ret->crc32c = (uint32_t)d->crc[CRC32C];
    ret->crc64nvme = d->crc[CRC64NVME];
}

/* ---- receiving ---- */

static void writer_free(struct blob_writer *w)
{
    if (w->fd >= 0) {
        close(w->fd);
        unlinkat(w->blobs->tmp_fd, w->id, 0); /* gone already when it was renamed */
    }
    digests_release(&w->digests);
    if (w->chunk)
        seal_erase(w->chunk->plain, sizeof w->chunk->plain);
    free(w->chunk);
    seal_erase(w->key, sizeof w->key);
    free(w);
}

int blob_begin(struct blobs *b, unsigned digests, bool sealed, struct blob_writer **ret)
{
    struct blob_writer *w = xalloc(sizeof *w);
    w->blobs = b;
    w->sealed = sealed;
    w->fd = -1;
    int rc = digests_init(&w->digests, b, digests);
    if (rc < 0)
        writer_free(w);
    else
        *ret = w;
    return rc;
}

static int file_create(struct blob_writer *w)
{
    uint8_t random[BLOB_ID_CHARS / 2];
    random_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(w->id + 2 * i, 3, "%02x", random[i]);
    w->fd = openat(w->blobs->tmp_fd, w->id, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return w->fd < 0 ? file_error() : 0;
}

static int file_write(struct blob_writer *w, const char *p, size_t n)
{
    if (w->fd < 0) {
        int rc = file_create(w);
        if (rc < 0)
            return rc;
    }
    while (n > 0) {
        ssize_t got = write(w->fd, p, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return file_error();
        p += got;
        n -= (size_t)got;
        w->written += got;
    }
    if (w->written - w->behind >= WRITE_BEHIND_BYTES) {
        /* Only a hint: blob_finish syncs. It keeps the sync at the end of a great body short. */
        sync_file_range(w->fd, w->behind, w->written - w->behind, SYNC_FILE_RANGE_WRITE);
        w->behind = w->written;
    }
    return 0;
}

static int chunk_flush(struct blob_writer *w)
{
    struct chunk *c = w->chunk;
    seal_chunk(w->key, c->index++, c->plain, c->n, c->sealed);
    size_t bytes = c->n + SEAL_TAG_BYTES;
    c->n = 0;
    return file_write(w, (const char *)c->sealed, bytes);
}

static int file_put(struct blob_writer *w, const char *p, size_t n)
{
    if (!w->sealed)
        return file_write(w, p, n);
    if (!w->chunk) {
        w->chunk = xalloc(sizeof *w->chunk);
        w->chunk->index = w->chunk->n = 0;
        random_bytes(w->key, sizeof w->key);
    }
    int rc = 0;
    while (n > 0 && rc == 0) {
        size_t part = SEAL_CHUNK_BYTES - w->chunk->n < n ? SEAL_CHUNK_BYTES - w->chunk->n : n;
        memcpy(w->chunk->plain + w->chunk->n, p, part);
        w->chunk->n += part;
        p += part;
        n -= part;
        if (w->chunk->n == SEAL_CHUNK_BYTES)
            rc = chunk_flush(w);
    }
    return rc;
}

static int file_flush(struct blob_writer *w)
{
    int rc = file_put(w, w->buffer, w->buffered);
    w->buffered = 0;
    return rc;
}

int blob_write(struct blob_writer *w, const void *p, size_t n)
{
    if (w->err < 0 || n == 0)
        return w->err;
    digests_update(&w->digests, p, n);
    w->bytes += (int64_t)n;
    if (n > sizeof w->buffer - w->buffered && w->buffered > 0)
        w->err = file_flush(w);
    if (w->err == 0 && n > sizeof w->buffer) {
        w->err = file_put(w, p, n);
    } else if (w->err == 0) {
        memcpy(w->buffer + w->buffered, p, n);
        w->buffered += n;
    }
    return w->err;
}

/* The folder of an id, its name on the disk. Whoever made it, another thread or a strata before this one, may not have synced it yet: so the first
 * who comes to it does, and who comes meanwhile does it, too. */
static int folder_open(struct blobs *b, const char *id, int *ret_fd)
{
    char name[3] = { id[0], id[1], 0 };
    atomic_bool *durable = &b->durable[strtoul(name, NULL, 16)];
    int rc = dir_open(b->dir_fd, name, ret_fd);
    if (rc < 0 || atomic_load(durable))
        return rc;
    rc = synced(b, fsync(b->dir_fd));
    if (rc < 0) {
        close(*ret_fd);
        return rc;
    }
    atomic_store(durable, true);
    return 0;
}

/* From tmp to its place, durably. */
static int file_place(struct blob_writer *w)
{
    struct place place;
    int folder_fd;
    int rc = blobs_failed(w->blobs) ? E_IO : synced(w->blobs, fdatasync(w->fd));
    if (rc == 0)
        rc = folder_open(w->blobs, w->id, &folder_fd);
    if (rc < 0)
        return rc;
    place_of((struct str){ w->id, BLOB_ID_CHARS }, &place);
    if (renameat(w->blobs->tmp_fd, w->id, w->blobs->dir_fd, place.path) < 0)
        rc = file_error();
    else if ((rc = synced(w->blobs, fsync(folder_fd))) < 0)
        unlinkat(w->blobs->dir_fd, place.path, 0);
    close(folder_fd);
    return rc;
}

int blob_finish(struct blob_writer *w, struct arena *a, struct blob *ret)
{
    struct blob blob = { .bytes = w->bytes };
    int rc = w->err;
    bool inline_ = w->fd < 0 && !w->chunk;
    if (rc == 0 && inline_) {
        blob.data = str_dup(a, (struct str){ w->buffer, w->buffered });
    } else {
        if (rc == 0)
            rc = file_flush(w);
        if (rc == 0 && w->chunk && w->chunk->n > 0)
            rc = chunk_flush(w);
        if (rc == 0)
            rc = file_place(w);
        blob.id = str_dup(a, (struct str){ w->id, BLOB_ID_CHARS });
    }
    if (rc == 0) {
        digests_finish(&w->digests, &blob);
        *ret = blob;
        ret->sealed = w->chunk != NULL;
        if (ret->sealed)
            memcpy(ret->key, w->key, sizeof ret->key);
    }
    writer_free(w);
    return rc;
}

void blob_abort(struct blob_writer *w)
{
    if (w)
        writer_free(w);
}

/* ---- what is there ---- */

int blob_open(struct blobs *b, struct str id, int64_t bytes)
{
    struct place place;
    struct stat st;
    if (!place_of(id, &place))
        return E_NOT_FOUND;
    int fd = openat(b->dir_fd, place.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return file_error();
    int rc = fstat(fd, &st) < 0 ? file_error() : st.st_size < bytes ? E_CORRUPT : 0;
    if (rc < 0)
        close(fd);
    return rc < 0 ? rc : fd;
}

int64_t blob_bytes(struct blobs *b, struct str id)
{
    struct place place;
    struct stat st;
    if (!place_of(id, &place))
        return E_NOT_FOUND;
    return fstatat(b->dir_fd, place.path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? file_error() : st.st_size;
}

/* Feeds [offset, offset + bytes) of a body to d. */
static int digests_read(struct digests *d, struct blobs *b, const struct blob *blob)
{
    enum { CHUNK_BYTES = 256 * 1024 };
    if (!str_set(blob->id)) {
        if ((uint64_t)blob->offset > blob->data.n || (uint64_t)blob->bytes > blob->data.n - (uint64_t)blob->offset)
            return E_CORRUPT;
        digests_update(d, blob->data.p + blob->offset, (size_t)blob->bytes);
        return 0;
    }
    struct blob_reader *r;
    int rc = blob_reader_open(b, blob, &r);
    if (rc < 0)
        return rc;
    char *chunk = xalloc(CHUNK_BYTES);
    int64_t n;
    while ((n = blob_reader_read(r, chunk, CHUNK_BYTES)) > 0)
        digests_update(d, chunk, (size_t)n);
    free(chunk);
    blob_reader_close(r);
    return (int)n;
}

int blob_digest(struct blobs *b, struct blob *blob, unsigned kinds)
{
    struct digests d = { 0 };
    if (blob->bytes < 0 || blob->offset < 0)
        return E_INVALID;
    int rc = digests_init(&d, b, kinds);
    if (rc == 0)
        rc = digests_read(&d, b, blob);
    if (rc == 0)
        digests_finish(&d, blob);
    digests_release(&d);
    return rc;
}

int blob_link(struct blobs *b, struct arena *a, struct str id, struct str *ret_id)
{
    struct place from, to;
    if (!place_of(id, &from))
        return E_NOT_FOUND;
    /* The same two first digits, hence the same folder, which is there. */
    struct str fresh = str_printf(a, "%.2s%.*s", id.p, STR_ARG(random_hex(a, BLOB_ID_CHARS - 2)));
    place_of(fresh, &to);
    int folder_fd, rc = blobs_failed(b) ? E_IO : folder_open(b, id.p, &folder_fd);
    if (rc < 0)
        return rc;
    if (linkat(b->dir_fd, from.path, b->dir_fd, to.path, 0) < 0)
        rc = file_error();
    else if ((rc = synced(b, fsync(folder_fd))) < 0)
        unlinkat(b->dir_fd, to.path, 0);
    close(folder_fd);
    if (rc == 0)
        *ret_id = fresh;
    return rc;
}

static void file_remove(struct blobs *b, struct str id)
{
    struct place place;
    if (place_of(id, &place))
        unlinkat(b->dir_fd, place.path, 0); /* one that stays is swept at the next start */
}

/* Whether a holder forbids it; then it is remembered. */
static bool is_held(struct blobs *b, struct str id)
{
    pthread_mutex_lock(&b->lock);
    bool held = b->holders > 0;
    if (held && id.n == BLOB_ID_CHARS && b->held_n < BLOBS_HELD_MAX) {
        if (b->held_n == b->held_cap) {
            b->held_cap = b->held_cap ? 2 * b->held_cap : 64;
            b->held = xrealloc(b->held, b->held_cap * sizeof *b->held);
        }
        memcpy(b->held[b->held_n++], id.p, BLOB_ID_CHARS);
    }
    pthread_mutex_unlock(&b->lock);
    return held;
}

void blob_remove(struct blobs *b, struct str id)
{
    if (!is_held(b, id))
        file_remove(b, id);
}

struct str blob_path(struct blobs *b, struct arena *a, struct str id)
{
    struct place place;
    return place_of(id, &place) ? str_printf(a, "%s/%s", b->dir, place.path) : STR_NONE;
}

/* ---- backups ---- */

void blobs_hold(struct blobs *b)
{
    pthread_mutex_lock(&b->lock);
    b->holders++;
    pthread_mutex_unlock(&b->lock);
}

void blobs_release(struct blobs *b)
{
    char (*held)[BLOB_ID_CHARS] = NULL;
    size_t n = 0;
    pthread_mutex_lock(&b->lock);
    if (--b->holders == 0) {
        held = b->held;
        n = b->held_n;
        b->held = NULL;
        b->held_n = b->held_cap = 0;
    }
    pthread_mutex_unlock(&b->lock);
    for (size_t i = 0; i < n; i++)
        file_remove(b, (struct str){ held[i], BLOB_ID_CHARS });
    free(held);
}

static int file_copy(int from_at, int to_at, const char *name)
{
    int from = openat(from_at, name, O_RDONLY | O_CLOEXEC), to = openat(to_at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n = from < 0 || to < 0 ? -1 : 1;
    while (n > 0)
        n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);
    int rc = n < 0 || fsync(to) < 0 ? file_error() : 0;
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return rc;
}

static int folder_copy(int from_at, int to_at, const char *name)
{
    int from = openat(from_at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), to = -1;
    if (from < 0)
        return errno == ENOENT ? 0 : file_error();
    DIR *d = fdopendir(from);
    int rc = d ? dir_open(to_at, name, &to) : file_error();
    const struct dirent *e;
    while (rc == 0 && (e = readdir(d))) {
        if (!id_valid(str_c(e->d_name)) || linkat(from, e->d_name, to, e->d_name, 0) == 0)
            continue;
        rc = errno == EXDEV || errno == EMLINK || errno == EPERM ? file_copy(from, to, e->d_name) : file_error();
    }
    if (rc == 0 && fsync(to) < 0)
        rc = file_error();
    if (to >= 0)
        close(to);
    if (d)
        closedir(d);
    else
        close(from);
    return rc;
}

int blobs_copy(struct blobs *b, const char *dir)
{
    int to = -1, rc = folder_make(dir, 0700);
    if (rc == 0)
        rc = dir_open(AT_FDCWD, dir, &to);
    for (unsigned i = 0; i < FOLDERS && rc == 0; i++) {
        char folder[3];
        snprintf(folder, sizeof folder, "%02x", i);
        rc = folder_copy(b->dir_fd, to, folder);
    }
    if (rc == 0 && fsync(to) < 0)
        rc = file_error();
    if (to >= 0)
        close(to);
    return rc;
}

/* ---- all of them ---- */

/* One walk over a folder: each file is shown, or else removed unless is_used. */
struct look {
    void (*see)(void *ctx, struct str id, int64_t bytes, int64_t modified_ms);
    bool (*is_used)(void *ctx, struct str id);
    void *ctx;
    int removed;
};

static int folder_look(struct look *l, int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int rc = fd < 0 && errno == ENOENT ? 0 : file_error();
        if (fd >= 0)
            close(fd);
        return rc;
    }
    const struct dirent *e;
    struct stat st;
    while ((e = readdir(d))) {
        struct str id = str_c(e->d_name);
        if (!id_valid(id))
            continue;
        if (l->see && fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            l->see(l->ctx, id, st.st_size, st.st_mtim.tv_sec * 1000LL + st.st_mtim.tv_nsec / 1000000);
        else if (!l->see && !(l->is_used && l->is_used(l->ctx, id)) && unlinkat(fd, e->d_name, 0) == 0)
            l->removed++;
    }
    closedir(d);
    return 0;
}

static int look_everywhere(struct blobs *b, struct look *l)
{
    int rc = 0;
    for (unsigned i = 0; i < FOLDERS && rc == 0; i++) {
        char folder[3];
        snprintf(folder, sizeof folder, "%02x", i);
        rc = folder_look(l, b->dir_fd, folder);
    }
    return rc;
}

int blobs_sweep(struct blobs *b, bool (*is_used)(void *ctx, struct str id), void *ctx)
{
    struct look tmp = { 0 }, places = { .is_used = is_used, .ctx = ctx };
    int rc = folder_look(&tmp, b->dir_fd, "tmp");
    if (rc == 0)
        rc = look_everywhere(b, &places);
    return rc < 0 ? rc : tmp.removed + places.removed;
}

int blobs_each(struct blobs *b, void (*see)(void *ctx, struct str id, int64_t bytes, int64_t modified_ms), void *ctx)
{
    struct look l = { .see = see, .ctx = ctx };
    return look_everywhere(b, &l);
}
