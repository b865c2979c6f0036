/* Zips that clients send: read with libarchive, and never trusted. Names stay inside of the tree, links too, and sizes are counted, not believed. */
#ifndef STRATA_SERVICES_LAMBDA_ZIP_H
#define STRATA_SERVICES_LAMBDA_ZIP_H

#include "base/str.h"

struct arena;

/* Reads the directory of a zip: its unpacked size as it says. E_INVALID: no zip, an empty one, or one with a name or a kind of file that has no
 * place in it; E_LIMIT: too many files or bytes. */
int zip_measure(struct str zip, int64_t *ret_bytes);
/* Unpacks into dir, which exists. *left: the bytes that it may still take. E_INVALID, E_LIMIT, E_IO, E_NO_SPACE; dir is then half full. */
int zip_unpack(struct str zip, struct str dir, struct arena *a, int64_t *left);

#endif
