/* Values that many threads read: made once, kept by a key until another takes its slot, alive until the last reader's arena ends. Bounded, thread-safe. */
#ifndef STRATA_BASE_SHARED_H
#define STRATA_BASE_SHARED_H

#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct shared;
struct shared *shared_new(void);
void shared_free(struct shared *s); /* NULL-safe */

/* What is kept of that key and version; NULL: nothing is. */
const void *shared_get(struct shared *s, struct arena *reader, struct str key, uint64_t version);
/* Keeps a value that lies in `own`, which is no longer the caller's but stays as long as the reader's. An older version than the one that is there is not
 * kept for others. The key is copied. */
void shared_put(struct shared *s, struct arena *reader, struct arena *own, struct str key, uint64_t version, const void *value);

#endif
