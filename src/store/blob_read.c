/* Bodies being read, sealed ones chunk by chunk. */
#include "store/blob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/exchange.h"
#include "base/file.h"

struct blob_reader {
    int fd;
    int64_t at, left;      /* of the plaintext */
    bool sealed;
    uint8_t key[SEAL_KEY_BYTES];
    size_t rest_at, rest;  /* what is opened in chunk and not yet given */
    uint8_t chunk[];       /* of a sealed one: SEAL_CHUNK_SEALED_BYTES */
};

int blob_reader_open(struct blobs *b, const struct blob *blob, struct blob_reader **ret)
{
    int fd = blob_open(b, blob->id, blob_file_bytes(blob->offset + blob->bytes, blob->sealed));
    if (fd < 0)
        return fd;
    struct blob_reader *r = xalloc(sizeof *r + (blob->sealed ? SEAL_CHUNK_SEALED_BYTES : 0));
    *r = (struct blob_reader){ .fd = fd, .at = blob->offset, .left = blob->bytes, .sealed = blob->sealed };
    memcpy(r->key, blob->key, sizeof r->key);
    *ret = r;
    return 0;
}

void blob_reader_close(struct blob_reader *r)
{
    close(r->fd);
    seal_erase(r, sizeof *r + (r->sealed ? SEAL_CHUNK_SEALED_BYTES : 0));
    free(r);
}

/* As many bytes as there are up to n; <0: errors. */
static int64_t file_read(int fd, void *p, size_t n, int64_t offset)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(fd, (char *)p + done, n - done, offset + (int64_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return file_error();
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* A whole chunk goes to p when it is wanted whole and has room there; else it is opened in place. Returns how many bytes are in p. */
static int64_t open_chunk(struct blob_reader *r, void *p, size_t max)
{
    uint64_t index = (uint64_t)r->at / SEAL_CHUNK_BYTES;
    size_t within = (size_t)(r->at % SEAL_CHUNK_BYTES);
    int64_t n = file_read(r->fd, r->chunk, SEAL_CHUNK_SEALED_BYTES, (int64_t)(index * SEAL_CHUNK_SEALED_BYTES));
    if (n < 0)
        return n;
    size_t plain = (size_t)n > SEAL_TAG_BYTES ? (size_t)n - SEAL_TAG_BYTES : 0;
    if (plain <= within || (plain < SEAL_CHUNK_BYTES && (int64_t)(plain - within) < r->left))
        return E_CORRUPT; /* shorter than its record says */
    bool whole = within == 0 && plain <= max && (int64_t)plain <= r->left;
    if (seal_chunk_open(r->key, index, r->chunk, (size_t)n, whole ? p : r->chunk) < 0)
        return E_CORRUPT;
    if (whole)
        return (int64_t)plain;
    r->rest_at = within;
    r->rest = least(plain - within, (size_t)r->left);
    return 0;
}

int64_t blob_reader_read(struct blob_reader *r, void *p, size_t max)
{
    int64_t n = 0;
    if (r->left == 0 || max == 0)
        return 0;
    if (!r->sealed) {
        n = file_read(r->fd, p, (int64_t)max < r->left ? max : (size_t)r->left, r->at);
        if (n == 0)
            return E_CORRUPT;
    } else if (r->rest == 0) {
        n = open_chunk(r, p, max);
    }
    if (n == 0) {
        n = (int64_t)least(r->rest, max);
        memcpy(p, r->chunk + r->rest_at, (size_t)n);
        r->rest_at += (size_t)n;
        r->rest -= (size_t)n;
    }
    if (n > 0) {
        r->at += n;
        r->left -= n;
    }
    return n;
}

/* ---- whole, and as an answer ---- */

static int read_file(struct blobs *b, struct arena *a, const struct blob *blob, struct str *ret)
{
    struct blob_reader *r;
    int rc = blob_reader_open(b, blob, &r);
    if (rc < 0)
        return rc;
    char *p = arena_alloc(a, (size_t)blob->bytes + 1);
    int64_t n = 0, done = 0;
    while (done < blob->bytes && (n = blob_reader_read(r, p + done, (size_t)(blob->bytes - done))) > 0)
        done += n;
    blob_reader_close(r);
    if (n < 0)
        return (int)n;
    *ret = (struct str){ p, (size_t)blob->bytes };
    return 0;
}

int blob_read(struct blobs *b, struct arena *a, const struct blob *blob, size_t max_bytes, struct str *ret)
{
    if (blob->bytes < 0 || blob->offset < 0)
        return E_INVALID;
    if ((uint64_t)blob->bytes > max_bytes)
        return E_LIMIT;
    if (str_set(blob->id))
        return read_file(b, a, blob, ret);
    if ((uint64_t)blob->offset > blob->data.n || (uint64_t)blob->bytes > blob->data.n - (uint64_t)blob->offset)
        return E_CORRUPT;
    *ret = str_dup(a, (struct str){ blob->data.p ? blob->data.p + blob->offset : "", (size_t)blob->bytes });
    return 0;
}

static int64_t source_read(void *ctx, char *p, size_t max) { return blob_reader_read(ctx, p, max); }

static void source_close(void *ctx) { blob_reader_close(ctx); }

int blob_source(struct blobs *b, const struct blob *blob, struct body_source *ret)
{
    struct blob_reader *r;
    int rc = blob_reader_open(b, blob, &r);
    if (rc == 0)
        *ret = (struct body_source){ .read = source_read, .close = source_close, .ctx = r, .bytes = blob->bytes };
    return rc;
}
