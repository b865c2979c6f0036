/* The digests that clients check: MD5 over the body's bytes, and over the attributes in AWS's own encoding: sorted by name, each
 * as length + name, length + data type, 1 (text) or 2 (bytes), length + value; lengths are 4 bytes, big endian.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/code.h"
#include "services/sqs/queue.h"

struct entry {
    struct str name, type, value;
    bool binary;
};

struct str md5_hex(struct arena *a, struct str s)
{
    uint8_t d[16];

    digest_md5(s.p ? s.p : "", s.n, d);
    return hex_encode(a, d, sizeof d);
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void put(struct buf *b, struct str s)
{
    uint8_t n[4] = { (uint8_t)(s.n >> 24), (uint8_t)(s.n >> 16), (uint8_t)(s.n >> 8), (uint8_t)s.n };

    buf_put(b, n, 4);
    buf_put(b, s.p ? s.p : "", s.n);
}

static struct str digest(struct arena *a, struct entry *v, uint32_t n)
{
    struct buf b;

    if (!n)
        return STR_NONE;
    qsort(v, n, sizeof *v, by_name);
    buf_init(&b, a, 4 * SQS_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        put(&b, v[i].name);
        put(&b, v[i].type);
        buf_byte(&b, v[i].binary ? 2 : 1);
        put(&b, v[i].value);
    }
    return md5_hex(a, buf_done(&b));
}

struct str md5_of_attributes(struct arena *a, const struct sqs_MessageBodyAttributeMap *m)
{
    if (!m || !m->n)
        return STR_NONE;
    struct entry *v = arena_many(a, struct entry, m->n);
    for (uint32_t i = 0; i < m->n; i++) {
        const struct sqs_MessageAttributeValue *x = &m->v[i].value;
        bool binary = str_starts(x->DataType, STR("Binary"));
        v[i] = (struct entry){ m->v[i].key, x->DataType, binary ? x->BinaryValue : x->StringValue, binary };
    }
    return digest(a, v, m->n);
}

struct str md5_of_system_attributes(struct arena *a, const struct sqs_MessageBodySystemAttributeMap *m)
{
    if (!m || !m->n)
        return STR_NONE;
    struct entry *v = arena_many(a, struct entry, m->n);
    for (uint32_t i = 0; i < m->n; i++) {
        const struct sqs_MessageSystemAttributeValue *x = &m->v[i].value;
        bool binary = str_starts(x->DataType, STR("Binary"));
        v[i] = (struct entry){ m->v[i].key, x->DataType, binary ? x->BinaryValue : x->StringValue, binary };
    }
    return digest(a, v, m->n);
}
