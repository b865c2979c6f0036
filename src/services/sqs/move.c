/* Message move tasks: the way back from a dead-letter queue. A task is a record; a timer moves some messages each second. */
#include <cjson/cJSON.h>

#include "aws/arn.h"
#include "aws/error.h"
#include "base/code.h"
#include "services/sqs/queue.h"

enum { MOVE_RATE_MAX = 500, MOVE_EACH_SECOND = 500, TASKS_SHOWN_MAX = 10 };

static void task_key(struct op *op, struct key *k, struct str source_name)
{
    op_key(op, k, &sqs_kind_task);
    key_str(k, source_name);
}

static int task_put(struct op *op, struct str source_name, const struct sqs_rec_MoveTask *t)
{
    struct key k;

    task_key(op, &k, source_name);
    key_i64_desc(&k, t->StartedMs.v);
    key_str(&k, t->Id);
    return op_rec_put(op, &k, &sqs_rec_MoveTask_shape, t);
}

struct task_list {
    struct sqs_rec_MoveTask *v;
    uint32_t n, cap;
    bool set;
};

/* The latest tasks of a source queue, newest first. */
static int tasks_of(struct op *op, struct str source_name, uint32_t max, struct task_list *ret)
{
    struct key from, to;
    struct str key, value;
    int rc = 0;

    task_key(op, &from, source_name);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    while (!rc && ret->n < max && scan_next(s, &key, &value))
        rc = op_rec_decode(op, str_dup(op->arena, value), &sqs_rec_MoveTask_shape, list_push(op->arena, ret));
    int scan_rc = scan_end(s);
    return rc ? rc : scan_rc;
}

/* The handle tells the source queue, so that authorization knows the resource: base64 of {"taskId", "sourceArn"}. */
static struct str handle_make(struct op *op, const struct sqs_rec_MoveTask *t)
{
    struct str json = str_printf(op->arena, "{\"taskId\":\"%.*s\",\"sourceArn\":\"%.*s\"}", STR_ARG(t->Id), STR_ARG(t->SourceArn));
    return base64_encode(op->arena, json.p, json.n);
}

static int handle_read(struct op *op, struct str handle, struct str *ret_id, struct str *ret_source_arn)
{
    struct str json;
    int rc = E_INVALID;

    if (!handle.n || base64_decode(op->arena, handle, &json))
        return E_INVALID;
    cJSON *j = cJSON_ParseWithLength(json.p, json.n);
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(j, "taskId"), *arn = cJSON_GetObjectItemCaseSensitive(j, "sourceArn");
    if (cJSON_IsString(id) && cJSON_IsString(arn)) {
        *ret_id = str_dup(op->arena, str_c(id->valuestring));
        *ret_source_arn = str_dup(op->arena, str_c(arn->valuestring));
        rc = 0;
    }
    cJSON_Delete(j);
    return rc;
}

struct str sqs_arn_task(struct op *op, struct str handle)
{
    struct str id, arn;
    return handle_read(op, handle, &id, &arn) ? STR("*") : arn;
}

static int no_resource(struct op *op, const char *what)
{
    return aws_fail(op, SQS_ResourceNotFoundException, "The resource that you specified for the %s parameter doesn't exist.", what);
}

static int has_sources(struct op *op, const struct queue *q, bool *ret)
{
    struct key from, to;
    struct str key, value;

    op_key(op, &from, &sqs_kind_source);
    key_str(&from, q->name);
    key_after_prefix(&from, &to);
    struct scan *s = txn_scan(op->txn, key_view(&from), key_view(&to), false);
    *ret = scan_next(s, &key, &value);
    return scan_end(s);
}

int sqs_StartMessageMoveTask(struct op *op, const struct sqs_StartMessageMoveTask_in *in, struct sqs_StartMessageMoveTask_out *out)
{
    struct task_list old = { 0 };
    struct queue q, target;
    bool is_dlq;
    int rc;

    if (!str_set(in->SourceArn))
        return sqs_missing(op, "SourceArn");
    rc = queue_get_arn(op, in->SourceArn, &q);
    if (rc == E_NOT_FOUND)
        return no_resource(op, "SourceArn");
    if (rc || (rc = has_sources(op, &q, &is_dlq)) || (rc = queue_live(op, &q)))
        return rc;
    if (!is_dlq)
        return aws_fail(op, SQS_InvalidParameterValueException, "Source queue must be configured as a Dead Letter Queue.");
    if (in->DestinationArn.n && (rc = queue_get_arn(op, in->DestinationArn, &target)))
        return rc == E_NOT_FOUND ? no_resource(op, "DestinationArn") : rc;
    if (in->DestinationArn.n && str_eq(in->DestinationArn, in->SourceArn))
        return aws_fail(op, SQS_InvalidParameterValueException, "Source queue arn and destination queue arn cannot be the same.");
    if (in->MaxNumberOfMessagesPerSecond.set && (in->MaxNumberOfMessagesPerSecond.v < 1 || in->MaxNumberOfMessagesPerSecond.v > MOVE_RATE_MAX))
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %lld for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must be an integer from 1 "
                                                       "to %d.", (long long)in->MaxNumberOfMessagesPerSecond.v, MOVE_RATE_MAX);
    if ((rc = tasks_of(op, q.name, 1, &old)))
        return rc;
    if (old.n && str_is(old.v[0].Status, "RUNNING"))
        return aws_fail(op, SQS_InvalidParameterValueException, "There is already a task running. Only one active task is allowed for a source queue arn at a given "
                                                      "time.");
    struct sqs_rec_MoveTask t = {
        .Id = random_uuid(op->arena), .Status = STR("RUNNING"), .SourceArn = in->SourceArn, .DestinationArn = in->DestinationArn,
        .Rate = in->MaxNumberOfMessagesPerSecond, .Moved = SOME_I64(0), .ToMove = SOME_I64(q.live.Ready.v),
        .StartedMs = SOME_I64(op_now_ms(op)), .QueueId = q.rec.Id,
    };
    out->TaskHandle = handle_make(op, &t);
    if ((rc = task_put(op, q.name, &t)))
        return rc;
    return op_timer_set(op, "sqs.move", t.Id, op_now_ms(op), q.name);
}

int sqs_ListMessageMoveTasks(struct op *op, const struct sqs_ListMessageMoveTasks_in *in, struct sqs_ListMessageMoveTasks_out *out)
{
    int64_t max = opt_i64(in->MaxResults, 1);
    struct task_list tasks = { 0 };
    struct queue q;
    int rc;

    if (!str_set(in->SourceArn))
        return sqs_missing(op, "SourceArn");
    if (max < 1 || max > TASKS_SHOWN_MAX)
        return aws_fail(op, SQS_InvalidParameterValueException, "Value %lld for parameter MaxResults is invalid. Reason: Must be an integer from 1 to %d.",
                        (long long)max, TASKS_SHOWN_MAX);
    rc = queue_get_arn(op, in->SourceArn, &q);
    if (rc == E_NOT_FOUND)
        return no_resource(op, "SourceArn");
    if (rc || (rc = tasks_of(op, q.name, (uint32_t)max, &tasks)))
        return rc;
    out->Results.set = true;
    for (uint32_t i = 0; i < tasks.n; i++) {
        struct sqs_ListMessageMoveTasksResultEntry *e = list_push(op->arena, &out->Results);
        if (str_is(tasks.v[i].Status, "RUNNING"))
            e->TaskHandle = handle_make(op, &tasks.v[i]);
        e->Status = tasks.v[i].Status;
        e->SourceArn = tasks.v[i].SourceArn;
        e->DestinationArn = tasks.v[i].DestinationArn;
        e->MaxNumberOfMessagesPerSecond = tasks.v[i].Rate;
        e->ApproximateNumberOfMessagesMoved = tasks.v[i].Moved;
        e->ApproximateNumberOfMessagesToMove = tasks.v[i].ToMove;
        e->FailureReason = tasks.v[i].FailureReason;
        e->StartedTimestamp = tasks.v[i].StartedMs;
    }
    return 0;
}

static int find_task(struct op *op, struct str source_name, struct str id, struct sqs_rec_MoveTask *ret)
{
    struct task_list tasks = { 0 };
    int rc = tasks_of(op, source_name, 1000, &tasks);

    for (uint32_t i = 0; rc == 0 && i < tasks.n; i++)
        if (str_eq(tasks.v[i].Id, id)) {
            *ret = tasks.v[i];
            return 0;
        }
    return rc ? rc : E_NOT_FOUND;
}

int sqs_CancelMessageMoveTask(struct op *op, const struct sqs_CancelMessageMoveTask_in *in, struct sqs_CancelMessageMoveTask_out *out)
{
    struct sqs_rec_MoveTask t;
    struct str id, arn;
    struct queue q;
    int rc;

    if (!str_set(in->TaskHandle))
        return sqs_missing(op, "TaskHandle");
    if (handle_read(op, in->TaskHandle, &id, &arn))
        return aws_fail(op, SQS_InvalidParameterValueException, "Value for parameter TaskHandle is invalid.");
    rc = queue_get_arn(op, arn, &q);
    if (rc == E_NOT_FOUND)
        return no_resource(op, "SourceArn");
    if (rc == 0)
        rc = find_task(op, q.name, id, &t);
    if (rc == E_NOT_FOUND)
        return aws_fail(op, SQS_ResourceNotFoundException, "Task does not exist.");
    if (rc)
        return rc;
    if (!str_is(t.Status, "RUNNING"))
        return aws_fail(op, SQS_UnsupportedOperation, "Message move task can only be cancelled when its status is RUNNING.");
    t.Status = STR("CANCELLED");
    out->ApproximateNumberOfMessagesMoved = t.Moved;
    rc = task_put(op, q.name, &t);
    return rc ? rc : op_timer_cancel(op, "sqs.move", t.Id);
}

/* A moved message is a new one: another id, sent now, never received. Where it came from is forgotten. */
static int move_one(struct op *op, struct queue *q, const struct sqs_rec_MoveTask *t, bool *ret_more, const char **ret_failure)
{
    struct sqs_rec_Message m;
    struct sqs_rec_State state;
    struct queue target;
    int64_t seq, new_seq;
    int rc = line_next(op, q, &seq, &m, &state);

    *ret_more = rc == 0;
    if (rc)
        return rc == E_NOT_FOUND ? 0 : rc;
    rc = queue_get_arn(op, t->DestinationArn.n ? t->DestinationArn : opt_str(m.DeadLetterOf, STR("")), &target);
    if (rc == E_NOT_FOUND) {
        *ret_failure = t->DestinationArn.n ? "AWS.SimpleQueueService.NonExistentQueue" : "CouldNotDetermineMessageSource";
        *ret_more = false;
        return 0;
    }
    if (rc || (rc = line_remove(op, q, seq, &m, &state)) || (rc = queue_live(op, &target)))
        return rc;
    m.MessageId = random_uuid(op->arena);
    m.SentMs = SOME_I64(op_now_ms(op));
    m.DeadLetterOf = STR_NONE;
    m.ReceivedBefore = SOME_I64(0);
    if ((rc = line_put(op, &target, &m, 0, &new_seq)))
        return rc;
    return queue_live_put(op, &target);
}

int sqs_job_move(struct op *op, struct str source_name)
{
    struct task_list tasks = { 0 };
    struct queue q;
    const char *failure = NULL;
    bool more = true;
    int rc = queue_get(op, source_name, &q);

    if (rc == E_NOT_FOUND)
        return 0;
    if (rc || (rc = tasks_of(op, q.name, 1, &tasks)) || (rc = queue_live(op, &q)))
        return rc;
    if (!tasks.n || !str_is(tasks.v[0].Status, "RUNNING"))
        return 0;
    struct sqs_rec_MoveTask *t = &tasks.v[0];
    for (int64_t i = 0; more && i < opt_i64(t->Rate, MOVE_EACH_SECOND); i++) {
        struct queue before = q;
        txn_save(op->txn);
        rc = move_one(op, &q, t, &more, &failure);
        if (rc || failure) { /* a message that cannot go stays where it was */
            txn_save_rollback(op->txn);
            q = before;
        } else {
            txn_save_release(op->txn);
            t->Moved.v += more;
        }
        if (rc)
            return rc;
    }
    if (failure || !more)
        t->Status = failure ? STR("FAILED") : STR("COMPLETED");
    if (failure)
        t->FailureReason = str_c(failure);
    if ((rc = fifo_done(op, &q)) || (rc = queue_live_put(op, &q)) || (rc = task_put(op, q.name, t)))
        return rc;
    return more ? op_timer_set(op, "sqs.move", t->Id, op_now_ms(op) + 1000, q.name) : 0;
}
