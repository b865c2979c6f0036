/* Records that nearly every request reads and hardly any writes (a table, a queue, a user and his policies), kept in memory with the
 * knowledge that nothing is there. store.c asks it before the driver.
 *
 * An entry is what a key held at commit `since` and has held ever after: before a commit that writes the key is given to the driver, the entry goes.
 * So a snapshot of commit c may use an entry that it finds when since <= c. What a snapshot of commit c read becomes an entry, true since c, unless a
 * later commit that could have changed it has begun; each slot remembers the last such commit. (A snapshot is of "c or later": nothing after c
 * wrote the key, so that is the same.)
 * A key is kept when it is missed twice with no write between: what is written as often as it is read never comes in.
 * Any thread; each slot under its stripe's lock. Memory: SLOTS entries of at most VALUE_BYTES_MAX. */
#ifndef STRATA_STORE_HOT_H
#define STRATA_STORE_HOT_H

#include "base/str.h"

struct hot;

struct hot *hot_new(void);
void hot_free(struct hot *h);

/* True when what a snapshot of commit sees is known: *ret is a copy in a, or absent when nothing is there. */
bool hot_get(struct hot *h, struct str key, uint64_t commit, struct arena *a, struct str *ret);
/* A snapshot of commit holds value at key (absent: nothing). */
void hot_offer(struct hot *h, struct str key, uint64_t commit, struct str value);
void hot_forget(struct hot *h, struct str key, uint64_t commit); /* commit is about to write key */

#endif
