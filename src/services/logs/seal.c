/* Messages of groups with a KMS key. A group has a data key for each time that a KMS key was associated with it, wrapped by that key; an event is sealed
 * under the newest, bound to its place in the store, and names it. As on AWS it is CloudWatch Logs that asks KMS, not its caller. */
#include "aws/arn.h"
#include "aws/error.h"
#include "base/list.h"
#include "cloud/call.h"
#include "cloud/envelope.h"
#include "services/logs/logs.h"

enum { REUSE_MS = 5 * 60 * 1000 };

static void data_key_key(struct op *op, struct key *k, int64_t group_id, int64_t number)
{
    logs_key(op, k, &logs_kind_key, group_id);
    key_i64(k, number);
}

static struct str arn_of(struct op *op, const struct logs_rec_Group *g) { return arn_make(op, "logs", "log-group:%.*s", STR_ARG(g->Name)); }

static struct envelope envelope_of(struct op *op, const struct logs_rec_Group *g, struct str key_id)
{
    struct principal *as = arena_one(op->arena, struct principal);
    struct str arn = arn_of(op, g);
    *as = principal_service(op, str_printf(op->arena, "logs.%.*s.amazonaws.com", STR_ARG(op->region)).p, arn);
    struct envelope e = { .key_id = key_id, .as = as, .reuse_ms = REUSE_MS };
    str_map_put(op->arena, &e.context, STR("aws:logs:arn"), arn);
    return e;
}

static int refused(struct op *op, const struct logs_rec_Group *g, int rc, const struct op_failure *failure, const struct aws_error *error)
{
    if (rc != E_AWS)
        return rc;
    if (str_is(envelope_refusal(failure), "AccessDeniedException"))
        error = AWS_AccessDenied;
    return aws_fail(op, error, "The specified KMS key does not exist or is not allowed to be used with Arn '%.*s'", STR_ARG(arn_of(op, g)));
}

int group_seal(struct op *op, struct logs_rec_Group *g, struct str kms_key_id)
{
    struct op_failure failure;
    const struct data_key *made;
    struct key k;
    struct envelope e = envelope_of(op, g, kms_key_id);
    e.reuse_ms = 0;
    int rc = envelope_key_new(op, &e, &made, &failure);
    if (rc < 0)
        return refused(op, g, rc, &failure, LOGS_InvalidParameterException);
    g->KmsKeyId = made->arn;
    g->Keys = g->KeyNumber = SOME_I64(g->Keys.v + 1);
    data_key_key(op, &k, g->Id.v, g->Keys.v);
    return op_rec_put(op, &k, &logs_rec_Key_shape, &(struct logs_rec_Key){ .Wrapped = made->wrapped });
}

static int find_key(struct op *op, struct seals *s, int64_t number, const struct data_key **ret)
{
    struct op_failure failure;
    struct logs_rec_Key rec = { 0 };
    struct key k;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->v[i].number == number) {
            *ret = s->v[i].key;
            return 0;
        }
    data_key_key(op, &k, s->group->Id.v, number);
    int rc = op_rec_get(op, &k, &logs_rec_Key_shape, &rec);
    if (rc < 0)
        return rc == E_NOT_FOUND ? E_CORRUPT : rc;
    struct envelope e = envelope_of(op, s->group, STR_NONE);
    rc = envelope_key_open(op, &e, rec.Wrapped, ret, &failure);
    if (rc < 0)
        return refused(op, s->group, rc, &failure, AWS_AccessDenied);
    *list_push(op->arena, s) = (struct seals_key){ number, *ret };
    return 0;
}

int event_seal(struct op *op, struct seals *s, const struct key *k, struct logs_rec_Event *e)
{
    const struct data_key *key;
    if (!s->group->KeyNumber.v)
        return 0;
    int rc = find_key(op, s, s->group->KeyNumber.v, &key);
    if (rc < 0)
        return rc;
    e->KeyNumber = s->group->KeyNumber;
    e->Sealed = seal_wide(op->arena, key->key, key_view(k), e->Message);
    e->Message = STR_NONE;
    return 0;
}

int event_open(struct op *op, struct seals *s, struct str key, struct logs_rec_Event *e)
{
    const struct data_key *data_key;
    if (!e->Sealed.p)
        return 0;
    int rc = find_key(op, s, e->KeyNumber.v, &data_key);
    if (rc == 0 && seal_wide_open(op->arena, data_key->key, key, e->Sealed, &e->Message) < 0)
        rc = E_CORRUPT;
    return rc;
}

int64_t event_bytes(const struct logs_rec_Event *e)
{
    size_t n = e->Sealed.p ? e->Sealed.n - SEAL_WIDE_EXTRA_BYTES : e->Message.n;
    return (int64_t)n + LOGS_EVENT_OVERHEAD;
}
