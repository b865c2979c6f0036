/* What a store driver provides. store.c makes transactions of it: it keeps a write transaction's writes beside the driver until
 * they are committed, so that savepoints, own writes and scans over both are written once, for every driver. */
#ifndef STRATA_STORE_DRIVER_H
#define STRATA_STORE_DRIVER_H

#include "base/str.h"
#include "store/skip.h"

struct fault;
struct gaps;
struct hot;
struct store;
struct view;   /* a driver's reading side: what was committed */
struct cursor; /* a walk through a view */

/* One write that waits for its commit: the data of a node in a transaction's skip list (NULL: not written). */
struct pending {
    bool deleted;
    struct str value;
};

struct driver {
    void (*close)(struct store *s);
    /* A snapshot of the last commit. With latest, for the writer: no snapshot is needed, as nobody else commits. */
    struct view *(*view)(struct store *s, bool latest);
    void (*view_end)(struct view *v);
    int (*get)(struct view *v, struct str key, struct str *ret); /* lives until view_end or view_forget */
    void (*view_forget)(struct view *v); /* NULL: it holds nothing for them */
    /* from and to live as long as the cursor; to.n == 0: no bound. NULL never. */
    struct cursor *(*cursor)(struct view *v, struct str from, struct str to, bool reverse);
    bool (*next)(struct cursor *c, struct str *ret_key, struct str *ret_value); /* lives until the next call */
    int (*cursor_end)(struct cursor *c);
    int (*commit)(struct store *s, const struct skip *writes); /* all or nothing, synced */
    uint64_t (*bytes)(struct store *s);
    void (*cache)(struct store *s, uint64_t bytes); /* NULL: it has none */
    int (*backup)(struct store *s, const char *dir);
};

/* A driver's store begins with this. */
struct store {
    const struct driver *driver;
    struct fault *fault;       /* NULL but for store_open_fault */
    struct arena *spare_arena; /* of the last write transaction, for the next */
    struct gaps *gaps;
    struct hot *hot;
    _Atomic uint64_t commits;  /* since it was opened */
    bool writing;
};

void store_init(struct store *s, const struct driver *driver); /* on zeroed memory */

void fault_write_begins(struct fault *f);
int fault_hit(struct fault *f, bool write); /* 0, or the armed error when this call is the one; write: of the write transaction */
static inline int store_fault(struct store *s, bool write) { return s->fault ? fault_hit(s->fault, write) : 0; }

#endif
