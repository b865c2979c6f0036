#include "auth/auth.h"
#include "aws/error.h"
#include "aws/page.h"
#include "aws/tags.h"
#include "base/code.h"
#include "services/sqs/queue.h"

static bool name_valid(struct str name, bool fifo)
{
    if (!name.n || name.n > 80 || (fifo && !str_ends(name, STR(".fifo"))))
        return false;
    for (size_t i = 0; i < name.n - (fifo ? 5 : 0); i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return name.n > (fifo ? 5u : 0u);
}

static int check_tags(struct op *op, const struct str_map *tags)
{
    const char *wrong = tags_check(tags, &tag_rules_usual);
    return wrong ? aws_fail(op, SQS_InvalidParameterValueException, "Invalid tags: %s", wrong) : 0;
}

/* A queue of that name stands: creating it again with the same attributes is fine. */
static int create_again(struct op *op, const struct queue *q, const struct str_map *given)
{
    for (uint32_t i = 0; i < given->n; i++) {
        struct str name = given->v[i].key;
        if (!attribute_known(name))
            return aws_fail(op, SQS_InvalidAttributeName, "Unknown Attribute %.*s.", STR_ARG(name));
        struct str now = attribute_value(op, q, name);
        if (!str_eq(opt_str(now, STR("")), attribute_settled(op, name, given->v[i].value)))
            return aws_fail(op, SQS_QueueNameExists, "A queue already exists with the same name and a different value for attribute %.*s", STR_ARG(name));
    }
    return 0;
}

int sqs_CreateQueue(struct op *op, const struct sqs_CreateQueue_in *in, struct sqs_CreateQueue_out *out)
{
    struct str fifo = str_map_get(&in->Attributes, STR("FifoQueue"));
    bool want_fifo = str_eq_nocase(fifo, STR("true"));
    struct queue q;
    int rc;

    if (!str_set(in->QueueName))
        return sqs_missing(op, "QueueName");
    if (want_fifo && !name_valid(in->QueueName, true))
        return aws_fail(op, SQS_InvalidParameterValueException, "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end "
                                                       "with .fifo suffix and be 1 to 80 in length");
    if (!want_fifo && !name_valid(in->QueueName, false))
        return aws_fail(op, SQS_InvalidParameterValueException, "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
    rc = queue_get(op, in->QueueName, &q);
    out->QueueUrl = queue_url(op, op->account, in->QueueName);
    if (rc == 0 && (rc = queue_live(op, &q)) == 0)
        return create_again(op, &q, &in->Attributes);
    if (rc != E_NOT_FOUND)
        return rc;
    q.fifo = want_fifo;
    q.rec = (struct sqs_rec_Queue){ .Name = in->QueueName, .CreatedMs = SOME_I64(op_now_ms(op)), .ModifiedMs = SOME_I64(op_now_ms(op)) };
    uint64_t id;
    random_bytes(&id, sizeof id);
    q.rec.Id = SOME_I64((int64_t)(id >> 2));
    q.rec.Tags = in->tags;
    if ((rc = check_tags(op, &in->tags)) || (rc = attributes_apply(op, &q, &in->Attributes, true)))
        return rc;
    return queue_put(op, &q);
}

int sqs_DeleteQueue(struct op *op, const struct sqs_DeleteQueue_in *in, struct sqs_DeleteQueue_out *out)
{
    struct str_map forget = { 0 };
    struct queue q;
    struct key k;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc)
        return rc;
    str_map_put(op->arena, &forget, STR("RedrivePolicy"), STR("")); /* it is no source of its dead-letter queue any more */
    if ((rc = attributes_apply(op, &q, &forget, false)) || (rc = queue_discard(op, &q)) || (rc = auth_epoch_bump(op)))
        return rc;
    op_wake(op, queue_wake_key(op, &q)); /* who waits for its messages learns that it is gone */
    op_key(op, &k, &sqs_kind_queue);
    key_str(&k, q.name);
    return op_rec_delete(op, &k);
}

int sqs_GetQueueUrl(struct op *op, const struct sqs_GetQueueUrl_in *in, struct sqs_GetQueueUrl_out *out)
{
    struct queue q;

    if (!str_set(in->QueueName))
        return sqs_missing(op, "QueueName");
    if (in->QueueOwnerAWSAccountId.n)
        op->account = in->QueueOwnerAWSAccountId;
    int rc = queue_get(op, in->QueueName, &q);
    if (rc == E_NOT_FOUND)
        return queue_missing(op);
    out->QueueUrl = queue_url(op, op->account, in->QueueName);
    return rc;
}

/* Names under prefix, whose last element is a queue's name, from the token on. */
static int list_urls(struct op *op, const struct key *prefix, struct str name_prefix, struct str token, struct opt_i64 max_results,
                     struct str_list *ret_urls, struct str *ret_token)
{
    int64_t max = opt_i64(max_results, 1000);
    struct key from = *prefix, to;
    struct str key, value, name, last = STR_NONE;
    int rc = 0;

    if (max < 1 || max > 1000)
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %lld for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and "
                                                       "1000.", (long long)max);
    if (token.n && page_key(op, token, &last))
        return aws_fail(op, SQS_InvalidParameterValueException, "Invalid or expired next token.");
    key_str(&from, str_set(last) ? last : opt_str(name_prefix, STR("")));
    key_after_prefix(prefix, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (scan_next(s, &key, &value)) {
        struct key_reader r;
        key_read_init(&r, str_sub(key, prefix->n, key.n));
        if ((rc = key_read_str(&r, op->arena, &name)))
            break;
        if (str_set(name_prefix) && !str_starts(name, name_prefix))
            break;
        if ((int64_t)ret_urls->n == max) {
            if (max_results.set) /* without MaxResults AWS cuts at 1,000 and gives no token */
                *ret_token = page_token(op, name);
            break;
        }
        str_list_add(op->arena, ret_urls, queue_url(op, op->account, name));
    }
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}

int sqs_ListQueues(struct op *op, const struct sqs_ListQueues_in *in, struct sqs_ListQueues_out *out)
{
    struct key prefix;

    op_key(op, &prefix, &sqs_kind_queue);
    return list_urls(op, &prefix, in->QueueNamePrefix, in->NextToken, in->MaxResults, &out->QueueUrls, &out->NextToken);
}

int sqs_ListDeadLetterSourceQueues(struct op *op, const struct sqs_ListDeadLetterSourceQueues_in *in, struct sqs_ListDeadLetterSourceQueues_out *out)
{
    struct key prefix;
    struct queue q;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc)
        return rc;
    out->queueUrls.set = true;
    op_key(op, &prefix, &sqs_kind_source);
    key_str(&prefix, q.name);
    return list_urls(op, &prefix, STR_NONE, in->NextToken, in->MaxResults, &out->queueUrls, &out->NextToken);
}

int sqs_GetQueueAttributes(struct op *op, const struct sqs_GetQueueAttributes_in *in, struct sqs_GetQueueAttributes_out *out)
{
    bool all = str_list_has(&in->AttributeNames, STR("All"));
    struct queue q;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc || (rc = queue_live(op, &q)))
        return rc;
    for (uint32_t i = 0; i < in->AttributeNames.n; i++)
        if (!str_is(in->AttributeNames.v[i], "All") && !attribute_known(in->AttributeNames.v[i]))
            return aws_fail(op, SQS_InvalidAttributeName, "Unknown Attribute %.*s.", STR_ARG(in->AttributeNames.v[i]));
    for (size_t i = 0; attribute_names[i]; i++) {
        struct str name = str_c(attribute_names[i]);
        if (!all && !str_list_has(&in->AttributeNames, name))
            continue;
        struct str value = attribute_value(op, &q, name);
        if (str_set(value))
            str_map_put(op->arena, &out->Attributes, name, value);
    }
    return 0;
}

int sqs_SetQueueAttributes(struct op *op, const struct sqs_SetQueueAttributes_in *in, struct sqs_SetQueueAttributes_out *out)
{
    struct queue q;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc)
        return rc;
    if (!in->Attributes.n)
        return sqs_missing(op, "Attribute.Name");
    if ((rc = attributes_apply(op, &q, &in->Attributes, false)))
        return rc;
    q.rec.ModifiedMs = SOME_I64(op_now_ms(op));
    if (str_set(str_map_get(&in->Attributes, STR("MessageRetentionPeriod")))) { /* older messages may be over it now: look at once */
        if ((rc = queue_live(op, &q)) || (rc = line_expire_arm(op, &q, op_now_ms(op))) || (rc = queue_live_put(op, &q)))
            return rc;
    }
    return queue_put(op, &q);
}

int sqs_PurgeQueue(struct op *op, const struct sqs_PurgeQueue_in *in, struct sqs_PurgeQueue_out *out)
{
    enum { PURGE_PAUSE_MS = 60 * 1000 };
    struct queue q;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc)
        return rc;
    if (q.rec.PurgedMs.set && op_now_ms(op) - q.rec.PurgedMs.v < PURGE_PAUSE_MS)
        return aws_fail(op, SQS_PurgeQueueInProgress, "Only one PurgeQueue operation on %.*s is allowed every 60 seconds.", STR_ARG(q.name));
    q.rec.PurgedMs = SOME_I64(op_now_ms(op));
    rc = queue_discard(op, &q);
    return rc ? rc : queue_put(op, &q);
}

int sqs_TagQueue(struct op *op, const struct sqs_TagQueue_in *in, struct sqs_TagQueue_out *out)
{
    struct queue q;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc)
        return rc;
    if (!in->Tags.n)
        return sqs_missing(op, "Tags");
    if ((rc = check_tags(op, &in->Tags)))
        return rc;
    tags_merge(op, &q.rec.Tags, &in->Tags);
    if (q.rec.Tags.n > tag_rules_usual.count_max)
        return aws_fail(op, SQS_InvalidParameterValueException, "Too many tags added for queue %.*s.", STR_ARG(q.name));
    return queue_put(op, &q);
}

int sqs_UntagQueue(struct op *op, const struct sqs_UntagQueue_in *in, struct sqs_UntagQueue_out *out)
{
    struct queue q;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc)
        return rc;
    if (!in->TagKeys.n)
        return aws_fail(op, SQS_InvalidParameterValueException, "Tag keys can't be empty.");
    tags_remove(&q.rec.Tags, &in->TagKeys);
    return queue_put(op, &q);
}

int sqs_ListQueueTags(struct op *op, const struct sqs_ListQueueTags_in *in, struct sqs_ListQueueTags_out *out)
{
    struct queue q;
    int rc = queue_find(op, in->QueueUrl, &q);

    if (rc)
        return rc;
    out->Tags = q.rec.Tags;
    out->Tags.set = out->Tags.n > 0;
    return 0;
}
