/* Long work that the admin door is asked for: in a thread of its own, so that no HTTP thread waits for it. One at a time. */
#ifndef STRATA_CLOUD_CHORE_H
#define STRATA_CLOUD_CHORE_H

#include <stdatomic.h>

#include "base/exchange.h"

struct cloud;
struct chores;

struct chores *chores_new(void);
void chores_free(struct chores *c); /* tells the running one to stop and waits for it; NULL-safe */
/* Runs fn, which replies to x. stop becomes true when it should end early. E_BUSY: another one runs; then fn is not called. */
int chore_start(struct chores *c, void (*fn)(struct cloud *cloud, struct exchange *x, const atomic_bool *stop), struct cloud *cloud, struct exchange *x);

#endif
