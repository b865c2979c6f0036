/* `strata check`, a room's half: is this record right?
 *
 * The walk (cloud/check.h) meets every record of one snapshot in the order of keys, decodes it against the shape of its kind, and calls what the kind's
 * row names, `kind queue Queue check`:
 *     void sqs_check_queue(struct op *op, struct check *c);
 * which looks at what the record refers to and at what should refer to it (entries of indexes, counters, bodies, timers), and says what is wrong with
 * check_fault. op is of the record's account and region, on the snapshot; nothing may be written. Its arena is cleared behind each record, and so is
 * what the transaction gave: what is to be kept goes into check_memo. */
#ifndef STRATA_AWS_CHECK_H
#define STRATA_AWS_CHECK_H

#include "aws/op.h"

struct checker;

struct check {
    const struct record_kind *kind;
    struct str key, value;
    struct key_reader at;    /* behind the kind: the elements that the room adds */
    const void *rec;         /* decoded; NULL where the kind has no record */
    struct checker *checker; /* the walk's own */
};

/* A sentence without a subject: "its bucket is not there". */
void check_fault(struct op *op, struct check *c, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A fault "WHAT is not there" unless the key is. */
bool check_there(struct op *op, struct check *c, const struct key *k, const char *what);
/* A fault unless the timer is set; for due_ms, where that is >= 0. */
void check_timer(struct op *op, struct check *c, const char *kind, struct str id, int64_t due_ms);
/* Whether a job waits in the outbox (payload absent: any of its kind): what it is to sweep away is no fault. */
bool check_waits(struct op *op, struct check *c, const char *kind, struct str payload);

/* The body that the record names: a file of that length, kept, and named by no other record. id absent: data itself is bytes long. True: it is there, and
 * its contents are to be compared, too (blob_digest). */
bool check_body(struct op *op, struct check *c, struct str id, struct str data, int64_t bytes);

/* The room's own notes: zeroed at first, kept until the walk ends. Always of the same size. */
void *check_memo(struct check *c, size_t bytes);
struct arena *check_arena(struct check *c); /* for what hangs on it */

#endif
