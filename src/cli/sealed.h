/* A file that only who has a key can read, and nobody can change unnoticed: what a backup is written into.
 *
 *     line 1     strata backup 1
 *     line 2     JSON: what the writer says of it, and "keys": the file's own random key, sealed under each key that opens it
 *     frames     length (4 bytes, little endian; the top bit: the last one), then at most 1 MiB sealed under the file's key (base/seal.h)
 *
 * The head, the number of a frame and whether it is the last are bound to each frame, so that one that was changed, moved, repeated or cut off does not
 * open, and no byte is given out before its frame has. Keys: "root" (the root key of the data directory), "passphrase" (scrypt of the first line of a
 * file, with "salt"), "clear" (the key itself: asked for, everybody opens it). */
#ifndef STRATA_CLI_SEALED_H
#define STRATA_CLI_SEALED_H

#include "base/str.h"

struct sealed_keys {
    const uint8_t *root_key;     /* 32 bytes; NULL: not by it */
    const char *passphrase_file; /* NULL: not by it */
    bool in_clear;               /* writing: opened by everybody */
};

struct sealed_out;
struct sealed_in;

/* Into fd, which stays the caller's. head: the members of the head's JSON object beside "keys", without braces. E_INVALID: the passphrase cannot be read
 * or is empty; E_IO, E_NO_SPACE. */
int sealed_begin(int fd, struct str head, const struct sealed_keys *keys, struct sealed_out **ret);
int sealed_write(struct sealed_out *s, const void *p, size_t n);
int sealed_end(struct sealed_out *s, bool whole); /* the last frame, unless the writer gave up; frees s */

/* Reads the head alone. E_INVALID: no backup, or a damaged head; E_VERSION: of a newer strata. */
int sealed_open(int fd, struct arena *a, struct sealed_in **ret);
struct str sealed_head(const struct sealed_in *s);            /* the JSON, as it stands there: not yet to be trusted */
bool sealed_opens_by(const struct sealed_in *s, const char *key); /* "root", "passphrase", "clear" */
/* E_DENIED: none of the keys opens it, or the head was changed. */
int sealed_unlock(struct sealed_in *s, const struct sealed_keys *keys);
/* The next piece, until the next call; empty at the end. E_CORRUPT: the file was cut off or changed. */
int sealed_read(struct sealed_in *s, struct str *ret);
void sealed_close(struct sealed_in *s); /* NULL-safe */

#endif
