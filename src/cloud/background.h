/* Work that would hold up an HTTP thread or the writer: joining the parts of great bodies, backups, checks. Two threads, made when first needed, take it
 * in turn. */
#ifndef STRATA_CLOUD_BACKGROUND_H
#define STRATA_CLOUD_BACKGROUND_H

#include <stdatomic.h>
#include <stdbool.h>

struct cloud;
struct background;

struct background *background_new(struct cloud *cloud);
/* Runs fn once. stop becomes true when the program ends: then fn ends soon, and what still waits runs all the same. E_BUSY: LIMIT_BACKGROUND wait already,
 * or b is NULL (tests that take no work in the background); fn is not run. */
int background_run(struct background *b, void (*fn)(struct cloud *cloud, void *ctx, const atomic_bool *stop), void *ctx);
void background_free(struct background *b); /* when all of it has run; NULL-safe */

#endif
