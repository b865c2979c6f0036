/* Work that would hold up an HTTP thread or the writer: joining the parts of great bodies, hashing passwords, backups, checks. Two threads, made when
 * first needed, take it in turn. */
#ifndef STRATA_CLOUD_BACKGROUND_H
#define STRATA_CLOUD_BACKGROUND_H

#include <stdatomic.h>
#include <stdbool.h>

struct cloud;
struct op;
struct background;

struct background *background_new(struct cloud *cloud);
/* Runs fn once. stop becomes true when the program ends: then fn ends soon, and what still waits runs all the same. E_BUSY: LIMIT_BACKGROUND wait already,
 * or b is NULL (tests that take no work in the background); fn is not run. */
int background_run(struct background *b, void (*fn)(struct cloud *cloud, void *ctx, const atomic_bool *stop), void *ctx);
/* Work of an operation, which is parked meanwhile. E_PARKED: to be returned; the handler runs again, and calls again until it gets 0: then fn has run. ctx
 * lies in the operation's arena, from which fn may read but not allocate, and is the first call's: background_ctx has it (NULL: nothing was begun).
 * op->state is taken; a handler that puts NULL there begins anew. Without threads (tests) fn runs here and now. E_BUSY. */
int background_for(struct op *op, void (*fn)(struct cloud *cloud, void *ctx), void *ctx);
void *background_ctx(const struct op *op);
void background_free(struct background *b); /* when all of it has run; NULL-safe */

#endif
