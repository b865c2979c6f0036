/* Large bodies: files beside the store (S3 objects, code archives).
 *
 * A body is written to <dir>/tmp, synced, renamed to <dir>/<2 hex>/<id>, its folder synced; only then may a record that names the
 * id be committed. What no record names is an orphan and is swept at the next start. Bodies of at most BLOB_INLINE_BYTES stay
 * in memory and belong into the record itself.
 * Deleting: blob_remove only after the record's deletion was committed (op_on_commit, aws/op.h). */
#ifndef STRATA_STORE_BLOB_H
#define STRATA_STORE_BLOB_H

#include "base/str.h"

enum { BLOB_INLINE_BYTES = 16 * 1024, BLOB_ID_CHARS = 32, BLOBS_HELD_MAX = 1 << 16 };

struct blobs;       /* the directory */
struct blob_writer; /* one body being received */

enum blob_digest { /* what to compute on the way; bits */
    BLOB_MD5 = 1,
    BLOB_SHA1 = 2,
    BLOB_SHA256 = 4,
    BLOB_CRC32 = 8,
    BLOB_CRC32C = 16,
    BLOB_CRC64NVME = 32,
};

/* A received (or to be sent) body. Exactly one of data and id is set. */
struct blob {
    int64_t bytes;
    struct str data; /* inline */
    struct str id;   /* BLOB_ID_CHARS lower-case hex digits: a file */
    int64_t offset;  /* when sending: start of the range, bytes long */
    unsigned digests; /* which of these are filled */
    uint8_t md5[16], sha1[20], sha256[32];
    uint32_t crc32, crc32c;
    uint64_t crc64nvme;
};

int blobs_open(const char *dir, struct blobs **ret);
void blobs_close(struct blobs *b);
/* A sync failed: what the disk holds is not known any more ("fsyncgate", commit.h), so no body is taken until the directory is opened anew. */
bool blobs_failed(const struct blobs *b);

int blob_begin(struct blobs *b, unsigned digests, struct blob_writer **ret);
int blob_write(struct blob_writer *w, const void *p, size_t n); /* E_NO_SPACE, E_IO */
/* Synced and in its final place. data is in the arena. Frees w, also when it fails. */
int blob_finish(struct blob_writer *w, struct arena *a, struct blob *ret);
void blob_abort(struct blob_writer *w); /* NULL-safe */

/* A file descriptor, O_CLOEXEC, of a file that has at least so many bytes. E_NOT_FOUND, E_CORRUPT (it is shorter), E_IO. */
int blob_open(struct blobs *b, struct str id, int64_t bytes);
int64_t blob_bytes(struct blobs *b, struct str id);  /* of its file; E_NOT_FOUND, E_IO */
int blob_read(struct blobs *b, struct arena *a, const struct blob *blob, size_t max_bytes, struct str *ret); /* whole, into memory */
/* Computes digests of bytes from offset on, and fills them in. E_CORRUPT: the body is shorter. */
int blob_digest(struct blobs *b, struct blob *blob, unsigned digests);
/* Another name for the same body (a hard link, durably): bodies never change. ret_id in the arena. E_NOT_FOUND, E_IO, E_NO_SPACE. */
int blob_link(struct blobs *b, struct arena *a, struct str id, struct str *ret_id);
void blob_remove(struct blobs *b, struct str id);
struct str blob_path(struct blobs *b, struct arena *a, struct str id);

/* For backups and checks: from hold to release no body is removed, so that a copy of the store made in between finds each of its bodies; then those
 * are whose turn it was (but for what BLOBS_HELD_MAX does not hold: the next start sweeps that). blobs_copy puts all of them into dir, which it makes: hard links, or copies onto another file system; synced. */
void blobs_hold(struct blobs *b);
void blobs_release(struct blobs *b);
int blobs_copy(struct blobs *b, const char *dir); /* E_NO_SPACE, E_DENIED, E_IO */

/* Removes every file whose id is_used denies, and all of tmp. At start, before serving. Returns how many. */
int blobs_sweep(struct blobs *b, bool (*is_used)(void *ctx, struct str id), void *ctx);
/* Shows every file, and removes none. modified_ms: of the system's clock. */
int blobs_each(struct blobs *b, void (*see)(void *ctx, struct str id, int64_t bytes, int64_t modified_ms), void *ctx);

#endif
