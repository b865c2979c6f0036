/* The store: an ordered, transactional key-value map. Everything strata keeps is in it, but large bodies (store/blob.h).
 *
 * Keys and values are bytes; keys are ordered by memcmp. Keys are made with store/key.h.
 * A *snapshot* (store_read) sees one commit and never blocks or is blocked; any number at once, each used by one thread.
 * The one *write transaction* belongs to the writer thread (store/commit.h): it sees its own writes, has nested savepoints, and
 * becomes durable as a whole in txn_commit, or not at all.
 * Values that get and scan return live until the transaction ends or, for a write transaction, until its next write to that key:
 * copy what must live longer.
 * Drivers: rocksdb (the product), mem (tests, simulator), fault (wraps another, fails the n-th call). One suite tests them all. */
#ifndef STRATA_STORE_STORE_H
#define STRATA_STORE_STORE_H

#include "base/str.h"

struct store;
struct txn;
struct scan;

/* The version of what is written. Raise it when an older program could not read a new record; tests/formats keeps a sample of each. A directory is of
 * today's format once it was opened.
 *   2  bodies of objects and messages lie sealed, and what belongs to tables, log groups and functions with a key of KMS
 *   3  messages sent one after another stand in SQS's ready line as runs */
enum { STORE_FORMAT = 3 };

/* Errors: E_BUSY another strata has it open; E_VERSION the format is newer; E_IO, E_NO_SPACE. */
int store_open_rocksdb(const char *dir, struct store **ret);
int store_open_mem(struct store **ret);
int store_open_fault(struct store *under, struct store **ret); /* takes under over; use only what it returns */
void store_close(struct store *s);                              /* NULL-safe; no transaction may be open */

/* fault driver: the n-th call from now answers err (once); 0 disarms. Returns how many calls were counted since the last arming. */
uint64_t store_fault_arm(struct store *s, uint64_t nth, int err);
/* Where the call that failed last was: 0 on a snapshot, else in the how manieth write transaction since the arming. */
unsigned store_fault_place(struct store *s);

struct txn *store_read(struct store *s);                  /* a snapshot; end with txn_end */
struct txn *store_write(struct store *s);                 /* the writer's; end with txn_commit or txn_end */
bool txn_is_write(const struct txn *t);

int txn_get(struct txn *t, struct str key, struct str *ret_value); /* E_NOT_FOUND, E_IO, E_CORRUPT, E_LIMIT */
/* For what nearly every request reads and hardly any writes: the same, answered from memory until the key is next written; copied into a. */
int txn_get_hot(struct txn *t, struct arena *a, struct str key, struct str *ret_value);
int txn_put(struct txn *t, struct str key, struct str value);      /* E_LIMIT: over LIMIT_KEY_BYTES or LIMIT_RECORD_BYTES */
int txn_delete(struct txn *t, struct str key);            /* deleting what is not there is fine */
/* The first E_IO or E_CORRUPT that a call on t answered since this was last asked, or 0. Whoever ran something in a transaction asks when it has
 * returned, and takes that for its result: what could not be read is then never taken for missing, whatever was made of it in between. */
int txn_take_error(struct txn *t);
size_t txn_write_bytes(const struct txn *t);              /* keys and values written so far, rolled back ones too */

/* For long work on a snapshot: gives back the memory of every value that get and scan have returned so far. No scan but brief ones may be open. */
void txn_forget(struct txn *t);

void txn_save(struct txn *t);                             /* savepoints nest */
void txn_save_release(struct txn *t);                     /* keeps the writes since the newest savepoint */
void txn_save_rollback(struct txn *t);                    /* undoes them */

int txn_commit(struct txn *t);                            /* synced when it returns 0; frees t either way. E_IO; E_NO_SPACE: nothing was written */
void txn_end(struct txn *t);                              /* drops a write transaction's writes; frees t; NULL-safe */

/* Range scan over [from, to) in key order, or from the greatest key < to down to from when reverse. An empty `to` means no bound.
 * Writes made to the transaction while scanning may or may not be seen. */
struct scan *txn_scan(struct txn *t, struct str from, struct str to, bool reverse);
bool scan_next(struct scan *s, struct str *ret_key, struct str *ret_value); /* false at the end or on error */
/* For long walks: from now on what scan_next returns lives only until its next call or scan_end, and costs the transaction no memory. */
void scan_brief(struct scan *s);
int scan_end(struct scan *s);                             /* frees; the error met on the way, or 0 */

/* How much memory what was read lately may fill. Unless this says otherwise, 1/64 of the memory there is, 16 to 64 MB. */
void store_cache_max(struct store *s, uint64_t bytes);
/* How many bytes the store takes on disk, about; for status and backup. */
uint64_t store_bytes(struct store *s);
/* A consistent copy into an empty directory, while serving. E_UNSUPPORTED for mem. */
int store_backup(struct store *s, const char *dir);

#endif
