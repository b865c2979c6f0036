/* The room of CloudWatch Logs.
 *
 *   group  (name)                       Group record;  live (id): bytes, timers
 *   stream (group id, name)             Stream record; sid (group id, stream id) -> name
 *   event  (group id, stream id, timestamp, number)   Event record
 *   time   (group id, timestamp, stream id, number)   the same events in the order of the whole group, without value
 *   key    (group id, number)           Key record: a data key, see seal.c
 *
 * Ids are never used twice, so that deleting a group or stream only drops its record; a job sweeps what it left. Retention hides events at
 * once and deletes them by a timer a group, from the oldest on. */
#ifndef STRATA_SERVICES_LOGS_LOGS_H
#define STRATA_SERVICES_LOGS_LOGS_H

#include "aws/op.h"
#include "gen/logs.h"

enum {
    LOGS_BATCH_EVENTS_MAX = 10000,
    LOGS_BATCH_BYTES_MAX = 1048576,
    LOGS_EVENT_OVERHEAD = 26, /* counted for each event, as AWS does */
    LOGS_ANSWER_BYTES_MAX = 1048576,
    LOGS_PAGE_MAX = 50,
};
#define LOGS_DAY_MS (24LL * 60 * 60 * 1000)

void logs_key(struct op *op, struct key *k, const struct record_kind *kind, int64_t group_id);

/* ---- group.c ---- */

/* Name of a group given by name or ARN (with or without :*), in either parameter; fails when neither or both are given. */
int group_name(struct op *op, struct str name, struct str identifier, struct str *ret);
int group_find(struct op *op, struct str name, struct logs_rec_Group *ret); /* fails: The specified log group does not exist. */
int group_live(struct op *op, int64_t id, struct logs_rec_Live *ret);
int group_live_put(struct op *op, int64_t id, const struct logs_rec_Live *live);
int group_arm(struct op *op, const struct logs_rec_Group *g, struct logs_rec_Live *live, int64_t due_ms); /* the retention timer; caller puts live */
int64_t group_oldest_ms(struct op *op, const struct logs_rec_Group *g); /* events before are over their retention */
int logs_page_limit(struct op *op, struct opt_i64 limit, int64_t max, int64_t *ret);
int logs_page_from(struct op *op, struct str token, struct str *ret_key); /* fails: The specified nextToken is invalid. */

/* ---- resource_policy.c ---- */

int resource_policy_drop(struct op *op, struct str group); /* with its group */

/* ---- stream.c ---- */

int stream_find(struct op *op, const struct logs_rec_Group *g, struct str name, struct logs_rec_Stream *ret);
int stream_put(struct op *op, const struct logs_rec_Group *g, const struct logs_rec_Stream *s);

/* ---- subscription.c ---- */

struct logs_batch { /* of PutLogEvents: what the events have that it added, behind number `after` of the stream */
    int64_t first_ms, last_ms, after;
};
int subscriptions_put(struct op *op, const struct logs_rec_Group *g, const struct logs_rec_Stream *s, const struct logs_batch *batch);

/* ---- metric_filter.c ---- */

int metrics_put(struct op *op, const struct logs_rec_Group *g, const struct logs_InputLogEvents *events); /* what the group's filters make of them */

/* ---- event.c ---- */

struct str event_id(struct op *op, int64_t ms, int64_t stream_id, int64_t number);

/* ---- seal.c ---- */

struct seals_key {
    int64_t number;
    const struct data_key *key;
};
struct seals { /* the data keys of a group that an operation came across */
    const struct logs_rec_Group *group;
    struct seals_key *v;
    uint32_t n, cap;
    bool set;
};
/* What comes from now on is sealed under that key of KMS; the caller puts g. Fails: The specified KMS key does not exist or is not allowed ... */
int group_seal(struct op *op, struct logs_rec_Group *g, struct str kms_key_id);
int event_seal(struct op *op, struct seals *s, const struct key *k, struct logs_rec_Event *e); /* where the group says so. Fails likewise */
int event_open(struct op *op, struct seals *s, struct str key, struct logs_rec_Event *e);
int64_t event_bytes(const struct logs_rec_Event *e); /* as they count */

#endif
