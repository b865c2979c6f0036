/* Streams: what changed in a table, in order, for 24 hours.
 *
 * A table has at most one stream that takes changes (Table.StreamId). Each change of an item is written in the transaction that makes it, under the
 * next number of the stream: numbers are dense, and the order of the writer is that of the stream, so one shard, open from the beginning of the stream
 * to its end, keeps the order of every key. A stream that has ended (it was disabled, or its table deleted) is there for another 24 hours.
 *
 * Records:
 *   stream (table name, label)   struct dynamodb_rec_Stream
 *   change (stream id, number)   a version byte, what happened, when (8 bytes, ms), how large it is as AWS counts (4 bytes), and the texts of Keys,
 *                                NewImage and OldImage, each behind its length (4 bytes; 0: it is not kept); numbers are little endian.
 *                                Of an encrypted table what follows the size is sealed, bound to the key of the record (seal.h)
 *   tail   (stream id)           struct stream_tail
 * The timer dynamodb.trim removes what is older than 24 hours; readers pass over what it has not come to yet. */
#ifndef STRATA_DYNAMODB_STREAM_H
#define STRATA_DYNAMODB_STREAM_H

#include "services/dynamodb/item.h"

enum { STREAM_KEPT_MS = 24 * 3600 * 1000 };

struct stream_tail {
    int64_t last;    /* the number of the latest change; 0: there was none */
    int64_t trimmed; /* changes up to this one are gone */
    int64_t timed;   /* the timer is set */
};

enum change_event { CHANGE_INSERT = 1, CHANGE_MODIFY, CHANGE_REMOVE };

/* A change that was read. Images that are not kept are absent. */
struct change {
    enum change_event event;
    bool expired; /* TTL made it */
    int64_t at_ms, size;
    struct str keys, new_image, old_image;
};

/* ---- writing ---- */

/* The table's stream, when it has one (StreamId), takes the change from old to neu; either may be NULL. Nothing is noted when they are equal. */
int stream_note(struct op *op, const struct table *t, const struct attr_map *old, const struct attr_map *neu, bool expired);

/* CreateTable and UpdateTable: what StreamSpecification asks for, into the record, which the caller stores. */
int stream_create(struct op *op, struct dynamodb_rec_Table *rec, const struct dynamodb_StreamSpecification *s);
int stream_update(struct op *op, struct dynamodb_rec_Table *rec, const struct dynamodb_UpdateTable_in *in);
int stream_table_gone(struct op *op, const struct dynamodb_rec_Table *rec);

/* ---- reading ---- */

struct str stream_arn(struct op *op, struct str table_name, struct str label);
void stream_key(struct op *op, struct key *k, struct str table_name); /* the beginning of the keys of a table's streams */
int stream_tail_get(struct op *op, struct str stream_id, struct stream_tail *ret);
void change_key(struct op *op, struct key *k, struct str stream_id, int64_t number);
int64_t change_time(struct str value); /* 0: it is none */
bool change_is_sealed(struct str value);
/* E_CORRUPT. table_key: NULL where the stream is not sealed. */
int change_decode(struct op *op, const uint8_t *table_key, struct str key, struct str value, struct change *ret);

#endif
