/* The room of SQS: queues and the lines of their messages.
 *
 * A queue is a Queue record (definition) and, under its id, a Live record (counters and cursors) with these kinds of keys:
 *
 *   msg   (id, seq)            the message as sent, never rewritten: receiving a 1 MiB message writes some 100 bytes
 *   ready (id, lane, position) what can be received now: lane BACK -> seq; lane FRESH: a run -> its last seq; FIFO: lane FRESH -> group id
 *   due   (id, due_ms, seq)    in flight or delayed: when it becomes ready
 *   state (id, seq)            how often received, where it stands
 *
 * Receiving must cost the same with one and with a million messages waiting, and however many were deleted. Positions only grow and entries are
 * taken from the front, so everything in front of a lane's cursor (Live.FreshFrom, BackFrom) is gone: a scan that begins at the cursor never walks
 * over the markers which the store leaves for deleted keys. Likewise nothing in `due` lies before Live.DueFrom, no message before OldestFrom.
 * Messages whose visibility timeout ended go into the lane BACK, which is served first: they are the oldest.
 *
 * Most messages are sent without a delay and are read from `msg` itself, so that sending one writes one key. In the lane FRESH stand *runs*: messages of
 * adjoining seq of which none was delayed, so that those from the cursor on are ready as far as they are there. The newest run, from Live.RunFrom on, and the
 * one that the cursor is in, to Live.HeadTo, have no key.
 *
 * Purging gives the queue a new id; the old id's keys are swept by a job, piece by piece. So does deleting.
 * Waiters (long polls, event source mappings) are woken by the key "sqs/<account>/<region>/<name>": see queue_wake_key. */
#ifndef STRATA_SERVICES_SQS_QUEUE_H
#define STRATA_SERVICES_SQS_QUEUE_H

#include "aws/op.h"
#include "gen/sqs.h"

enum {
    SQS_MESSAGE_BYTES_MAX = 1048576, /* a message, and a whole batch */
    SQS_DELAY_SECONDS_MAX = 900,
    SQS_VISIBILITY_SECONDS_MAX = 43200,
    SQS_WAIT_SECONDS_MAX = 20,
    SQS_RECEIVE_MAX = 10,
    SQS_BATCH_MAX = 10,
    SQS_IN_FLIGHT_MAX = 120000,
    SQS_IN_FLIGHT_FIFO_MAX = 120000,
    SQS_ATTRIBUTES_MAX = 10, /* of a message */
    SQS_DEDUP_MS = 5 * 60 * 1000,
    SQS_RIPEN_MAX = 200, /* due messages moved, or dead letters made, by one receive; the rest comes with the next or the timer */
};

struct ready_entry {
    int64_t position, seq;
    const struct sqs_rec_Message *m; /* in the lane FRESH, else NULL */
};

struct queue {
    struct str account, region, name;
    struct sqs_rec_Queue rec;
    struct sqs_rec_Live live; /* after queue_live */
    bool fifo;
    struct str group;         /* FIFO, while receiving: the group that messages are taken from, and behind which seq */
    int64_t group_after;
    bool group_broken;        /* it had messages in flight already */
    struct ready_entry ahead[SQS_RECEIVE_MAX]; /* while receiving: read from a lane, not yet taken out of it */
    uint32_t ahead_n, ahead_at;
    int64_t wanted;           /* messages still to be found; 0 is 1 */
    int64_t ahead_lane;
    int64_t stop_at; /* what got ready from this position on is for the next receive (visibility timeout 0); 0: no such bound */
    bool back_over;  /* nothing but such ones is left in the lane BACK */
};

/* ---- queue.c: finding and keeping queues ---- */

/* Account and name of any form of queue URL (or of the request's path when url is absent); E_INVALID. */
int queue_parse_url(const struct op *op, struct str url, struct str *ret_account, struct str *ret_name);
/* The queue that a request names, failing as AWS does; from here on op->account is its owner's. */
int queue_find(struct op *op, struct str url, struct queue *ret);
int queue_missing(struct op *op); /* fails with QueueDoesNotExist, in the words of the protocol */
int queue_get(struct op *op, struct str name, struct queue *ret);              /* E_NOT_FOUND; op's account and region */
int queue_get_arn(struct op *op, struct str arn, struct queue *ret);           /* E_NOT_FOUND also for another account's or region's */
int queue_put(struct op *op, const struct queue *q);                           /* the definition */
int queue_live(struct op *op, struct queue *q);                                /* reads q->live */
int queue_live_put(struct op *op, const struct queue *q);
struct str queue_arn(struct op *op, const struct queue *q);
struct str queue_url(struct op *op, struct str account, struct str name);
struct str queue_wake_key(struct op *op, const struct queue *q);
int queue_discard(struct op *op, struct queue *q); /* forgets every message: the id is swept by a job */
void queue_key(struct op *op, struct key *k, const struct record_kind *kind, int64_t id);    /* (kind, id): what follows is the caller's */
int sqs_missing(struct op *op, const char *parameter);

/* ---- attributes.c ---- */

int64_t queue_number(const struct queue *q, const char *attribute);            /* a numeric attribute or its default */
/* Validates attributes of CreateQueue / SetQueueAttributes and merges them into q->rec.Attributes. */
int attributes_apply(struct op *op, struct queue *q, const struct str_map *given, bool create);
/* The value that GetQueueAttributes shows; absent when the queue has none. */
struct str attribute_value(struct op *op, const struct queue *q, struct str name);
bool attribute_known(struct str name);
struct str attribute_settled(struct op *op, struct str name, struct str value); /* as it is kept: "True" is true */
extern const char *const attribute_names[]; /* NULL-terminated */
struct queue_counts {
    int64_t ready, in_flight, delayed;
};
struct queue_counts queue_counts(struct op *op, const struct queue *q); /* about */

struct redrive {
    bool set;
    struct str target_arn;
    int64_t receives_max;
};
struct redrive queue_redrive(struct op *op, const struct queue *q);

/* ---- message.c, md5.c: what is in a message ---- */

struct message_input {
    struct str body, group_id, dedup_id;
    struct opt_i64 delay_s;
    const struct sqs_MessageBodyAttributeMap *attributes;
    const struct sqs_MessageBodySystemAttributeMap *system;
};
/* Checks a message; ret_bytes is its size as AWS counts. */
int message_check(struct op *op, const struct queue *q, const struct message_input *in, int64_t *ret_bytes);
bool message_text_valid(struct str s); /* the characters that XML 1.0 allows */
struct str md5_hex(struct arena *a, struct str s);
/* Absent when there are none. */
struct str md5_of_attributes(struct arena *a, const struct sqs_MessageBodyAttributeMap *m);
struct str md5_of_system_attributes(struct arena *a, const struct sqs_MessageBodySystemAttributeMap *m);

/* ---- seal.c: bodies at rest ---- */

/* Under a data key of the queue's KMS key, or SQS's own (SqsManagedSseEnabled), as whoever sends and receives. E_AWS: KMS.* */
int message_seal(struct op *op, const struct queue *q, struct sqs_rec_Message *m);
int message_open(struct op *op, const struct queue *q, struct sqs_rec_Message *m);

/* ---- line.c: the states of messages. All in a write transaction, on q->live, which the caller puts back. ---- */

int line_put(struct op *op, struct queue *q, const struct sqs_rec_Message *m, int64_t delay_ms, int64_t *ret_seq);
int line_ripen(struct op *op, struct queue *q); /* due messages become ready */
/* The oldest ready message, taken out of the ready line: E_NOT_FOUND when there is none. Messages past their retention are dropped on the way. */
int line_next(struct op *op, struct queue *q, int64_t *ret_seq, struct sqs_rec_Message *ret_m, struct sqs_rec_State *ret_state);
int line_take(struct op *op, struct queue *q, int64_t seq, const struct sqs_rec_Message *m, struct sqs_rec_State *state, int64_t visibility_ms);
int line_remove(struct op *op, struct queue *q, int64_t seq, const struct sqs_rec_Message *m, const struct sqs_rec_State *state);
int line_state(struct op *op, const struct queue *q, int64_t seq, struct sqs_rec_State *ret); /* E_NOT_FOUND */
int line_message(struct op *op, const struct queue *q, int64_t seq, struct sqs_rec_Message *ret);
/* In flight: visible again in visibility_ms (0: now). */
int line_delay(struct op *op, struct queue *q, int64_t seq, struct sqs_rec_State *state, int64_t visibility_ms);
int64_t line_due_count(struct op *op, const struct queue *q, int64_t *ret_delayed); /* overdue in-flight ones, and delayed: counted, for approximations */
int line_ready_put(struct op *op, const struct queue *q, int64_t lane, int64_t position, struct str value);
int line_ready_delete(struct op *op, const struct queue *q, int64_t lane, int64_t position);
int line_ready_value(struct str value, int64_t *ret_seq); /* E_CORRUPT */
int line_expire_arm(struct op *op, struct queue *q, int64_t due_ms);

enum { LANE_BACK = 0, LANE_FRESH = 1 };

/* ---- fifo.c: groups. A group whose first message is in flight is locked; its other messages wait. ---- */

int fifo_head(struct op *op, const struct queue *q, struct str group_id, int64_t *ret_seq);    /* a group's first message; E_NOT_FOUND */
int fifo_ready(struct op *op, struct queue *q, struct str group_id, int64_t seq);              /* a message joins its group's line */
int fifo_next(struct op *op, struct queue *q, int64_t *ret_seq);                               /* E_NOT_FOUND; goes on with q->group */
int fifo_done(struct op *op, struct queue *q); /* after the last fifo_next: a group with nothing in flight goes back into the line */
int fifo_take(struct op *op, struct queue *q, struct str group_id);                            /* one more in flight */
int fifo_settle(struct op *op, struct queue *q, struct str group_id, int64_t seq, bool removed, bool was_in_flight);
bool fifo_dedups_content(const struct queue *q);
int fifo_no_dedup_id(struct op *op); /* fails: a message needs one */
/* The deduplication id in force, or an error. */
int fifo_check(struct op *op, const struct queue *q, const struct message_input *in, struct str *ret_dedup_id);
int fifo_dedup_find(struct op *op, struct queue *q, struct str group_id, struct str dedup_id, struct sqs_rec_Dedup *ret); /* E_NOT_FOUND */
int fifo_dedup_put(struct op *op, struct queue *q, struct str group_id, struct str dedup_id, const struct sqs_rec_Dedup *d);

/* ---- gauge.c: what CloudWatch gets ---- */

enum { TELL_SENT /* its size */, TELL_RECEIVED, TELL_DELETED, TELL_EMPTY /* receives */ };
void queue_tell(struct op *op, const struct queue *q, int what, double value); /* when op is through */

/* ---- receipts ---- */

struct receipt {
    int64_t queue_id, seq, receives;
};
struct str receipt_make(struct op *op, const struct receipt *r);
int receipt_read(struct op *op, const struct queue *q, struct str handle, struct receipt *ret); /* fails as AWS does */

#endif
