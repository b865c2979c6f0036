/* Large bodies: files beside the store (S3 objects, code archives).
 *
 * A body is written to <dir>/tmp, synced, renamed to <dir>/<2 hex>/<id>, its folder synced; only then may a record that names the
 * id be committed. What no record names is an orphan and is swept at the next start. Bodies of at most BLOB_INLINE_BYTES stay
 * in memory and belong into the record itself.
 * Deleting: blob_remove only after the record's deletion was committed (op_on_commit, aws/op.h). */
#ifndef STRATA_STORE_BLOB_H
#define STRATA_STORE_BLOB_H

#include "base/seal.h"
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
    bool sealed;      /* the file holds ciphertext (base/seal.h: chunks), by a key of its own, which its record must keep: nobody else has it */
    uint8_t key[SEAL_KEY_BYTES];
};

int blobs_open(const char *dir, struct blobs **ret);
void blobs_close(struct blobs *b);
/* A sync failed: what the disk holds is not known any more ("fsyncgate", commit.h), so no body is taken until the directory is opened anew. */
bool blobs_failed(const struct blobs *b);

/* sealed: should it become a file, that is sealed; data that stays inline is for whoever keeps it to seal. */
int blob_begin(struct blobs *b, unsigned digests, bool sealed, struct blob_writer **ret);
int blob_write(struct blob_writer *w, const void *p, size_t n); /* E_NO_SPACE, E_IO */
/* Synced and in its final place. data is in the arena. Frees w, also when it fails. */
int blob_finish(struct blob_writer *w, struct arena *a, struct blob *ret);
void blob_abort(struct blob_writer *w); /* NULL-safe */

/* A file descriptor, O_CLOEXEC, of a file that has at least so many bytes. E_NOT_FOUND, E_CORRUPT (it is shorter), E_IO. For what is not sealed. */
int blob_open(struct blobs *b, struct str id, int64_t bytes);
/* How long the file is of a body of so many bytes. */
static inline int64_t blob_file_bytes(int64_t bytes, bool sealed)
{
    return bytes + (sealed ? (bytes + SEAL_CHUNK_BYTES - 1) / SEAL_CHUNK_BYTES * SEAL_TAG_BYTES : 0);
}
int64_t blob_bytes(struct blobs *b, struct str id);  /* of its file; E_NOT_FOUND, E_IO */
int blob_read(struct blobs *b, struct arena *a, const struct blob *blob, size_t max_bytes, struct str *ret); /* whole, into memory */
/* Computes digests of bytes from offset on, and fills them in. E_CORRUPT: the body is shorter. */
int blob_digest(struct blobs *b, struct blob *blob, unsigned digests);
/* A range of a file, opened where it is sealed, piece by piece. E_CORRUPT: not what was written. */
struct blob_reader;
int blob_reader_open(struct blobs *b, const struct blob *blob, struct blob_reader **ret);
int64_t blob_reader_read(struct blob_reader *r, void *p, size_t max); /* the next bytes; 0 at the end; <0 */
void blob_reader_close(struct blob_reader *r);
struct body_source;
int blob_source(struct blobs *b, const struct blob *blob, struct body_source *ret); /* the same for an answer */
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
